"""Live plots: the pair score of denoised and noisy frames, and the training loss."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from apps.viewer.history import History
from apps.viewer.theme import FAINT, FIELD, PLOT_NOISY, PLOT_OURS, styled_label
from online.records import FlythroughRecord

INTERVAL_MS = 250  # between two drawings: the eye reads no faster, and each costs the window some milliseconds
HEIGHT = 104
AXIS_WIDTH = 48
MOST_TICKS = 5
ONES = tuple(float(digit) for digit in range(1, 10))
TENTHS = tuple(digit / 10 for digit in range(10, 100))


class Plots(QWidget):
    """Two plots over the frame number, both logarithmic; drawn seldom, and not at all while hidden."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history = History()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._plots = score, loss = _plot(), _plot()
        self._curves = {
            "noisy": score.plot(pen=pyqtgraph.mkPen(PLOT_NOISY), connect="finite"),
            "denoised": score.plot(pen=pyqtgraph.mkPen(PLOT_OURS), connect="finite"),
            "loss": loss.plot(pen=pyqtgraph.mkPen(PLOT_OURS), connect="finite"),
        }
        for title, plot in ((_score_title(), score), ("Training loss", loss)):
            layout.addWidget(styled_label(title, "faint"))
            layout.addWidget(plot)
        score.setToolTip(
            "Squared error over squared brightness, mean of both halves, estimated before training on them:\n"
            "0.01 is a tenth of the brightness. Gaps are estimates that came out negative."
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
            self._curves[name].setData(frames, np.log10(values))
        for plot in self._plots:
            for name in ("left", "bottom"):  # without data an axis would show numbers of its own
                plot.showAxis(name, bool(len(frames)))


class _LogAxis(pyqtgraph.AxisItem):  # type: ignore[misc]
    """Labels logarithms with round numbers, few enough for a small plot."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Logarithms of the round numbers within, as one level of ticks."""
        return [(1.0, round_logarithms(minVal, maxVal))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """The numbers themselves."""
        return [f"{10**value:.2g}".replace("e+0", "e").replace("e-0", "e-") for value in values]


def round_logarithms(low: float, high: float) -> list[float]:
    """At most `MOST_TICKS` logarithms of round numbers within; the roundest numbers of which there are two or more."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for step, digits in (
        (3, (1.0,)),
        (2, (1.0,)),
        (1, (1.0,)),
        (1, (1.0, 3.0)),
        (1, (1.0, 2.0, 5.0)),
        (1, ONES),
        (1, TENTHS),
    ):
        ticks = [k + math.log10(d) for k in decades if k % step == 0 for d in digits]
        within = [tick for tick in ticks if low <= tick <= high]
        if len(within) >= 2:
            return within[:: -(-len(within) // MOST_TICKS)]
    return []


def _score_title() -> str:
    ours, noisy = (f'<span style="color:{color}">{name}</span>' for color, name in
                   ((PLOT_OURS, "denoised"), (PLOT_NOISY, "noisy")))  # fmt: skip
    return f"Estimated relative error², {ours}, {noisy}"


def _plot() -> pyqtgraph.PlotWidget:
    plot = pyqtgraph.PlotWidget(background=FIELD, axisItems={"left": _LogAxis("left")})
    plot.setFixedHeight(HEIGHT)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setPen(FAINT)
        axis.setTextPen(FAINT)
        axis.setStyle(tickLength=3)
        plot.hideAxis(name)
    plot.getAxis("left").setWidth(AXIS_WIDTH)
    return plot
