"""A pilot beside the network in training: a flight starts where that is, and takes of the network what it is worth.

Where f(A) differs from the pilot's picture of A, half B tells without bias how much of the way from one to the other
leads towards the truth: regressed on that difference, B minus the pilot's picture has the share as its slope. It is
taken over the whole frame first; where a neighbourhood's own slope differs from that by more than chance, it counts
there. Two denoisers err in different ways, so a share can pay even where the network alone is behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from denoiser.devices import TensorPair
from denoiser.filters import gaussian
from denoiser.inference.denoise import standard_error
from denoiser.inference.piloted import Pilot, around, pilot_pictures
from denoiser.inference.residual import return_residual
from denoiser.paper import LOSS_EPSILON
from denoiser.transforms import tone_map_slope

Halves = tuple[Tensor, Tensor]

NEIGHBOURHOOD = 16.0
"""Standard deviation, in pixels, of the Gaussian over which a neighbourhood's slope is taken."""

DOUBT = 2.0
"""Standard errors taken off what the network gains over the whole frame, and off how much a neighbourhood differs from
that. With 1 and a network that was not trained on the flight up to 0.05 dB was lost to chance, with 2 up to 0.04."""


@dataclass(frozen=True)
class Alone:
    """A frame by itself: `color`, linear radiance (1, 3, H, W) >= 0; its estimated `noise`, of the same shape; and
    what both halves still get wrong alike, `left`, (1, 1, H, W)."""

    color: Tensor
    noise: Tensor
    left: Tensor


def given_back(pair: TensorPair, denoised: Halves) -> Alone:
    """The mean of the denoised halves with what they get wrong alike."""
    color, left = return_residual(pair, *denoised)
    return Alone(color, standard_error(*denoised), left)


@dataclass(frozen=True)
class Piloted:
    """The pilot's pictures of A and B, `halves`, and of their mean, linear radiance (1, 3, H, W)."""

    halves: Halves
    mean: Tensor

    def share(self, network: Halves, fresh: TensorPair) -> Tensor:
        """The network's share of the picture, (1, 1, H, W) in [0, 1].

        `network` are f(A) and f(B). `fresh` is a pair of the same view whose half B's noise is unknown to f(A) and the
        pilot's picture of A, and the other way round.
        """
        weight = _visibility(self.mean)
        ways, gains = (torch.zeros_like(weight) for _ in range(2))
        for own, learned, other in zip(self.halves, network, (fresh.b.color, fresh.a.color), strict=True):
            way = learned - own
            ways += way.square().sum(dim=1, keepdim=True) * weight
            gains += (way * (other - own)).sum(dim=1, keepdim=True) * weight
        return _slope(ways, gains)

    def combined(self, pair: TensorPair, network: Halves, share: Tensor) -> Alone:
        """The picture of both.

        Both halves are the pilot's with the network's share in them, and the pilot's part of their mean that of its
        picture of the mean, as in `denoiser.inference.piloted`. What they get wrong alike comes back (`residual`).
        """
        a, b = (torch.lerp(own, learned, share) for own, learned in zip(self.halves, network, strict=True))
        color, left = return_residual(pair, *around(torch.lerp(self.mean, (network[0] + network[1]) / 2, share), a, b))
        return Alone(color, standard_error(a, b), left)


def piloted(pilot: Pilot, pair: TensorPair) -> Piloted:
    """The pilot's pictures of a pair."""
    a, b, mean = pilot_pictures(pilot, pair)
    return Piloted((a, b), mean)


def _visibility(picture: Tensor) -> Tensor:
    """What a squared error counts, (1, 1, H, W): as the tone map shows it, at the pixel's own brightness. With that of
    its surroundings dark details counted too little: a network that left specks there lost 0.3 dB (classroom)."""
    brightness = picture.mean(dim=1, keepdim=True).clamp(min=0)
    return tone_map_slope(brightness + LOSS_EPSILON).square()


def _slope(ways: Tensor, gains: Tensor) -> Tensor:
    """Slope of gains over ways: the whole picture's, and a neighbourhood's where it proves to be another."""
    tiny = torch.finfo(ways.dtype).tiny
    spread = (gains - gains.mean() / (ways.mean() + tiny) * ways).std() / math.sqrt(gains.numel())
    whole = ((gains.mean() - DOUBT * spread) / (ways.mean() + tiny)).clamp(0, 1)
    off = gains - whole * ways
    near, squares, nearby = gaussian(torch.cat([off, off.square(), ways], dim=1), NEIGHBOURHOOD).chunk(3, dim=1)
    error = (squares / (4 * math.pi * NEIGHBOURHOOD**2)).sqrt_()
    proven = near.sign() * (near.abs() - DOUBT * error).clamp_(min=0)
    return (whole + proven / (nearby + tiny)).clamp_(0, 1)
