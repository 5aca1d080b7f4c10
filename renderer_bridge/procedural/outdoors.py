"""Outdoors: ground, trees, grass, stones, houses, water and fences under a sky."""

from __future__ import annotations

import numpy as np

from renderer_bridge.procedural import lights, pictures
from renderer_bridge.procedural.cameras import add_camera
from renderer_bridge.procedural.markup import number, plugin
from renderer_bridge.procedural.materials import leaf, opaque, surface
from renderer_bridge.procedural.mesh import Mesh, Vector, above, blades, box, height_field, joined, quad, rod
from renderer_bridge.procedural.noise import Random, chance, cloudy_noise, log_uniform
from renderer_bridge.procedural.scenery import Scenery
from renderer_bridge.procedural.skies import add_sky
from renderer_bridge.procedural.things import any_thing, pebble


def build_outdoors(scenery: Scenery) -> None:
    """Ground, plants, stones, walls or water under a sky; lamps where it is night."""
    random = scenery.random
    size = 60.0
    relief = cloudy_noise(random, (49, 49), 12) * random.choice([0.0, 0.3, 1.2])
    ground = height_field(relief - relief[24, 24], (size, size))
    angle, away = random.uniform(0, 2 * np.pi), random.uniform(3, 8)
    high = random.uniform(0.6, 3.0)
    eye = np.array(
        [
            away * np.cos(angle),
            _height(relief, size, away * np.cos(angle), away * np.sin(angle)) + high,
            away * np.sin(angle),
        ]
    )
    add_camera(scenery, eye, (0, random.uniform(0.3, 1.5), 0), (30, 80), lens=0.15)
    scenery.mesh(Mesh(ground.vertices, ground.uvs * 10, ground.faces), surface(scenery, pictures.GROUND, 0.15))
    kind = add_sky(scenery, without=("studio",), strength=log_uniform(random, 0.5, 1.5))
    features = {"trees": 2.0, "grass": 2.0, "stones": 1.5, "houses": 1.5, "water": 1.0, "things": 2.0, "fence": 1.0}
    names = random.choice(
        list(features), 3, replace=False, p=np.array(list(features.values())) / sum(features.values())
    )
    for name in names:
        _FEATURES[str(name)](scenery, relief, size, eye)
    if kind in ("night", "dusk"):
        for _ in range(int(random.integers(1, 4))):
            at = np.array([random.uniform(-3, 3), random.uniform(1, 3.5), random.uniform(-3, 3)])
            lights.bulb(scenery, at, log_uniform(random, 0.02, 0.3), log_uniform(random, 20, 200))
    elif kind == "day" and chance(random, 0.3):
        lights.sun(
            scenery, (random.uniform(-1, 1), -random.uniform(0.4, 1.5), random.uniform(-1, 1)), random.uniform(2, 8)
        )


def _height(relief: Vector, size: float, x: float, z: float) -> float:
    """The ground's height at (x, z)."""
    row, column = (round((0.5 - z / size) * 48), round((x / size + 0.5) * 48))
    return float(relief[min(max(row, 0), 48), min(max(column, 0), 48)] - relief[24, 24])


def _places(random: Random, relief: Vector, size: float, count: int, spread: float, eye: Vector) -> list[Vector]:
    """Places on the ground that are not right before the camera."""
    found = random.normal(size=(count, 2)) * spread
    free = [(x, z) for x, z in found if np.hypot(x - eye[0], z - eye[2]) > 1.3]
    return [np.array([x, _height(relief, size, x, z), z]) for x, z in free]


def _trees(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    random = scenery.random
    bark = opaque(scenery, {"wood": 1.0, "grain": 1.0})
    foliage = leaf(scenery, random.uniform(0.1, 0.45))
    for at in _places(random, relief, size, int(random.integers(2, 8)), 4.5, eye):
        tall = random.uniform(1.5, 5)
        ends = above(at, tall * 0.6) + random.normal(size=(7, 3)) * [0.2 * tall, 0.15 * tall, 0.2 * tall]
        branches = [rod(above(at, tall * random.uniform(0.2, 0.5)), end, 0.015 * tall, 6) for end in ends]
        scenery.mesh(joined([rod(at, above(at, 0.6 * tall), 0.035 * tall), *branches]), bark)
        roots = np.repeat(ends, int(random.integers(30, 120)), axis=0)
        roots = roots + random.normal(size=roots.shape) * 0.12 * tall
        tips = roots + random.normal(size=roots.shape) * 0.06 * tall
        scenery.mesh(blades(roots, tips, random.uniform(0.02, 0.06, len(roots)) * tall * 0.7, 0.0, random), foliage)


def _grass(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    random = scenery.random
    count, tall = int(log_uniform(random, 500, 5000)), random.uniform(0.1, 0.7)
    roots = np.array(_places(random, relief, size, count, random.uniform(1.5, 4), eye))
    tips = roots + random.normal(size=roots.shape) * tall * 0.35 + [0, tall, 0]
    mesh = blades(roots, tips, random.uniform(0.01, 0.04, len(roots)), tall * 0.2, random)
    scenery.mesh(mesh, leaf(scenery, random.uniform(0.1, 0.4)))


def _stones(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    for at in _places(scenery.random, relief, size, int(scenery.random.integers(3, 14)), 3.5, eye):
        pebble(scenery, above(at, -0.05), log_uniform(scenery.random, 0.2, 1.5))


def _houses(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    """Plain houses and walls, some with lit windows."""
    random = scenery.random
    for at in _places(random, relief, size, int(random.integers(2, 6)), 7, eye * 1.5):
        if np.hypot(*(at - eye)[[0, 2]]) < 4:
            continue
        sides = np.array([random.uniform(1.5, 5), random.uniform(1.5, 6), random.uniform(1.5, 5)])
        turn = random.uniform(0, 90)
        scenery.mesh(box(sides).moved(turn_deg=turn, at=above(at, -0.3)), surface(scenery, pictures.WALLS, 0.1))
        columns, rows = int(random.integers(2, 6)), int(random.integers(1, 5))
        panes = [
            quad(
                (
                    (i + 0.5) / columns * sides[0] - sides[0] / 2 - 0.2,
                    (j + 0.4) / rows * sides[1],
                    side * (sides[2] / 2 + 0.01),
                ),
                (0.4 * side, 0, 0),
                (0, 0.5 * sides[1] / rows, 0),
            )
            for i in range(columns)
            for j in range(rows)
            for side in (-1, 1)
        ]
        scenery.mesh(joined(panes).moved(turn_deg=turn, at=above(at, -0.3)), opaque(scenery))


def _water(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    """A pond: a rippled surface of water over the ground's hollows."""
    random = scenery.random
    ripples = cloudy_noise(random, (96, 96), random.uniform(2, 10)) * random.uniform(0.0, 0.05)
    level = float(np.quantile(relief, 0.45) - relief[24, 24]) + 0.02
    mesh = height_field(ripples + level, (size, size))
    scenery.mesh(mesh, scenery.material(plugin("bsdf", "dielectric", number("int_ior", 1.33))))


def _things(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    for at in _places(scenery.random, relief, size, int(scenery.random.integers(3, 10)), 2.0, eye):
        any_thing(scenery, at, log_uniform(scenery.random, 0.3, 1.6))


def _fence(scenery: Scenery, relief: Vector, size: float, eye: Vector) -> None:
    """Bars or wire, whose shadows are fine."""
    random = scenery.random
    gap, tall, z = log_uniform(random, 0.05, 0.3), random.uniform(0.8, 2), random.uniform(-3, -1)
    x = np.arange(-6, 6, gap)
    bars = [
        rod((a, _height(relief, size, a, z), z), (a, _height(relief, size, a, z) + tall, z), 0.15 * gap, 6) for a in x
    ]
    rails = [rod((-6, y * tall, z), (6, y * tall, z), 0.02, 6) for y in (0.2, 0.9)]
    scenery.mesh(joined(bars + rails).moved(turn_deg=random.uniform(0, 360)), opaque(scenery))


_FEATURES = {
    "trees": _trees,
    "grass": _grass,
    "stones": _stones,
    "houses": _houses,
    "water": _water,
    "things": _things,
    "fence": _fence,
}
