"""Samples of the last frames carried along: a frame is denoised with what its neighbours have rendered of the same
surfaces.

The noisy halves themselves are carried, A's into A and B's into B, so that they stay independent. Each pixel takes the
one pixel of the last frame in which it was seen, no mean of several: interpolation would correlate the noise of
neighbours, which denoisers take for detail, and blur a little more with every frame. What rounding leaves is kept as
an offset and made up for by the next rounding, so that a slow motion does not lag.

History is unbiased only where a surface looks the same from all sides and the light stands still. Whether it does is
asked of both halves: the product of A's and B's change, pooled over a neighbourhood without the pixel itself, is the
squared bias, free of noise. History counts as the least squared error wants it.

Sources: Nehab et al., "Accelerating Real-Time Shading with Reverse Reprojection Caching", 2007 (tests of the surface);
the weighing of the bias by independent halves is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from denoiser.devices import TensorFrame, TensorPair
from denoiser.filters import surroundings
from denoiser.paper import LOSS_EPSILON
from online.warp import WarpConfig, follow, planes, require, surfaces

SURFACE = WarpConfig(plane_pixels=3.0, least_cosine=0.6)


@dataclass(frozen=True)
class NoisyHistoryConfig:
    """How far the samples of the last frames count.

    Chosen on 25 frames of flights through classroom and living-room-2, 240x135, 4 + 4 spp, by Open Image Denoise's
    pictures of what is held. Without the offset the living room had 0.5 dB less.
    """

    most_frames: float = 16.0
    """Frames of samples that a pixel holds at most, the present one included."""
    most_albedo: float = 0.2
    """Largest difference of albedo, of any channel, from the pixel that is read. With 0.1 and `online.warp`'s own tests
    0.17 dB less in the classroom, the same in the living room; 0.4 and looser tests: 0.6 dB less in the living room."""
    neighbourhood: float = 3.0
    """Standard deviation, in pixels, of the Gaussian over which change and noise are pooled."""
    bias: float = 3.0
    """Times that a squared bias counts, against the noise, of which a denoiser takes most: 1 was 0.13 dB less in the
    living room, the same in the classroom."""
    warp: WarpConfig = SURFACE
    """What shows the same surface: less strictly than for a denoised picture, for the colors are asked too."""


DEFAULTS = NoisyHistoryConfig()
BRIGHTNESS_BLUR = 3.0
"""Pixels, standard deviation: what makes differences relative must not know a pixel's own noise."""


@dataclass(frozen=True)
class NoisyHistory:
    """Samples of one view: `a`, `b` the means of each half, linear radiance (1, 3, H, W); `spp` how many samples of
    equal noise each pixel's mean is worth, (1, 1, H, W); `offset` where they lie on average, in columns and rows from
    the pixel's middle, (1, 2, H, W); `frame` camera, albedo, normal, position and depth."""

    a: Tensor
    b: Tensor
    spp: Tensor
    offset: Tensor
    frame: TensorFrame

    def on(self, device: torch.device) -> NoisyHistory:
        """The same on `device`."""
        return NoisyHistory(
            self.a.to(device), self.b.to(device), self.spp.to(device), self.offset.to(device), self.frame.on(device)
        )

    def pair(self, fresh: TensorPair) -> TensorPair:
        """`fresh` with these samples as color."""
        return replace(fresh, a=replace(fresh.a, color=self.a), b=replace(fresh.b, color=self.b))


def held(fresh: TensorPair, past: NoisyHistory | None = None, config: NoisyHistoryConfig = DEFAULTS) -> NoisyHistory:
    """The samples of a view, `fresh`, with those that were carried to it, if any."""
    own = float(fresh.a.spp or 1)
    if past is None:
        color = fresh.a.color
        return NoisyHistory(
            color, fresh.b.color, torch.full_like(color[:, :1], own), torch.zeros_like(color[:, :2]), fresh.a
        )
    share = past.spp / (past.spp + own) * _sameness(fresh, past, config)
    a, b = (torch.lerp(new.color, old, share) for new, old in ((fresh.a, past.a), (fresh.b, past.b)))
    worth = (own / (1 - share)).clamp_(max=config.most_frames * own)
    return NoisyHistory(a, b, worth, past.offset * share, fresh.a)


def gathered(still: TensorPair, others: Iterable[TensorPair], config: NoisyHistoryConfig = DEFAULTS) -> NoisyHistory:
    """The samples of `still` with those that `others`, views around it, have of the same surfaces.

    Each view is asked by itself whether it shows the same light, then all together, which is the surer question. All
    lie on one device. Raises `DatasetError` when a frame lacks camera, position, normal or depth.
    """
    samples = torch.cat([still.a.color, still.b.color, still.a.color[:, :2]], dim=1)
    total, weights, squares = torch.zeros_like(samples), samples.new_zeros(()), samples.new_zeros(())
    for other in others:
        past = carried(held(other), still.a, config)
        if past is not None:
            weight = past.spp * _sameness(still, past, config)
            total += torch.cat([past.a, past.b, past.offset], dim=1) * weight
            weights = weights + weight
            squares = squares + weight.square() / past.spp.clamp(min=torch.finfo(weight.dtype).tiny)
    if weights.ndim == 0:
        return held(still)
    tiny = torch.finfo(weights.dtype).tiny
    a, b, offset = (total / weights.clamp(min=tiny)).tensor_split((3, 6), dim=1)
    return held(still, NoisyHistory(a, b, weights.square() / squares.clamp(min=tiny), offset, still.a), config)


def carried(history: NoisyHistory, frame: TensorFrame, config: NoisyHistoryConfig = DEFAULTS) -> NoisyHistory | None:
    """The samples of `history` where `frame` sees the same surface; elsewhere its `spp` is 0.

    None for a picture of another size: samples of larger pixels would be alike in several of the smaller ones. Raises
    `DatasetError` when a frame lacks camera, position, normal or depth.
    """
    require(frame)
    height, width = frame.size
    if history.frame.size != frame.size:
        return None
    here, there = surfaces(frame, frame), surfaces(history.frame, frame)
    place, tolerance, seen = follow(here, frame, history.frame)
    here, albedo = here.flatten(1), _albedo(frame).flatten(1)
    samples = [planes(each) for each in (history.a, history.b, history.spp, history.offset)]
    table = torch.cat([there, _albedo(history.frame), *samples]).flatten(1)  # (7 + 3 + 9, H W)
    nearest = place.round()
    for _ in range(2):  # the pixel whose middle is nearest, then the one whose samples are
        column, row = nearest
        inside = seen & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        tap = table.index_select(1, torch.where(inside, row * width + column, 0).int())
        reached, nearest = nearest, (place - tap[-2:]).round()
    inside &= (tap[3:7] * here[3:7]).sum(dim=0) >= config.warp.least_cosine
    inside &= ((tap[:3] - here[:3]) * here[3:6]).sum(dim=0).abs_() <= tolerance * config.warp.plane_pixels
    inside &= (tap[7:10] - albedo).abs_().amax(dim=0) <= config.most_albedo
    found = torch.where(inside, torch.cat([tap[10:17], tap[17:] + reached - place]), 0.0)
    a, b, spp, offset = (part.view(1, -1, height, width) for part in (found[:3], found[3:6], found[6], found[7:]))
    return NoisyHistory(a, b, spp, offset, frame)


def _sameness(fresh: TensorPair, past: NoisyHistory, config: NoisyHistoryConfig) -> Tensor:
    """The variance of the change from past to present over that and its squared bias, (1, 1, H, W) in [0, 1]."""
    there, tiny = past.spp > 0, torch.finfo(past.a.dtype).tiny
    mean = (fresh.a.color + fresh.b.color + past.a + past.b).mean(dim=1, keepdim=True) / (2.0 + 2.0 * there)
    brightness = surroundings(mean, BRIGHTNESS_BLUR) + LOSS_EPSILON
    change_a, change_b = ((old - new.color) / brightness for old, new in ((past.a, fresh.a), (past.b, fresh.b)))
    product = (change_a * change_b).mean(dim=1, keepdim=True) * there
    noise = (change_a - change_b).square_().mean(dim=1, keepdim=True) * there / 2
    bias, noise = surroundings(torch.cat([product, noise], dim=1), config.neighbourhood).clamp_(min=0).chunk(2, dim=1)
    return torch.where(there, noise / (noise + config.bias * bias + tiny), 0.0)


def _albedo(frame: TensorFrame) -> Tensor:
    return planes(torch.zeros_like(frame.color) if frame.albedo is None else frame.albedo)
