"""What both denoised halves of a pair get wrong alike, measured from the pair and given back.

With f(A), f(B) the denoised halves, the residuals A - f(A) and B - f(B) share the denoiser's systematic error - a color
off, a texture gone - while their noise is independent. So the product of the two residuals, averaged over a
neighbourhood, is the power of the shared error without bias, and the square of their difference that of the noise. Each
band of the residuals' wavelet transform is returned to the picture with the gain of a Wiener filter. Where the noise is
loud nothing is returned; as samples grow the gain goes to 1 and the result to the mean of the halves, that is, to
the render itself.

The transform is the edge-avoiding a-trous wavelet of Dammertz et al., "Edge-Avoiding A-Trous Wavelet Transform for fast
Global Illumination Filtering", HPG 2010, guided by albedo, normal and the denoised color.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.paper import LOSS_EPSILON
from denoiser.transforms import to_image, to_nchw, tone_map
from renderer_bridge.frame import Image, Pair

LEVELS = 6
"""Bands; the last is the mean over about 64 pixels. Over 48 images (four scenes) 5 and 6 differ by 0.1 dB."""

EDGE = 0.5
"""Squared distance of the guides at which a neighbour counts 1/e: 0.3 and 1.0 differ by up to 0.4 dB, either way."""

SMOOTHING = 4.0
"""Standard deviation, in samples of a band, of the neighbourhood over which powers are averaged."""

DOUBT = 0.15
"""Share of the noise's power that must be exceeded before anything is returned: estimates of power are noisy too."""

NORMAL_WEIGHT = 0.7
"""Normals differ by up to 2, albedo and tone-mapped color by up to 1."""


def return_residual(pair: Pair, denoised_a: Image, denoised_b: Image) -> Image:
    """Mean of the denoised halves plus the error they share, linear radiance (H, W, 3) >= 0.

    `denoised_a` is f(A), `denoised_b` f(B), of the same network. Layers that a frame lacks do not guide.
    """
    a, b, fa, fb = (to_nchw(image) for image in (pair.a.color, pair.b.color, denoised_a, denoised_b))
    mean = (fa + fb) / 2
    brightness = mean.mean(dim=1, keepdim=True) + LOSS_EPSILON  # residuals are relative: a lamp must not drown a wall
    guide = _guide(pair, mean)
    residuals = torch.cat([a - fa, b - fb], dim=1) / brightness  # (1, 6, H, W)
    returned = torch.zeros_like(mean)
    for level in range(LEVELS):
        smooth = _smooth(residuals, guide, 2**level) if level < LEVELS - 1 else torch.zeros_like(residuals)
        band_a, band_b = (residuals - smooth).chunk(2, dim=1)
        returned += _gain(band_a, band_b, 2**level) * (band_a + band_b) / 2
        residuals = smooth
    return to_image((mean + returned * brightness).clamp(min=0))


def _guide(pair: Pair, mean: Tensor) -> Tensor:
    """What edges are made of: tone-mapped color, and the means of both halves' albedo and normal (1, 3-9, H, W)."""
    layers = [tone_map(mean)]
    for name, weight in (("albedo", 1.0), ("normal", NORMAL_WEIGHT)):
        halves = [getattr(half, name) for half in (pair.a, pair.b)]
        if all(half is not None for half in halves):
            layers.append((to_nchw(halves[0]) + to_nchw(halves[1])) * (weight / 2))
    return torch.cat(layers, dim=1)


def _smooth(image: Tensor, guide: Tensor, step: int) -> Tensor:
    """Weighted mean of 3x3 neighbours `step` pixels apart; a neighbour across an edge of `guide` counts little."""
    height, width = image.shape[2:]
    padded_image, padded_guide = (F.pad(each, (step,) * 4, mode="replicate") for each in (image, guide))
    total, weights = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for row, vertical in enumerate((1.0, 2.0, 1.0)):
        for column, horizontal in enumerate((1.0, 2.0, 1.0)):
            window = (..., slice(row * step, row * step + height), slice(column * step, column * step + width))
            distance = (padded_guide[window] - guide).square_().sum(dim=1, keepdim=True)
            weight = distance.div_(-EDGE).exp_().mul_(vertical * horizontal)
            total.addcmul_(padded_image[window], weight)
            weights += weight
    return total / weights


def _gain(band_a: Tensor, band_b: Tensor, step: int) -> Tensor:
    """Share of a band (1, 3, H, W) that both halves share: signal / (signal + noise), (1, 1, H, W)."""
    signal = _local_mean((band_a * band_b).mean(dim=1, keepdim=True), step)
    noise = _local_mean((band_a - band_b).square().mean(dim=1, keepdim=True) / 4, step)  # of the halves' mean
    return (signal - DOUBT * noise).clamp(min=0) / (signal.clamp(min=0) + noise + torch.finfo(noise.dtype).tiny)


def _local_mean(power: Tensor, step: int) -> Tensor:
    """Gaussian mean (1, 1, H, W) over `SMOOTHING` samples of a band whose samples lie `step` pixels apart."""
    height, width = power.shape[2:]
    small = F.avg_pool2d(power, step, ceil_mode=True, count_include_pad=False) if step > 1 else power
    radius = int(3 * SMOOTHING)
    weights = torch.exp(torch.arange(-radius, radius + 1, device=power.device).square() / (-2 * SMOOTHING**2))
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    small = F.conv2d(F.pad(small, (radius, radius, 0, 0), mode="replicate"), weights)
    small = F.conv2d(F.pad(small, (0, 0, radius, radius), mode="replicate"), weights.transpose(2, 3))
    if step == 1:
        return small
    grown = F.interpolate(small, scale_factor=step, mode="bilinear", align_corners=False)
    return grown[..., :height, :width]
