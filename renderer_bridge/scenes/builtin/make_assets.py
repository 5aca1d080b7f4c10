"""The textures and meshes of the built-in scene, made by code; `python make_assets.py` makes them again.

    floor.png     herringbone parquet; repeats in both directions without a seam
    painting.png  quarter circles on a grid, flat colors
    vase.ply      a lathed vase with an inner wall
    shade.ply     a lampshade: a truncated cone, open at both ends

Same code, same bytes. No file from anywhere else is used.
"""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

HERE = Path(__file__).parent
PALETTE = np.array([[226, 213, 188], [38, 70, 83], [42, 130, 122], [226, 178, 76], [212, 98, 62], [120, 47, 44]])


def herringbone(size: int = 256, plank: int = 32, length: int = 4) -> NDArray[np.uint8]:
    """Oak parquet (size, size, 3), 8-bit sRGB: planks of `plank` x `plank * length` pixels, laid at right angles."""
    y, x = np.mgrid[0:size, 0:size]
    column, row = x // plank, y // plank
    phase = (column - row) % (2 * length)
    across = phase < length  # this plank runs along x
    start_x = np.where(across, column - phase, column) % (size // plank)
    start_y = np.where(across, row, row + phase - 2 * length + 1) % (size // plank)
    tone = np.random.default_rng(7).uniform(0.78, 1.08, (size // plank, size // plank, 2))[
        start_y, start_x, across.astype(int)
    ]

    along = np.where(across, x, y)
    side = np.where(across, y, x)
    grain = 0.05 * np.sin(2 * np.pi * (side * 5 + 3 * np.sin(2 * np.pi * along / size)) / plank + 40 * tone)
    end = np.where(across, (along % plank < 1) & (phase == 0), (along % plank < 1) & (phase == 2 * length - 1))
    joint = (side % plank < 1) | end
    value = (tone + grain * tone) * np.where(joint, 0.45, 1.0)
    steps = np.round(value * 24) / 24  # few distinct colors: a small file
    return np.asarray(np.clip(steps[..., None] * [166, 118, 76], 0, 255), dtype=np.uint8)


def quarter_circles(cells: tuple[int, int] = (4, 6), cell: int = 84) -> NDArray[np.uint8]:
    """An abstract painting (cells[0] * cell, cells[1] * cell, 3), 8-bit sRGB: two arcs in the corner of every cell."""
    rng = np.random.default_rng(22)
    picture = np.zeros((cells[0] * cell, cells[1] * cell, 3), np.uint8)
    v, u = (np.mgrid[0:cell, 0:cell] + 0.5) / cell
    radius = np.hypot(u, v)
    for row, column in np.ndindex(cells):
        ground, ring, disk = rng.choice(len(PALETTE), 3, replace=False)
        index = np.where(radius < 0.45, disk, np.where(radius < 0.92, ring, ground))
        tile = np.rot90(PALETTE[index], int(rng.integers(4)))
        picture[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = tile
    return picture


def vase_profile(points: int = 22) -> NDArray[np.float64]:
    """(radius, height) in metres, from the foot up the outside, over the lip and down inside to the bottom."""
    heights = np.array([0.0, 0.10, 0.22, 0.34, 0.42, 0.48])
    radii = np.array([0.075, 0.135, 0.155, 0.095, 0.052, 0.078])
    h = np.linspace(0.0, 0.48, points)
    outside = np.stack([CubicSpline(heights, radii)(h), h], axis=1)
    inside = outside[::-1] - [0.008, 0.0]
    return np.concatenate([[[0.0, 0.0]], outside, inside[inside[:, 1] > 0.02], [[0.0, 0.02]]])


def write_lathe(path: Path, profile: NDArray[np.float64], segments: int) -> None:
    """Revolve `profile`, (N, 2) radius and height, around the y axis and write a binary PLY."""
    angle = np.arange(segments) * 2 * np.pi / segments
    radius, height = profile[:, :1], np.repeat(profile[:, 1:], segments, axis=1)
    vertices = np.stack([radius * np.cos(angle), height, radius * -np.sin(angle)], axis=-1).reshape(-1, 3)

    ring, step = np.divmod(np.arange((len(profile) - 1) * segments), segments)
    a, b = ring * segments + step, ring * segments + (step + 1) % segments
    triangles = np.concatenate([np.stack([a, b, b + segments], 1), np.stack([a, b + segments, a + segments], 1)])
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    triangles = triangles[area > 1e-12]  # rings that shrink to a point on the axis

    faces = np.empty(len(triangles), np.dtype([("count", "u1"), ("index", "<i4", 3)]))
    faces["count"], faces["index"] = 3, triangles
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode() + vertices.astype("<f4").tobytes() + faces.tobytes())


def main() -> None:
    """Write all four files beside this one."""
    imageio.imwrite(HERE / "floor.png", herringbone(), optimize=True)
    imageio.imwrite(HERE / "painting.png", quarter_circles(), optimize=True)
    write_lathe(HERE / "vase.ply", vase_profile(), segments=48)
    write_lathe(HERE / "shade.ply", np.array([[0.21, 0.0], [0.13, 0.27]]), segments=48)


if __name__ == "__main__":
    main()
