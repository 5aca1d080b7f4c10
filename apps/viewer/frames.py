"""Make pictures of records beside the window's thread; while one is made, only the newest that comes is kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtGui import QImage

from apps.pictures import Picture
from apps.viewer.picture import Look, Shown, shown
from online.records import FlythroughRecord


@dataclass(frozen=True)
class DrawnFrame:
    """What the canvas draws: `image`, and in split mode `left` for what is left of the divider."""

    shown: Shown
    image: QImage
    left: QImage | None = None


class PictureMaker(QThread):
    """Turns (record, look) into a `DrawnFrame`, which `made` carries."""

    made = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._changed = threading.Condition()
        self._next: tuple[FlythroughRecord, Look] | None = None
        self._closed = False

    def make(self, record: FlythroughRecord, look: Look) -> None:
        """Ask for a picture; one asked for before and not begun yet is left out."""
        with self._changed:
            self._next = record, look
            self._changed.notify()

    def stop(self) -> None:
        """End after the picture in progress."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def run(self) -> None:
        """Make pictures until stopped."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next is not None)
                if self._closed or self._next is None:
                    return
                (record, look), self._next = self._next, None
            self.made.emit(drawn(shown(record, look)))


def drawn(picture: Shown) -> DrawnFrame:
    """The pictures as Qt draws them fastest."""
    return DrawnFrame(picture, _image(picture.picture), None if picture.left is None else _image(picture.left))


def _image(picture: Picture) -> QImage:
    pixels = np.ascontiguousarray(picture)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)  # a copy, which outlives the array
