"""Textures as 8-bit pictures: colored ones for reflectances, gray ones for roughness, bumps, masks and lamps."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from renderer_bridge.procedural.noise import Field, Random, chance, cloudy_noise, pick, tint
from renderer_bridge.procedural.patterns import PATTERNS, SIDE

Picture = NDArray[np.uint8]

FLOORS = {"planks": 4.0, "wood": 1.0, "tiles": 3.0, "marble": 2.0, "cells": 2.0, "grain": 2.0, "cloth": 1.0}
WALLS = {"grain": 4.0, "tiles": 2.0, "stripes": 1.0, "dots": 1.0, "planks": 1.0, "patches": 1.0, "wood": 1.0}
THINGS = dict.fromkeys(PATTERNS, 1.0)
PRINTS = {"composition": 3.0, "writing": 2.0, "patches": 1.0, "cells": 1.0, "stripes": 0.5}
GROUND = {"grain": 4.0, "cells": 2.0, "patches": 1.0, "tiles": 1.0, "marks": 1.0}


def colored(random: Random, kinds: dict[str, float]) -> Picture:
    """An sRGB texture (S, S, 3): a pattern between two or three colors, with some dirt."""
    kind = pick(random, kinds)
    mix = PATTERNS[kind](random)[..., None]
    dark, light, third = _palette(random, kind)
    image = dark * (1 - mix) + light * mix
    if kind in ("composition", "patches", "cells") and chance(random, 0.7):
        hue = PATTERNS[kind](random)[..., None]
        image = image * (1 - 0.7 * hue) + 0.7 * hue * third
    dirt = cloudy_noise(random, (SIDE, SIDE), 40)[..., None]
    image = image * (1 - random.uniform(0, 0.35) * dirt)
    return np.asarray(np.clip(image, 0.012, 1) * 255, dtype=np.uint8)


def gray(random: Random, kinds: dict[str, float], low: float, high: float) -> Picture:
    """A texture of one channel (S, S) with values between `low` and `high` in [0, 1]."""
    mix = PATTERNS[pick(random, kinds)](random)
    return np.asarray(np.clip(low + (high - low) * mix, 0, 1) * 255, dtype=np.uint8)


def normals(height: Field, strength: float) -> Picture:
    """A tangent-space normal map (S, S, 3) of a height pattern that repeats."""
    dv = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    du = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    normal = np.stack([-strength * du, strength * dv, np.ones_like(height)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray((0.5 + 0.5 * normal) * 255, dtype=np.uint8)


def png(picture: Picture) -> bytes:
    """As a PNG file."""
    data: bytes = imageio.imwrite("<bytes>", picture, extension=".png")
    return data


def pfm(image: Field) -> bytes:
    """An image (H, W, 3) as a portable float map; rounded, so that it is the same on every machine."""
    rounded = np.array([float(f"{value:.4g}") for value in image.ravel()]).reshape(image.shape)
    data = rounded[::-1].astype("<f4").tobytes()
    return f"PF\n{image.shape[1]} {image.shape[0]}\n-1.0\n".encode() + data


def _palette(random: Random, kind: str) -> tuple[Field, Field, Field]:
    """Three sRGB colors that go with a pattern; woods brown, prints saturated, the rest mostly muted."""
    if kind in ("wood", "planks") and chance(random, 0.75):
        base = np.array([0.62, 0.42, 0.26]) * random.uniform(0.35, 1.45) * (1 - 0.25 * random.uniform(-1, 1, size=3))
        return base * random.uniform(0.4, 0.8), np.minimum(base, 1.0), base
    if kind == "writing" and chance(random, 0.7):
        paper, ink = tint(random, 0.25) * random.uniform(0.7, 1.0), tint(random, 0.9) * random.uniform(0.02, 0.3)
        return (paper, ink, ink) if chance(random, 0.8) else (ink, paper, paper)
    strong = kind in ("composition", "patches", "cells", "dots") or chance(random, 0.2)
    strength = random.uniform(0.2, 0.9) if strong else random.uniform(0.0, 0.3)
    base = tint(random, strength) * random.uniform(0.45, 1.0)
    dark = base * random.uniform(0.5, 0.95) if not strong else tint(random, strength) * random.uniform(0.15, 0.9)
    return dark, base, tint(random, strength) * random.uniform(0.2, 1.0)
