"""Stages: tables in a studio, halls with fog and pipes, boxes of simple forms."""

from __future__ import annotations

import numpy as np

from renderer_bridge.procedural import lights, pictures
from renderer_bridge.procedural.cameras import add_camera
from renderer_bridge.procedural.furniture import pipes, stairs
from renderer_bridge.procedural.markup import number, plugin, rgb
from renderer_bridge.procedural.materials import anything, surface
from renderer_bridge.procedural.mesh import above, box, joined, lathe, quad, sheet
from renderer_bridge.procedural.noise import chance, log_uniform, pick, tint
from renderer_bridge.procedural.rooms import LIGHTING, light_room
from renderer_bridge.procedural.scenery import Scenery
from renderer_bridge.procedural.skies import add_sky
from renderer_bridge.procedural.things import any_thing


def build_studio(scenery: Scenery) -> None:
    """A few things close by on a table or a sweep, under soft boxes, spots or a sky."""
    random = scenery.random
    angle, away = random.uniform(-0.6, 0.6), random.uniform(1.5, 2.8)
    eye = np.array([away * np.sin(angle), random.uniform(0.25, 1.8), away * np.cos(angle)])
    add_camera(scenery, eye, (0, random.uniform(0.15, 0.4), 0), (20, 60), lens=0.4)
    if chance(random, 0.6):
        t = np.linspace(0, np.pi / 2, 16)
        profile = [(0.0, 4.0), *[(1.2 - 1.2 * np.sin(a), -1.0 - 1.2 * np.cos(a) + 0.2) for a in t[::-1]], (5.0, -2.2)]
        line = np.array([(y, z) for y, z in profile[1:]])[::-1]
        line = np.concatenate([line, [[0.0, 4.0]]])
        grid = np.stack([np.stack([np.full(len(line), x), line[:, 0], line[:, 1]], axis=1) for x in (-6, 6)], axis=1)
        scenery.mesh(sheet(grid), surface(scenery, pictures.WALLS, gloss=0.4))
    else:
        scenery.mesh(box((6, 0.1, 4), (0, -0.1, 0)), surface(scenery, pictures.FLOORS, gloss=0.6))
    _scatter(scenery, int(random.integers(4, 16)), 1.1, (0.25, 1.0))
    lit = False
    if chance(random, 0.7):
        kind = add_sky(scenery, strength=log_uniform(random, 0.4, 1.5))
        lit = kind not in ("night",)
    for _ in range(int(random.integers(0 if lit else 2, 5))):
        _studio_light(scenery)


def _scatter(scenery: Scenery, count: int, spread: float, sizes: tuple[float, float]) -> None:
    """Things on the table, none through another."""
    random = scenery.random
    taken: list[tuple[float, float, float]] = []
    for _ in range(count):
        size = log_uniform(random, *sizes)
        x, z = random.normal(size=2) * spread * 0.55
        if abs(x) < 2 and abs(z) < 1.5 and all(np.hypot(x - a, z - b) > 0.5 * (size + c) for a, b, c in taken):
            taken.append((x, z, size))
            any_thing(scenery, (x, 0.001, z), size)


def _studio_light(scenery: Scenery) -> None:
    random = scenery.random
    angle, height = random.uniform(0, 2 * np.pi), random.uniform(1.2, 3.5)
    at = np.array([2.2 * np.cos(angle), height, 2.2 * np.sin(angle)])
    flux = log_uniform(random, 8, 80)
    kind = pick(random, {"panel": 2.0, "bulb": 1.0, "spot": 1.0, "ball": 0.7})
    if kind == "panel":
        side = log_uniform(random, 0.1, 1.5)
        lights.panel(scenery, (at[0] * 0.5, height + 0.5, at[2] * 0.5), (side, side), flux)
    elif kind == "bulb":
        lights.bulb(scenery, at, log_uniform(random, 0.01, 0.1), flux)
    elif kind == "ball":
        lights.glowing_ball(scenery, at, random.uniform(0.15, 0.5), flux)
    else:
        lights.spot(scenery, at, (0, 0.2, 0), 2 * flux)


def build_hall(scenery: Scenery) -> None:
    """A long hall or cellar: columns, pipes, stairs, many or few lamps, and fog at times."""
    random = scenery.random
    width, depth, height = random.uniform(3, 8), random.uniform(8, 18), random.uniform(2.6, 6)
    if scenery.integrator != "path":
        density = log_uniform(random, 0.01, 0.08)
        albedo = tint(random, 0.2) * random.uniform(0.7, 0.99)
        phase = plugin("phase", "hg", number("g", random.uniform(0, 0.8)))
        scenery.add(plugin("medium", "homogeneous", rgb("albedo", albedo), number("sigma_t", density), phase, id="fog"))
    eye = (random.uniform(-0.3, 0.3) * width, random.uniform(0.8, 2.2), 0.46 * depth)
    add_camera(scenery, eye, (random.uniform(-0.3, 0.3) * width, random.uniform(0.5, 1.6), 0), (45, 95), lens=0.05)
    shell = [
        quad((-width / 2, 0, -depth / 2), (0, height, 0), (width, 0, 0)),
        quad((-width / 2, 0, depth / 2), (width, 0, 0), (0, height, 0)),
    ]
    shell += [quad((x, 0, -depth / 2), (0, 0, depth), (0, height, 0)) for x in (-width / 2, width / 2)]
    scenery.mesh(joined(shell), surface(scenery, pictures.WALLS, gloss=0.15))
    scenery.mesh(quad((-width / 2, height, -depth / 2), (width, 0, 0), (0, 0, depth)), surface(scenery, pictures.WALLS))
    scenery.mesh(
        quad((-width / 2, 0, depth / 2), (width, 0, 0), (0, 0, -depth)), surface(scenery, pictures.FLOORS, 0.6)
    )
    _columns(scenery, width, depth, height)
    if chance(random, 0.6):
        pipes(scenery, (-width / 2.1, 0.6 * height, -depth / 2.1), (width / 2.1, 0.98 * height, depth / 2.1))
    if chance(random, 0.4):
        stairs(scenery, (random.uniform(-0.2, 0.2) * width, 0, -0.2 * depth), random.uniform(-40, 40))
    for _ in range(int(random.integers(3, 12))):
        at = (random.uniform(-0.4, 0.4) * width, 0, random.uniform(-0.45, 0.25) * depth)
        any_thing(scenery, at, log_uniform(random, 0.3, 1.3))
    light_room(scenery, pick(random, {k: w for k, w in LIGHTING.items() if k != "windows"}), (width, depth, height))


def _columns(scenery: Scenery, width: float, depth: float, height: float) -> None:
    random = scenery.random
    if chance(random, 0.3):
        return
    radius, rows = random.uniform(0.12, 0.4), int(random.integers(2, 6))
    outline = [
        [1.4, 0],
        [1.4, 0.2],
        [1, 0.35],
        [1, height / radius - 0.4],
        [1.4, height / radius - 0.2],
        [1.4, height / radius],
    ]
    column = lathe(np.array(outline) * radius, 32) if chance(random, 0.6) else box((radius * 2, height, radius * 2))
    places = [(side * 0.3 * width, 0, z) for side in (-1, 1) for z in np.linspace(-0.42, 0.3, rows) * depth]
    scenery.mesh(joined([column.moved(at=at) for at in places]), surface(scenery, pictures.GROUND, 0.2))


def build_box(scenery: Scenery) -> None:
    """A small box open to the camera, with simple forms in it: the textbook scene, in many variations."""
    random = scenery.random
    add_camera(scenery, (random.uniform(-0.4, 0.4), random.uniform(0.6, 1.4), 3.4), (0, 0.9, 0), (35, 50))
    walls = [
        quad((-1, 0, -1), (2, 0, 0), (0, 2, 0)),
        quad((-1, 2, -1), (2, 0, 0), (0, 0, 2)),
        quad((-1, 0, 1), (2, 0, 0), (0, 0, -2)),
    ]
    scenery.mesh(joined(walls), surface(scenery, pictures.WALLS, 0.2))
    for x in (-1, 1):
        scenery.mesh(quad((x, 0, -1), (0, 0, 2), (0, 2, 0)), surface(scenery, pictures.THINGS, 0.2))
    for _ in range(int(random.integers(4, 13))):
        _form(scenery)
    if chance(random, 0.25):
        add_sky(scenery, strength=log_uniform(random, 0.3, 1.0))
    light_room(
        scenery, pick(random, {"panels": 4.0, "bulbs": 1.0, "small": 1.0, "spots": 1.0, "tubes": 1.0}), (2.0, 2.0, 2.0)
    )


def _form(scenery: Scenery) -> None:
    """A ball, block, cylinder or mesh, also in mid-air."""
    random, size = scenery.random, log_uniform(scenery.random, 0.15, 0.8)
    at = np.array(
        [random.uniform(-0.75, 0.75), random.choice([0.0, 0.0, random.uniform(0, 1.2)]), random.uniform(-0.75, 0.6)]
    )
    kind = pick(random, {"thing": 2.0, "block": 1.0, "ball": 1.0, "cylinder": 0.7})
    if kind == "thing":
        any_thing(scenery, at, size)
    elif kind == "ball":
        scenery.sphere(above(at, size / 2), size / 2, anything(scenery))
    elif kind == "cylinder":
        outline = np.array([[0, 0], [0.3, 0], [0.3, 1], [0, 1]]) * size
        scenery.mesh(lathe(outline).moved(at=at), anything(scenery))
    else:
        sides = size * random.uniform(0.4, 1.2, size=3)
        scenery.mesh(box(sides).moved(turn_deg=random.uniform(0, 90), at=at), anything(scenery))
