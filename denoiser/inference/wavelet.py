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

from denoiser.compiled import LOG2_E, in_parallel, powers_of_two
from denoiser.windows import Index

EDGE = 0.5
"""Squared distance of the guides at which a neighbour counts 1/e: 0.3 and 1.0 differ by up to 0.4 dB, either way."""

CENTER_WEIGHT = 4.0
NEIGHBOURS = ((0, 1, 2.0), (1, 0, 2.0), (1, 1, 1.0), (1, -1, 1.0))
"""Steps down and right with the kernel's weight, one of each two opposite ones: the B3 spline's 3x3 (1, 2, 1)."""


def smoothed(image: Tensor, guide: Tensor, step: int) -> Tensor:
    """Weighted mean of 3x3 neighbours `step` pixels apart; a neighbour across an edge of `guide` counts little.

    `image` is (1, C, H, W), `guide` (1, G, H, W), the border repeats. The result is (1, C, H, W).
    """
    needs_gradient = torch.is_grad_enabled() and (image.requires_grad or guide.requires_grad)
    if needs_gradient or image.device.type != "cpu" or image.dtype != torch.float32:
        return smoothed_plainly(image, guide, step)
    image, guide = image.detach().contiguous(), guide.detach().contiguous()
    result = torch.empty_like(image)
    in_parallel(_smoothed, image[0].numpy(), guide[0].numpy(), step, result[0].numpy())
    return result


def smoothed_plainly(image: Tensor, guide: Tensor, step: int) -> Tensor:
    """`smoothed`, neighbour by neighbour, with gradients and on any device."""
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


@numba.njit(inline="always")
def _wider(row: Any, margin: int, result: Any) -> None:
    """A row (W,) with its ends repeated `margin` times, (W + 2 margin,)."""
    width = row.shape[0]
    for x in range(margin):
        result[x] = row[0]
        result[margin + width + x] = row[width - 1]
    for x in range(width):
        result[margin + x] = row[x]


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _smoothed(image: Any, guide: Any, step: int, result: Any) -> None:
    """`image` and `result` (C, H, W), `guide` (G, H, W)."""
    channels, height, width = image.shape
    for y in numba.prange(height):
        values = np.empty((channels, width + 2 * step), np.float32)
        guides = np.empty((guide.shape[0], width + 2 * step), np.float32)
        weights = np.full(width, _CENTER, np.float32)
        closeness = np.empty(width, np.float32)
        exponent = np.empty(width, np.int32)
        for c in range(channels):
            for x in range(width):
                result[c, y, x] = _CENTER * image[c, y, x]
        for down in range(-1, 2):
            row = min(max(y + down * step, 0), height - 1)
            for c in range(channels):
                _wider(image[c, row], step, values[c])
            for c in range(guide.shape[0]):
                _wider(guide[c, row], step, guides[c])
            for right in range(-1, 2):
                if down == 0 and right == 0:
                    continue
                shift = step + right * step
                for x in range(width):
                    closeness[x] = np.float32(0)
                for c in range(guide.shape[0]):
                    there = guides[c, shift : shift + width]  # an index that might be negative would not vectorise
                    for x in range(width):
                        difference = there[x] - guide[c, y, x]
                        closeness[x] += difference * difference
                for x in range(width):
                    closeness[x] *= _SCALE
                powers_of_two(closeness, exponent, exponent.view(np.float32))
                weight = np.float32(2 if down == 0 or right == 0 else 1)
                for x in range(width):
                    closeness[x] *= weight
                    weights[x] += closeness[x]
                for c in range(channels):
                    there = values[c, shift : shift + width]
                    for x in range(width):
                        result[c, y, x] += closeness[x] * there[x]
        for x in range(width):
            weights[x] = np.float32(1) / weights[x]
        for c in range(channels):
            for x in range(width):
                result[c, y, x] *= weights[x]
