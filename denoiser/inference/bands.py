"""What happens to single pixels of the residuals' bands: on the CPU one fused pass each.

The plain forms are what the fused ones are held to in `tests/test_bands.py`, and what gradients and a GPU take.
A band is (1, 6, H, W): that of A's residual, then that of B's, relative to the picture's brightness.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.compiled import in_parallel, is_plain

LIMIT = 0.5
"""Relative residuals count up to this when the power of the shared error is estimated: two fireflies that meet by
chance would pass for a detail that both halves missed. 1: up to 0.1 dB more, and specks around the demo's sphere."""


def pooled_powers(band: Tensor, step: int) -> Tensor:
    """Power of what both halves share of a band, and of the noise of their mean, averaged over `step` x `step` pixels:
    (2, H / step, W / step), rounded up."""
    if is_plain(band):
        return pooled_powers_plainly(band, step)
    height, width = band.shape[2:]
    result = torch.empty(2, -(-height // step), -(-width // step))
    in_parallel(_pooled_powers, band.detach()[0].numpy(), step, result.numpy())
    return result


def pooled_powers_plainly(band: Tensor, step: int) -> Tensor:
    """`pooled_powers`, pass by pass, with gradients and on any device."""
    band_a, band_b = band.chunk(2, dim=1)
    signal = (band_a.clamp(-LIMIT, LIMIT) * band_b.clamp(-LIMIT, LIMIT)).mean(dim=1)
    noise = (band_a - band_b).square().mean(dim=1) / 4
    pooled: Tensor = F.avg_pool2d(torch.cat([signal, noise]), step, ceil_mode=True, count_include_pad=False)
    return pooled


def add_returned(band: Tensor, gain: Tensor, rms: Tensor, sums: tuple[Tensor, Tensor]) -> None:
    """Add to `sums` what comes back of a band: half the sum and half the difference of both halves', (1, 3, H, W) each.

    A half's value counts up to the other half's plus `rms`, that of the error both share: a firefly is in one of them.
    `gain` and `rms` are (1, 1, H, W).
    """
    if is_plain(band, gain, rms, *sums):
        add_returned_plainly(band, gain, rms, sums)
    else:
        found, sizes = (each.detach()[0].numpy() for each in sums), (gain.detach()[0, 0], rms.detach()[0, 0])
        in_parallel(_add_returned, band.detach()[0].numpy(), *(each.numpy() for each in sizes), *found)


def add_returned_plainly(band: Tensor, gain: Tensor, rms: Tensor, sums: tuple[Tensor, Tensor]) -> None:
    """`add_returned`, pass by pass, with gradients and on any device."""
    band_a, band_b = band.chunk(2, dim=1)
    limit_a, limit_b = band_b.abs() + rms, band_a.abs() + rms
    agreed_a, agreed_b = torch.clamp(band_a, -limit_a, limit_a), torch.clamp(band_b, -limit_b, limit_b)
    mean, difference = sums
    mean += gain * ((agreed_a + agreed_b) / 2)
    difference += gain * ((agreed_a - agreed_b) / 2)


# ---------------------------------------------------------------------------------------------------------------------
# Compiled: rows in parallel; in a row every loop runs over its pixels, which vectorises

_LIMIT = np.float32(LIMIT)
_HALF = np.float32(0.5)


@numba.njit(inline="always")
def _within(value: Any, limit: Any) -> Any:
    """Between -limit and limit; Python's min and max, which ask for NaN, would not vectorise."""
    value = value if value < limit else limit
    return value if value > -limit else -limit


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _pooled_powers(band: Any, step: int, result: Any) -> None:
    """`band` (6, H, W), `result` (2, h, w)."""
    height, width = band.shape[1:]
    for row in numba.prange(result.shape[1]):
        top, bottom = row * step, min((row + 1) * step, height)
        signal, noise = np.zeros(width, np.float32), np.zeros(width, np.float32)
        for y in range(top, bottom):
            for c in range(3):
                for x in range(width):
                    a, b = band[c, y, x], band[3 + c, y, x]
                    signal[x] += _within(a, _LIMIT) * _within(b, _LIMIT)
                    noise[x] += (a - b) * (a - b)
        for column in range(result.shape[2]):
            left, right = column * step, min((column + 1) * step, width)
            share = np.float32(1) / np.float32(3 * (bottom - top) * (right - left))
            result[0, row, column] = signal[left:right].sum() * share
            result[1, row, column] = noise[left:right].sum() * (share / np.float32(4))


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _add_returned(band: Any, gain: Any, rms: Any, mean: Any, difference: Any) -> None:
    """`band` (6, H, W), `gain` and `rms` (H, W), `mean` and `difference` (3, H, W)."""
    height, width = gain.shape
    for y in numba.prange(height):
        for c in range(3):
            for x in range(width):
                a, b = band[c, y, x], band[3 + c, y, x]
                limit_a, limit_b = abs(b) + rms[y, x], abs(a) + rms[y, x]
                a, b = _within(a, limit_a), _within(b, limit_b)
                half = gain[y, x] * _HALF
                mean[c, y, x] += half * (a + b)
                difference[c, y, x] += half * (a - b)
