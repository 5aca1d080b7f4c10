"""What is drawn over the picture: labels, the divider, the scale of the heat map, a message."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen

from apps.viewer.picture import ERROR_SCALE, heat_colors

INK, SHADE = QColor(235, 235, 235), QColor(20, 20, 20, 170)
MARGIN, PADDING = 10.0, 6.0
SCALE_WIDTH, SCALE_HEIGHT = 180.0, 10.0
HANDLE = 5.0


def draw_badges(painter: QPainter, badges: Sequence[str]) -> None:
    """Labels side by side at the top left."""
    left = MARGIN
    for badge in badges:
        left += _plate(painter, badge, left, MARGIN) + PADDING


def draw_divider(painter: QPainter, x: float, picture: QRectF) -> None:
    """The line between noisy and denoised, its handle, and both names beside it."""
    painter.setPen(QPen(QColor(0, 0, 0, 120), 3))
    painter.drawLine(QPointF(x, picture.top()), QPointF(x, picture.bottom()))
    painter.setPen(QPen(INK, 1))
    painter.drawLine(QPointF(x, picture.top()), QPointF(x, picture.bottom()))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(SHADE)
    painter.drawEllipse(QPointF(x, picture.center().y()), HANDLE, HANDLE)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    top = picture.bottom() - _height(painter) - 2 * PADDING - MARGIN
    width = painter.fontMetrics().horizontalAdvance("noisy") + 2 * PADDING
    _plate(painter, "noisy", x - MARGIN - width, top)
    _plate(painter, "denoised", x + MARGIN, top)


def draw_heat_scale(painter: QPainter) -> None:
    """The colors of the heat map and what they mean, at the bottom left."""
    size = painter.viewport()
    line = _height(painter)
    box = QRectF(MARGIN, size.height() - MARGIN - SCALE_HEIGHT - 2 * line - 3 * PADDING, SCALE_WIDTH + 2 * PADDING, 0)
    box.setHeight(SCALE_HEIGHT + 2 * line + 3 * PADDING)
    painter.fillRect(box, SHADE)
    bar = QRectF(box.left() + PADDING, box.top() + line + 1.5 * PADDING, SCALE_WIDTH, SCALE_HEIGHT)
    colors = np.ascontiguousarray(heat_colors()[None])
    painter.drawImage(bar, QImage(colors.data, 256, 1, 768, QImage.Format.Format_RGB888))
    painter.setPen(INK)
    painter.drawText(QPointF(bar.left(), box.top() + PADDING / 2 + line), "standard error / brightness")
    baseline = bar.bottom() + line
    for share in (0.0, 0.5, 1.0):
        text = f"{100 * share * ERROR_SCALE:.0f} %" + (" +" if share == 1 else "")
        width = painter.fontMetrics().horizontalAdvance(text)
        painter.drawText(QPointF(bar.left() + share * (bar.width() - width), baseline), text)


def draw_message(painter: QPainter, message: str, over_picture: bool) -> None:
    """A sentence: in the middle of an empty canvas, on a plate at the top over a picture."""
    if over_picture:
        width = painter.fontMetrics().horizontalAdvance(message) + 2 * PADDING
        _plate(painter, message, (painter.viewport().width() - width) / 2, MARGIN)
        return
    font = QFont(painter.font())
    font.setPixelSize(16)
    painter.setFont(font)
    painter.setPen(QColor(170, 170, 170))
    painter.drawText(painter.viewport(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, message)


def _plate(painter: QPainter, text: str, left: float, top: float) -> float:
    """Text on a dark plate; gives its width."""
    width = painter.fontMetrics().horizontalAdvance(text) + 2 * PADDING
    plate = QRectF(left, top, width, _height(painter) + PADDING)
    painter.fillRect(plate, SHADE)
    painter.setPen(INK)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
    return width


def _height(painter: QPainter) -> float:
    return float(painter.fontMetrics().height())
