"""Lamps of every size: panels, bulbs, tubes, spots, shades with light behind, screens, neon."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from renderer_bridge.procedural import pictures
from renderer_bridge.procedural.markup import look_at, number, plugin, point, rgb, to_world
from renderer_bridge.procedural.materials import clear_glass, texture, translucent
from renderer_bridge.procedural.mesh import Mesh, ball, lathe, quad, tube
from renderer_bridge.procedural.noise import Field, Random, blackbody_tint, chance, log_uniform, pick, tint
from renderer_bridge.procedural.patterns import PATTERNS
from renderer_bridge.procedural.pictures import pfm
from renderer_bridge.procedural.scenery import Scenery

PICTURED_SHARE = 0.25  # of the panels
LIT_PATTERNS = {"tiles": 2.0, "stripes": 2.0, "dots": 2.0, "writing": 1.0, "composition": 1.0, "cells": 1.0}


def lamp_color(random: Random) -> Field:
    """White of some temperature, now and then a color."""
    return tint(random, 0.7) if chance(random, 0.1) else blackbody_tint(random.uniform(2200, 8000))


def area(radiance: ArrayLike) -> str:
    """An emitter over a whole surface, of that radiance (3,)."""
    return plugin("emitter", "area", rgb("radiance", radiance))


def black(scenery: Scenery) -> str:
    """What an emitter reflects: hardly anything."""
    return plugin("bsdf", "diffuse", rgb("reflectance", (0.05, 0.05, 0.05)))


def panel(scenery: Scenery, at: ArrayLike, size: tuple[float, float], flux: float) -> None:
    """A rectangle that shines down; with a picture of light in it at times, which no albedo shows."""
    random = scenery.random
    x, y, z = np.asarray(at, dtype=np.float64)
    mesh = quad((x - size[0] / 2, y, z - size[1] / 2), (size[0], 0, 0), (0, 0, size[1]))
    radiance = scenery.power * flux / (np.pi * size[0] * size[1]) * lamp_color(random)
    if not chance(random, PICTURED_SHARE):
        return scenery.mesh(mesh, black(scenery), area(radiance))
    pattern = PATTERNS[pick(random, LIT_PATTERNS)](random)[::4, ::4]
    image = radiance * (pattern / pattern.mean() + 0.05)[..., None]
    shown = texture("radiance", scenery.keep("light", ".pfm", pfm(image)), raw=True)
    return scenery.mesh(mesh, black(scenery), plugin("emitter", "area", shown))


def bulb(scenery: Scenery, at: ArrayLike, radius: float, flux: float) -> None:
    """A shining ball; behind clear glass at times."""
    random = scenery.random
    radiance = scenery.power * flux / (4 * np.pi**2 * radius**2)
    light = area(radiance * lamp_color(random))
    scenery.sphere(at, radius, black(scenery), light)
    if "glass" in scenery.palette and chance(random, 0.35):
        scenery.sphere(at, radius * random.uniform(1.6, 3), clear_glass(scenery))


def shaded_lamp(scenery: Scenery, at: ArrayLike, size: float, flux: float) -> None:
    """A bulb in a shade that lets some light through; open above and below. `at` is the middle of the shade."""
    random = scenery.random
    low, high = random.uniform(0.6, 1.0) * size, random.uniform(0.3, 1.0) * size
    waist = random.uniform(0.5, 1.2) * (low + high) / 2
    height = random.uniform(0.5, 1.4) * size
    profile = [(low, -height / 2), (waist, 0.0), (high, height / 2)]
    shade = translucent(scenery, pictures.WALLS, random.uniform(0.15, 0.6))
    scenery.mesh(lathe(profile).moved(at=at), shade)
    bulb(scenery, at, log_uniform(random, 0.015, 0.06), flux)


def fluorescent(scenery: Scenery, start: ArrayLike, end: ArrayLike, radius: float, flux: float) -> None:
    """A straight shining tube."""
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.linalg.norm(end - start))
    neon(
        scenery,
        tube(np.linspace(start, end, 4), radius, 12),
        2 * np.pi * radius * length,
        flux,
        lamp_color(scenery.random),
    )


def neon(scenery: Scenery, mesh: Mesh, surface: float, flux: float, color: Field) -> None:
    """A mesh of `surface` square metres that shines."""
    scenery.mesh(mesh, black(scenery), area(scenery.power * flux / (np.pi * surface) * color))


def spot(scenery: Scenery, at: ArrayLike, target: ArrayLike, flux: float) -> None:
    """A spot light without extent: hard shadows."""
    random = scenery.random
    cutoff = random.uniform(12, 50)
    intensity = rgb("intensity", scenery.power * flux / 3 * lamp_color(random))
    angles = number("cutoff_angle", cutoff) + number("beam_width", cutoff * random.uniform(0.4, 0.95))
    scenery.add(plugin("emitter", "spot", to_world(look_at(at, target)), intensity, angles))


def point_light(scenery: Scenery, at: ArrayLike, flux: float) -> None:
    """A light without extent to all sides."""
    intensity = rgb("intensity", scenery.power * flux / (4 * np.pi) * lamp_color(scenery.random))
    scenery.add(plugin("emitter", "point", point("position", at), intensity))


def sun(scenery: Scenery, direction: ArrayLike, irradiance: float) -> None:
    """Parallel light: the sharpest shadows."""
    color = scenery.power * irradiance * blackbody_tint(scenery.random.uniform(3000, 6500))
    x, y, z = np.asarray(direction, dtype=np.float64)
    where = f'<vector name="direction" x="{x:.5g}" y="{y:.5g}" z="{z:.5g}"/>'
    scenery.add(plugin("emitter", "directional", where, rgb("irradiance", color)))


def screen(scenery: Scenery, corner: ArrayLike, u: ArrayLike, v: ArrayLike, radiance: float) -> None:
    """A television or a lit sign: a rectangle that shines with a picture."""
    picture = pictures.colored(scenery.random, pictures.PRINTS)
    shown = (picture * min(1.0, radiance)).astype(np.uint8)
    light = plugin("emitter", "area", texture("radiance", scenery.picture(shown)))
    scenery.mesh(quad(corner, u, v), black(scenery), light)


def glowing_ball(scenery: Scenery, at: ArrayLike, radius: float, flux: float) -> None:
    """A large ball of even light, as a mesh."""
    mesh = ball(24).moved(scale=radius, at=at)
    neon(scenery, mesh, 4 * np.pi * radius**2, flux, lamp_color(scenery.random))
