"""Luminance and chroma (`Y RY BY`), the form in which OpenEXR keeps color with fewer samples, from and to RGB.

    Y = wr R + wg G + wb B,    RY = (R - Y) / Y,    BY = (B - Y) / Y

The weights follow from the file's chromaticities. Chroma usually has half the resolution in both directions, its
samples on the even pixels; it is read by linear interpolation and written through a triangle of the same width.
Source: "Technical Introduction to OpenEXR", section "Luminance/chroma images".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Image

Plane = NDArray[np.float32]
"""One channel as float32 (H, W)."""

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""Chromaticities x, y of red, green, blue and white where a file names none (Recommendation ITU-R BT.709)."""

_DARKEST = 1e-30
"""Luminance below which chroma has no meaning."""


def luminance_weights(chromaticities: Any = REC709) -> Plane:
    """Luminance of red, green and blue (3,), which sum to one.

    `chromaticities` are x, y of red, green, blue and white as in the header attribute of that name. Raises ValueError
    when they span no space of colors.
    """
    xy = np.array(chromaticities, np.float64).reshape(4, 2)
    if not (np.isfinite(xy).all() and (xy[:, 1] > 0).all()):
        raise ValueError(f"its chromaticities {tuple(xy.ravel().tolist())} are no colors")
    columns = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])  # X, Y, Z at luminance 1
    try:
        weights = np.linalg.solve(columns[:, :3], columns[:, 3])
    except np.linalg.LinAlgError as error:
        raise ValueError(f"its chromaticities {tuple(xy.ravel().tolist())} span no space of colors") from error
    return weights.astype(np.float32)


def to_rgb(y: Plane, ry: Plane, by: Plane, weights: Plane) -> Image:
    """Linear RGB (H, W, 3) of luminance and chroma, all (H, W)."""
    red, blue = (ry + 1) * y, (by + 1) * y
    green = (y - red * weights[0] - blue * weights[2]) / weights[1]
    return np.stack([red, green, blue], axis=-1).astype(np.float32)


def from_rgb(color: Image, weights: Plane) -> tuple[Plane, Plane, Plane]:
    """`Y`, `RY` and `BY` (H, W) of linear RGB (H, W, 3); chroma is 0 where there is no light."""
    y = color @ weights
    dark = np.abs(y) < _DARKEST
    safe = np.where(dark, 1, y)
    ry, by = (np.where(dark, 0, (color[..., i] - y) / safe).astype(np.float32) for i in (0, 2))
    return y.astype(np.float32), ry, by


def upsampled(plane: Plane, size: tuple[int, int], sampling: tuple[int, int]) -> Plane:
    """Bring a subsampled channel to `size` (H, W); `sampling` is the distance of its samples in (y, x).

    The first sample lies on the first pixel; between samples values are interpolated, after the last they stay.
    """
    for axis in (0, 1):
        if sampling[axis] == 1:
            continue
        at = np.arange(size[axis], dtype=np.float32) / sampling[axis]
        last = plane.shape[axis] - 1
        before = np.minimum(at.astype(np.int64), last)
        share = np.expand_dims((at - before).clip(0, 1).astype(np.float32), 1 - axis)
        after = np.minimum(before + 1, last)
        plane = plane.take(before, axis) * (1 - share) + plane.take(after, axis) * share
    return plane


def subsampled(plane: Plane, sampling: tuple[int, int]) -> Plane:
    """The inverse of `upsampled`: every sample is the mean of its neighbourhood, weighted by a triangle."""
    for axis, step in enumerate(sampling):
        if step == 1:
            continue
        kept = np.arange(0, plane.shape[axis], step)
        total = np.zeros_like(plane.take(kept, axis))
        for offset in range(1 - step, step):
            at = (kept + offset).clip(0, plane.shape[axis] - 1)
            total += plane.take(at, axis) * np.float32((step - abs(offset)) / step**2)
        plane = total
    return plane
