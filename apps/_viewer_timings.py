"""A small table: milliseconds of each stage of the last frame, and the counts so far."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from online.records import FlythroughRecord

STAGES = ("render", "score", "train", "denoise", "combine")
COUNTS = ("frames", "training steps", "samples per pixel", "reprojected")


class Timings(QWidget):
    """Two columns of numbers, right-aligned, so that they do not dance."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        self._values: dict[str, QLabel] = {}
        for row, name in enumerate((*STAGES, "whole frame", *COUNTS)):
            value = QLabel("-", alignment=Qt.AlignmentFlag.AlignRight)
            if name == COUNTS[0]:
                grid.setRowMinimumHeight(row, 24)
            grid.addWidget(QLabel(name.capitalize(), objectName="faint"), row, 0, Qt.AlignmentFlag.AlignBottom)
            grid.addWidget(value, row, 1, Qt.AlignmentFlag.AlignBottom)
            self._values[name] = value

    def show_record(self, record: FlythroughRecord) -> None:
        """Fill in the numbers of a frame."""
        for stage in STAGES:
            self._values[stage].setText(_milliseconds(record.seconds.get(stage, 0.0)))
        self._values["whole frame"].setText(_milliseconds(sum(record.seconds.values())))
        spp = record.pair.a.spp or 0
        self._values["frames"].setText(f"{record.index + 1}")
        self._values["training steps"].setText(f"{record.steps}")
        self._values["samples per pixel"].setText(f"{spp} + {spp}")
        self._values["reprojected"].setText(f"{100 * record.reprojected:.0f} %")

    def text(self, name: str) -> str:
        """What stands beside a name."""
        return self._values[name].text()


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
