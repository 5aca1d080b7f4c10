"""Of several pictures of one pair the best at each place, told from the pair alone.

Each candidate is the mean of a picture that A alone gives and one that B alone gives, and A's is held to B, B's to A:
for c = p + w (q - p), a blend of two candidates p and q, the squared error is least at

    w = E[(t - p) (q - p)] / E[(q - p)^2],    E[(t - p)(q - p)] = mean of (B - pa)(qa - pa) and (A - pb)(qb - pb)
                                                                  + (pa - pb)((qa - pa) - (qb - pb)) / 4

with t the truth; B's noise is independent of what A gives, so B may stand for t, and the last term is what averaging
the halves takes off. Both expectations are Gaussian means around a pixel, so that seams are smooth. `DOUBT` standard
errors are taken off the upper one: a candidate yields only where the pair proves it. The first candidate begins; one
that is better over the whole picture, beyond doubt, takes its place.

On the 16 development pairs, kernel network and Open Image Denoise as candidates: 0.06 dB above the better of both on
average, 0.005 below it at worst. The noisy mean beside the network: 0.04 dB above, never below the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser import devices
from denoiser.devices import TensorPair, compute_device, pair_on
from denoiser.filters import gaussian
from denoiser.inference.denoise import denoise_halves, expected_error, standard_error
from denoiser.inference.piloted import Pilot, around, pilot_pictures
from denoiser.inference.residual import residual_of_each
from denoiser.model import Model
from denoiser.paper import LOSS_EPSILON
from denoiser.precision import Precision
from denoiser.transforms import to_image, tone_map_slope
from renderer_bridge.frame import Denoised, Pair

NEIGHBOURHOOD = 8.0
"""Standard deviation in pixels of the Gaussian over which candidates are compared; 16 is level with it, and worse for
lamps, which the noisy mean shows best."""

DOUBT = 2.0
"""Standard errors taken off what speaks for another candidate; with 3 a third of the gain is gone."""

FEW = 30.0
"""Pixels too few for the spread of their values to tell how far off the mean is: where candidates differ in so many,
doubt is double, in half as many threefold. At 1 + 1 spp the edge of a lamp, ten pixels where both halves lacked the
same samples, spoke for a candidate that was wrong there, and cost 0.23 dB of the whole cornell-box (now +0.17)."""

SQUARE = 32
"""Side, in pixels, of the squares that are held out or not where weights adapt to the pair itself."""

HELD_OUT = 0.25
"""Share of the squares that only judge."""


@dataclass(frozen=True)
class Candidate:
    """A picture of a pair, linear radiance (1, 3, H, W), and its estimated standard error, (1, 1 or 3, H, W).

    `a` and `b` are what A alone and B alone give. `judged` (1, 1, H, W) is 1 where the other half was never a target of
    what made it, 0 elsewhere; None stands for 1 everywhere.
    """

    name: str
    color: Tensor
    a: Tensor
    b: Tensor
    error: Tensor
    judged: Tensor | None = None


@torch.no_grad()
def select_pair(
    pair: Pair,
    model: Model,
    pilot: Pilot | None = None,
    adapted: Model | None = None,
    more: Pair | None = None,
    *,
    precision: Precision = "auto",
    residual: bool = True,
    every: bool = True,
) -> Denoised:
    """The best, place by place, of the noisy mean, the network's picture, and where given the pilot's, and that of
    weights adapted to this very pair (whose targets were those of `learnt_squares`).

    `more` is the pair with the samples of other views in its colors. What is made of it begins, for the most samples
    are in it (the other way round a third of its gain was lost on the staircase, two thirds on glass); where the pair's
    own halves prove that those views saw other light, it yields. Without `every`, of pilot and network only the first
    there is, of the pair and of `more`, are asked.

    `error` is at most that of the blended pictures' errors; `shares` tells how much of each was taken. Raises as
    `denoise_pair` does, and what the pilot raises.
    """
    halves = pair_on(pair, compute_device())
    around = None if more is None else pair_on(more, compute_device())

    def candidates() -> Iterator[Candidate]:
        """Made as they are asked for; the first is what doubt is decided in favor of."""
        if pilot is not None and around is not None:
            yield replace(pilot_candidate(around, pilot, residual), name="pilot with views")
        if pilot is not None:
            yield pilot_candidate(halves, pilot, residual)
        elif around is not None:
            yield replace(network_candidate(around, model, precision, residual), name="network with views")
        if pilot is None or (every and around is None):
            yield network_candidate(halves, model, precision, residual)
        elif around is not None and every:
            yield replace(network_candidate(around, model, precision, residual), name="network with views")
        if every:
            yield noisy_candidate(halves)
        if adapted is not None:  # last: what is compared with it, or with a blend of it, is judged at few places
            judged = 1 - learnt_squares(pair.a.size).to(compute_device())
            yield replace(
                network_candidate(around or halves, adapted, precision, residual), name="adapted", judged=judged
            )

    best, shares = blend(candidates(), halves)
    error = best.error.expand_as(best.color)
    return Denoised(to_image(best.color), to_image(error), shares=shares)


def blend(candidates: Iterable[Candidate], halves: TensorPair) -> tuple[Candidate, dict[str, float]]:
    """The candidates as one, and the mean share that each has in it. The first is what doubt is decided in favor of.

    Only two are alive at a time, when `candidates` are made as they are asked for.
    """
    each = iter(candidates)
    best = next(each)
    shares = {best.name: 1.0}
    for other in each:
        if _better(best, other, halves):
            share = _share(other, best, halves)
            shares = {name: kept * float(share.mean()) for name, kept in shares.items()}
            shares[other.name] = 1 - float(share.mean())
            best = _mixed(other, best, share)
        else:
            share = _share(best, other, halves)
            shares = {name: kept * (1 - float(share.mean())) for name, kept in shares.items()}
            shares[other.name] = float(share.mean())
            best = _mixed(best, other, share)
    return best, shares


def learnt_squares(size: tuple[int, int], seed: int = 0) -> Tensor:
    """1 where weights that adapt to a picture of `size`, (height, width), see targets, 0 in the squares held out, which
    are drawn at random; (1, 1, H, W)."""
    squares = [-(-extent // SQUARE) for extent in size]
    random = np.random.default_rng(seed)
    kept = torch.from_numpy((random.uniform(size=squares) >= HELD_OUT).astype(np.float32))
    return F.interpolate(kept[None, None], scale_factor=SQUARE)[..., : size[0], : size[1]]


# ---------------------------------------------------------------------------------------------------------------------
# Candidates


def noisy_candidate(halves: TensorPair) -> Candidate:
    """The mean of both halves, as the renderer gave them."""
    a, b = halves.a.color, halves.b.color
    return Candidate("noisy", (a + b) / 2, a, b, standard_error(a, b))


@torch.no_grad()
def network_candidate(
    halves: TensorPair, model: Model, precision: Precision = "auto", residual: bool = True
) -> Candidate:
    """The picture of `denoise_pair`."""
    return _given_back("network", halves, *denoise_halves(model, halves, precision=precision), None, residual)


@torch.no_grad()
def pilot_candidate(halves: TensorPair, pilot: Pilot, residual: bool = True) -> Candidate:
    """The picture of `denoise_pair_with`."""
    return _given_back("pilot", halves, *pilot_pictures(pilot, halves), residual)


def _given_back(
    name: str, halves: TensorPair, a: Tensor, b: Tensor, of_mean: Tensor | None, residual: bool
) -> Candidate:
    """The denoised halves with what they get wrong alike, around the picture of their mean where there is one."""
    error = standard_error(a, b)
    if of_mean is not None:
        a, b = around(of_mean, a, b)
    if not residual:
        return Candidate(name, (a + b) / 2, a, b, error)
    color, left, with_a, with_b = residual_of_each(halves, a, b)
    return Candidate(name, color, with_a, with_b, expected_error(halves, error, left))


# ---------------------------------------------------------------------------------------------------------------------
# Comparing two


def _terms(one: Candidate, other: Candidate, halves: TensorPair) -> tuple[Tensor, Tensor]:
    """Of each pixel (t - p)(q - p) without bias, and (q - p)^2, p being `one` and q the `other`; (1, 1, H, W).

    Errors count as a tone-mapped picture shows them. The scale is that of `one`, which has the least noise of its
    own: one that knew of the noisy mean would pass over its fireflies, and all else would be too dark.
    """
    scale = tone_map_slope(one.color.mean(dim=1, keepdim=True).clamp(min=0) + LOSS_EPSILON)
    apart, apart_a, apart_b = (
        (q - p) * scale for p, q in ((one.color, other.color), (one.a, other.a), (one.b, other.b))
    )
    for_a, for_b = (halves.b.color - one.a) * scale, (halves.a.color - one.b) * scale
    gain = (for_a * apart_a + for_b * apart_b) / 2 + (one.a - one.b) * scale * (apart_a - apart_b) / 4
    return gain.mean(dim=1, keepdim=True), apart.square_().mean(dim=1, keepdim=True)


def _judged(one: Candidate, other: Candidate) -> Tensor | None:
    masks = [each.judged for each in (one, other) if each.judged is not None]
    return masks[0] if masks else None


def _better(one: Candidate, other: Candidate, halves: TensorPair) -> bool:
    """Whether the picture as a whole is better as `other`, beyond doubt: (q - p)^2 - 2 (t - p)(q - p) below 0."""
    gain, apart = _terms(one, other, halves)
    judged = _judged(one, other)
    squares = F.avg_pool2d(2 * gain - apart, SQUARE, ceil_mode=True, count_include_pad=False)
    if judged is not None:
        squares = squares[F.avg_pool2d(judged, SQUARE, ceil_mode=True) > 0]
    if squares.numel() < 2:
        return False
    mean, deviation = devices.read(squares.mean(), squares.std())
    return mean > DOUBT * deviation / math.sqrt(squares.numel())


def _share(one: Candidate, other: Candidate, halves: TensorPair) -> Tensor:
    """How far to go from `one` to `other` at each pixel, 0 to 1, (1, 1, H, W)."""
    gain, apart = _terms(one, other, halves)
    judged = _judged(one, other)
    deviation = NEIGHBOURHOOD if judged is None else float(SQUARE)
    weight = torch.ones_like(gain) if judged is None else judged
    layers = [gain, gain.square(), apart, apart.square()]
    pooled = gaussian(torch.cat([*(each * weight for each in layers), weight], dim=1), deviation)
    seen = pooled[:, 4:].clamp(min=torch.finfo(pooled.dtype).tiny)
    mean, squares, distance, fourth = (pooled[:, :4] / seen).chunk(4, dim=1)
    samples = 4 * math.pi * deviation**2 * seen  # of equal weight, that a Gaussian mean is worth
    differing = samples * distance.square() / fourth.clamp(min=torch.finfo(fourth.dtype).tiny)
    error = ((squares - mean.square()).clamp_(min=0) / samples).sqrt_()
    doubt = DOUBT * (1 + FEW / differing) * error
    return ((mean - doubt) / distance.clamp(min=torch.finfo(distance.dtype).tiny)).nan_to_num_(0.0).clamp_(0, 1)


def _mixed(one: Candidate, other: Candidate, share: Tensor) -> Candidate:
    """From `one` so far to `other`. What was judged at fewer places leaves its marks."""
    color, a, b, error = (
        torch.lerp(p, q, share)
        for p, q in ((one.color, other.color), (one.a, other.a), (one.b, other.b), (one.error, other.error))
    )
    return Candidate(one.name, color, a, b, error, _judged(one, other))
