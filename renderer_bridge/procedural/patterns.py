"""Patterns in [0, 1] that textures are mixed from: wood, stone, tiles, cloth, writing. All repeat without a seam."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from renderer_bridge.procedural.noise import Field, Random, chance, cloudy_noise, log_uniform, smooth_noise

SIDE = 256


def wood(random: Random) -> Field:
    """Long grain with rings and pores."""
    bend = cloudy_noise(random, (SIDE, SIDE), 60)
    grain = ndimage.gaussian_filter(random.normal(size=(SIDE, SIDE)), (0.7, 18), mode="wrap")
    v = np.linspace(0, 2 * np.pi, SIDE, endpoint=False)[:, None]
    rings = np.sin(v * random.integers(3, 14) + random.uniform(3, 12) * bend)
    return _stretched(0.55 * rings + 2.2 * grain / (np.abs(grain).max() + 1e-9))


def planks(random: Random) -> Field:
    """Boards of wood laid side by side, each its own tone, with dark joints."""
    rows, columns = int(random.integers(3, 12)), int(random.integers(1, 4))
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    row = np.minimum((y * rows).astype(int), rows - 1)
    shifted = (x + random.uniform(size=rows)[row]) % 1.0
    column = (shifted * columns).astype(int) % columns
    tone = random.uniform(size=(rows, columns))[row, column]
    joint = np.minimum((y * rows) % 1.0, ((shifted * columns) % 1.0) * columns / 8) < 0.04
    return np.asarray(np.where(joint, 0.0, 0.2 + 0.45 * tone + 0.35 * wood(random)))


def tiles(random: Random) -> Field:
    """Tiles or bricks with joints."""
    rows = int(random.integers(2, 14))
    columns = max(1, round(rows / random.choice([1.0, 1.0, 2.0, 3.0])))
    offset = random.choice([0.0, 0.5])
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    row = (y * rows).astype(int)
    shifted = (x + offset * (row % 2) / columns) % 1.0
    column = (shifted * columns).astype(int) % columns
    tone = random.uniform(size=(rows, columns))[row, column]
    joint = random.uniform(0.02, 0.1)
    gap = ((y * rows) % 1.0 < joint) | ((shifted * columns) % 1.0 < joint * columns / rows)
    speckle = cloudy_noise(random, (SIDE, SIDE), 8)
    return np.asarray(np.where(gap, 0.0, 0.35 + 0.4 * tone * random.uniform() + 0.25 * speckle))


def cells(random: Random) -> Field:
    """Flat cells of random tone: terrazzo, cobbles, cracked earth; dark edges at times."""
    count = int(log_uniform(random, 12, 400))
    centers = random.uniform(size=(count, 2))
    around = np.concatenate([centers + np.array([i, j]) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    place = (np.mgrid[0:SIDE, 0:SIDE] / SIDE).reshape(2, -1).T
    distance, nearest = cKDTree(around).query(place, k=2)
    tone = random.uniform(size=count)[nearest[:, 0] % count]
    if chance(random, 0.6):
        tone = np.where(distance[:, 1] - distance[:, 0] < 0.12 / np.sqrt(count), 0.0, 0.2 + 0.8 * tone)
    return np.asarray(tone.reshape(SIDE, SIDE))


def marble(random: Random) -> Field:
    """Veins."""
    bend = cloudy_noise(random, (SIDE, SIDE), 50)
    vein = np.abs(np.sin(np.pi * random.integers(2, 7) * (bend + 0.15 * cloudy_noise(random, (SIDE, SIDE), 12))))
    return _stretched(vein ** random.uniform(0.15, 0.8))


def cloth(random: Random) -> Field:
    """A weave with a plaid over it."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    threads = int(2 ** random.integers(3, 7))
    u, v = x * threads * np.pi / SIDE, y * threads * np.pi / SIDE
    weave = np.where((x * threads // SIDE + y * threads // SIDE) % 2 == 0, np.sin(u) ** 2, np.sin(v) ** 2)
    bands = random.integers(2, 9, size=2)
    plaid = (np.sin(2 * np.pi * bands[0] * x / SIDE) > 0.3) * 0.5 + (
        np.sin(2 * np.pi * bands[1] * y / SIDE) > 0.3
    ) * 0.5
    return np.asarray(np.clip(0.35 * weave + 0.65 * plaid * chance(random, 0.6) + 0.1 * random.uniform(), 0, 1))


def stripes(random: Random) -> Field:
    """Stripes, straight or wavy, sharp or soft."""
    u = np.linspace(0, 2 * np.pi * random.integers(2, 28), SIDE, endpoint=False)
    waves = np.sin(u[None, :] + random.choice([0.0, 4.0]) * cloudy_noise(random, (SIDE, SIDE), 40))
    wave = waves if chance(random, 0.3) else np.sign(waves - random.uniform(-0.6, 0.6))
    return np.asarray(0.5 + 0.5 * (wave if chance(random, 0.5) else wave.T))


def dots(random: Random) -> Field:
    """A regular print: disks, rings or crosses."""
    count = int(random.integers(3, 20))
    y, x = np.mgrid[0:SIDE, 0:SIDE] * count / SIDE
    row = y.astype(int)
    dx, dy = (x + 0.5 * (row % 2) * (count % 2 == 0)) % 1.0 - 0.5, y % 1.0 - 0.5
    radius = np.hypot(dx, dy)
    kind, size = random.integers(3), random.uniform(0.12, 0.42)
    disk, ring = radius < size, np.abs(radius - size) < 0.07
    cross = np.minimum(np.abs(dx), np.abs(dy)) < size / 3
    return np.asarray([disk, ring, cross][kind] * 1.0)


def writing(random: Random) -> Field:
    """Lines of made-up letters in words: 1 is ink."""
    lines = int(random.integers(3, 22))
    page, height = np.zeros((SIDE, SIDE)), SIDE // lines
    letter = max(2, int(height * 0.5))
    for line in range(lines):
        top, x = line * height + max(1, height // 6), int(random.integers(4, 14))
        end = SIDE - int(random.integers(4, 60))
        while x + letter < end and height >= 4:
            if chance(random, 0.83):
                glyph = random.uniform(size=(4, 3)) < 0.5
                drawn = ndimage.zoom(glyph.astype(float), (letter * 1.3 / 4, letter / 3), order=1) > 0.45
                page[top : top + drawn.shape[0], x : x + drawn.shape[1]] = drawn[: SIDE - top, : SIDE - x]
            x += letter + max(1, letter // 4)
    return page


def patches(random: Random) -> Field:
    """Smooth shapes in a few flat tones, like camouflage or a map."""
    smooth = cloudy_noise(random, (SIDE, SIDE), log_uniform(random, 6, 50), octaves=int(random.integers(1, 5)))
    levels = int(random.integers(2, 8))
    return np.asarray(np.floor(smooth * levels).clip(0, levels - 1) / (levels - 1))


def grain(random: Random) -> Field:
    """Plaster, sand, stains: noise of one to many sizes."""
    return cloudy_noise(random, (SIDE, SIDE), log_uniform(random, 1.2, 60), octaves=int(random.integers(1, 7)))


def marks(random: Random) -> Field:
    """Sparse specks or scratches."""
    sigma = (0.5, random.uniform(4, 20)) if chance(random, 0.5) else (1.3, 1.3)
    noise = ndimage.gaussian_filter(random.normal(size=(SIDE, SIDE)), sigma, mode="wrap")
    return np.asarray((noise > np.quantile(noise, random.uniform(0.85, 0.985))) * 1.0)


def composition(random: Random) -> Field:
    """A picture for a frame: overlapping disks and bars of many tones."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    picture = 0.3 * smooth_noise(random, (SIDE, SIDE), 40)
    for _ in range(int(random.integers(4, 26))):
        cx, cy, size = *random.uniform(size=2), log_uniform(random, 0.04, 0.4)
        angle = random.uniform(0, np.pi)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        inside = (
            np.hypot(along, across) < size
            if chance(random, 0.5)
            else (np.abs(along) < size) & (np.abs(across) < size / 4)
        )
        picture = np.where(inside, random.uniform(), picture)
    return np.asarray(picture)


PATTERNS = {
    "wood": wood,
    "planks": planks,
    "tiles": tiles,
    "cells": cells,
    "marble": marble,
    "cloth": cloth,
    "stripes": stripes,
    "dots": dots,
    "writing": writing,
    "patches": patches,
    "grain": grain,
    "marks": marks,
    "composition": composition,
}


def _stretched(field: Field) -> Field:
    return np.asarray((field - field.min()) / (np.ptp(field) + 1e-12))
