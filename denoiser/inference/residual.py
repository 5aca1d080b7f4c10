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

from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.devices import TensorPair
from denoiser.filters import gaussian, largest
from denoiser.paper import LOSS_EPSILON
from denoiser.transforms import tone_map

LEVELS = 6
"""Bands; the last is the mean over about 64 pixels."""

EDGE = 0.5
"""Squared distance of the guides at which a neighbour counts 1/e: 0.3 and 1.0 differ by up to 0.4 dB, either way."""

NEIGHBOURHOODS = ((4.0, 1.0), (2.0, 3.0))
"""Gaussians over which powers are averaged: standard deviation in samples of a band, and the standard errors taken off
the power, times the noise's share (with no noise there is no doubt). The one that returns more counts. The small one
is for errors that end at an edge, and worth 0.05 dB; with 1 standard error 0.08 dB, and specks on the demo's wall."""

UNSEEN = 0.25
"""Standard errors of its power that count as shared error where what is left is estimated: so much hides in the noise.
With the noise of the halves the estimate is 0.75 to 1.43 times too small (medians of 16 images, geometric mean 0.99);
0 and 0.5: 1.08 and 0.93. Of the noise alone it is 1.1 to 3.1 times too small."""

SKY_ERRORS, SKY_WINDOW = 3.0, 9
"""Differences of the halves by which a pixel without any surface may differ from their mean; the largest one around it,
in a square of so many pixels, counts: in fog two black samples in one pixel prove nothing."""

LIMIT = 0.5
"""Relative residuals count up to this when the power of the shared error is estimated: two fireflies that meet by
chance would pass for a detail that both halves missed. 1: up to 0.1 dB more, and specks around the demo's sphere."""

AGREEMENT = 1.0
"""A half's value counts up to so many times the other half's value plus the shared error's RMS: a firefly is in one."""

NOTHING = 1e-24
"""A power, relative to the picture's, under which there is none: in black, roots and shares must have derivatives."""

NORMAL_WEIGHT = 0.7
"""Normals differ by up to 2, albedo and tone-mapped color by up to 1."""


STRIP_PIXELS = 250_000
"""Most pixels worked on at once, margins left out: what fits into caches is several times faster."""

KEEP_PIXELS = 2_500_000
"""Largest picture whose bands are kept, 144 bytes a pixel; those of larger ones are made twice."""

MARGIN = 2 ** (LEVELS - 1)
"""Rows seen beyond a strip: the wavelet reaches 1 + 2 + 4 + ... pixels. Strips begin at its multiples, where coarse
samples begin too."""


def return_residual(pair: TensorPair, denoised_a: Tensor, denoised_b: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the denoised halves plus the error they share, linear radiance (1, 3, H, W) >= 0, and what is left of it.

    `denoised_a` is f(A), `denoised_b` f(B), (1, 3, H, W), of the same network; all lies on one device. What is left is
    (1, 1, H, W), root mean square over the channels: shared error that the noise hides, and noise that came back with
    what was returned. Layers that a frame lacks do not guide. Large pictures are worked on in strips, which changes
    nothing but the memory it takes.
    """
    color, left, _ = _returned(pair, denoised_a, denoised_b, apart=False)
    return color, left


def residual_of_each(pair: TensorPair, denoised_a: Tensor, denoised_b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As `return_residual`, and the picture that A alone gives and that of B: f(A) and f(B), each with what is returned
    of its own residual, (1, 3, H, W).

    Gains, and the limits of what is returned, come from both halves all the same; they are means over many pixels.
    """
    color, left, apart = _returned(pair, denoised_a, denoised_b, apart=True)
    assert apart is not None
    return color, left, color + apart, color - apart


def _returned(
    pair: TensorPair, denoised_a: Tensor, denoised_b: Tensor, apart: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """As `return_residual`; with `apart` also half the difference of what A and B alone give."""
    height, width = pair.a.size
    strips = _strips(height, width)
    halves = _Halves(pair, denoised_a, denoised_b)
    bands = _Bands(halves, keep=height * width <= KEEP_PIXELS)
    powers = [halves.fa.new_empty(2, -(-height // 2**level), -(-width // 2**level)) for level in range(LEVELS)]
    for strip in strips:
        for level, (band_a, band_b) in enumerate(bands.of(strip)[0]):
            rows = slice(strip.start // 2**level, -(-strip.stop // 2**level))
            powers[level][:, rows] = _pooled_powers(band_a, band_b, 2**level)
    filters = [_filter(power) for power in powers]
    result, left = torch.empty_like(halves.fa), halves.fa.new_empty(1, 1, height, width)
    difference = (halves.fa - halves.fb) / 2 if apart else None
    for strip in strips:
        parts, mean, brightness = bands.of(strip)
        returned, remaining = torch.zeros_like(mean), torch.zeros_like(brightness)
        for level, (band_a, band_b) in enumerate(parts):
            gain, rms, power = _grown(filters[level], 2**level, strip, width).chunk(3, dim=1)
            agreed_a, agreed_b = _agreed(band_a, band_b, rms)
            returned += gain * ((agreed_a + agreed_b) / 2)
            remaining += power
            if difference is not None:
                difference[..., strip, :] += gain * ((agreed_a - agreed_b) / 2) * brightness
        result[..., strip, :] = (mean + returned * brightness).clamp_(min=0)
        left[..., strip, :] = remaining.sqrt_() * brightness
    return _with_sky(halves, result), left, difference


class _Halves:
    """Both halves and the denoised ones, (1, 3, H, W); `guides` are albedo and normal."""

    def __init__(self, pair: TensorPair, denoised_a: Tensor, denoised_b: Tensor) -> None:
        self.a, self.b, self.fa, self.fb = pair.a.color, pair.b.color, denoised_a, denoised_b
        self.guides: dict[str, tuple[Tensor, Tensor]] = {}
        for name in ("albedo", "normal"):
            a, b = getattr(pair.a, name), getattr(pair.b, name)
            if a is not None and b is not None:
                self.guides[name] = a, b


def _with_sky(halves: _Halves, color: Tensor) -> Tensor:
    """`color` where there is a surface, and what the pair shows where there is none: light that is seen directly.

    Only noise between the halves lets it differ there. A black background has none, and stays black.
    """
    if "normal" not in halves.guides:
        return color
    sky = ~torch.cat(halves.guides["normal"], dim=1).any(dim=1, keepdim=True)
    noise = (halves.a - halves.b).abs_().amax(dim=1, keepdim=True) * (SKY_ERRORS / 2)
    limit = largest(torch.where(sky, noise, 0), SKY_WINDOW)
    mean = (halves.a + halves.b) / 2
    return torch.where(sky, mean + torch.clamp(color - mean, -limit, limit), color)


def _strips(height: int, width: int) -> list[slice]:
    """Rows of the picture, cut at multiples of `MARGIN`."""
    rows = max(1, STRIP_PIXELS // width // MARGIN) * MARGIN
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


class _Bands:
    """The bands of strips, made when asked for, and with `keep` only once."""

    def __init__(self, halves: _Halves, keep: bool) -> None:
        self._halves, self._keep = halves, keep
        self._kept: dict[int, _StripBands] = {}

    def of(self, strip: slice) -> _StripBands:
        """Bands of A's and B's residual, finest first, the denoised mean and its brightness; (1, C, rows, W)."""
        if strip.start in self._kept:
            return self._kept[strip.start]
        made = self._make(strip)
        if self._keep:
            self._kept[strip.start] = made
        return made

    def _make(self, strip: slice) -> _StripBands:
        seen = slice(max(strip.start - MARGIN, 0), strip.stop + MARGIN)
        kept = (..., slice(strip.start - seen.start, strip.stop - seen.start), slice(None))
        halves = self._halves
        a, b, fa, fb = (image[..., seen, :] for image in (halves.a, halves.b, halves.fa, halves.fb))
        mean = (fa + fb) / 2
        brightness = mean.mean(dim=1, keepdim=True) + LOSS_EPSILON  # relative: a lamp must not drown a wall
        guide = _guide(halves, seen, mean)
        residuals = torch.cat([a - fa, b - fb], dim=1) / brightness  # (1, 6, H, W)
        bands = []
        for level in range(LEVELS):
            smooth = _smooth(residuals, guide, 2**level) if level < LEVELS - 1 else torch.zeros_like(residuals)
            band_a, band_b = (residuals - smooth)[kept].chunk(2, dim=1)
            bands.append((band_a, band_b))
            residuals = smooth
        return bands, mean[kept], brightness[kept]


_StripBands = tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor]


def _guide(halves: _Halves, rows: slice, mean: Tensor) -> Tensor:
    """What edges are made of: tone-mapped color, and the means of both halves' albedo and normal (1, 3-9, H, W)."""
    layers = [tone_map(mean)]
    for name, weight in (("albedo", 1.0), ("normal", NORMAL_WEIGHT)):
        if name in halves.guides:
            a, b = halves.guides[name]
            layers.append((a[..., rows, :] + b[..., rows, :]) * (weight / 2))
    return torch.cat(layers, dim=1)


def _smooth(image: Tensor, guide: Tensor, step: int) -> Tensor:
    """Weighted mean of 3x3 neighbours `step` pixels apart; a neighbour across an edge of `guide` counts little."""
    height, width = image.shape[2:]
    image, guide = (F.pad(each, (step,) * 4, mode="replicate") for each in (image, guide))
    size = image.shape[2], image.shape[3]
    total = image * CENTER_WEIGHT
    weights = torch.full_like(image[:, :1], CENTER_WEIGHT)
    for down, right, weight in NEIGHBOURS:  # two pixels are as far from one as from the other
        here, there = _shifted(size, down * step, right * step)
        closeness = (guide[there] - guide[here]).square_().sum(dim=1, keepdim=True).div_(-EDGE).exp_() * weight
        for one, other in ((here, there), (there, here)):
            total[one].addcmul_(image[other], closeness)
            weights[one].add_(closeness)
    inner = (..., slice(step, step + height), slice(step, step + width))
    return total[inner].div_(weights[inner])


CENTER_WEIGHT = 4.0
NEIGHBOURS = ((0, 1, 2.0), (1, 0, 2.0), (1, 1, 1.0), (1, -1, 1.0))
"""Steps down and right with the kernel's weight, one of each two opposite ones: the B3 spline's 3x3 (1, 2, 1)."""


def _shifted(size: tuple[int, int], down: int, right: int) -> tuple[_Window, _Window]:
    """Windows of the pixels with a neighbour `down` (>= 0) rows and `right` columns on, and of those neighbours."""
    height, width = size
    rows = slice(0, height - down), slice(down, height)
    columns = slice(max(-right, 0), width - max(right, 0)), slice(max(right, 0), width - max(-right, 0))
    return (..., rows[0], columns[0]), (..., rows[1], columns[1])


_Window = tuple[EllipsisType, slice, slice]


def _pooled_powers(band_a: Tensor, band_b: Tensor, step: int) -> Tensor:
    """Power of what a band of both halves (1, 3, H, W) shares, and of the noise of their mean, at its own sampling."""
    signal = (band_a.clamp(-LIMIT, LIMIT) * band_b.clamp(-LIMIT, LIMIT)).mean(dim=1)
    noise = (band_a - band_b).square().mean(dim=1) / 4
    pooled: Tensor = F.avg_pool2d(torch.cat([signal, noise]), step, ceil_mode=True, count_include_pad=False)
    return pooled


def _filter(powers: Tensor) -> Tensor:
    """Wiener gain of a band, signal / (signal + noise), RMS of the error both halves share there, and the power of what
    is left after the gain; (3, h, w)."""
    estimates = [_averaged(powers, deviation) for deviation, _ in NEIGHBOURHOODS]
    doubts = [doubt for _, doubt in NEIGHBOURHOODS]
    filters = [_wiener(*estimate, doubt) for estimate, doubt in zip(estimates, doubts, strict=True)]
    gain, rms = torch.stack(filters).amax(dim=0)
    signal, standard_error, noise = estimates[0]
    left = (1 - gain).square_() * (signal.clamp(min=0) + UNSEEN * standard_error) + gain.square() * noise
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


def _agreed(band_a: Tensor, band_b: Tensor, rms: Tensor) -> tuple[Tensor, Tensor]:
    """A band of both halves, each limited by what the other and the shared error's RMS allow."""
    limit_a, limit_b = ((other.abs() + rms).mul_(AGREEMENT) for other in (band_b, band_a))
    return torch.clamp(band_a, -limit_a, limit_a), torch.clamp(band_b, -limit_b, limit_b)


def _grown(maps: Tensor, step: int, strip: slice, width: int) -> Tensor:
    """The rows of a strip of maps (C, h, w), interpolated to the picture's sampling, (1, C, rows, W)."""
    if step == 1:
        return maps[None, :, strip]
    first, last = strip.start // step, -(-strip.stop // step)
    above, below = min(first, 1), min(maps.shape[1] - last, 1)  # neighbours, as far as there are any
    grown = F.interpolate(
        maps[None, :, first - above : last + below], scale_factor=step, mode="bilinear", align_corners=False
    )
    return grown[..., above * step : above * step + strip.stop - strip.start, :width]
