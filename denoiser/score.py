"""How wrong is a denoised picture, told from a noisy pair alone.

With B independent of A and E[B] = truth, E[(f(A) - B)^2] = E[(f(A) - truth)^2] + Var(B) and Var(B) = E[(A - B)^2] / 2.
So

    mean[(f(A) - B)^2] - mean[(A - B)^2] / 2

estimates the mean squared error of f(A) without bias, as long as f was not trained on this B. It can come out negative.
Relative or trimmed versions would lose that: their weights depend on the noise they weigh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Image

BLOCK = 16
"""Side of the squares whose means count as independent for the standard error: a denoiser's errors are alike nearby."""


@dataclass(frozen=True)
class PairScore:
    """Estimated mean squared error in linear radiance; `standard_error` of the estimate is NaN below two blocks."""

    mse: float
    standard_error: float


def pair_mse(denoised_a: Image, b: Image, a: Image) -> PairScore:
    """Unbiased mean squared error of `denoised_a` = f(A) from both noisy halves; all (H, W, 3) linear radiance.

    To rank two denoisers of the same A compare their values; the variance term is common to both.
    """
    return _score(_square(denoised_a, b) - _square(a, b) / 2)


def symmetric_pair_mse(denoised_a: Image, denoised_b: Image, a: Image, b: Image) -> PairScore:
    """Mean of the scores of f(A) against B and of f(B) against A: less noise for twice the work."""
    return _score((_square(denoised_a, b) + _square(denoised_b, a) - _square(a, b)) / 2)


def mean_score(scores: list[PairScore]) -> PairScore:
    """Score of several independent views: plain mean, errors added in quadrature."""
    mse = float(np.mean([score.mse for score in scores]))
    return PairScore(mse, float(np.sqrt(np.sum([score.standard_error**2 for score in scores]))) / len(scores))


def _square(x: Image, y: Image) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = np.square(x.astype(np.float64) - y)
    return np.asarray(squares.mean(axis=2))  # (H, W)


def _score(terms: NDArray[np.float64]) -> PairScore:
    """Mean of the terms (H, W), with the standard error from the spread of block means, weighted by block size."""
    rows, columns = (np.arange(0, extent, BLOCK) for extent in terms.shape)
    sums = np.add.reduceat(np.add.reduceat(terms, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, terms.shape[0]]), np.diff([*columns, terms.shape[1]]))
    mean, blocks = float(terms.mean()), sums.size
    if blocks < 2:
        return PairScore(mean, float("nan"))
    residual = sums - mean * sizes
    return PairScore(mean, float(np.sqrt(np.square(residual).sum() * blocks / (blocks - 1)) / terms.size))
