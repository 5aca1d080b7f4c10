"""Where further samples go: squares of a picture get them by the error expected in its denoised form.

With an error whose square falls with the samples n as n^-q, the sum over all squares is least, for the same samples,
where n is proportional to (n^q error^2)^(1 / (1 + q)). Denoised pictures have q from 0.4 to 0.7.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Side, in pixels, of the squares."""

EXPONENT = 0.6
"""Power of the expected squared error to which samples are proportional: 0.4 to 0.8 differ by 5 % of the samples."""

LEAST, MOST = 0.25, 4.0
"""Samples of a square over the mean: a square that is thought to be good may hide something, and a pass is one only
where it looks again."""

FURTHEST, BISECTIONS = 1e6, 64
"""Of the search for the number of samples: its end, over the mean, and its steps, which end within one sample."""


def share_of_squares(expected: NDArray[np.floating]) -> NDArray[np.float64]:
    """How samples are to be shared between squares (rows, columns), from the squared error expected of each pixel."""
    height, width = expected.shape
    rows, columns = (np.arange(0, extent, SIDE) for extent in (height, width))
    sums, sizes = (
        np.add.reduceat(np.add.reduceat(each.astype(np.float64), rows, axis=0), columns, axis=1)
        for each in (expected, np.ones_like(expected))
    )
    return (sums / sizes) ** EXPONENT


def spread_samples(shares: NDArray[np.float64], held: NDArray[np.int64], spp: float) -> NDArray[np.int64]:
    """Samples that each pixel (H, W) should have, so that their mean is `spp`, or just below.

    They are in proportion to `shares` (rows, columns) of squares, never fewer than it has already, `held` (H, W), and
    within `LEAST` and `MOST` of the mean. Pixels of a square get the same.
    """
    height, width = held.shape
    even = shares / shares.mean() if shares.any() else np.ones_like(shares)
    wanted = np.repeat(np.repeat(even, SIDE, axis=0), SIDE, axis=1)[:height, :width]
    least = np.maximum(held, math.ceil(LEAST * spp))
    most = np.maximum(least, int(MOST * spp))

    def spread(scale: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.clip(np.rint(scale * wanted), least, most)
        return found

    few, many = 0.0, FURTHEST * spp
    for _ in range(BISECTIONS):
        middle = (few + many) / 2
        few, many = (middle, many) if spread(middle).mean() <= spp else (few, middle)
    return spread(few).astype(np.int64)
