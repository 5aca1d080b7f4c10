"""What `n2n-eval` tells of a pair without a reference: each method's unbiased score, and which methods differ.

A method gets one half and is held to the other (`denoiser.score`): the squared error of its pictures of single halves,
not of what it makes of both. Differences between methods are of the same samples, block by block.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from apps.eval.views import Method
from denoiser.score import PairScore, mean_score, pair_difference, pair_mse
from renderer_bridge.frame import Image, Pair

LEVEL = 0.95
"""Share of intervals that hold the truth."""

_HALF_WIDTH = float(stats.norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Estimate:
    """A squared error, or a difference of two, with the half width of its interval and the chance of one as large."""

    value: float
    half: float
    p: float

    @classmethod
    def of(cls, score: PairScore) -> Estimate:
        """From a score and its standard error, taken as normal; p is two-sided, of a true value of 0."""
        p = 2 * float(stats.norm.sf(abs(score.mse) / score.standard_error)) if score.standard_error > 0 else math.nan
        return cls(score.mse, _HALF_WIDTH * score.standard_error, p)


@dataclass(frozen=True)
class Comparison:
    """What one pair without reference, or the mean over several, says of the methods: by name, and by two names."""

    scene: str
    pair: str
    scores: dict[str, PairScore]
    differences: dict[tuple[str, str], PairScore]

    def score(self, name: str) -> Estimate:
        """The method's squared error."""
        return Estimate.of(self.scores[name])

    def difference(self, one: str, other: str) -> Estimate:
        """Squared error of one minus that of the other."""
        return Estimate.of(self.differences[one, other])


def compare(scene: str, name: str, pair: Pair, alone: Mapping[str, Method]) -> tuple[Comparison, dict[str, Image]]:
    """Score methods that see half A alone, on both halves in turn; also their pictures, the mean of both, by name."""
    swapped = replace(pair, a=pair.b, b=pair.a)
    denoised = {key: (method(pair).color, method(swapped).color) for key, method in alone.items()}
    a, b = pair.a.color, pair.b.color
    scores = {key: pair_mse(*halves, a, b) for key, halves in denoised.items()}
    differences = {
        (one, other): pair_difference(denoised[one], denoised[other], a, b)
        for one, other in itertools.permutations(denoised, 2)
    }
    pictures = {key: np.float32(0.5) * (first + second) for key, (first, second) in denoised.items()}
    return Comparison(scene, name, scores, differences), pictures


def overall(comparisons: Sequence[Comparison]) -> Comparison:
    """The mean over pairs, of the methods that all of them have; their standard errors add in quadrature."""
    names = [name for name in comparisons[0].scores if all(name in each.scores for each in comparisons)]
    scores = {name: mean_score([each.scores[name] for each in comparisons]) for name in names}
    differences = {
        two: mean_score([each.differences[two] for each in comparisons]) for two in itertools.permutations(names, 2)
    }
    return Comparison("", "", scores, differences)
