"""What a scene's own camera sees, before anything is rendered: rays against the triangles of its meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from renderer_bridge.procedural.mesh import Mesh, Vector

RAYS = (9, 7)  # across and down the picture
NEAREST = 0.15  # metres; what comes nearer fills the picture
LEAST_MEDIAN = 0.25  # of the distance to what is looked at: nothing large stands in between
LEAST_HITS = 0.35  # share of rays that do not end in the sky
LEAST_SPREAD = 0.15  # of the logarithm of the distances: more to see than one wall
LEAST_MESHES = 5  # different ones that the rays meet


@dataclass(frozen=True)
class View:
    """Where the camera is, what it looks at, and its field of view (across, the larger one)."""

    origin: Vector
    target: Vector
    fov_deg: float


def is_worth_seeing(view: View, meshes: list[Mesh]) -> bool:
    """Whether the view is open, and shows more than sky or a bare wall."""
    forward = view.target - view.origin
    distances, seen = first_hits(view.origin, _fan(view), meshes)
    hits = distances[np.isfinite(distances)]
    if len(hits) < LEAST_HITS * len(distances) or hits.min() < NEAREST or len(set(seen)) < LEAST_MESHES:
        return False
    open_enough = bool(np.median(distances) > LEAST_MEDIAN * np.linalg.norm(forward))
    return open_enough and bool(np.log(hits).std() > LEAST_SPREAD)


def first_hits(origin: ArrayLike, directions: Vector, meshes: list[Mesh]) -> tuple[Vector, list[int]]:
    """Distance along each unit direction (N, 3) to the first triangle, and its mesh; infinity and -1 for none."""
    nearest, which = np.full(len(directions), np.inf), [-1] * len(directions)
    for number, mesh in enumerate(meshes):
        corners = mesh.vertices[mesh.faces]
        for index, direction in enumerate(directions):
            distance = _nearest_hit(np.asarray(origin), direction, corners)
            if distance < nearest[index]:
                nearest[index], which[index] = distance, number
    return nearest, which


def _nearest_hit(origin: Vector, direction: Vector, corners: Vector) -> float:
    """Möller and Trumbore's test of one ray against triangles (M, 3, 3)."""
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction, edge2)
    determinant = np.einsum("ij,ij->i", edge1, across)
    safe = np.where(np.abs(determinant) < 1e-12, np.inf, determinant)
    to_origin = origin - corners[:, 0]
    u = np.einsum("ij,ij->i", to_origin, across) / safe
    up = np.cross(to_origin, edge1)
    v, t = up @ direction / safe, np.einsum("ij,ij->i", edge2, up) / safe
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-4) & np.isfinite(safe)
    return float(t[inside].min()) if inside.any() else np.inf


def _fan(view: View) -> Vector:
    """Unit directions (N, 3) over the picture."""
    forward = view.target - view.origin
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right) + 1e-12
    half = np.tan(np.radians(view.fov_deg) / 2) * 0.95
    x, y = np.meshgrid(np.linspace(-half, half, RAYS[0]), np.linspace(-half, half, RAYS[1]) * 0.7)
    rays = forward + x.reshape(-1, 1) * right + y.reshape(-1, 1) * np.cross(right, forward)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))
