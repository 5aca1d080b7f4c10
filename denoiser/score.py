"""How wrong is a denoised picture, told from a noisy pair alone.

With B independent of A and E[B] = truth, E[(f(A) - B)^2] = E[(f(A) - truth)^2] + Var(B), the same holds with A and B
exchanged, and Var(A) + Var(B) = E[(A - B)^2]. So

    mean[(f(A) - B)^2 + (f(B) - A)^2 - (A - B)^2] / 2

estimates the mean squared error of f(A) and f(B) without bias, as long as f was not trained on this pair. It can come
out negative. The squares of the noise itself, which fireflies rule, cancel; of f(A) against B alone they would not, and
the estimate had 7 times the standard deviation (classroom and living-room-2 at 4 spp, weighted as in `online.watch`).
Trimmed versions, or weights that depend on the noise they weigh, would lose the freedom from bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser import devices
from denoiser.transforms import as_nchw
from renderer_bridge.frame import Image

BLOCK = 16
"""Side of the squares whose means count as independent for the standard error: a denoiser's errors are alike nearby."""


@dataclass(frozen=True)
class PairScore:
    """Estimated mean squared error in linear radiance; `standard_error` of the estimate is NaN below two blocks."""

    mse: float
    standard_error: float


def pair_mse(denoised_a: Tensor | Image, denoised_b: Tensor | Image, a: Tensor | Image, b: Tensor | Image) -> PairScore:
    """Unbiased mean squared error of f(A) and f(B), told from the noisy halves; all linear radiance, tensors
    (1, 3, H, W) on one device or images (H, W, 3).

    With A and B themselves in the place of f(A) and f(B) it is theirs. To rank two denoisers of one pair compare their
    values; what they have in common is exact.
    """
    return _score((_square(denoised_a, b) + _square(denoised_b, a) - _square(a, b)) / 2)


def pair_difference(one: tuple[Image, Image], other: tuple[Image, Image], a: Image, b: Image) -> PairScore:
    """Squared error of denoiser `one` minus that of `other`, each f(A) and f(B), all images (H, W, 3); unbiased.

    What both have in common is gone block by block, so that its standard error is that of a paired test.
    """
    first, second = (_square(denoised[0], b) + _square(denoised[1], a) for denoised in (one, other))
    return _score((first - second) / 2)


def mean_score(scores: list[PairScore]) -> PairScore:
    """Score of several independent views: plain mean, errors added in quadrature."""
    mse = float(np.mean([score.mse for score in scores]))
    return PairScore(mse, float(np.sqrt(np.sum([score.standard_error**2 for score in scores]))) / len(scores))


def _square(x: Tensor | Image, y: Tensor | Image) -> Tensor:
    """Squared difference, mean over channels, (1, 1, H, W)."""
    squares = (as_nchw(x).double() - as_nchw(y)).square_()
    return squares.mean(dim=1, keepdim=True)


def _score(terms: Tensor) -> PairScore:
    """Mean of the terms (1, 1, H, W); its standard error is from the spread of block means, weighted by block size."""
    mean = terms.mean()
    whole = (0, -terms.shape[3] % BLOCK, 0, -terms.shape[2] % BLOCK)
    sums, sizes = (
        F.avg_pool2d(F.pad(each, whole), BLOCK, divisor_override=1) for each in (terms, torch.ones_like(terms))
    )
    blocks = sums.numel()
    spread = (sums - mean * sizes).square().sum().sqrt() / terms.numel()
    mse, error = devices.read(mean, spread)
    return PairScore(mse, error * (blocks / (blocks - 1)) ** 0.5 if blocks > 1 else float("nan"))
