"""The line at the bottom: what is under the cursor, and what the picture is made of."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QLabel, QStatusBar

from online.records import FlythroughRecord


class StatusLine:
    """Fills a status bar: values of a pixel on the left, scene, size and speed on the right."""

    def __init__(self, bar: QStatusBar) -> None:
        self._pixel, self._scene, self._frame, self._speed = QLabel(), QLabel(), QLabel(), QLabel()
        bar.setSizeGripEnabled(False)
        bar.addWidget(self._pixel, 1)
        for label in (self._scene, self._frame, self._speed):
            label.setObjectName("faint")
            bar.addPermanentWidget(label)
        self._speed.setToolTip("Speed of flying, in the scene's units; change it with the wheel")

    def show_scene(self, name: str) -> None:
        """The scene's name."""
        self._scene.setText(name)

    def show_speed(self, speed: float) -> None:
        """World units a second."""
        self._speed.setText(f"{speed:.3g} units/s")

    def show_record(self, record: FlythroughRecord) -> None:
        """Size, samples and time of a frame."""
        height, width = record.pair.a.size
        seconds = sum(record.seconds.values())
        rate = f"{seconds:.2f} s" if seconds > 1 else f"{1000 * seconds:.0f} ms"
        self._frame.setText(f"{width} x {height}   {2 * (record.pair.a.spp or 0)} spp   {rate}")

    def show_pixel(self, record: FlythroughRecord | None, pixel: tuple[int, int] | None) -> None:
        """Values of a pixel; nothing when the cursor is beside the picture."""
        self._pixel.setText("" if record is None or pixel is None else pixel_text(record, *pixel))

    def text(self) -> str:
        """What it says of the pixel."""
        return self._pixel.text()


def pixel_text(record: FlythroughRecord, column: int, row: int) -> str:
    """The layers of a frame at a pixel, in one line; empty when the frame has no such pixel."""
    height, width = record.denoised.color.shape[:2]
    if not (0 <= column < width and 0 <= row < height):
        return ""
    parts = [f"({column}, {row})", f"radiance {_numbers(record.denoised.color[row, column])}"]
    layers = record.pair.a.layers()
    for name in ("albedo", "normal", "position", "depth"):
        if name in layers:
            parts.append(f"{name} {_numbers(layers[name][row, column])}")
    return "   ".join(parts)


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3g}" for value in values)
