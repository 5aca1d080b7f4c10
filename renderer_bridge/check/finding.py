"""What a check says, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.special import bdtrc, ndtr, pdtrc

SIGNIFICANCE = 1e-4
"""Largest probability, under a sound input, of a statistic as far out as one that raises an alarm. An input goes
through ten tests, so chance alone raises a false alarm in one of a thousand; thresholds keep oddities of scenes out."""

Side = Literal["above", "below"]


@dataclass(frozen=True)
class Finding:
    """One test of one input.

    `statistic` is what was measured, and `alarm` says that it lies on the `side` of `threshold` that no sound input was
    found on, with `p_value` - the probability of that under noise as it should be - under `SIGNIFICANCE`. `sentence`
    says what that means and what to change in the renderer; it holds for an alarm only. `serious` is False where the
    denoiser does well all the same.
    """

    name: str
    statistic: float
    threshold: float
    side: Side
    p_value: float
    sentence: str
    serious: bool = True

    @property
    def alarm(self) -> bool:
        """Whether the input is not what a denoiser needs."""
        out = self.statistic > self.threshold if self.side == "above" else self.statistic < self.threshold
        return bool(out and self.p_value < SIGNIFICANCE)


def sign_test(successes: int, trials: int, probability: float = 0.5) -> float:
    """Probability of at least so many successes in so many independent trials; 1 where there are no trials."""
    return float(bdtrc(successes - 1, trials, probability)) if successes > 0 else 1.0


def normal_tail(deviations: float) -> float:
    """Probability that a standard normal variable is larger."""
    return float(ndtr(-deviations))


def poisson_tail(count: int, mean: float) -> float:
    """Probability that a Poisson variable of that mean is at least `count`."""
    return float(pdtrc(count - 1, mean)) if count > 0 else 1.0
