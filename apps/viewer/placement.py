"""Where the picture lies in the canvas: fitted with a letterbox, zoomed, moved. Pure arithmetic; no Qt.

Points in the canvas are screen pixels from its top left; points in the picture are shares of its width and height, so
that a picture that changes its resolution stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST_SCREEN_PIXELS = 64.0  # of the screen for one of the picture, at the deepest zoom
Point = tuple[float, float]


@dataclass(frozen=True)
class Placement:
    """A picture of `resolution` (width, height) in a canvas of `canvas` (width, height).

    `zoom` 1 fits it whole; `center` is the point of the picture in the middle of the canvas.
    """

    canvas: tuple[int, int] = (1, 1)
    resolution: tuple[int, int] = (1, 1)
    zoom: float = 1.0
    center: Point = (0.5, 0.5)

    @property
    def scale(self) -> float:
        """Screen pixels for one pixel of the picture."""
        fit = min(self.canvas[0] / self.resolution[0], self.canvas[1] / self.resolution[1])
        return fit * self.zoom

    @property
    def rectangle(self) -> tuple[float, float, float, float]:
        """The whole picture in the canvas: left, top, width, height."""
        width, height = self.resolution[0] * self.scale, self.resolution[1] * self.scale
        return (
            self.canvas[0] / 2 - self.center[0] * width,
            self.canvas[1] / 2 - self.center[1] * height,
            width,
            height,
        )

    def to_picture(self, point: Point) -> Point:
        """The point of the picture under a point of the canvas; outside [0, 1] beside the picture."""
        left, top, width, height = self.rectangle
        return (point[0] - left) / width, (point[1] - top) / height

    def pixel(self, point: Point) -> tuple[int, int] | None:
        """(column, row) under a point of the canvas; None beside the picture."""
        x, y = self.to_picture(point)
        if not (0 <= x < 1 and 0 <= y < 1):
            return None
        return int(x * self.resolution[0]), int(y * self.resolution[1])

    def zoomed(self, point: Point, factor: float) -> Placement:
        """Zoomed by `factor` such that what is under `point` stays there; never smaller than fitted."""
        deepest = max(1.0, MOST_SCREEN_PIXELS / (self.scale / self.zoom))
        zoom = min(max(self.zoom * factor, 1.0), deepest)
        if zoom == 1.0:
            return self.reset()
        fixed = self.to_picture(point)
        grown = self.zoom / zoom
        center = tuple(f + (c - f) * grown for f, c in zip(fixed, self.center, strict=True))
        return replace(self, zoom=zoom, center=(center[0], center[1]))

    def moved(self, right: float, down: float) -> Placement:
        """Moved by screen pixels; the middle of the canvas stays on the picture."""
        _, _, width, height = self.rectangle
        x, y = self.center[0] - right / width, self.center[1] - down / height
        return replace(self, center=(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)))

    def reset(self) -> Placement:
        """Fitted whole again."""
        return replace(self, zoom=1.0, center=(0.5, 0.5))
