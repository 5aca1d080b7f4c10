"""A small table: milliseconds of each stage of the last frame, and the counts so far."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from apps.viewer.theme import styled_label
from online.records import FlythroughRecord

STAGES = ("render", "score", "train", "denoise", "combine")
WHOLE = "all"
COUNTS = ("frames", "steps", "spp", "reprojected")


class Timings(QWidget):
    """Stages on the left, counts on the right; numbers are right-aligned, so that they do not dance."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnMinimumWidth(2, 14)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(4, 1)
        self._values: dict[str, QLabel] = {}
        for column, names in ((0, (*STAGES, WHOLE)), (3, COUNTS)):
            for row, name in enumerate(names):
                self._values[name] = QLabel("-", alignment=Qt.AlignmentFlag.AlignRight)
                grid.addWidget(styled_label(name.capitalize(), "faint"), row, column)
                grid.addWidget(self._values[name], row, column + 1)

    def show_record(self, record: FlythroughRecord) -> None:
        """Fill in the numbers of a frame."""
        for stage in STAGES:
            self._values[stage].setText(_milliseconds(record.seconds.get(stage, 0.0)))
        self._values[WHOLE].setText(_milliseconds(sum(record.seconds.values())))
        spp = record.pair.a.spp or 0
        self._values["frames"].setText(f"{record.index + 1}")
        self._values["steps"].setText(f"{record.steps}")
        self._values["spp"].setText(f"{spp} + {spp}")
        self._values["reprojected"].setText(f"{100 * record.reprojected:.0f} %")

    def text(self, name: str) -> str:
        """What stands beside a name."""
        return self._values[name].text()


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
