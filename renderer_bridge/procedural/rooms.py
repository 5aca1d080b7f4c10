"""Rooms: four walls with windows and pictures, furniture, and light by day or by night."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer_bridge.procedural import lights, pictures
from renderer_bridge.procedural.cameras import add_camera
from renderer_bridge.procedural.furniture import FURNITURE, picture_frame, pipes, window_frame
from renderer_bridge.procedural.materials import surface
from renderer_bridge.procedural.mesh import Mesh, Vector, joined, quad
from renderer_bridge.procedural.noise import Random, chance, log_uniform, pick
from renderer_bridge.procedural.scenery import Scenery
from renderer_bridge.procedural.skies import add_sky

LIGHTING = {"windows": 4.0, "panels": 2.0, "bulbs": 2.0, "tubes": 1.0, "spots": 1.5, "small": 1.5, "mixed": 2.0}
AGAINST_WALLS = ("shelf", "cabinet", "bed", "sofa")
FLUX = 0.9  # watts for every square metre of walls: a radiance of about 0.3 to 0.6


@dataclass(frozen=True)
class Wall:
    """A wall from `start` along the unit vector `along`, facing `inward`; (x, z) each."""

    start: Vector
    along: Vector
    inward: Vector
    length: float

    def place(self, s: float, y: float, off: float = 0.0) -> Vector:
        """The point `s` metres along the wall, `y` high and `off` the wall (3,)."""
        x, z = self.start + s * self.along + off * self.inward
        return np.array([x, y, z])

    def turn(self) -> float:
        """The turn about y, in degrees, of something that hangs here and looks into the room."""
        return float(np.degrees(np.arctan2(self.inward[0], self.inward[1])))


@dataclass(frozen=True)
class Opening:
    """A window: its middle along the wall, sill, width and height, in metres."""

    middle: float
    sill: float
    width: float
    height: float


def build_room(scenery: Scenery) -> None:
    """A furnished room, its camera in a corner."""
    random = scenery.random
    width, depth, height = random.uniform(3.0, 8.0), random.uniform(3.0, 7.0), random.uniform(2.4, 3.8)
    kind = pick(random, LIGHTING)
    walls = _walls(width, depth)
    camera, target = _viewpoint(random, width, depth, height)
    add_camera(scenery, camera, target, (40, 95))
    daylight = kind in ("windows", "mixed")
    openings = [_openings(random, wall, height, daylight and index < 2) for index, wall in enumerate(walls)]
    _shell(scenery, walls, openings, (width, depth, height))
    if daylight:
        add_sky(scenery, strength=log_uniform(random, 1.5, 6))
    _furnish(scenery, walls, (width, depth), camera)
    if kind != "windows":
        light_room(scenery, kind, (width, depth, height))


def light_room(scenery: Scenery, kind: str, size: tuple[float, float, float]) -> None:
    """Lamps of one kind (or of all, for "mixed") under the ceiling of a room of `size` (x, z, height)."""
    random, (width, depth, height) = scenery.random, size
    flux = FLUX * (2 * width * depth + 2 * height * (width + depth)) * log_uniform(random, 0.5, 2)
    count = 1 if kind == "small" else int(random.integers(1, 6))
    for _ in range(count):
        sort = (
            pick(random, {k: w for k, w in LIGHTING.items() if k not in ("windows", "mixed")})
            if kind == "mixed"
            else kind
        )
        at = np.array(
            [random.uniform(-0.4, 0.4) * width, random.uniform(0.7, 0.97) * height, random.uniform(-0.4, 0.4) * depth]
        )
        _lamp(scenery, sort, at, flux / count, (width, depth, height))


def _lamp(scenery: Scenery, sort: str, at: Vector, flux: float, size: tuple[float, float, float]) -> None:
    random = scenery.random
    if sort == "panels":
        side = log_uniform(random, 0.08, 1.2)
        lights.panel(scenery, (at[0], size[2] - 0.02, at[2]), (side, side * random.uniform(0.3, 1.5)), flux)
    elif sort == "tubes":
        half = (
            np.array([random.uniform(0.2, 0.9), 0, 0])
            if chance(random, 0.5)
            else np.array([0, 0, random.uniform(0.2, 0.9)])
        )
        lights.fluorescent(scenery, at - half, at + half, log_uniform(random, 0.01, 0.04), flux)
    elif sort == "spots":
        target = (random.uniform(-0.4, 0.4) * size[0], random.uniform(0, 1), random.uniform(-0.4, 0.4) * size[1])
        lights.spot(scenery, at, target, 2 * flux)
    elif sort == "small" and chance(random, 0.3):
        lights.point_light(scenery, at, flux)
    elif chance(random, 0.5):
        lights.shaded_lamp(scenery, at, random.uniform(0.15, 0.4), flux)
    else:
        lights.bulb(scenery, at, log_uniform(random, 0.01, 0.2), flux)


def _walls(width: float, depth: float) -> list[Wall]:
    w, d = width / 2, depth / 2
    starts = np.array([(-w, -d), (w, -d), (w, d), (-w, d)])
    along = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)])
    inward = np.roll(along, -1, axis=0)
    return [Wall(starts[i], along[i], inward[i], (width, depth)[i % 2]) for i in range(4)]


def _viewpoint(random: Random, width: float, depth: float, height: float) -> tuple[Vector, Vector]:
    """Eye and target: from near a wall across the room, mostly towards the walls with the windows."""
    angle = random.uniform(0.25 * np.pi, 0.85 * np.pi) if chance(random, 0.7) else random.uniform(0, 2 * np.pi)
    reach = 0.43 * min(1.0, 1 / max(abs(np.cos(angle)), abs(np.sin(angle))))
    eye = np.array(
        [-width * reach * np.cos(angle), random.uniform(0.6, min(2.2, 0.8 * height)), depth * reach * np.sin(angle)]
    )
    target = np.array([-0.25 * eye[0], random.uniform(0.3, 1.2), -0.25 * eye[2]]) + random.normal(size=3) * [
        0.4,
        0,
        0.4,
    ]
    return eye, target


def _openings(random: Random, wall: Wall, height: float, windows: bool) -> list[Opening]:
    if not windows:
        return []
    count = int(random.integers(1, 4))
    cell = wall.length / count
    sill, top = random.uniform(0.1, 1.1), random.uniform(0.75, 0.92) * height
    width = cell * random.uniform(0.35, 0.8)
    return [Opening((i + 0.5) * cell, sill, width, top - sill) for i in range(count)]


def _shell(
    scenery: Scenery, walls: list[Wall], openings: list[list[Opening]], size: tuple[float, float, float]
) -> None:
    """Floor, ceiling, and walls around their openings; pictures where there are none; skirting boards."""
    random, (width, depth, height) = scenery.random, size
    floor = quad((-width / 2, 0, depth / 2), (width, 0, 0), (0, 0, -depth))
    scenery.mesh(floor, surface(scenery, pictures.FLOORS, gloss=0.55))
    ceiling = quad((-width / 2, height, -depth / 2), (width, 0, 0), (0, 0, depth))
    scenery.mesh(ceiling, surface(scenery, {"grain": 2.0, "planks": 0.5}))
    paper = [surface(scenery, pictures.WALLS, gloss=0.1) for _ in range(int(random.integers(1, 3)))]
    for index, (wall, holes) in enumerate(zip(walls, openings, strict=True)):
        scenery.mesh(_wall_mesh(wall, holes, height), paper[index % len(paper)])
        for hole in holes:
            middle = wall.place(hole.middle, hole.sill + hole.height / 2)
            window_frame(scenery, middle, wall.turn(), hole.width, hole.height)
        if not holes and chance(random, 0.7):
            for _ in range(int(random.integers(1, 4))):
                at = wall.place(random.uniform(0.15, 0.85) * wall.length, random.uniform(1.3, 1.8), 0.01)
                picture_frame(scenery, at, wall.turn())
    if chance(random, 0.12):
        pipes(scenery, (-width / 2.1, 0.8 * height, -depth / 2.1), (width / 2.1, 0.97 * height, depth / 2.1))


def _wall_mesh(wall: Wall, holes: list[Opening], height: float) -> Mesh:
    """The wall as rectangles around its holes, with texture coordinates in metres."""
    parts, s = [], 0.0
    for hole in holes:
        left, right = hole.middle - hole.width / 2, hole.middle + hole.width / 2
        parts += [_piece(wall, s, left, 0, height), _piece(wall, left, right, 0, hole.sill)]
        parts.append(_piece(wall, left, right, hole.sill + hole.height, height))
        s = right
    return joined([*parts, _piece(wall, s, wall.length, 0, height)])


def _piece(wall: Wall, left: float, right: float, low: float, high: float) -> Mesh:
    corner = wall.place(left, low)
    mesh = quad(corner, wall.place(right, low) - corner, wall.place(left, high) - corner)
    uvs = np.array([left, low]) + mesh.uvs * np.array([right - left, high - low])
    return Mesh(mesh.vertices, uvs / 2.0, mesh.faces)


def _furnish(scenery: Scenery, walls: list[Wall], size: tuple[float, float], camera: Vector) -> None:
    """Furniture where there is room for it and the camera's place stays free."""
    random = scenery.random
    taken = [(camera[0], camera[2], 0.6), (0.8 * camera[0], 0.8 * camera[2], 0.4)]
    table = {name: weight for name, (_, weight, _) in FURNITURE.items()}
    for _ in range(int(random.integers(7, 20))):
        name = pick(random, table)
        build, _, radius = FURNITURE[name]
        for _ in range(12):
            x, z, turn = _spot(random, walls, size, name in AGAINST_WALLS, radius)
            if all(np.hypot(x - a, z - b) > radius + r for a, b, r in taken):
                taken.append((x, z, radius))
                build(scenery, (x, 0.0, z), turn)
                break


def _spot(
    random: Random, walls: list[Wall], size: tuple[float, float], at_wall: bool, radius: float
) -> tuple[float, float, float]:
    """A place (x, z) and a turn in degrees: along a wall, or anywhere."""
    if at_wall:
        wall = walls[int(random.integers(4))]
        x, _, z = wall.place(
            random.uniform(0.15, 0.85) * wall.length, 0, min(0.35 + 0.3 * (radius > 0.8), 0.6) + 0.4 * (radius > 1)
        )
        return x, z, wall.turn()
    free = np.maximum(np.array(size) / 2 - radius * 0.8, 0.1)
    x, z = random.uniform(-1, 1, size=2) * free
    return x, z, random.uniform(0, 360) if chance(random, 0.4) else float(random.choice([0, 90, 180, 270]))
