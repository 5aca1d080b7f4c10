"""Weighted means of 5x5 neighbours with predicted weights: on the CPU one fused pass, elsewhere plain torch.

The plain form multiplies 25 shifted copies of the picture; it is what the fused one is held to in
`tests/test_kernels.py`, and what a GPU and exported graphs run. The fused one reads each logit once, and keeps a row at
a time.
Source of the idea: Bako et al., "Kernel-Predicting Convolutional Networks for Denoising Monte Carlo Renderings", 2017.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from denoiser.compiled import LOG2_E, bits, in_parallel, powers_of_two

SIDE = 5
TAPS = SIDE * SIDE
RADIUS = SIDE // 2


def filtered(image: Tensor, logits: Tensor) -> Tensor:
    """Mean of each pixel's 5x5 neighbours, weighted by the softmax of its 25 logits; the border repeats.

    `image` is float32 (N, C, H, W), `logits` (N, 25, H, W), row by row from the upper left neighbour. The result is
    float32 (N, C, H, W). Gradients flow to both.
    """
    if image.device.type != "cpu" or torch.compiler.is_exporting():
        return filtered_plainly(image, logits)
    padded = F.pad(image, (RADIUS,) * 4, mode="replicate")
    result: Tensor = _Fused.apply(padded, logits)  # type: ignore[no-untyped-call]
    return result


def filtered_plainly(image: Tensor, logits: Tensor) -> Tensor:
    """`filtered` as 25 shifted products, on any device."""
    height, width = image.shape[2:]
    weights = torch.softmax(logits.float(), dim=1)
    padded = F.pad(image, (RADIUS,) * 4, mode="replicate")
    total = torch.zeros_like(image)
    for tap in range(TAPS):
        down, right = divmod(tap, SIDE)
        total = total + padded[:, :, down : down + height, right : right + width] * weights[:, tap : tap + 1]
    return total


class _Fused(torch.autograd.Function):
    """Forward and backward in one pass over the logits each; weights are made again rather than kept."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, logits: Tensor) -> Tensor:
        padded = padded.detach().contiguous()
        channels_last = logits.detach().permute(0, 2, 3, 1).contiguous()  # (N, H, W, 25)
        ctx.save_for_backward(padded, channels_last)
        images, height, width, _ = channels_last.shape
        result = torch.empty((images, padded.shape[1], height, width), dtype=torch.float32)
        in_parallel(_forward, padded.numpy(), *bits(channels_last), result.numpy())
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        padded, channels_last = ctx.saved_tensors
        of_logits = torch.empty(channels_last.shape, dtype=torch.float32)
        of_image = torch.zeros_like(padded)
        arrays = (gradient.contiguous().numpy(), of_image.numpy(), of_logits.numpy())
        in_parallel(_backward, padded.numpy(), *bits(channels_last), *arrays)
        return of_image, of_logits.to(channels_last.dtype).permute(0, 3, 1, 2)


# ---------------------------------------------------------------------------------------------------------------------
# Compiled: rows in parallel; in a row every loop runs over its pixels, which vectorises


@numba.njit(inline="always")
def _load_row(logits: Any, shift: Any, row: Any) -> None:
    """The bits of one row of logits (W, 25), planar, as the bits of float32 (25, W)."""
    width = logits.shape[0]
    for tap in range(TAPS):
        for x in range(width):
            row[tap, x] = np.uint32(logits[x, tap]) << shift


@numba.njit(inline="always")
def _softmax_row(row: Any, largest: Any, total: Any, exponent: Any, power: Any) -> None:
    """Turn logits (25, W) into weights that sum to 1, in place; `power` is the memory of `exponent` as float32."""
    width = row.shape[1]
    for x in range(width):
        largest[x] = row[0, x]
        total[x] = np.float32(0)
    for tap in range(1, TAPS):
        for x in range(width):
            largest[x] = max(largest[x], row[tap, x])
    for tap in range(TAPS):
        for x in range(width):
            row[tap, x] = (row[tap, x] - largest[x]) * LOG2_E
        powers_of_two(row[tap], exponent, power)
        for x in range(width):
            total[x] += row[tap, x]
    for x in range(width):
        total[x] = np.float32(1) / total[x]
    for tap in range(TAPS):
        for x in range(width):
            row[tap, x] *= total[x]


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _forward(padded: Any, logits: Any, shift: Any, result: Any) -> None:
    """`padded` (N, C, H + 4, W + 4), `logits` (N, H, W, 25), `result` (N, C, H, W)."""
    images, height, width = logits.shape[0], logits.shape[1], logits.shape[2]
    for index in numba.prange(images * height):
        n, y = index // height, index % height
        row = np.empty((TAPS, width), np.float32)
        exponent = np.empty(width, np.int32)
        scratch = np.empty((2, width), np.float32)
        _load_row(logits[n, y], shift, row.view(np.uint32))
        _softmax_row(row, scratch[0], scratch[1], exponent, exponent.view(np.float32))
        for c in range(padded.shape[1]):
            for x in range(width):
                result[n, c, y, x] = np.float32(0)
            for tap in range(TAPS):
                down, right = tap // SIDE, tap % SIDE
                there = padded[n, c, y + down, right : right + width]
                for x in range(width):
                    result[n, c, y, x] += row[tap, x] * there[x]


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _backward(padded: Any, logits: Any, shift: Any, gradient: Any, of_image: Any, of_logits: Any) -> None:
    """From the gradient of the means (N, C, H, W): w g to the padded picture, w (g . x - g . mean) to the logits.

    Images in parallel, not rows: neighbouring rows add to the same pixels of `of_image`, which comes in as zeros.
    """
    images, height, width = logits.shape[0], logits.shape[1], logits.shape[2]
    for n in numba.prange(images):
        row = np.empty((TAPS, width), np.float32)
        along = np.empty((TAPS, width), np.float32)  # g . x of each neighbour
        exponent = np.empty(width, np.int32)
        scratch = np.empty((2, width), np.float32)
        mean = np.empty(width, np.float32)
        for y in range(height):
            _load_row(logits[n, y], shift, row.view(np.uint32))
            _softmax_row(row, scratch[0], scratch[1], exponent, exponent.view(np.float32))
            for x in range(width):
                mean[x] = np.float32(0)
            for tap in range(TAPS):
                down, right = tap // SIDE, tap % SIDE
                for x in range(width):
                    along[tap, x] = np.float32(0)
                for c in range(padded.shape[1]):
                    for x in range(width):
                        along[tap, x] += gradient[n, c, y, x] * padded[n, c, y + down, x + right]
                        of_image[n, c, y + down, x + right] += gradient[n, c, y, x] * row[tap, x]
                for x in range(width):
                    mean[x] += row[tap, x] * along[tap, x]
            for tap in range(TAPS):
                for x in range(width):
                    of_logits[n, y, x, tap] = row[tap, x] * (along[tap, x] - mean[x])
