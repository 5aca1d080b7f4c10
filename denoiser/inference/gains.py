"""How much of a band of the residuals comes back: powers of what both halves share and of their noise, and the gain.

See `residual`, which makes the bands and returns them, and `bands`, which measures powers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from denoiser.filters import GAUSSIAN_RADIUS, gaussian
from denoiser.windows import Window, with_margin

NEIGHBOURHOODS = ((4.0, 1.0), (2.0, 3.0))
"""Gaussians over which powers are averaged: standard deviation in samples of a band, and the standard errors taken off
the power, times the noise's share (with no noise there is no doubt). The one that returns more counts. The small one
is for errors that end at an edge, and worth 0.05 dB; with 1 standard error 0.08 dB, and specks on the demo's wall."""

NOTHING = 1e-24
"""A power, relative to the picture's, under which there is none: in black, roots and shares must have derivatives."""

_REACH = int(GAUSSIAN_RADIUS * max(deviation for deviation, _ in NEIGHBOURHOODS))


def gains(powers: Tensor, window: Window) -> Tensor:
    """Wiener gain of a band, signal / (signal + noise), RMS of the error both halves share there, and the power of what
    is left after the gain, (3, rows, columns) of a window of the powers (2, h, w)."""
    seen, inner = with_margin(window, _REACH, *powers.shape[1:])
    return _gains(powers[seen])[inner]


def _gains(powers: Tensor) -> Tensor:
    estimates = [_averaged(powers, deviation) for deviation, _ in NEIGHBOURHOODS]
    doubts = [doubt for _, doubt in NEIGHBOURHOODS]
    filters = [_wiener(*estimate, doubt) for estimate, doubt in zip(estimates, doubts, strict=True)]
    gain, rms = torch.stack(filters).amax(dim=0)
    signal, _, noise = estimates[0]
    left = (1 - gain).square_() * signal.clamp(min=0) + gain.square() * noise
    return torch.stack([gain, rms, left])


def _averaged(powers: Tensor, deviation: float) -> tuple[Tensor, Tensor, Tensor]:
    """Power of the shared error over a neighbourhood, its standard error, and the power of the noise; (h, w)."""
    stack = torch.stack([powers[0], powers[0].square(), powers[1]])
    signal, squares, noise = gaussian(stack[None], deviation)[0]
    samples = 4 * torch.pi * deviation**2  # of equal weight, that a Gaussian mean is worth
    return signal, ((squares - signal.square()) / samples).clamp_(min=NOTHING).sqrt_(), noise


def _wiener(signal: Tensor, standard_error: Tensor, noise: Tensor, doubt: float) -> Tensor:
    """Gain, and RMS of the shared error, after `doubt` standard errors were taken off; (2, h, w)."""
    total = (signal.clamp(min=0) + noise).clamp_(min=NOTHING)
    sure = signal - doubt * standard_error * (noise / total)
    return torch.stack([sure.clamp(min=0) / total, sure.clamp(min=NOTHING).sqrt_()])
