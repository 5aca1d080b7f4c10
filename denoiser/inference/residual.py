"""What both denoised halves of a pair get wrong alike, measured from the pair and given back.

With f(A), f(B) the denoised halves, the residuals A - f(A) and B - f(B) share the denoiser's systematic error - a color
off, a texture gone - while their noise is independent. So the product of the two residuals, averaged over a
neighbourhood, is the power of the shared error without bias, and the square of their difference that of the noise. Each
band of the residuals' wavelet transform is returned to the picture with the gain of a Wiener filter. Where the noise is
loud nothing is returned; as samples grow the gain goes to 1 and the result to the mean of the halves, that is, to
the render itself.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.devices import TensorPair
from denoiser.filters import largest
from denoiser.inference.bands import add_returned, pooled_powers
from denoiser.inference.gains import gains
from denoiser.inference.wavelet import split
from denoiser.paper import LOSS_EPSILON
from denoiser.transforms import tone_map
from denoiser.windows import Index, Window, coarser, windows, with_margin

LEVELS = 6
"""Bands; the last is the mean over about 64 pixels."""

SKY_ERRORS, SKY_WINDOW = 3.0, 9
"""Differences of the halves by which a pixel without any surface may differ from their mean; the largest one around it,
in a square of so many pixels, counts: in fog two black samples in one pixel prove nothing."""

BESIDE = 3
"""Side of the square around a pixel without any surface in which there must be one for it to lie beside one."""

NORMAL_WEIGHT = 0.7
"""Normals differ by up to 2, albedo and tone-mapped color by up to 1."""


SIDE = 512
"""Side of the windows worked on, margins left out: what fits into caches is several times faster."""

KEEP_PIXELS = 2_500_000
"""Largest picture whose bands are kept, 144 bytes a pixel; those of larger ones are made twice."""

MARGIN = 2 ** (LEVELS - 1)
"""Pixels seen beyond a window: the wavelet reaches 1 + 2 + 4 + ... pixels. Windows begin at its multiples, where coarse
samples begin too."""


def return_residual(pair: TensorPair, denoised_a: Tensor, denoised_b: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the denoised halves plus the error they share, linear radiance (1, 3, H, W) >= 0, and what is left of it.

    `denoised_a` is f(A), `denoised_b` f(B), (1, 3, H, W), of the same network; all lies on one device. What is left is
    (1, 1, H, W), root mean square over the channels: shared error that the noise hides, and noise that came back with
    what was returned. Layers that a frame lacks do not guide. Pictures are worked on in windows, which changes nothing
    but the memory it takes; albedo and normal may be half floats.
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
    halves = _Halves(pair, denoised_a, denoised_b)
    bands = _Bands(halves, keep=height * width <= KEEP_PIXELS)
    cut = windows(height, width, SIDE, MARGIN)
    powers = _powers(bands, cut, height, width)
    coverage = _least_coverage(halves, cut)
    result, left = torch.empty_like(halves.fa), halves.fa.new_empty(1, 1, height, width)
    difference = (halves.fa - halves.fb) / 2 if apart else None
    for window in cut:
        parts, mean, brightness = bands.of(window)
        mean = mean.contiguous()
        returned, of_each, remaining = torch.zeros_like(mean), torch.zeros_like(mean), torch.zeros_like(brightness)
        for level, band in enumerate(parts):
            gain, rms, power = _grown_gains(powers[level], 2**level, window).chunk(3, dim=1)
            add_returned(band, gain, rms, (returned, of_each))
            remaining += power
        result[..., *window] = _with_sky(halves, window, (mean + returned * brightness).clamp_(min=0), coverage)
        if difference is not None:
            difference[..., *window] += of_each * brightness
        left[..., *window] = remaining.sqrt_() * brightness
    return result, left, difference


def _powers(bands: _Bands, cut: list[Window], height: int, width: int) -> list[Tensor]:
    """The powers (2, h, w) of each band, finest first."""
    sizes = [(-(-height // 2**level), -(-width // 2**level)) for level in range(LEVELS)]
    powers = [bands.halves.fa.new_empty(2, *size) for size in sizes]
    for window in cut:
        for level, band in enumerate(bands.of(window)[0]):
            powers[level][:, *coarser(window, 2**level)] = pooled_powers(band, 2**level)
    return powers


class _Halves:
    """Both halves and the denoised ones, (1, 3, H, W); `guides` are albedo and normal."""

    def __init__(self, pair: TensorPair, denoised_a: Tensor, denoised_b: Tensor) -> None:
        self.a, self.b, self.fa, self.fb = pair.a.color, pair.b.color, denoised_a, denoised_b
        self.guides: dict[str, tuple[Tensor, Tensor]] = {}
        for name in ("albedo", "normal"):
            a, b = getattr(pair.a, name), getattr(pair.b, name)
            if a is not None and b is not None:
                self.guides[name] = a, b


def _with_sky(halves: _Halves, window: Window, color: Tensor, coverage: Tensor) -> Tensor:
    """`color` of a window where there is a surface, and what the pair shows where there is none: light seen directly.

    Only noise between the halves lets it differ there. A black background has none, and stays black. A pixel beside a
    surface may hold `coverage` of it without one sample having met it, and is held to the pair the less.
    """
    if "normal" not in halves.guides:
        return color
    seen, inner = with_margin(window, SKY_WINDOW // 2, *halves.a.shape[2:])
    a, b = halves.a[seen], halves.b[seen]
    surface = torch.cat([normal[seen] for normal in halves.guides["normal"]], dim=1).any(dim=1, keepdim=True)
    if _known_to_be_all(surface):
        return color
    noise = (a - b).abs_().amax(dim=1, keepdim=True) * (SKY_ERRORS / 2)
    limit = largest(torch.where(surface, 0, noise), SKY_WINDOW)[inner]
    mean = (a[inner] + b[inner]) / 2
    held = mean + torch.clamp(color - mean, -limit, limit)
    free = largest(surface.to(color.dtype), BESIDE)[inner] * coverage
    return torch.where(surface[inner], color, torch.lerp(held, color, free))


def _known_to_be_all(surface: Tensor) -> bool:
    """Whether there is no sky, where that is worth asking: a GPU would have to be waited for."""
    return surface.device.type == "cpu" and bool(surface.all())


def _least_coverage(halves: _Halves, cut: list[Window]) -> Tensor:
    """The smallest share of a pixel beside the sky that a surface covers in A's samples: 1 where they are single ones.

    A normal is the mean of unit ones where a surface was met, and of zeros.
    """
    least = halves.fa.new_ones(())
    if "normal" in halves.guides:
        for window in cut:
            seen, inner = with_margin(window, BESIDE // 2, *halves.a.shape[2:])
            normal = halves.guides["normal"][0][seen]
            surface = normal.any(dim=1, keepdim=True)
            if not _known_to_be_all(surface):
                beside = (largest((~surface).float(), BESIDE)[inner] > 0) & surface[inner]
                lengths = normal[inner].float().norm(dim=1, keepdim=True)
                least = torch.minimum(least, torch.where(beside, lengths, 1).min())
    return least


class _Bands:
    """The bands of windows, made when asked for, and with `keep` only once."""

    def __init__(self, halves: _Halves, keep: bool) -> None:
        self.halves, self._keep = halves, keep
        self._kept: dict[tuple[int, int], _WindowBands] = {}

    def of(self, window: Window) -> _WindowBands:
        """Bands of both residuals (1, 6, rows, columns), finest first, the denoised mean and its brightness."""
        corner = window[0].start, window[1].start
        if corner in self._kept:
            return self._kept[corner]
        made = self._make(window)
        if self._keep:
            self._kept[corner] = made
        return made

    def _make(self, window: Window) -> _WindowBands:
        halves = self.halves
        seen, kept = with_margin(window, MARGIN, *halves.a.shape[2:])
        a, b, fa, fb = (image[seen] for image in (halves.a, halves.b, halves.fa, halves.fb))
        mean = (fa + fb) / 2
        brightness = mean.mean(dim=1, keepdim=True) + LOSS_EPSILON  # relative: a lamp must not drown a wall
        guide = _guide(halves, seen, mean).contiguous()
        residuals = (torch.cat([a - fa, b - fb], dim=1) / brightness).contiguous()  # (1, 6, H, W)
        bands = []
        for level in range(LEVELS - 1):
            residuals, band = split(residuals, guide, 2**level)
            bands.append(band[kept].contiguous())
        return [*bands, residuals[kept].contiguous()], mean[kept], brightness[kept]


_WindowBands = tuple[list[Tensor], Tensor, Tensor]


def _guide(halves: _Halves, seen: Index, mean: Tensor) -> Tensor:
    """What edges are made of: tone-mapped color, and the means of both halves' albedo and normal (1, 3-9, H, W)."""
    layers = [tone_map(mean)]
    for name, weight in (("albedo", 1.0), ("normal", NORMAL_WEIGHT)):
        if name in halves.guides:
            a, b = halves.guides[name]
            layers.append((a[seen].to(mean.dtype) + b[seen].to(mean.dtype)) * (weight / 2))
    return torch.cat(layers, dim=1)


def _grown_gains(powers: Tensor, step: int, window: Window) -> Tensor:
    """The gains of a window of a band, interpolated to the picture's sampling, (1, 3, rows, columns)."""
    if step == 1:
        return gains(powers, window)[None]
    (_, *seen), inner = with_margin(coarser(window, step), 1, *powers.shape[1:])
    coarse = gains(powers, (seen[0], seen[1]))
    grown = F.interpolate(coarse[None], scale_factor=step, mode="bilinear", align_corners=False)
    rows, columns = (
        slice(part.start * step, part.start * step + extent.stop - extent.start)
        for part, extent in zip(inner[1:], window, strict=True)
    )
    return grown[..., rows, columns].contiguous()
