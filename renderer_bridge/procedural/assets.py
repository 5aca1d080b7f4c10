"""Pictures, meshes and environment maps of others, found in a folder that the user gives: `--assets folder`.

textures/**.png .jpg      photographed surfaces and prints
meshes/**.obj .stl        whole things, of which one is set down in any size
skies/**.exr .hdr         environment maps, latitude and longitude
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from renderer_bridge.errors import UsageError
from renderer_bridge.procedural.mesh import Mesh, Vector

MOST_TRIANGLES = 60_000
STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


@dataclass(frozen=True)
class Assets:
    """Files in a fixed order; none without a folder."""

    textures: tuple[Path, ...] = ()
    meshes: tuple[Path, ...] = ()
    skies: tuple[Path, ...] = ()

    @classmethod
    def within(cls, folder: Path | None) -> Assets:
        """What `folder` has. Raises `UsageError` when it is no folder or has nothing of use."""
        if folder is None:
            return cls()
        found = cls(
            _files(folder / "textures", (".png", ".jpg", ".jpeg")),
            _files(folder / "meshes", (".obj", ".stl")),
            _files(folder / "skies", (".exr", ".hdr")),
        )
        if not (found.textures or found.meshes or found.skies):
            raise UsageError(f"{folder}: has none of textures/*.png, meshes/*.obj, skies/*.exr; one of them is needed")
        return found


def read_mesh(path: Path) -> Mesh | None:
    """A mesh of unit height that stands on the origin, or None where it is empty, flat, too large or damaged."""
    try:
        mesh = _read_obj(path) if path.suffix.lower() == ".obj" else _read_stl(path)
    except (ValueError, IndexError, OSError):
        return None
    if mesh is None or not 0 < len(mesh.faces) <= MOST_TRIANGLES or not np.isfinite(mesh.vertices).all():
        return None
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    size = float((high - low).max())
    if size <= 0 or (high - low).min() < 1e-3 * size:
        return None
    middle = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    return Mesh((mesh.vertices - middle) / size, mesh.uvs, mesh.faces)


def _files(folder: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    found = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes]
    return tuple(sorted(found, key=lambda path: path.relative_to(folder).as_posix()))


def _read_obj(path: Path) -> Mesh | None:
    """Vertices, texture coordinates and faces of a Wavefront OBJ, its y up; things made with z up lie on their side."""
    points: list[list[float]] = []
    uvs: list[list[float]] = []
    corners: list[tuple[int, int]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            points.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uvs.append([float(word) for word in words[1:3]])
        elif words[0] == "f":
            ring = [_corner(word, len(points), len(uvs)) for word in words[1:]]
            corners += [each for i in range(1, len(ring) - 1) for each in (ring[0], ring[i], ring[i + 1])]
    if not corners:
        return None
    unique, faces = np.unique(np.array(corners), axis=0, return_inverse=True)
    vertices = np.array(points)[unique[:, 0]]
    has_all = len(uvs) > 0 and (unique[:, 1] >= 0).all()
    mapped = np.array(uvs)[unique[:, 1]] if has_all else _side_view(vertices)
    return Mesh(vertices, mapped, faces.reshape(-1, 3).astype(np.int32))


def _side_view(vertices: Vector) -> Vector:
    """Texture coordinates (N, 2) for a mesh that has none: seen from the side, once over its largest extent."""
    size = float(np.ptp(vertices, axis=0).max()) or 1.0
    return np.stack([vertices[:, 0] + 0.6 * vertices[:, 2], vertices[:, 1] + 0.4 * vertices[:, 2]], axis=1) / size


def _corner(word: str, points: int, uvs: int) -> tuple[int, int]:
    numbers = word.split("/")
    point = int(numbers[0])
    uv = int(numbers[1]) if len(numbers) > 1 and numbers[1] else 0
    return (point - 1 if point > 0 else points + point, uv - 1 if uv > 0 else uvs + uv if uv < 0 else -1)


def _read_stl(path: Path) -> Mesh | None:
    """A binary STL, equal corners made one so that it is shaded smooth."""
    data = path.read_bytes()
    count = int.from_bytes(data[80:84], "little")
    if count > MOST_TRIANGLES or len(data) < 84 + count * STL_TRIANGLE.itemsize:
        return None
    corners = np.frombuffer(data, STL_TRIANGLE, count, offset=84)["corners"].reshape(-1, 3).astype(np.float64)
    vertices, faces = np.unique(corners, axis=0, return_inverse=True)
    return Mesh(vertices, _side_view(vertices), faces.reshape(-1, 3).astype(np.int32))
