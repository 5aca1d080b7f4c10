"""Record the camera's way and save it as a camera path (JSON, see `renderer_bridge.camera_path`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from apps.viewer.moves import point_ahead
from renderer_bridge.atomic import write_text
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Camera

INTERVAL_S = 0.25  # between keyframes: the spline between them follows a hand's movement closely
FPS = 24


class PathRecorder:
    """The keyframes of a camera, added every `INTERVAL_S` or so; `target_distance` is how far ahead its targets lie."""

    def __init__(self, target_distance: float) -> None:
        self._distance = target_distance
        self._keyframes: list[dict[str, object]] = []
        self._last_s = -1.0

    def add(self, time_s: float, camera: Camera) -> None:
        """Tell where the camera is at `time_s` from the beginning; a time that has not increased is left out."""
        rounded_s = round(time_s, 4)
        if rounded_s <= self._last_s:
            return
        self._last_s = rounded_s
        self._keyframes.append({"time": rounded_s, **_keyframe(camera, self._distance)})

    @property
    def seconds(self) -> float:
        """Time of the last keyframe."""
        return max(self._last_s, 0.0)

    def save(self, path: Path) -> None:
        """Write the path. Raises `UsageError` with less than two keyframes, `OutputError` when it cannot be written."""
        if len(self._keyframes) < 2:
            raise UsageError(f"{path}: nothing was recorded; a path needs at least two keyframes")
        document = {"fps": FPS, "fov_axis": "x", "interpolation": "catmull-rom", "keyframes": self._keyframes}
        write_text(path, json.dumps(document, indent=1))


def _keyframe(camera: Camera, target_distance: float) -> dict[str, object]:
    vectors = {
        "origin": camera.origin,
        "target": point_ahead(camera, target_distance),
        "up": camera.to_world[:3, 1],
    }
    rounded = {name: np.round(vector, 6).tolist() for name, vector in vectors.items()}
    return {**rounded, "fov": round(camera.fov_deg, 4)}
