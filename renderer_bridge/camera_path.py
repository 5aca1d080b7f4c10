"""Camera paths: JSON keyframes, interpolated by Catmull-Rom splines.

{"fps": 24, "fov_axis": "x", "interpolation": "catmull-rom",
 "keyframes": [{"time": 0.0, "origin": [..], "target": [..], "up": [..], "fov": 45.0}, ...]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class CameraPath:
    """Keyframes of a moving camera.

    `times` (K,) are seconds, increasing; `origins`, `targets`, `ups` have shape (K, 3), `fovs` (K,). `fovs` are
    degrees along `fov_axis` ("x" or "y"). `fps` is the frame rate the author had in mind.
    """

    times: Vector
    origins: Vector
    targets: Vector
    ups: Vector
    fovs: Vector
    fps: float = 24.0
    fov_axis: str = "x"

    def camera(self, time_s: float, resolution: tuple[int, int]) -> Camera:
        """The camera at `time_s`, clamped to the path's ends, for pictures of `resolution` (width, height)."""
        origin = catmull_rom(self.times, self.origins, time_s)
        target = catmull_rom(self.times, self.targets, time_s)
        up = _linear(self.times, self.ups, time_s)
        fov = float(_linear(self.times, self.fovs[:, None], time_s)[0])
        return Camera(look_at(origin, target, up), horizontal_fov(fov, self.fov_axis, resolution), resolution)

    def cameras(self, frames: int, resolution: tuple[int, int]) -> list[Camera]:
        """`frames` cameras evenly spaced in time from the first keyframe to the last."""
        return [self.camera(float(t), resolution) for t in np.linspace(self.times[0], self.times[-1], frames)]

    @property
    def frames(self) -> int:
        """How many frames the whole path has at its own `fps`."""
        return max(1, round(float(self.times[-1] - self.times[0]) * self.fps) + 1)


def load_camera_path(path: str | Path) -> CameraPath:
    """Read a camera path. Raises `SceneError` naming the file and the keyframe when something does not fit."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        keyframes = document["keyframes"]
        columns = {key: _column(keyframes, key) for key in ("time", "origin", "target", "up", "fov")}
        axis, fps = document.get("fov_axis", "x"), float(document.get("fps", 24.0))
    except FileNotFoundError:
        raise SceneError(f"{path}: no such file; a camera path (JSON with keyframes) is needed") from None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise SceneError(
            f"{path}: not a camera path ({type(error).__name__}: {error}); JSON with keyframes that each have time, "
            "origin, target, up and fov is accepted"
        ) from error
    if axis not in ("x", "y") or not 0 < fps < np.inf:
        raise SceneError(f"{path}: fov_axis {axis!r}, fps {fps:g}; fov_axis x or y and a positive fps are accepted")
    if document.get("interpolation", "catmull-rom") != "catmull-rom":
        raise SceneError(f"{path}: interpolation {document['interpolation']!r}; only catmull-rom is accepted")
    _check_keyframes(path, columns)
    times, fovs = columns["time"], columns["fov"]
    return CameraPath(times, columns["origin"], columns["target"], columns["up"], fovs, fps, axis)


def _check_keyframes(path: str | Path, columns: dict[str, Vector]) -> None:
    times, fovs = columns["time"], columns["fov"]
    if len(times) < 2 or np.any(np.diff(times) <= 0):
        raise SceneError(f"{path}: {len(times)} keyframes; at least two with increasing times are needed")
    if np.any((fovs <= 0) | (fovs >= 180)):
        raise SceneError(f"{path}: fov from {fovs.min():g} to {fovs.max():g} degrees; between 0 and 180 is accepted")
    for index in range(len(times)):
        try:
            look_at(columns["origin"][index], columns["target"][index], columns["up"][index])
        except SceneError as error:
            raise SceneError(f"{path}: keyframe {index}: {error}") from error


def _column(keyframes: Sequence[dict[str, Any]], key: str) -> Vector:
    column = np.array([keyframe[key] for keyframe in keyframes], dtype=np.float64)
    shape = (len(keyframes),) if key in ("time", "fov") else (len(keyframes), 3)
    if column.shape != shape or not np.isfinite(column).all():
        raise ValueError(f"{key} must be {'a number' if len(shape) == 1 else 'three numbers'} in every keyframe")
    return column


def catmull_rom(times: Vector, points: Vector, time: float) -> Vector:
    """Value at `time` of the Catmull-Rom spline through `points` (K, D) at `times` (K,); the ends are repeated.

    Tangents are central differences over time, so keyframes need not be evenly spaced.
    """
    segment, t = _locate(times, time)
    before, after = max(segment - 1, 0), min(segment + 2, len(times) - 1)
    p0, p1, p2, p3 = points[before], points[segment], points[segment + 1], points[after]
    span = times[segment + 1] - times[segment]
    m1 = (p2 - p0) * (0.5 if before == segment else span / (times[segment + 1] - times[before]))
    m2 = (p3 - p1) * (0.5 if after == segment + 1 else span / (times[after] - times[segment]))
    h00, h10 = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
    h01, h11 = -2 * t**3 + 3 * t**2, t**3 - t**2
    return np.asarray(h00 * p1 + h10 * m1 + h01 * p2 + h11 * m2, dtype=np.float64)


def _linear(times: Vector, values: Vector, time: float) -> Vector:
    segment, t = _locate(times, time)
    return np.asarray(values[segment] * (1 - t) + values[segment + 1] * t, dtype=np.float64)


def _locate(times: Vector, time: float) -> tuple[int, float]:
    """Segment that holds `time`, and the position in it, [0, 1]."""
    clamped = float(np.clip(time, times[0], times[-1]))
    segment = int(np.clip(np.searchsorted(times, clamped, side="right") - 1, 0, len(times) - 2))
    return segment, (clamped - times[segment]) / (times[segment + 1] - times[segment])


def look_at(origin: Vector, target: Vector, up: Vector) -> Vector:
    """Camera-to-world matrix (4, 4) in Mitsuba's convention: +z towards `target`, +x to the left, +y up.

    Raises `SceneError` when origin and target coincide or `up` is parallel to the view.
    """
    forward = np.asarray(target, dtype=np.float64) - origin
    left = np.cross(up, forward)
    if np.linalg.norm(left) < 1e-9 * max(float(np.linalg.norm(forward)), 1e-30):
        raise SceneError(
            f"camera at {origin} looking at {target}: the view needs a length and an up that is not parallel"
        )
    forward, left = forward / np.linalg.norm(forward), left / np.linalg.norm(left)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = left, np.cross(forward, left), forward, origin
    return matrix


def horizontal_fov(fov_deg: float, axis: str, resolution: tuple[int, int]) -> float:
    """Horizontal field of view in degrees of one given along `axis` ("x" or "y") for (width, height)."""
    if axis == "x":
        return fov_deg
    width, height = resolution
    return float(np.degrees(2 * np.arctan(np.tan(np.radians(fov_deg) / 2) * width / height)))
