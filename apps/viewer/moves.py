"""How a camera moves: fly, look, orbit, pan, dolly. Pure functions on `Camera`; no Qt.

A `Camera` looks along its +z, +y is up and +x points to the *left* of the picture. Angles are degrees. A mirrored
camera (a negative determinant) answers as it is seen: what turns right in the picture turns right.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Camera, Frame

Vector = NDArray[np.float64]

STEEPEST_DEG = 89.0  # straight up or down, left and right lose their meaning
DIRECTIONS: dict[str, tuple[int, int, int]] = {
    "forward": (0, 0, 1),
    "back": (0, 0, -1),
    "right": (1, 0, 0),
    "left": (-1, 0, 0),
    "up": (0, 1, 0),
    "down": (0, -1, 0),
}
"""Unit steps (right, up, forward) by the name of the key's action."""


def world_up(camera: Camera) -> Vector:
    """The world axis, of the six, that is nearest to the camera's own up, (3,)."""
    own = camera.to_world[:3, 1]
    axis = int(np.argmax(np.abs(own)))
    up: Vector = np.zeros(3)
    up[axis] = np.sign(own[axis])
    return up


def direction(actions: Collection[str]) -> Vector:
    """Unit step (right, up, forward) of the actions held at once; zero when they cancel."""
    total = np.sum([DIRECTIONS[action] for action in actions], axis=0, dtype=np.float64) if actions else np.zeros(3)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length if length else total, dtype=np.float64)


def fly(camera: Camera, step: Vector, up: Vector) -> Camera:
    """Move by `step` (right, up, forward) in world units: right and forward as seen, up along the world's `up`."""
    left, _, forward = _axes(camera)
    return _placed(camera, camera.origin - step[0] * left + step[1] * up + step[2] * forward)


def look(camera: Camera, right_deg: float, up_deg: float, up: Vector) -> Camera:
    """Turn on the spot, to the right around the world's `up`, and upwards, never beyond steep."""
    turn = _turn(camera, right_deg, _limited(camera, up_deg, up), up)
    return _turned(camera, turn, camera.origin)


def orbit(camera: Camera, point: Vector, right_deg: float, up_deg: float, up: Vector) -> Camera:
    """Swing around `point`, to the right and upwards as seen; `point` keeps its place in the picture."""
    turn = _turn(camera, -right_deg, _limited(camera, -up_deg, up), up)
    return _turned(camera, turn, point + turn @ (camera.origin - point))


def pan(camera: Camera, point: Vector, right: float, down: float) -> Camera:
    """Slide across the view so that `point` moves by (right, down), in picture widths."""
    left, own_up, forward = _axes(camera)
    depth = max(float((point - camera.origin) @ forward), 1e-6)
    width = 2 * depth * np.tan(np.radians(camera.fov_deg) / 2)
    return _placed(camera, camera.origin + width * (right * left + down * own_up))


def dolly(camera: Camera, point: Vector, factor: float) -> Camera:
    """Go straight towards `point` until its distance is `factor` (> 0) times what it was."""
    return _placed(camera, point + factor * (camera.origin - point))


def point_under(frame: Frame, column: int, row: int) -> Vector | None:
    """World-space point seen in a pixel; None where nothing is seen or the frame has no positions."""
    if frame.position is None or frame.depth is None or not frame.depth[row, column, 0] > 0:
        return None
    return np.asarray(frame.position[row, column], dtype=np.float64)


def point_ahead(camera: Camera, distance: float) -> Vector:
    """The point at `distance` along the view, for where nothing is seen."""
    return np.asarray(camera.origin + distance * _axes(camera)[2], dtype=np.float64)


def typical_distance(frame: Frame) -> float | None:
    """Median distance of what is seen, in world units; None where nothing is."""
    if frame.depth is None or not (frame.depth > 0).any():
        return None
    return float(np.median(frame.depth[frame.depth > 0]))


# ---------------------------------------------------------------------------------------------------------------------
# Rotations


def rotation(axis: Vector, angle_deg: float) -> Vector:
    """Right-handed rotation (3, 3) around a unit `axis` (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(angle_deg)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def _axes(camera: Camera) -> tuple[Vector, Vector, Vector]:
    """Unit left, up and forward: a scene may scale its camera."""
    columns = camera.to_world[:3, :3] / np.linalg.norm(camera.to_world[:3, :3], axis=0)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _turn(camera: Camera, right_deg: float, up_deg: float, up: Vector) -> Vector:
    left, own_up, forward = _axes(camera)
    handed = np.sign(np.cross(left, own_up) @ forward)
    sideways = np.cross(forward, own_up)
    upwards = rotation(np.asarray(sideways / np.linalg.norm(sideways)), up_deg)
    return np.asarray(rotation(up, float(-handed * right_deg)) @ upwards)


def _limited(camera: Camera, up_deg: float, up: Vector) -> float:
    """`up_deg` cut so that the view gets no steeper than `STEEPEST_DEG`, or than it is already."""
    elevation = float(np.degrees(np.arcsin(np.clip(_axes(camera)[2] @ up, -1.0, 1.0))))
    limit = max(STEEPEST_DEG, abs(elevation))
    return float(np.clip(elevation + up_deg, -limit, limit)) - elevation


def _placed(camera: Camera, origin: Vector) -> Camera:
    matrix = camera.to_world.copy()
    matrix[:3, 3] = origin
    return replace(camera, to_world=matrix)


def _turned(camera: Camera, turn: Vector, origin: Vector) -> Camera:
    matrix = camera.to_world.copy()
    matrix[:3, :3] = turn @ matrix[:3, :3]
    matrix[:3, 3] = origin
    return replace(camera, to_world=matrix)
