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
from denoiser.devices import TensorPair
from denoiser.inference.select import Candidate
from denoiser.paper import LOSS_EPSILON
from denoiser.transforms import tone_map_slope
from renderer_bridge.passes import passes_to, total_spp

MOST_AT_ONCE = 4.0
"""Times the samples there are, to which they may grow before the error is looked at again: a law through few points
may be far off."""

STEEPEST, FLATTEST = 1.0, 0.1
"""Exponents a law may have: noise alone falls with 1/2, a denoised picture slower, and faster only by chance."""

RECENT = 4
"""Points, the last ones, that a law goes through: at first a denoiser's own error does not fall as later."""


HIDDEN = 1.25
"""True error over what the halves show of it: gains of the residual come from both halves, and make each look closer to
the other. Chosen on three of the four development scenes (1.22 to 1.26) the true error was 0.89 to 1.22 times the told
one on the fourth, all 16 pairs, with the kernel network; with Open Image Denoise as pilot 0.74 to 2.02."""


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


def told_error(picture: Candidate, halves: TensorPair) -> float:
    """Root mean square error of a picture, tone-mapped, told from what each half alone gives and the other half.

    As in `denoiser.score`, less what averaging the halves takes off, times `HIDDEN`; at least the noise left.
    """
    scale = _scale(picture)
    a, b, noisy_a, noisy_b = (each * scale for each in (picture.a, picture.b, halves.a.color, halves.b.color))
    against = (a - noisy_b).square() + (b - noisy_a).square() - (noisy_a - noisy_b).square()
    noise = _noise(picture)
    seen, left = devices.read((against / 2 - noise).mean(), noise.mean())
    return math.sqrt(max(HIDDEN**2 * seen, left))


def expected_squares(scout: Candidate) -> NDArray[np.float32]:
    """Squared error to expect of each pixel (H, W) of a denoised picture, from one denoised from other samples: the
    noise left in it. What the halves show beside that (`told_error`) is of the noise of the whole picture, and told
    worse where samples are wanted: with it 1.0 to 1.4 times fewer samples were needed, with the noise alone 1.3 to
    2.1 (where to spread them known from the reference: 1.4 to 2.7).
    """
    return np.asarray(_noise(scout).mean(dim=1)[0].cpu().numpy())


def _noise(picture: Candidate) -> Tensor:
    """Squared noise that both halves together leave in the tone-mapped picture, (1, 3, H, W)."""
    return ((picture.a - picture.b) * _scale(picture)).square() / 4


def _scale(picture: Candidate) -> Tensor:
    """How much brighter the tone-mapped picture gets with its radiance, (1, 1, H, W)."""
    return tone_map_slope(picture.color.mean(dim=1, keepdim=True).clamp(min=0) + LOSS_EPSILON)


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
