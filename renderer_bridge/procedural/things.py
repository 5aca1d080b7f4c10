"""Small things that stand on tables, shelves and floors. Each stands on `at` and is about `size` metres tall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from renderer_bridge.procedural import pictures
from renderer_bridge.procedural.assets import read_mesh
from renderer_bridge.procedural.lights import bulb, shaded_lamp
from renderer_bridge.procedural.markup import plugin
from renderer_bridge.procedural.materials import anything, clear_glass, leaf, opaque, surface, texture
from renderer_bridge.procedural.mesh import Mesh, above, ball, bevelled_box, blades, box, joined, lathe, quad, rod, tube
from renderer_bridge.procedural.noise import Random, chance, log_uniform, pick, smooth_noise
from renderer_bridge.procedural.scenery import Scenery

Place = ArrayLike
Thing = Callable[[Scenery, Place, float], None]


def vase(scenery: Scenery, at: Place, size: float) -> None:
    """A vase, bottle or jar with an inner wall, at times with twigs in it."""
    profile = _profile(scenery.random, size)
    scenery.mesh(lathe(_walled(profile, 0.03 * size)).moved(at=at), anything(scenery))
    if chance(scenery.random, 0.3):
        plant_leaves(scenery, above(at, 0.8 * size), 0.9 * size)


def bowl(scenery: Scenery, at: Place, size: float) -> None:
    """A bowl, or a plate, at times with fruit."""
    random = scenery.random
    t = np.linspace(0, 1, 12)
    radius, height = size * random.uniform(0.5, 0.9), size * random.uniform(0.1, 0.5)
    outline = np.stack([radius * (0.35 + 0.65 * np.sqrt(t)), height * t ** random.uniform(1, 2.5)], axis=1)
    outline[0, 0] = 0.0
    scenery.mesh(lathe(_walled(outline, 0.04 * size)).moved(at=at), anything(scenery))
    if chance(random, 0.5):
        fruit(scenery, above(at, 0.1 * height), size, spread=0.35 * radius)


def fruit(scenery: Scenery, at: Place, size: float, spread: float = 0.2) -> None:
    """Some balls of one kind, in a heap."""
    random, material, radius = scenery.random, opaque(scenery), size * 0.22
    for index in range(int(random.integers(2, 7))):
        aside = random.normal(size=2) * spread * 0.7
        center = np.asarray(at) + np.array([aside[0], radius * (1 + 1.1 * (index // 3)), aside[1]])
        scenery.sphere(center, radius * random.uniform(0.8, 1.1), material)


def drink(scenery: Scenery, at: Place, size: float) -> None:
    """A glass, part full."""
    random = scenery.random
    foot, rim, height = size * random.uniform(0.2, 0.35), size * random.uniform(0.25, 0.45), size
    outline = np.array([[0, 0], [foot, 0], [foot, 0.01 * size], [(foot + rim) / 2, height / 2], [rim, height]])
    scenery.mesh(lathe(_walled(outline, 0.025 * size)).moved(at=at), clear_glass(scenery))
    level = random.uniform(0.3, 0.8)
    inner = np.array(
        [[0, 0.04], [foot / size - 0.04, 0.04], [foot / size + (rim - foot) / size * level - 0.04, level], [0, level]]
    )
    scenery.mesh(lathe(inner * size).moved(at=at), clear_glass(scenery))


def books(scenery: Scenery, at: Place, size: float) -> None:
    """A pile of books."""
    random, height = scenery.random, 0.0
    for _ in range(int(random.integers(1, 7))):
        thick, wide = size * random.uniform(0.08, 0.25), size * random.uniform(0.6, 1.0)
        book = box((wide, thick, wide * random.uniform(0.6, 0.8))).moved(
            turn_deg=random.normal() * 12, at=above(at, height)
        )
        scenery.mesh(book, opaque(scenery, pictures.PRINTS))
        height += thick


def crate(scenery: Scenery, at: Place, size: float) -> None:
    """A box, sharp or rounded."""
    random = scenery.random
    sides = size * random.uniform(0.4, 1.0, size=3)
    mesh = box(sides) if chance(random, 0.5) else bevelled_box(sides, random.uniform(0.1, 1.0))
    scenery.mesh(mesh.moved(turn_deg=random.uniform(0, 360), at=at), anything(scenery))


def orb(scenery: Scenery, at: Place, size: float) -> None:
    """A ball."""
    radius = size / 2
    center = above(at, radius)
    scenery.sphere(center, radius, anything(scenery))


def pebble(scenery: Scenery, at: Place, size: float) -> None:
    """A lump: a ball with smooth dents."""
    random = scenery.random
    field = smooth_noise(random, (33, 64), 5) - 0.5
    lump = ball(64)
    radius = 1 + random.uniform(0.4, 1.4) * field[: len(lump.vertices) // 64].reshape(-1, 1)
    field[0], field[-1] = field[0].mean(), field[-1].mean()
    scale = size / 2 * random.uniform(0.6, 1.2, size=3)
    mesh = Mesh(lump.vertices * radius, lump.uvs, lump.faces).moved(scale=scale, at=above(at, scale[1]))
    scenery.mesh(mesh, anything(scenery))


def knot(scenery: Scenery, at: Place, size: float) -> None:
    """A closed tube: a ring, a torus knot, or a coil of wire."""
    random = scenery.random
    p, q = random.integers(1, 4), random.integers(1, 6)
    t = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    r = 1 + 0.4 * np.cos(q * t)
    path = np.stack([r * np.cos(p * t), 0.45 * np.sin(q * t), r * np.sin(p * t)], axis=1) * size / 3
    tilt = _tilt(random)
    mesh = tube(path @ tilt.T, size * random.uniform(0.015, 0.09), 12, closed=True)
    low = mesh.vertices[:, 1].min()
    scenery.mesh(mesh.moved(at=np.asarray(at) - [0, low, 0]), anything(scenery))


def cage(scenery: Scenery, at: Place, size: float) -> None:
    """A frame of thin rods: much fine shadow."""
    random = scenery.random
    height, radius, count = size, size * random.uniform(0.25, 0.5), int(random.integers(6, 20))
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    twist = random.uniform(-2, 2)
    low = np.stack([radius * np.cos(angle), 0 * angle, radius * np.sin(angle)], axis=1)
    high = np.stack([radius * np.cos(angle + twist), 0 * angle + height, radius * np.sin(angle + twist)], axis=1)
    thin = size * random.uniform(0.006, 0.02)
    ring = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    rings = [np.stack([radius * np.cos(ring), 0 * ring + y, radius * np.sin(ring)], axis=1) for y in (0, height)]
    meshes = [rod(a, b, thin, 6) for a, b in zip(low, high, strict=True)] + [
        tube(r, thin, 6, closed=True) for r in rings
    ]
    scenery.mesh(joined(meshes).moved(at=at), opaque(scenery))


def plant(scenery: Scenery, at: Place, size: float) -> None:
    """A plant in a pot."""
    pot = np.array([[0, 0], [0.14, 0], [0.2, 0.3], [0.17, 0.3], [0.16, 0.25], [0, 0.25]]) * size
    scenery.mesh(lathe(pot).moved(at=at), opaque(scenery))
    plant_leaves(scenery, above(at, 0.25 * size), 0.8 * size)


def plant_leaves(scenery: Scenery, at: Place, size: float) -> None:
    """Many thin leaves from one root, with light coming through them."""
    random = scenery.random
    count = int(log_uniform(random, 12, 220))
    away = random.normal(size=(count, 3)) * [1, 0.5, 1] + [0, random.uniform(0.5, 1.8), 0]
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    length = size * random.uniform(0.5, 1.0, size=(count, 1))
    bushy = chance(random, 0.5)
    roots = away * length * random.uniform(0.3, 0.9, size=(count, 1)) * bushy
    tips = roots + away * length * (0.35 if bushy else 1.0) + random.normal(size=(count, 3)) * 0.06 * size
    widths = size * random.uniform(0.02, 0.12, size=count) * (0.8 if bushy else 0.5)
    leaves = blades(roots, tips, widths, random.uniform(0, 0.4) * size, random)
    scenery.mesh(leaves.moved(at=at), leaf(scenery, random.uniform(0.1, 0.5)))


def lamp(scenery: Scenery, at: Place, size: float) -> None:
    """A table lamp: foot, stem and shade, or a bare bulb."""
    random = scenery.random
    foot = lathe(np.array([[0, 0], [0.22, 0], [0.2, 0.03], [0.03, 0.06], [0.02, 0.7], [0, 0.7]]) * size)
    scenery.mesh(foot.moved(at=at), opaque(scenery))
    top, flux = above(at, 0.8 * size), log_uniform(random, 2, 25)
    if chance(random, 0.7):
        shaded_lamp(scenery, top, 0.35 * size, flux)
    else:
        bulb(scenery, top, log_uniform(random, 0.01, 0.12 * size), flux)


def candle(scenery: Scenery, at: Place, size: float) -> None:
    """A wax stick with a tiny flame."""
    stick = lathe(np.array([[0, 0], [0.1, 0], [0.1, 0.8], [0, 0.8]]) * size, 24)
    scenery.mesh(stick.moved(at=at), surface(scenery, pictures.WALLS, 0.4))
    bulb(scenery, above(at, 0.9 * size), 0.03 * size, log_uniform(scenery.random, 0.3, 4))


def sign(scenery: Scenery, at: Place, size: float) -> None:
    """A card with a print, standing up."""
    random = scenery.random
    aspect, turn = random.uniform(0.6, 1.5), random.uniform(-50, 50)
    card = quad((-size * aspect / 2, 0, 0), (size * aspect, 0, 0), (0, size, -0.15 * size))
    scenery.mesh(card.moved(turn_deg=turn, at=at), surface(scenery, pictures.PRINTS, 0.4))


def found(scenery: Scenery, at: Place, size: float) -> None:
    """A mesh of somebody else's; a crate where there is none."""
    random, meshes = scenery.random, scenery.assets.meshes
    path = meshes[int(random.integers(len(meshes)))] if meshes else None
    mesh = read_mesh(path) if path else None
    if mesh is None or path is None:
        return crate(scenery, at, size)
    photo = next((photo for photo in scenery.assets.textures if photo.stem == path.stem), None)
    if photo is None:
        material = anything(scenery)
    else:
        name = texture("reflectance", scenery.keep("photo", photo.suffix.lower(), photo.read_bytes()))
        material = scenery.material(plugin("bsdf", "twosided", plugin("bsdf", "diffuse", name)))
    return scenery.mesh(mesh.moved(scale=size, turn_deg=random.uniform(0, 360), at=at), material)


THINGS: dict[str, tuple[Thing, float]] = {
    "vase": (vase, 2.0),
    "bowl": (bowl, 1.5),
    "fruit": (fruit, 0.7),
    "drink": (drink, 0.8),
    "books": (books, 1.5),
    "crate": (crate, 1.0),
    "orb": (orb, 0.7),
    "pebble": (pebble, 0.7),
    "knot": (knot, 0.7),
    "cage": (cage, 0.5),
    "plant": (plant, 1.2),
    "lamp": (lamp, 0.5),
    "candle": (candle, 0.3),
    "sign": (sign, 0.6),
    "found": (found, 0.0),
}
FOUND_WEIGHT = 5.0  # where there are meshes of others


def any_thing(scenery: Scenery, at: Place, size: float, without: tuple[str, ...] = ()) -> None:
    """One thing of any kind."""
    table = {name: weight for name, (_, weight) in THINGS.items() if name not in without}
    table["found"] = FOUND_WEIGHT * bool(scenery.assets.meshes)
    THINGS[pick(scenery.random, table)][0](scenery, at, size)


def _profile(random: Random, size: float) -> np.ndarray:
    """(radius, height) of something turned: three smooth bulges."""
    t = np.linspace(0, 1, 24)
    knots = size * random.uniform(0.05, 0.4, size=5)
    radius = np.interp(t, np.linspace(0, 1, 5), knots)
    radius = np.convolve(np.pad(radius, 3, mode="edge"), np.ones(7) / 7, mode="valid")
    outline = np.stack([radius, size * t], axis=1)
    return np.concatenate([[[0.0, 0.0]], outline])


def _walled(outline: np.ndarray, thickness: float) -> np.ndarray:
    """An outer profile and, back down, an inner one."""
    inner = outline[::-1] - [thickness, 0]
    inner = inner[(inner[:, 0] > thickness * 0.1) & (inner[:, 1] > outline[0, 1] + thickness)]
    bottom = [[0.0, float(inner[-1, 1])]] if len(inner) else []
    return np.concatenate([outline, inner, np.array(bottom).reshape(-1, 2)])


def _tilt(random: Random) -> np.ndarray:
    """A random rotation (3, 3)."""
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    turn = q * np.sign(np.diag(r))
    return np.asarray(turn * np.sign(np.linalg.det(turn)))
