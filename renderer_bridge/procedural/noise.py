"""Smooth random fields, and random draws that materials, meshes and skies share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Random = np.random.Generator
Field = NDArray[np.float64]


def smooth_noise(random: Random, shape: tuple[int, int], sigma: float) -> Field:
    """Smooth noise of `shape` in [0, 1] that wraps around; details of about `sigma` pixels."""
    noise = ndimage.gaussian_filter(random.normal(size=shape), sigma, mode="wrap")
    return np.asarray((noise - noise.min()) / (np.ptp(noise) + 1e-12))


def cloudy_noise(random: Random, shape: tuple[int, int], coarsest: float, octaves: int = 5) -> Field:
    """Noise with details of all sizes below `coarsest` pixels, each octave half as strong; in [0, 1]."""
    total = np.zeros(shape)
    for octave in range(octaves):
        sigma = coarsest / 2**octave
        if sigma >= 0.4:
            total += smooth_noise(random, shape, sigma) / 2**octave
    return np.asarray((total - total.min()) / (np.ptp(total) + 1e-12))


def log_uniform(random: Random, low: float, high: float) -> float:
    """A positive number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def tint(random: Random, strength: float) -> Field:
    """A color (3,) in [0, 1] whose brightest channel is 1; `strength` 0 is white."""
    color = 1 - strength * random.uniform(0, 1, size=3)
    return np.asarray(color / color.max())


def chance(random: Random, probability: float) -> bool:
    """Whether it happens."""
    return bool(random.uniform() < probability)


def pick(random: Random, table: dict[str, float]) -> str:
    """One of the names in `table`, as likely as its weight."""
    weights = np.array(list(table.values()))
    return str(random.choice(list(table), p=weights / weights.sum()))


def blackbody_tint(kelvin: float) -> Field:
    """The linear color (3,) of a lamp of `kelvin`, brightest channel 1 (a fit to Planck's law in sRGB primaries)."""
    t = kelvin / 100
    red = 1.0 if t <= 66 else 1.29 * (t - 60) ** -0.133
    green = 0.39 * np.log(t) - 0.632 if t <= 66 else 1.13 * (t - 60) ** -0.0755
    blue = 1.0 if t >= 66 else 0.0 if t <= 19 else 0.543 * np.log(t - 10) - 1.196
    color = np.clip([red, green, blue], 0.0, 1.0) ** 2.2
    return np.asarray(color / color.max())
