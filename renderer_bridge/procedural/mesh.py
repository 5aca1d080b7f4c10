"""Triangle meshes made by code: the few forms that rooms and gardens are built from, and a PLY writer.

Metres, y up. Corners that share a vertex are shaded smooth, since Mitsuba averages normals at vertices; flat faces have
vertices of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Faces = NDArray[np.int32]

ROUNDING = 5  # decimals of a vertex: the last bits of sin and cos differ between processors


@dataclass(frozen=True)
class Mesh:
    """Vertices (N, 3), texture coordinates (N, 2) and triangles (M, 3)."""

    vertices: Vector
    uvs: Vector
    faces: Faces

    def moved(self, scale: ArrayLike = 1.0, turn_deg: float = 0.0, at: ArrayLike = (0.0, 0.0, 0.0)) -> Mesh:
        """Scaled, turned about the y axis, and put down at `at`."""
        angle = np.radians(turn_deg)
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        return Mesh(self.vertices * np.asarray(scale) @ turn.T + np.asarray(at), self.uvs, self.faces)

    def ply(self) -> bytes:
        """A binary PLY file."""
        vertices = np.concatenate([self.vertices.round(ROUNDING), self.uvs.round(ROUNDING)], axis=1).astype("<f4")
        faces = np.empty(len(self.faces), np.dtype([("count", "u1"), ("index", "<i4", 3)]))
        faces["count"], faces["index"] = 3, self.faces
        properties = "".join(f"property float {name}\n" for name in ("x", "y", "z", "u", "v"))
        header = (
            f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n{properties}"
            f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
        )
        return header.encode() + vertices.tobytes() + faces.tobytes()


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *[len(mesh.vertices) for mesh in meshes]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.uvs for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]).astype(np.int32),
    )


def sheet(points: Vector, close_u: bool = False) -> Mesh:
    """A grid of points (R, C, 3) as a surface; `close_u` joins the last column to the first."""
    rows, columns = points.shape[:2]
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns if close_u else columns - 1), indexing="ij")
    a, b = row * columns + column, row * columns + (column + 1) % columns
    faces = np.stack([a, b, b + columns, a, b + columns, a + columns], axis=-1).reshape(-1, 3)
    vertices = points.reshape(-1, 3)
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    used, kept = np.unique(faces[area > 1e-12], return_inverse=True)  # a vertex of no face would have no normal
    uvs = np.stack([u, v], axis=-1).reshape(-1, 2)
    return Mesh(vertices[used], uvs[used], kept.reshape(-1, 3).astype(np.int32))


def quad(corner: ArrayLike, u: ArrayLike, v: ArrayLike) -> Mesh:
    """A parallelogram from `corner` along `u` and `v`; its normal is u x v."""
    corner, u, v = (np.asarray(each, dtype=np.float64) for each in (corner, u, v))
    return sheet(np.array([[corner, corner + u], [corner + v, corner + u + v]]))


def box(size: ArrayLike, at: ArrayLike = (0.0, 0.0, 0.0)) -> Mesh:
    """A box of `size` (x, y, z) that stands on `at`: six flat sides, each with the whole texture."""
    x, y, z = np.asarray(size, dtype=np.float64)
    low, high = np.array([-x / 2, 0, -z / 2]), np.array([x / 2, y, z / 2])
    right, up, front = np.eye(3) * (x, y, z)
    sides = [(low, up, right), (low, front, up), (low, right, front)]
    sides += [(high, -right, -up), (high, -up, -front), (high, -front, -right)]
    return joined([quad(*side) for side in sides]).moved(at=at)


def bevelled_box(size: ArrayLike, bevel: float, at: ArrayLike = (0.0, 0.0, 0.0)) -> Mesh:
    """A box whose edges are rounded off by a grid that bulges to a superquadric; `bevel` 0 (sharp) to 1 (ball)."""
    width, height, depth = np.asarray(size, dtype=np.float64) / 2
    power = max(bevel, 0.05)
    theta, phi = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 25), np.linspace(-np.pi, np.pi, 48, endpoint=False))
    ring = _signed_power(np.cos(theta), power)
    x = ring * _signed_power(np.cos(phi), power) * width
    z = -ring * _signed_power(np.sin(phi), power) * depth
    points = np.stack([x, (_signed_power(np.sin(theta), power) + 1) * height, z], axis=-1)
    return sheet(points.transpose(1, 0, 2), close_u=True).moved(at=at)


def lathe(profile: ArrayLike, segments: int = 40) -> Mesh:
    """`profile` (N, 2), radius and height, turned about the y axis."""
    outline = np.asarray(profile, dtype=np.float64)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    radius, height = outline[:, :1], np.repeat(outline[:, 1:], segments, axis=1)
    return sheet(np.stack([radius * np.cos(angle), height, -radius * np.sin(angle)], axis=-1), close_u=True)


def tube(path: ArrayLike, radius: float, segments: int = 10, closed: bool = False) -> Mesh:
    """A round tube along `path` (N, 3)."""
    points = np.asarray(path, dtype=np.float64)
    if closed:
        points = np.concatenate([points, points[:1]])
    tangent = np.gradient(points, axis=0)
    if closed:
        tangent[0] = tangent[-1] = points[1] - points[-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    side, rings = np.cross(tangent[0], [0.31, 0.89, 0.33]), []
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)[:, None]
    for point, along in zip(points, tangent, strict=True):
        side = side - along * (side @ along)  # carried along the path, so that the tube does not twist
        side /= np.linalg.norm(side) + 1e-12
        rings.append(point + radius * (np.cos(angle) * side + np.sin(angle) * np.cross(along, side)))
    return sheet(np.array(rings), close_u=True)


def rod(start: ArrayLike, end: ArrayLike, radius: float, segments: int = 10) -> Mesh:
    """A straight tube."""
    return tube(np.array([start, end]), radius, segments)


def blades(
    roots: Vector, tips: Vector, widths: Vector, droop: float, random: np.random.Generator, steps: int = 3
) -> Mesh:
    """Thin leaves: from each root (N, 3) to its tip (N, 3), widest in the middle, hanging down by `droop` metres."""
    along = tips - roots
    aside = np.cross(along, random.normal(size=along.shape))
    aside *= (widths / (np.linalg.norm(aside, axis=1) + 1e-12))[:, None]
    leaves = []
    for t in np.linspace(0, 1, steps + 1):
        middle = roots + along * t - np.array([0, droop, 0]) * t**2
        half = aside * 0.5 * np.sin(np.pi * (0.12 + 0.86 * t))
        leaves.append(np.stack([middle - half, middle + half], axis=1))
    grid = np.stack(leaves, axis=1)  # (N, steps + 1, 2, 3)
    one = height_field(np.zeros((steps + 1, 2)), (1.0, 1.0))  # of which each leaf has the faces
    count = len(one.vertices)
    faces = np.concatenate([one.faces + count * index for index in range(len(roots))])
    return Mesh(grid.reshape(-1, 3), np.tile(one.uvs, (len(roots), 1)), faces.astype(np.int32))


def ball(segments: int = 32) -> Mesh:
    """A unit sphere around the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    return lathe(np.stack([np.cos(angle), np.sin(angle)], axis=1), segments)


def height_field(heights: Vector, size: tuple[float, float]) -> Mesh:
    """Heights (R, C) over a rectangle of `size` (x, z) around the origin, facing up."""
    rows, columns = heights.shape
    z, x = np.meshgrid(
        np.linspace(size[1] / 2, -size[1] / 2, rows), np.linspace(-size[0] / 2, size[0] / 2, columns), indexing="ij"
    )
    return sheet(np.stack([x, heights, z], axis=-1))


def _signed_power(value: Vector, power: float) -> Vector:
    return np.asarray(np.sign(value) * np.abs(value) ** power)


def above(at: ArrayLike, height: float) -> Vector:
    """The point (3,) `height` metres over `at`."""
    x, y, z = np.asarray(at, dtype=np.float64)
    return np.array([x, y + height, z])
