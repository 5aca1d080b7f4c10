"""Losses for training on noisy targets, and two that fail on renders, kept for the ablation.

A loss is fit for noisy targets when its minimiser over f is the mean of the targets: then noise in the target, which
has zero mean, does not move the result. Source: Lehtinen et al. 2018, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from denoiser.paper import L0_EPSILON, L0_FIRST_GAMMA, LOSS_EPSILON
from denoiser.transforms import KEY, tone_map, tone_map_slope

LINEAR_BELOW = 1e-3
"""Radiance under which the ablation's tone map goes on as a straight line: T has an infinite slope at 0."""


def loss_hdr(prediction: Tensor, target: Tensor) -> Tensor:
    """L_HDR = mean (f - y)^2 / (f + 0.01)^2, the denominator taken as a constant (section 3.3).

    `prediction` and `target` are linear radiance, any equal shapes. The gradient is that of a weighted square, so the
    minimiser is E[y], and a dark and a bright region weigh alike. The denominator reads max(f, 0): the same for
    radiance, and without the paper's pole at f = -0.01, which an untrained linear layer crosses all the time.
    """
    denominator = prediction.detach().float().clamp(min=0) + LOSS_EPSILON
    return ((prediction.float() - target) / denominator).square().mean()


def loss_l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean (f - y)^2. The minimiser is E[y] too, but a few bright pixels outweigh the picture."""
    return (prediction.float() - target).square().mean()


def loss_tone_slope(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean ((f - y) T'(f) / (0.2 T'(0.2)))^2, the slope T' of the tone map taken as a constant.

    To first order the squared error of the tone-mapped picture, which is what PSNR measures, and still with E[y] as
    minimiser: the target stays linear. Bright pixels count less than in L_HDR, for the tone map compresses them.
    """
    slope = tone_map_slope(prediction.detach().float().clamp(min=0) + LOSS_EPSILON)
    scale = KEY * tone_map_slope(torch.tensor(KEY, device=target.device))
    return ((prediction.float() - target) * (slope / scale)).square().mean()


def loss_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean |f - y|. The minimiser is the *median* of the targets: right where less than half of them are replaced
    (section 3.2, text removal), and biased on skewed noise such as a renderer's."""
    return (prediction.float() - target).abs().mean()


def loss_l0(prediction: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean (|f - y| + 1e-8)^gamma, gamma from `annealed_gamma`. Towards gamma 0 the minimiser is the *mode* of the
    targets: right as long as no wrong value is more frequent than the right one (section 3.2, impulse noise)."""
    return ((prediction.float() - target).abs() + L0_EPSILON).pow(gamma).mean()


def annealed_gamma(done: float) -> float:
    """Exponent of `loss_l0` when a share `done` of the steps is done: from 2, a straight line to 0 (section 3.2)."""
    return L0_FIRST_GAMMA * (1.0 - done)


def loss_l2_masked(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean (f - y)^2 over the values whose `mask`, broadcast to the target's shape, is 1; the others are left out
    (section 3.2, multiplicative Bernoulli noise). 0 when all are left out."""
    kept = mask.expand_as(target)
    return ((prediction.float() - target).square() * kept).sum() / kept.sum().clamp(min=1)


def loss_hdr_undetached(prediction: Tensor, target: Tensor) -> Tensor:
    """L_HDR with the gradient of its denominator: **wrong**, as in several ports.

    Minimiser: E[y] + Var(y) / (E[y] + 0.01), brighter than the mean wherever there is noise.
    """
    denominator = prediction.float().clamp(min=0) + LOSS_EPSILON
    return ((prediction.float() - target) / denominator).square().mean()


def loss_tonemapped(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean (T(f) - T(y))^2: **wrong**. The minimiser is T^-1(E[T(y)]) < E[y], for T is concave: too dark."""
    return (_extended_tone_map(prediction.float()) - _extended_tone_map(target)).square().mean()


def _extended_tone_map(radiance: Tensor) -> Tensor:
    """T above `LINEAR_BELOW`, its tangent below, so that the gradient is finite and never zero."""
    knee = torch.tensor(LINEAR_BELOW, device=radiance.device)
    at_knee = tone_map(knee)
    slope = (tone_map(knee * 1.01) - at_knee) / (knee * 0.01)
    curve = tone_map(radiance.clamp(min=LINEAR_BELOW))
    return torch.where(radiance > LINEAR_BELOW, curve, at_knee + slope * (radiance - knee))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "hdr": loss_hdr,
    "l2": loss_l2,
    "tone-slope": loss_tone_slope,
    "hdr-undetached": loss_hdr_undetached,
    "tonemapped": loss_tonemapped,
}
"""Loss by its name on the command line; the last two are biased and are there to show it."""
