"""How many samples a denoised picture needs: its error, told from the pair, against samples, and the law through both.

The error is the root mean square error of the tone-mapped picture, in [0, 1): that of which PSNR = -20 log10(error)
tells. A lamp's error counts in it as an eye would see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from denoiser import devices
from denoiser.inference.denoise import shown_slope
from denoiser.inference.select import Candidate
from renderer_bridge.passes import passes_to, total_spp

MOST_AT_ONCE = 4.0
"""Times the samples there are, to which they may grow before the error is looked at again: a law through few points
may be far off."""

STEEPEST, FLATTEST = 1.0, 0.1
"""Exponents a law may have: noise alone falls with 1/2, a denoised picture slower, and faster only by chance."""

RECENT = 4
"""Points, the last ones, that a law goes through: at first a denoiser's own error does not fall as later."""


@dataclass(frozen=True)
class Goal:
    """The error that is good enough, and the samples per pixel of each half that it may take at most."""

    error: float
    most_spp: float = math.inf


@dataclass(frozen=True)
class ErrorPoint:
    """Samples per pixel of each half, and the told error of the picture denoised from both."""

    spp: float
    error: float


@dataclass(frozen=True)
class PowerLaw:
    """error = scale * spp^-exponent."""

    scale: float
    exponent: float

    def spp_for(self, error: float) -> float:
        """Samples per pixel of each half at which the error is `error`, above 0."""
        return float((self.scale / error) ** (1 / self.exponent))


def told_error(color: Tensor, error: Tensor) -> float:
    """Root mean square error of a tone-mapped picture (1, 3, H, W), from its standard error in radiance.

    `error`, (1, 1 or 3, H, W), is estimated. The score of `denoiser.score` would need no such estimate, were it not for
    the tone map: weighted by the slope at the picture's own brightness, a bright sample counts less where it made the
    picture brighter, and the rare bright samples of dark places are what speaks for them. So weighted it told 0.16 to
    0.96 of the squared error on the 16 development pictures.
    """
    (mean,) = devices.read((shown_slope(color) * error).square().mean())
    return math.sqrt(mean)


def expected_squares(scout: Candidate) -> NDArray[np.float32]:
    """Squared error to expect of each pixel (H, W) of a denoised picture, from one denoised from other samples: the
    noise left in it. What the halves show beside that (`told_error`) is of the noise of the whole picture, and told
    worse where samples are wanted: with it 1.0 to 1.4 times fewer samples were needed, with the noise alone 1.3 to
    2.1 (where to spread them known from the reference: 1.4 to 2.7).
    """
    noise = ((scout.a - scout.b) * shown_slope(scout.color)).square() / 4
    return np.asarray(noise.mean(dim=1)[0].cpu().numpy())


def fit(points: Sequence[ErrorPoint]) -> PowerLaw | None:
    """The law through the last points, least squares of logarithms; None where there are fewer than two."""
    used = [point for point in points if point.error > 0][-RECENT:]
    if len({point.spp for point in used}) < 2:
        return None
    logs = np.log([[point.spp, point.error] for point in used])
    slope = np.polyfit(logs[:, 0], logs[:, 1], 1)[0]
    exponent = float(np.clip(-slope, FLATTEST, STEEPEST))
    return PowerLaw(float(np.exp(np.mean(logs[:, 1] + exponent * logs[:, 0]))), exponent)


def next_spp(points: Sequence[ErrorPoint], target: float) -> float:
    """How many samples per pixel to look at next, so that the error comes to `target`; more than the last point has."""
    last, law = points[-1], fit(points)
    wanted = last.spp * (last.error / target) ** 2 if law is None else law.spp_for(target)
    return min(max(wanted, math.nextafter(last.spp, math.inf)), last.spp * MOST_AT_ONCE)


def wanted_passes(points: Sequence[ErrorPoint], goal: Goal, first: int, passes: int) -> int:
    """How many passes beyond the first, of `first` samples, there should be: `passes`, that there are, when the last
    point is good enough or nothing more is allowed."""
    if points[-1].error <= goal.error:
        return passes
    wanted = max(passes + 1, passes_to(first, min(next_spp(points, goal.error), goal.most_spp)))
    while wanted > passes and total_spp(first, wanted) > goal.most_spp:
        wanted -= 1
    return wanted


def sentence(points: Sequence[ErrorPoint], goal: Goal, limit: str = "") -> str:
    """The last error, the law, and where `goal` is not reached what it would take, and which `limit` was in the way."""
    last, law = points[-1], fit(points)
    said = f"error {last.error:.4g} ({decibels(last.error):.1f} dB) at {last.spp:g} + {last.spp:g} spp"
    if law is not None:
        said += f", falls as spp^-{law.exponent:.2f}"
    if last.error <= goal.error:
        return said
    if law is not None:
        said += f"; {goal.error:g} would take about {math.ceil(max(law.spp_for(goal.error), last.spp))}"
    return f"{said}; {limit} allows no more" if limit else said


def decibels(error: float) -> float:
    """PSNR of a tone-mapped picture with that root mean square error."""
    return -20 * math.log10(error) if error > 0 else math.inf
