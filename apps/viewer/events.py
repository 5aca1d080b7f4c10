"""Events that are caught before they reach a widget: keys that steer from anywhere, and files that are dropped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from apps.viewer.canvas import MOVE_KEYS, Canvas


class SteeringKeys(QObject):
    """Leads keys that move the camera from the fields of a panel to the canvas, and the focus with them."""

    def __init__(self, canvas: Canvas, panel: QWidget) -> None:
        super().__init__(panel)
        self._canvas = canvas
        for child in (panel, *panel.findChildren(QWidget)):
            child.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Return leads back to the picture too: the field takes its number when it loses the focus."""
        if not isinstance(event, QKeyEvent) or event.type() not in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            return False
        if event.key() in MOVE_KEYS and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._canvas.setFocus()
            QApplication.sendEvent(self._canvas, event)
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._canvas.setFocus()
        return False


class DroppedFiles(QObject):
    """Gives the first file that is dropped on a window to `action`."""

    def __init__(self, window: QWidget, action: Callable[[Path], None]) -> None:
        super().__init__(window)
        self._action = action
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Accept files, and nothing else."""
        if not isinstance(event, QDragEnterEvent | QDropEvent) or not event.mimeData().hasUrls():
            return False
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            self._action(Path(event.mimeData().urls()[0].toLocalFile()))
        return True
