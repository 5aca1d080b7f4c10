"""Filters over neighbourhoods of a picture (N, C, H, W), on any device; the border repeats."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

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
    """Weighted means down the columns, then along the rows."""
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
