"""Environment maps made by code: skies with sun and clouds, studios with soft boxes, streets at night."""

from __future__ import annotations

import numpy as np

from renderer_bridge.procedural.markup import number, plugin, text, to_world
from renderer_bridge.procedural.noise import Field, Random, blackbody_tint, cloudy_noise, log_uniform, pick, tint
from renderer_bridge.procedural.pictures import pfm
from renderer_bridge.procedural.scenery import Scenery

SIZE = (128, 256)  # rows from the zenith down, columns once around
MODEL_SCALE = 4.0  # of the renderer's sky model, so that it is as bright as the maps


def add_sky(scenery: Scenery, strength: float, without: tuple[str, ...] = ()) -> str:
    """Light the scene from all around; gives the kind that was drawn."""
    random, found = scenery.random, scenery.assets.skies
    kinds = {"day": 3.0, "dusk": 1.0, "overcast": 1.5, "studio": 1.5, "night": 0.7, "analytic": 0.7}
    kinds["found"] = 3.0 * bool(found)
    kind = pick(random, {name: weight for name, weight in kinds.items() if name not in without})
    if kind == "analytic":
        scenery.add(_sunsky(random, strength * scenery.power))
        return kind
    if kind == "found":
        sky = found[int(random.integers(len(found)))]
        name = scenery.keep("sky", sky.suffix.lower(), sky.read_bytes())
    else:
        name = scenery.keep("sky", ".pfm", pfm(_KINDS[kind](random)))
    turn = to_world(f'<rotate y="1" angle="{random.uniform(0, 360):.4g}"/>')
    scenery.add(plugin("emitter", "envmap", text("filename", name), number("scale", strength * scenery.power), turn))
    return kind


def _sunsky(random: Random, strength: float) -> str:
    """The renderer's own model of sun and sky, much noisier than a map of the same light; its zenith is z, ours y."""
    height, azimuth = random.uniform(0.1, 1.3), random.uniform(0, 2 * np.pi)
    x, z = np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth)
    sun = f'<vector name="sun_direction" x="{x:.5g}" y="{np.sin(height):.5g}" z="{z:.5g}"/>'  # in the world's axes
    scale = MODEL_SCALE * strength
    scales = number("sun_scale", scale * log_uniform(random, 0.3, 2)) + number("sky_scale", scale)
    content = [number("turbidity", random.uniform(2, 8)), sun, scales, number("sun_aperture", random.uniform(0.5, 3))]
    return plugin("emitter", "sunsky", *content, to_world('<rotate x="1" angle="-90"/>'))


def day(random: Random) -> Field:
    """A blue sky with a sun and clouds over dim ground."""
    height, sun = random.uniform(0.15, 1.3), log_uniform(random, 300, 6000)
    sky = _gradient(np.array([0.16, 0.32, 0.75]), np.array([0.75, 0.85, 1.0]), 0.35) * random.uniform(0.5, 1.2)
    sky = _with_clouds(random, sky, random.uniform(0.2, 0.8), 1.6)
    sky += _sun(random, height, random.uniform(0.8, 2.5)) * sun * blackbody_tint(random.uniform(4500, 6000))
    return _with_ground(random, sky)


def dusk(random: Random) -> Field:
    """A low red sun, a dark zenith."""
    sky = _gradient(np.array([0.05, 0.07, 0.2]), np.array([1.0, 0.45, 0.18]), 0.8) * random.uniform(0.2, 0.8)
    sky = _with_clouds(random, sky, random.uniform(0.2, 0.7), 0.9)
    sun = _sun(random, random.uniform(0.03, 0.15), random.uniform(1, 3)) * log_uniform(random, 50, 600)
    return _with_ground(random, sky + sun * blackbody_tint(random.uniform(1900, 3000)))


def overcast(random: Random) -> Field:
    """Clouds from side to side."""
    sky = _gradient(np.array([0.8, 0.83, 0.9]), np.array([0.45, 0.48, 0.55]), 1.5) * log_uniform(random, 0.4, 1.5)
    return _with_ground(random, _with_clouds(random, sky, 0.95, 1.3))


def studio(random: Random) -> Field:
    """Dark, with some soft boxes and strips."""
    sky = np.full((*SIZE, 3), log_uniform(random, 0.01, 0.3)) * tint(random, 0.3)
    for _ in range(int(random.integers(1, 7))):
        row, column = random.integers(4, 80), random.integers(SIZE[1])
        rows, columns = int(log_uniform(random, 2, 40)), int(log_uniform(random, 2, 50))
        light = log_uniform(random, 1, 40) * tint(random, 0.25)
        sky[row : row + rows, (column + np.arange(columns)) % SIZE[1]] = light
    return sky


def night(random: Random) -> Field:
    """A dark street with many small colored lights along the horizon."""
    sky = _gradient(np.array([0.004, 0.006, 0.015]), np.array([0.05, 0.03, 0.02]), 0.6)
    for _ in range(int(random.integers(20, 120))):
        row, column = int(np.clip(random.normal(62, 7), 2, SIZE[0] - 4)), int(random.integers(SIZE[1]))
        lamp = blackbody_tint(random.uniform(1800, 7000)) if random.uniform() < 0.7 else tint(random, 0.95)
        size = int(random.integers(1, 3))
        sky[row : row + size, (column + np.arange(size)) % SIZE[1]] += log_uniform(random, 1, 80) * lamp
    return sky


_KINDS = {"day": day, "dusk": dusk, "overcast": overcast, "studio": studio, "night": night}


def _elevation() -> Field:
    """Radians above the horizon, (H, 1, 1)."""
    return (np.pi * (0.5 - (np.arange(SIZE[0]) + 0.5) / SIZE[0]))[:, None, None]


def _gradient(zenith: Field, horizon: Field, falloff: float) -> Field:
    up = np.clip(_elevation() / (np.pi / 2), 0, 1) ** falloff
    return np.repeat(horizon * (1 - up) + zenith * up, SIZE[1], axis=1)


def _with_clouds(random: Random, sky: Field, cover: float, brightness: float) -> Field:
    noise = cloudy_noise(random, SIZE, 14)
    dense = np.clip((noise - np.quantile(noise, 1 - cover)) * 4, 0, 1)[..., None]
    shade = brightness * (0.5 + 0.5 * cloudy_noise(random, SIZE, 8))[..., None] * sky.mean()
    return np.asarray(sky * (1 - 0.8 * dense) + 0.8 * dense * shade * 1.6)


def _sun(random: Random, height: float, radius_deg: float) -> Field:
    """A disk of light with a faint glow (H, W, 1); unit radiance for a disk of one degree, less for a larger one."""
    azimuth = (np.arange(SIZE[1])[None, :, None] + 0.5) * 2 * np.pi / SIZE[1] - random.uniform(0, 2 * np.pi)
    up = _elevation()
    cosine = np.sin(up) * np.sin(height) + np.cos(up) * np.cos(height) * np.cos(azimuth)
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    disk = np.clip(radius_deg + 0.7 - angle, 0, 1) / radius_deg**2
    return np.asarray(disk + 2e-4 * np.exp(-angle / 12))


def _with_ground(random: Random, sky: Field) -> Field:
    below = _elevation() < 0
    ground = tint(random, 0.3) * random.uniform(0.05, 0.4) * sky[: SIZE[0] // 2].clip(0, 2).mean()
    return np.asarray(np.where(below, ground, sky))
