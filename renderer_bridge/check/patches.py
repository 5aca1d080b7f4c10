"""Squares of a picture, so that a check takes the same time for 8K as for HD, and the finest details in them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Pixels

SIDE = 16
"""Side of a patch in pixels: large enough for the power of its noise to 6 %, small enough for even light."""

MOST = 400
"""Most patches of a picture, on an even grid, or as many pixels in smaller ones; a quarter still raises every alarm."""

Patches = NDArray[np.float64]
"""(N, side, side, C)"""


def patches(image: Pixels, side: int = SIDE) -> Patches:
    """Squares of a picture (H, W, C) on an even grid, (N, side, side, C); none where it is smaller than one."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    if min(height, width) < side:
        return np.zeros((0, side, side, pixels.shape[2]))
    step = side * max(1, math.ceil(math.sqrt(height * width / (MOST * SIDE**2))))
    rows, columns = max(1, height // step), max(1, width // step)
    grid = np.empty((rows, columns, side, side, pixels.shape[2]))
    for row in range(rows):
        strip = pixels[row * step : row * step + side]
        for column in range(columns):
            grid[row, column] = strip[:, column * step : column * step + side]
    return grid.reshape(-1, side, side, pixels.shape[2])


def details(values: NDArray[np.float64], scale: int) -> NDArray[np.float64]:
    """The diagonal Haar wavelet of patches (N, 16, 16) at every place, of `scale` pixels a cell, (N, M, M).

    It is blind to constants, slopes and straight edges along the axes; of white noise every scale has the noise's own
    variance.
    """
    sums = np.pad(values.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    cells = sums[:, scale:, scale:] - sums[:, :-scale, scale:] - sums[:, scale:, :-scale] + sums[:, :-scale, :-scale]
    near, far = slice(None, -scale), slice(scale, None)
    cross = cells[:, near, near] - cells[:, far, near] - cells[:, near, far] + cells[:, far, far]
    return np.asarray(cross / (2 * scale))


def power(values: NDArray[np.float64], scale: int) -> NDArray[np.float64]:
    """Mean square of the details of patches (N, 16, 16), (N,)."""
    return np.asarray(np.square(details(values, scale)).mean(axis=(1, 2)))
