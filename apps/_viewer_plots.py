"""Live plots: the pair score of denoised and noisy frames, and the training loss."""

from __future__ import annotations

import pyqtgraph
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from apps._viewer_history import History
from apps._viewer_theme import FAINT, FIELD, PLOT_NOISY, PLOT_OURS
from online.records import FlythroughRecord

INTERVAL_MS = 250  # between two drawings: the eye reads no faster, and each costs the window some milliseconds
HEIGHT = 118
AXIS_WIDTH = 44


class Plots(QWidget):
    """Two plots over the frame number, both logarithmic; drawn seldom, and not at all while hidden."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = History()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        score, loss = _plot(), _plot()
        self._curves = {
            "noisy": score.plot(pen=pyqtgraph.mkPen(PLOT_NOISY), connect="finite"),
            "denoised": score.plot(pen=pyqtgraph.mkPen(PLOT_OURS), connect="finite"),
            "loss": loss.plot(pen=pyqtgraph.mkPen(PLOT_OURS), connect="finite"),
        }
        for title, plot in ((_score_title(), score), ("Training loss", loss)):
            label = QLabel(title, objectName="faint")
            layout.addWidget(label)
            layout.addWidget(plot)
        score.setToolTip(
            "Squared error estimated without bias from the noisy pair, before training on it;\n"
            "in linear radiance. Gaps are estimates that came out negative."
        )
        loss.setToolTip("The paper's relative loss on the training crops, mean of each frame's steps.")
        self._pending = QTimer(self, interval=INTERVAL_MS, singleShot=True)
        self._pending.timeout.connect(self._draw)

    def add(self, record: FlythroughRecord) -> None:
        """Take a record in; it is drawn with the next ones."""
        self.history.add(record)
        if not self._pending.isActive():
            self._pending.start()

    def clear(self) -> None:
        """Begin anew."""
        self.history.clear()
        self._draw()

    def _draw(self) -> None:
        if not self.isVisible():
            return
        for name, (frames, values) in self.history.curves().items():
            self._curves[name].setData(frames, values)


def _score_title() -> str:
    ours, noisy = (f'<span style="color:{color}">{name}</span>' for color, name in
                   ((PLOT_OURS, "denoised"), (PLOT_NOISY, "noisy")))  # fmt: skip
    return f"Estimated squared error: {ours}, {noisy}"


def _plot() -> pyqtgraph.PlotWidget:
    plot = pyqtgraph.PlotWidget(background=FIELD)
    plot.setFixedHeight(HEIGHT)
    plot.setLogMode(y=True)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setPen(FAINT)
        axis.setTextPen(FAINT)
        axis.setStyle(tickLength=3)
    plot.getAxis("left").setWidth(AXIS_WIDTH)
    return plot
