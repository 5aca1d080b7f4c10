"""The canvas, and how the last frame is shown on it: its mode, exposure and tone map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from apps.viewer.canvas import Canvas
from apps.viewer.frames import DrawnFrame, PictureMaker
from apps.viewer.picture import EXPOSURES, Look
from online.records import FlythroughRecord


class Display(QObject):
    """Shows records on its `canvas`; pictures are made beside the window's thread. `look_changed` says that one looks
    at them otherwise."""

    look_changed = Signal()

    def __init__(self, look: Look, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.look = look
        self.canvas, self.pictures = Canvas(), PictureMaker(self)
        self._record: FlythroughRecord | None = None
        self.pictures.made.connect(self._show_picture)

    def show_record(self, record: FlythroughRecord | None) -> None:
        """Show a frame as soon as its picture is made; with None nothing, at once."""
        self._record = record
        if record is None:
            self.canvas.show_frame(None)
        else:
            self.pictures.make(record, self.look)

    def _show_picture(self, frame: DrawnFrame) -> None:
        if self._record is not None:  # else it is of the scene before
            self.canvas.show_frame(frame)

    def set_look(self, **changes: Any) -> None:
        """Change mode, exposure or tone map of the picture, fields of `Look`."""
        self.look = replace(self.look, **changes)
        if self._record is not None:
            self.pictures.make(self._record, self.look)
        self.look_changed.emit()

    def add_exposure(self, stops: float) -> None:
        """Make the picture brighter, or darker."""
        low, high = EXPOSURES
        self.set_look(exposure=min(max(self.look.exposure + stops, low), high))
