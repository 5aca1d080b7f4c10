"""The picture on the screen, drawn in software: letterbox, zoom to single pixels, the divider, and what hands do to it.

left drag    look          right drag (or Alt)  orbit          middle drag  pan          wheel  speed
Ctrl + drag  move picture  Ctrl + wheel         zoom           Shift + wheel  go closer
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from apps.viewer.frames import DrawnFrame
from apps.viewer.overlays import draw_badges, draw_divider, draw_heat_scale, draw_message
from apps.viewer.placement import Placement
from apps.viewer.theme import CANVAS

MOVE_KEYS = {
    Qt.Key.Key_W: "forward",
    Qt.Key.Key_S: "back",
    Qt.Key.Key_A: "left",
    Qt.Key.Key_D: "right",
    Qt.Key.Key_E: "up",
    Qt.Key.Key_Q: "down",
}
DIVIDER_REACH = 7  # screen pixels on each side in which the mouse takes hold of it
ZOOM_STEP = 1.25
NOTCH = 120.0  # Qt's wheel units
Buttons, Modifiers = Qt.MouseButton, Qt.KeyboardModifier


class Canvas(QWidget):
    """Shows a `DrawnFrame`; tells of drags and the wheel in shares of the picture, of keys held, of the pixel hovered.

    `began(x, y)` and `dragged(kind, right, down)` have kind look, orbit or pan; `wheeled(kind, notches, x, y)` speed or
    closer; `steered(actions, fast)` what keys are held; `hovered` the (column, row) or None.
    """

    began = Signal(float, float)
    dragged = Signal(str, float, float)
    wheeled = Signal(str, float, float, float)
    steered = Signal(object, bool)
    hovered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 160)
        self.divider = 0.5
        self.placement = Placement()
        self.frame: DrawnFrame | None = None
        self._message = ""
        self._badges: tuple[str, ...] = ()
        self._kind: str | None = None
        self._last = QPointF()
        self._held: set[str] = set()

    # -----------------------------------------------------------------------------------------------------------------
    # What is shown

    def show_frame(self, frame: DrawnFrame | None) -> None:
        """Show another frame in the same place."""
        self.frame = frame
        if frame is not None:
            self.placement = replace(self.placement, resolution=(frame.image.width(), frame.image.height()))
        self.update()

    def set_message(self, message: str) -> None:
        """A sentence over the picture, or instead of one; "" for none."""
        if message != self._message:
            self._message = message
            self.update()

    def set_badges(self, *badges: str) -> None:
        """Short labels at the top left; empty ones are left out."""
        if badges != self._badges:
            self._badges = badges
            self.update()

    def reset_zoom(self) -> None:
        """Fit the picture again."""
        self.placement = self.placement.reset()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Picture, divider, labels."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(CANVAS))
        if self.frame is not None:
            self._draw_picture(painter, self.frame)
        draw_badges(painter, [badge for badge in self._badges if badge])
        if self._message:
            draw_message(painter, self._message, over_picture=self.frame is not None)
        painter.end()

    def _draw_picture(self, painter: QPainter, frame: DrawnFrame) -> None:
        """Nearest pixels, so that noise stays noise, but for a denoised picture that moves and is small for that."""
        target, shown = QRectF(*self.placement.rectangle), frame.shown
        smooth = shown.record.request.moving and shown.look.mode != "noisy"
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, frame.image)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        if frame.left is not None:
            cut = QRectF(target.left(), target.top(), target.width() * self.divider, target.height())
            painter.save()
            painter.setClipRect(cut)
            painter.drawImage(target, frame.left)
            painter.restore()
            draw_divider(painter, cut.right(), target.intersected(QRectF(self.rect())))
        if shown.look.mode == "error":
            draw_heat_scale(painter)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the picture fitted."""
        self.placement = replace(self.placement, canvas=(max(1, self.width()), max(1, self.height())))

    # -----------------------------------------------------------------------------------------------------------------
    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag: which one depends on the button, the keys held, and whether the divider is there."""
        self._last, self._kind = event.position(), self._drag_kind(event)
        if self._kind not in ("divider", "picture"):
            self.began.emit(*self._share(event.position()))

    def _drag_kind(self, event: QMouseEvent) -> str:
        if event.button() == Buttons.LeftButton and self._over_divider(event.position()):
            return "divider"
        if event.modifiers() & Modifiers.ControlModifier:
            return "picture"
        if event.button() == Buttons.RightButton or event.modifiers() & Modifiers.AltModifier:
            return "orbit"
        return "pan" if event.button() == Buttons.MiddleButton else "look"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the drag; without one, tell what is under the cursor."""
        position, self._last, before = event.position(), event.position(), self._last
        moved = position - before
        if self._kind == "divider":
            self.divider = min(max(self._share(position)[0], 0.0), 1.0)
            self.update()
        elif self._kind == "picture":
            self.placement = self.placement.moved(moved.x(), moved.y())
            self.update()
        elif self._kind is not None:
            width = self.placement.rectangle[2]
            self.dragged.emit(self._kind, moved.x() / width, moved.y() / width)
        else:
            over = self._over_divider(position)
            self.setCursor(Qt.CursorShape.SplitHCursor if over else Qt.CursorShape.CrossCursor)
        self.hovered.emit(self.placement.pixel(position.toTuple()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag."""
        if not event.buttons():
            self._kind = None

    def leaveEvent(self, event: object) -> None:
        """Nothing is under the cursor any more."""
        self.hovered.emit(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom the picture with Ctrl, go closer with Shift, else change the speed."""
        delta = event.angleDelta()
        notches = (delta.y() or delta.x()) / NOTCH  # some systems turn Shift + wheel into a sideways one
        if event.modifiers() & Modifiers.ControlModifier:
            self.placement = self.placement.zoomed(event.position().toTuple(), ZOOM_STEP**notches)
            self.update()
        else:
            kind = "closer" if event.modifiers() & Modifiers.ShiftModifier else "speed"
            self.wheeled.emit(kind, notches, *self._share(event.position()))
        event.accept()

    def _share(self, position: QPointF) -> tuple[float, float]:
        return self.placement.to_picture(position.toTuple())

    def _over_divider(self, position: QPointF) -> bool:
        if self.frame is None or self.frame.left is None:
            return False
        left, _, width, _ = self.placement.rectangle
        return abs(position.x() - (left + self.divider * width)) <= DIVIDER_REACH

    # -----------------------------------------------------------------------------------------------------------------
    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold a key that moves; Shift goes faster."""
        self._key(event, held=True)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let it go."""
        self._key(event, held=False)

    def _key(self, event: QKeyEvent, held: bool) -> None:
        action = MOVE_KEYS.get(Qt.Key(event.key()))
        command = event.modifiers() & (Modifiers.ControlModifier | Modifiers.AltModifier)
        if (action is None and event.key() != Qt.Key.Key_Shift) or (held and command):
            event.ignore()
            return
        if event.isAutoRepeat():
            return
        if action is not None:
            (self._held.add if held else self._held.discard)(action)
        fast = bool(event.modifiers() & Modifiers.ShiftModifier)
        if event.key() == Qt.Key.Key_Shift:  # its own event does not count it everywhere
            fast = held
        self.steered.emit(frozenset(self._held), fast)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A key released elsewhere must not keep the camera flying."""
        self._held.clear()
        self.steered.emit(frozenset(), False)
