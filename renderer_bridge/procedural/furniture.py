"""Furniture and what belongs to a building: tables, chairs, shelves, stairs, pipes, windows, curtains, frames.

Each piece is built around the origin facing +z, then turned and put down at `at`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from renderer_bridge.procedural import pictures
from renderer_bridge.procedural.lights import screen, shaded_lamp
from renderer_bridge.procedural.materials import opaque, surface, translucent, window_pane
from renderer_bridge.procedural.mesh import Mesh, above, bevelled_box, box, joined, lathe, quad, rod, sheet, tube
from renderer_bridge.procedural.noise import chance, log_uniform, smooth_noise
from renderer_bridge.procedural.scenery import Scenery
from renderer_bridge.procedural.things import any_thing, plant

Place = ArrayLike
Piece = Callable[[Scenery, Place, float], None]

WOODS = {"wood": 3.0, "planks": 1.0, "grain": 1.0, "marble": 0.5}


def table(scenery: Scenery, at: Place, turn: float) -> None:
    """A table, square or round, with things on it."""
    random = scenery.random
    width, depth, height = random.uniform(0.8, 1.8), random.uniform(0.6, 1.0), random.uniform(0.4, 0.8)
    top, thick = surface(scenery, WOODS, gloss=0.6), random.uniform(0.02, 0.06)
    if chance(random, 0.3):
        width = depth = 1.1 * depth
        plate = np.array([[0, 0], [width / 2, 0], [width / 2, thick], [0, thick]])
        parts, under = [lathe(plate, 48).moved(at=(0, height, 0))], [rod((0, 0, 0), (0, height, 0), 0.04)]
    else:
        parts, under = (
            [box((width, thick, depth), (0, height, 0))],
            _legs(width, depth, height, random.uniform(0.02, 0.06)),
        )
    _put(scenery, parts, top, at, turn)
    _put(scenery, under, top if chance(random, 0.5) else opaque(scenery), at, turn)
    for _ in range(int(random.integers(1, 7))):
        where = (random.uniform(-0.4, 0.4) * width, height + thick + 0.002, random.uniform(-0.4, 0.4) * depth)
        any_thing(scenery, _turned(where, turn) + np.asarray(at), log_uniform(random, 0.1, 0.4))


def chair(scenery: Scenery, at: Place, turn: float) -> None:
    """Seat, back and legs; slats or rods in the back."""
    random = scenery.random
    side, height = random.uniform(0.38, 0.5), random.uniform(0.4, 0.5)
    back, thin = random.uniform(0.35, 0.6), random.uniform(0.012, 0.03)
    parts = [bevelled_box((side, 0.05, side), 0.3, (0, height, 0)), *_legs(side, side, height, thin)]
    count = int(random.integers(2, 8))
    for x in np.linspace(-side / 2.3, side / 2.3, count):
        parts.append(rod((x, height, -side / 2.2), (x, height + back, -side / 1.9), thin * 0.7))
    parts.append(box((side, 0.06, 0.03), (0, height + back - 0.06, -side / 1.95)))
    _put(scenery, parts, opaque(scenery, WOODS), at, turn)


def sofa(scenery: Scenery, at: Place, turn: float) -> None:
    """A sofa or armchair with cushions."""
    random = scenery.random
    width, depth, soft = random.uniform(0.9, 2.2), random.uniform(0.8, 1.0), random.uniform(0.15, 0.4)
    parts = [bevelled_box((width, 0.42, depth), soft), bevelled_box((width, 0.85, 0.25), soft, (0, 0, -depth / 2))]
    parts += [bevelled_box((0.22, 0.6, depth), soft, (side * width / 2, 0, 0)) for side in (-1, 1)]
    _put(scenery, parts, surface(scenery, {"cloth": 3.0, "grain": 1.0, "stripes": 1.0, "dots": 1.0}), at, turn)
    for _ in range(int(random.integers(0, 4))):
        cushion = bevelled_box((0.42, 0.4, 0.16), 0.55, (random.uniform(-0.35, 0.35) * width, 0.42, -depth / 4))
        _put(scenery, [cushion], surface(scenery, pictures.PRINTS), at, turn)


def bed(scenery: Scenery, at: Place, turn: float) -> None:
    """A bed with a rumpled cover."""
    random = scenery.random
    _put(scenery, [box((1.5, 0.3, 2.0)), box((1.6, 0.9, 0.06), (0, 0, -1.03))], opaque(scenery, WOODS), at, turn)
    z, x = np.meshgrid(np.linspace(1.06, -0.6, 40), np.linspace(-0.9, 0.9, 40), indexing="ij")
    folds = 0.12 * smooth_noise(random, x.shape, 3) + 0.52
    hang = np.clip((np.abs(x) - 0.76) * 3, 0, 1) + np.clip((z - 1.0) * 3, 0, 1)
    cover = sheet(np.stack([x, folds - 0.4 * hang.clip(0, 1), z], axis=-1))
    _put(scenery, [cover], surface(scenery, {"cloth": 2.0, "dots": 1.0, "stripes": 1.0, "grain": 1.0}), at, turn)
    pillows = [bevelled_box((0.6, 0.18, 0.4), 0.6, (x, 0.42, -0.75)) for x in (-0.38, 0.38)]
    _put(scenery, pillows, surface(scenery, pictures.WALLS), at, turn)


def shelf(scenery: Scenery, at: Place, turn: float) -> None:
    """A book case: rows of books, and things between them."""
    random = scenery.random
    width, depth, height = random.uniform(0.6, 1.6), random.uniform(0.24, 0.4), random.uniform(0.8, 2.1)
    boards, thick = int(random.integers(3, 7)), 0.025
    gap = height / (boards - 1)
    parts = [box((width, thick, depth), (0, i * gap, 0)) for i in range(boards)]
    parts += [box((thick, height + thick, depth), (side * width / 2, 0, 0)) for side in (-1, 1)]
    parts.append(box((width, height, 0.01), (0, 0, -depth / 2)))
    _put(scenery, parts, opaque(scenery, WOODS), at, turn)
    spines: list[list[Mesh]] = [[], [], [], []]
    for board in range(boards - 1):
        x = -width / 2 + thick
        while x < width / 2 - 0.08:
            if chance(random, 0.06):
                where = _turned((x + 0.08, board * gap + thick, 0), turn) + np.asarray(at)
                any_thing(scenery, where, 0.6 * gap, without=("lamp", "candle"))
                x += 0.2
            wide, tall = random.uniform(0.015, 0.05), gap * random.uniform(0.55, 0.9)
            book = box((wide, tall, depth * 0.8), (x + wide / 2, board * gap + thick, 0.02))
            spines[int(random.integers(4))].append(book)
            x += wide + 0.001
    for row in spines:
        if row:
            _put(scenery, row, opaque(scenery, pictures.PRINTS), at, turn)


def cabinet(scenery: Scenery, at: Place, turn: float) -> None:
    """Doors or drawers with knobs; things on top, or a television."""
    random = scenery.random
    width, depth, height = random.uniform(0.6, 1.8), random.uniform(0.35, 0.6), random.uniform(0.4, 1.2)
    _put(scenery, [box((width, height, depth))], opaque(scenery, WOODS), at, turn)
    columns, rows = int(random.integers(1, 4)), int(random.integers(1, 4))
    cell_x, cell_y = width / columns, height / rows
    middles = [((i + 0.5) * cell_x - width / 2, j * cell_y) for i in range(columns) for j in range(rows)]
    fronts = [box((cell_x * 0.94, cell_y * 0.94, 0.02), (x, y + 0.03 * cell_y, depth / 2 + 0.01)) for x, y in middles]
    _put(scenery, fronts, opaque(scenery, WOODS), at, turn)
    knobs = [rod((x, y + cell_y / 2, depth / 2), (x, y + cell_y / 2, depth / 2 + 0.05), 0.015) for x, y in middles]
    _put(scenery, knobs, opaque(scenery), at, turn)
    if chance(random, 0.25):
        corner = _turned((-width * 0.4, height + 0.05, 0), turn) + np.asarray(at)
        screen(scenery, corner, _turned((width * 0.8, 0, 0), turn), (0, width * 0.45, 0), random.uniform(0.4, 1.0))
    else:
        for x in np.linspace(-0.35, 0.35, int(random.integers(1, 4))) * width:
            any_thing(scenery, _turned((x, height + 0.002, 0), turn) + np.asarray(at), log_uniform(random, 0.12, 0.45))


def floor_lamp(scenery: Scenery, at: Place, turn: float) -> None:
    """A stem with a shade."""
    height = scenery.random.uniform(1.2, 1.8)
    stem = lathe(np.array([[0, 0], [0.16, 0], [0.15, 0.03], [0.015, 0.05], [0.012, height], [0, height]]))
    _put(scenery, [stem], opaque(scenery), at, turn)
    top = above(at, height)
    shaded_lamp(scenery, top, scenery.random.uniform(0.2, 0.4), log_uniform(scenery.random, 8, 70))


def big_plant(scenery: Scenery, at: Place, turn: float) -> None:
    """A plant as tall as furniture."""
    plant(scenery, at, scenery.random.uniform(0.7, 1.7))


def big_thing(scenery: Scenery, at: Place, turn: float) -> None:
    """Anything, on a plinth or on the floor."""
    random, height = scenery.random, 0.0
    if chance(random, 0.5):
        height, side = random.uniform(0.3, 1.0), random.uniform(0.3, 0.5)
        _put(scenery, [box((side, height, side))], surface(scenery, pictures.WALLS, 0.4), at, turn)
    any_thing(scenery, above(at, height + 0.002), log_uniform(random, 0.3, 0.9))


def stairs(scenery: Scenery, at: Place, turn: float) -> None:
    """Steps, open or solid, with a railing of thin rods."""
    random = scenery.random
    count, rise, run, width = int(random.integers(4, 12)), 0.17, 0.27, random.uniform(0.8, 1.4)
    solid = chance(random, 0.5)
    steps = [
        box((width, (i + 1) * rise if solid else 0.05, run), (0, 0 if solid else i * rise + 0.12, -i * run))
        for i in range(count)
    ]
    _put(scenery, steps, surface(scenery, pictures.FLOORS, 0.3), at, turn)
    x = width / 2 - 0.03
    posts = [rod((x, (i + 1) * rise, -i * run), (x, (i + 1) * rise + 0.85, -i * run), 0.012, 6) for i in range(count)]
    hand = rod((x, rise + 0.85, 0), (x, count * rise + 0.85, -(count - 1) * run), 0.025)
    _put(scenery, [*posts, hand], opaque(scenery), at, turn)


FURNITURE: dict[str, tuple[Piece, float, float]] = {
    "table": (table, 3.0, 0.85),
    "chair": (chair, 3.0, 0.35),
    "sofa": (sofa, 1.5, 0.9),
    "bed": (bed, 0.7, 1.2),
    "shelf": (shelf, 2.0, 0.7),
    "cabinet": (cabinet, 2.0, 0.7),
    "floor_lamp": (floor_lamp, 1.0, 0.3),
    "plant": (big_plant, 1.3, 0.4),
    "thing": (big_thing, 3.0, 0.4),
    "stairs": (stairs, 0.5, 1.2),
}
"""Name: builder, weight, radius of its footprint in metres."""


# ---------------------------------------------------------------------------------------------------------------------
# On walls and ceilings


def picture_frame(scenery: Scenery, at: Place, turn: float) -> None:
    """A framed print, at times behind glass; `at` is its middle, on the wall."""
    random = scenery.random
    width, height, border = random.uniform(0.3, 1.2), random.uniform(0.3, 0.9), random.uniform(0.02, 0.08)
    _put(scenery, _frame(width, height, border, 0.03), opaque(scenery, WOODS), at, turn)
    canvas = quad((-width / 2, -height / 2, 0.008), (width, 0, 0), (0, height, 0))
    _put(scenery, [canvas], surface(scenery, pictures.PRINTS, 0.3), at, turn)
    if chance(random, 0.3):
        pane = quad((-width / 2, -height / 2, 0.02), (width, 0, 0), (0, height, 0))
        _put(scenery, [pane], window_pane(scenery), at, turn)


def window_frame(scenery: Scenery, at: Place, turn: float, width: float, height: float) -> None:
    """Frame, bars and perhaps a pane, blinds or curtains for an opening with its middle at `at`."""
    random = scenery.random
    bars = _frame(width, height, 0.06, 0.08)
    columns, rows = int(random.integers(1, 4)), int(random.integers(1, 4))
    bars += [box((0.035, height, 0.05), (x, -height / 2, 0)) for x in np.linspace(-0.5, 0.5, columns + 1)[1:-1] * width]
    bars += [box((width, 0.035, 0.05), (0, y, 0)) for y in np.linspace(-0.5, 0.5, rows + 1)[1:-1] * height]
    _put(scenery, bars, surface(scenery, WOODS, 0.3), at, turn)
    if chance(random, 0.35):
        pane = quad((-width / 2, -height / 2, 0), (width, 0, 0), (0, height, 0))
        _put(scenery, [pane], window_pane(scenery), at, turn)
    if chance(random, 0.25):
        slats = [_slat(width, y, random.uniform(0.2, 1.2)) for y in np.arange(-height / 2, height / 2, 0.05)]
        _put(scenery, slats, surface(scenery, pictures.WALLS), at, turn)
    elif chance(random, 0.5):
        curtain(scenery, at, turn, width, height)


def curtain(scenery: Scenery, at: Place, turn: float, width: float, height: float) -> None:
    """Two sheets in folds, on both sides of an opening; thin ones let light through."""
    random = scenery.random
    share, folds = random.uniform(0.2, 0.5), random.integers(4, 12)
    material = translucent(scenery, {"cloth": 1.0, "stripes": 1.0, "dots": 1.0}, random.uniform(0.05, 0.5))
    for side in (-1, 1):
        x = np.linspace(side * (width / 2 + 0.15), side * width * (0.5 - share), 64)
        wave = 0.1 + 0.05 * np.sin(np.linspace(0, 2 * np.pi * folds, 64) + random.uniform(0, 6))
        y = np.linspace(-height / 2 - 0.3, height / 2 + 0.1, 6)
        grid = np.stack([np.tile(x, (6, 1)), np.repeat(y[:, None], 64, axis=1), np.tile(wave, (6, 1))], axis=-1)
        _put(scenery, [sheet(grid)], material, at, turn)


def pipes(scenery: Scenery, low: Place, high: Place) -> None:
    """Pipes and ducts that run through the box from `low` to `high` with right angles."""
    random = scenery.random
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    for _ in range(int(random.integers(2, 9))):
        path, axis = [low + random.uniform(size=3) * (high - low)], int(random.integers(3))
        for _ in range(int(random.integers(2, 6))):
            end = path[-1].copy()
            end[axis] = random.uniform(low[axis], high[axis])
            path.append(end)
            axis = (axis + int(random.integers(1, 3))) % 3
        corners = np.concatenate([np.linspace(a, b, 12, endpoint=False) for a, b in itertools.pairwise(path)])
        scenery.mesh(tube(corners, log_uniform(random, 0.012, 0.12), 12), opaque(scenery))


def _frame(width: float, height: float, border: float, depth: float) -> list[Mesh]:
    sides = [box((border, height + 2 * border, depth), (x, -height / 2 - border, 0)) for x in _ends(width, border)]
    return sides + [box((width, border, depth), (0, y - border / 2, 0)) for y in _ends(height, border)]


def _ends(length: float, border: float) -> tuple[float, float]:
    return -(length + border) / 2, (length + border) / 2


def _slat(width: float, y: float, tilt: float) -> Mesh:
    depth = 0.045
    return quad((-width / 2, y, 0.05), (width, 0, 0), (0, depth * np.sin(tilt), depth * np.cos(tilt)))


def _legs(width: float, depth: float, height: float, radius: float) -> list[Mesh]:
    corners = [(x * (width / 2 - radius), z * (depth / 2 - radius)) for x in (-1, 1) for z in (-1, 1)]
    return [rod((x, 0, z), (x, height, z), radius, 8) for x, z in corners]


def _put(scenery: Scenery, parts: list[Mesh], material: str, at: Place, turn: float) -> None:
    scenery.mesh(joined(parts).moved(turn_deg=turn, at=at), material)


def _turned(where: ArrayLike, turn: float) -> np.ndarray:
    """A place (3,) of a piece, after its turn."""
    x, y, z = np.asarray(where, dtype=np.float64)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.array([c * x + s * z, y, c * z - s * x])
