"""A guard against fireflies: single samples of enormous radiance, which no filter spreads thin enough.

A pixel is held to a multiple of the third brightest of its 24 neighbours, so that two fireflies side by side do not
excuse each other; of a pair, also to that multiple of the same pixel in the other half, so that a small lamp, bright in
both, stays. What is taken is told: clamping darkens the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Image

TIMES = 8.0
"""Times the third brightest neighbour that a pixel may have.

Pairs of classroom, staircase and glass-cbox, denoised by the shipped weights: at 8 + 8 spp 4 gives +0.15, +0.10, +0.23
dB and takes 2.9, 0.2, 0.4 % of the light; 8 gives +0.15, +0.06, +0.07 and takes 1.3, 0.1, 0.1; 16 gives +0.06, +0.03,
+0.02. At 1 + 1 spp, where light itself comes in lone samples, 8 loses 0.10 to 0.20 dB and takes 1 to 6 %.
"""

_RADIUS, _RANK = 2, 3
_BLOCK = 65536
_LEAST = 1e-6
"""Share of the picture's mean radiance below which no neighbour counts: round a lone light in the dark all is black."""


@dataclass(frozen=True)
class Clamped:
    """`color` (H, W, 3) without fireflies; `pixels` that were held back, and `taken`, the radiance taken from them.

    `taken` is a share of the picture's whole radiance, in [0, 1].
    """

    color: Image
    pixels: int
    taken: float


def clamp_fireflies(color: Image, other: Image | None = None, times: float = TIMES) -> Clamped:
    """Hold isolated bright pixels of linear radiance `color` (H, W, 3) back, keeping their hue.

    `other` is the other half of a pair, of the same shape.
    """
    bright = color.max(axis=-1)
    rows, columns = _candidates(bright, times)
    allowed = times * np.maximum(_third_brightest(bright, rows, columns), _LEAST * max(float(bright.mean()), 0.0))
    if other is not None:
        allowed = np.maximum(allowed, times * other[rows, columns].max(axis=-1))
    found = bright[rows, columns] > allowed
    rows, columns, allowed = rows[found], columns[found], allowed[found]
    if not rows.size:
        return Clamped(color, 0, 0.0)
    before = color[rows, columns]
    after = before * (allowed / bright[rows, columns])[:, None].astype(np.float32)
    clamped = color.copy()
    clamped[rows, columns] = after
    total = float(np.abs(color).sum(dtype=np.float64))
    return Clamped(clamped, int(rows.size), float((before - after).sum(dtype=np.float64)) / total)


def _candidates(bright: NDArray[np.float32], times: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pixels that may be fireflies, and many that are not.

    The neighbours above, below and beside a pixel are three groups, so that the third brightest of all is at least the
    smallest of the three groups' maxima: who does not stand out from that is no firefly.
    """
    height, width = bright.shape
    padded = np.pad(bright, _RADIUS)
    wide = np.maximum.reduce([padded[:, i : i + width] for i in range(2 * _RADIUS + 1)])
    above, below = (np.maximum(wide[i : i + height], wide[i + 1 : i + 1 + height]) for i in (0, _RADIUS + 1))
    middle = padded[_RADIUS : _RADIUS + height]
    beside = np.maximum.reduce([middle[:, i : i + width] for i in range(2 * _RADIUS + 1) if i != _RADIUS])
    rows, columns = np.nonzero(bright > times * np.minimum(np.minimum(above, below), beside))
    return rows, columns


def _third_brightest(
    bright: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The third brightest of the 24 neighbours of each of N pixels (N,); beyond the border all is black."""
    side = 2 * _RADIUS + 1
    padded = np.pad(bright, _RADIUS)
    offsets = [divmod(i, side) for i in range(side**2) if i != side**2 // 2]
    result = np.empty(rows.size, np.float32)
    for start in range(0, rows.size, _BLOCK):
        y, x = rows[start : start + _BLOCK], columns[start : start + _BLOCK]
        near = np.stack([padded[y + down, x + right] for down, right in offsets])
        result[start : start + _BLOCK] = np.partition(near, -_RANK, axis=0)[-_RANK]
    return result
