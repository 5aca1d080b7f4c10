"""One step of an edge-avoiding wavelet transform: on the CPU one fused pass, elsewhere and for gradients plain torch.

Source: Dammertz et al., "Edge-Avoiding A-Trous Wavelet Transform for fast Global Illumination Filtering", HPG 2010;
here the guides are albedo, normal and the denoised color. The plain form is what the fused one is held to in
`tests/test_wavelet.py`.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.compiled import LOG2_E, in_parallel, is_plain, powers_of_two
from denoiser.windows import Index

EDGE = 0.5
"""Squared distance of the guides at which a neighbour counts 1/e: 0.3 and 1.0 differ by up to 0.4 dB, either way."""

CENTER_WEIGHT = 4.0
NEIGHBOURS = ((0, 1, 2.0), (1, 0, 2.0), (1, 1, 1.0), (1, -1, 1.0))
"""Steps down and right with the kernel's weight, one of each two opposite ones: the B3 spline's 3x3 (1, 2, 1)."""


def split(image: Tensor, guide: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Weighted mean of 3x3 neighbours `step` pixels apart, and what `image` has beyond it, its band, (1, C, H, W) each.

    `image` is (1, C, H, W), `guide` (1, G, H, W), the border repeats. A neighbour across an edge of `guide` counts
    little.
    """
    if is_plain(image, guide):
        smooth = smoothed_plainly(image, guide, step)
        return smooth, image - smooth
    smooth, band = (torch.empty(image.shape, dtype=torch.float32) for _ in range(2))
    padded = (F.pad(each.detach(), (step,) * 4, mode="replicate").contiguous() for each in (image, guide))
    in_parallel(_split, *(each[0].numpy() for each in padded), step, smooth[0].numpy(), band[0].numpy())
    return smooth, band


def smoothed_plainly(image: Tensor, guide: Tensor, step: int) -> Tensor:
    """The mean of `split`, neighbour by neighbour, with gradients and on any device."""
    height, width = image.shape[2:]
    image, guide = (F.pad(each, (step,) * 4, mode="replicate") for each in (image, guide))
    size = image.shape[2], image.shape[3]
    total = image * CENTER_WEIGHT
    weights = torch.full_like(image[:, :1], CENTER_WEIGHT)
    for down, right, weight in NEIGHBOURS:  # two pixels are as far from one as from the other
        here, there = _shifted(size, down * step, right * step)
        closeness = (guide[there] - guide[here]).square_().sum(dim=1, keepdim=True).div_(-EDGE).exp_() * weight
        for one, other in ((here, there), (there, here)):
            total[one].addcmul_(image[other], closeness)
            weights[one].add_(closeness)
    inner = (..., slice(step, step + height), slice(step, step + width))
    return total[inner].div_(weights[inner])


def _shifted(size: tuple[int, int], down: int, right: int) -> tuple[Index, Index]:
    """Windows of the pixels with a neighbour `down` (>= 0) rows and `right` columns on, and of those neighbours."""
    height, width = size
    rows = slice(0, height - down), slice(down, height)
    columns = slice(max(-right, 0), width - max(right, 0)), slice(max(right, 0), width - max(-right, 0))
    return (..., rows[0], columns[0]), (..., rows[1], columns[1])


# ---------------------------------------------------------------------------------------------------------------------
# Compiled: rows in parallel; in a row every loop runs over its pixels, which vectorises

_CENTER, _SCALE = np.float32(CENTER_WEIGHT), np.float32(-LOG2_E / EDGE)


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _split(image: Any, guide: Any, step: int, result: Any, band: Any) -> None:
    """`image` and `guide` (C or G, H + 2 step, W + 2 step), `result` and `band` (C, H, W)."""
    channels, height, width = result.shape
    for y in numba.prange(height):
        weights = np.full(width, _CENTER, np.float32)
        closeness = np.empty(width, np.float32)
        exponent = np.empty(width, np.int32)
        for c in range(channels):
            here = image[c, step + y, step : step + width]
            for x in range(width):
                result[c, y, x] = _CENTER * here[x]
        for down in range(3):
            row = y + down * step
            for right in range(3):
                if down == 1 and right == 1:
                    continue
                shift = right * step
                for x in range(width):
                    closeness[x] = np.float32(0)
                for c in range(guide.shape[0]):
                    here = guide[c, step + y, step : step + width]
                    there = guide[c, row, shift : shift + width]  # an index that might be negative would not vectorise
                    for x in range(width):
                        difference = there[x] - here[x]
                        closeness[x] += difference * difference
                for x in range(width):
                    closeness[x] *= _SCALE
                powers_of_two(closeness, exponent, exponent.view(np.float32))
                weight = np.float32(2 if down == 1 or right == 1 else 1)
                for x in range(width):
                    closeness[x] *= weight
                    weights[x] += closeness[x]
                for c in range(channels):
                    there = image[c, row, shift : shift + width]
                    for x in range(width):
                        result[c, y, x] += closeness[x] * there[x]
        for x in range(width):
            weights[x] = np.float32(1) / weights[x]
        for c in range(channels):
            here = image[c, step + y, step : step + width]
            for x in range(width):
                result[c, y, x] *= weights[x]
                band[c, y, x] = here[x] - result[c, y, x]
