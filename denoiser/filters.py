"""Filters over neighbourhoods of a picture (N, C, H, W), on any device; the border repeats."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.compiled import in_parallel, is_plain

GAUSSIAN_RADIUS = 3.0
"""Standard deviations at which a Gaussian is cut off."""


def gaussian(image: Tensor, deviation: float) -> Tensor:
    """Gaussian mean with that standard deviation in pixels."""
    return _weighted(image, _gaussian_weights(deviation))


def surroundings(image: Tensor, deviation: float) -> Tensor:
    """Gaussian mean with that standard deviation over the pixels around each, itself left out."""
    weights = _gaussian_weights(deviation)
    own = weights[len(weights) // 2] ** 2
    return (_weighted(image, weights) - own * image) / (1 - own)


def box_mean(image: Tensor, side: int) -> Tensor:
    """Mean over a square of `side` pixels, an odd number.

    No running sum, whose rounding near a firefly leaves negative means of squares.
    """
    return _weighted(image, [1 / side] * side)


def largest(image: Tensor, side: int) -> Tensor:
    """Largest value in a square of `side` pixels, an odd number; an eighth of the time max_pool2d takes on a CPU."""
    for dimension in (2, 3):
        first, *others = _shifted(image, dimension, side)
        image = first
        for other in others:
            image = torch.maximum(image, other)
    return image


def _gaussian_weights(deviation: float) -> list[float]:
    radius = int(GAUSSIAN_RADIUS * deviation)
    weights = [math.exp(-(offset**2) / (2 * deviation**2)) for offset in range(-radius, radius + 1)]
    return [weight / sum(weights) for weight in weights]


def _weighted(image: Tensor, weights: list[float]) -> Tensor:
    """Weighted means down the columns, then along the rows: on the CPU one fused pass."""
    if is_plain(image):
        return _weighted_plainly(image, weights)
    image = image.detach().contiguous()
    result, taps = torch.empty_like(image), np.array(weights, np.float32)
    in_parallel(_weighted_rows, image.flatten(0, 1).numpy(), taps, result.flatten(0, 1).numpy())
    return result


def _weighted_plainly(image: Tensor, weights: list[float]) -> Tensor:
    for dimension in (2, 3):
        total = torch.zeros_like(image)
        for part, weight in zip(_shifted(image, dimension, len(weights)), weights, strict=True):
            total.add_(part, alpha=weight)
        image = total
    return image


def _shifted(image: Tensor, dimension: int, side: int) -> Iterator[Tensor]:
    """The picture moved along one dimension, to every place of a window of `side` pixels around it."""
    radius = side // 2
    padding = (0, 0, radius, radius) if dimension == 2 else (radius, radius, 0, 0)
    padded = F.pad(image, padding, mode="replicate")
    return (padded.narrow(dimension, shift, image.shape[dimension]) for shift in range(side))


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _weighted_rows(image: Any, weights: Any, result: Any) -> None:
    """`image` and `result` (C, H, W); rows in parallel."""
    channels, height, width = image.shape
    taps = weights.shape[0]
    radius = taps // 2
    for index in numba.prange(channels * height):
        c, y = index // height, index % height
        row = np.zeros(width + 2 * radius, np.float32)
        inner = row[radius : radius + width]
        for tap in range(taps):
            there = image[c, min(max(y + tap - radius, 0), height - 1)]
            for x in range(width):
                inner[x] += weights[tap] * there[x]
        row[:radius], row[radius + width :] = inner[0], inner[width - 1]
        for x in range(width):
            result[c, y, x] = np.float32(0)
        for tap in range(taps):
            for x in range(width):
                result[c, y, x] += weights[tap] * row[tap + x]
