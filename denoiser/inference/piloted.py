"""Another denoiser inside ours: a pilot's picture of a pair, and what the pair shows that the pilot gets wrong.

A pilot alone takes the mean of both halves, for the more samples the better. What it gets wrong alike in both halves -
a texture that is gone, a color that is off - is measured from the halves as for our own network (`residual`), and
added to the picture of the mean. Nothing is trained. Measured on the 16 pairs of four scenes, with Open Image Denoise
and prefiltered layers as pilot: 0.02, 0.35, 0.56 and 1.24 dB above the pilot of the mean at 1, 4, 8 and 32 + 32 spp.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch

from denoiser.devices import compute_device, pair_on
from denoiser.inference.denoise import standard_error
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.inference.residual import return_residual
from denoiser.inference.samplers import SamplerName
from denoiser.inference.zero_shot import ZeroShotConfig, denoise_alone
from denoiser.transforms import to_image, to_nchw
from renderer_bridge.frame import Denoised, Frame, Image, Pair

Pilot = Callable[[Sequence[Image], Image | None, Image | None], list[Image]]
"""Denoises several renders of one view, linear radiance (H, W, 3) each, with albedo and normal where there are any."""

PilotName = Literal["none", "oidn", "auto", "zero-shot"]


@functools.lru_cache(maxsize=1)
def find_pilot(name: PilotName, sampler: SamplerName = "original") -> Pilot | None:
    """The pilot of that name: `oidn` is Open Image Denoise, `auto` is that where it is installed, `none` is None.

    `zero-shot` learns from each picture alone, read by `sampler`, and looks at no other layer.

    Raises `MissingPackageError` when it is asked for and not installed.
    """
    if name == "zero-shot":
        config = ZeroShotConfig(sampler)
        return lambda pictures, albedo, normal: [denoise_alone(picture, True, config) for picture in pictures]
    if name == "none" or (name == "auto" and importlib.util.find_spec("pyoidn") is None):
        return None
    return OpenImageDenoise(prefilter=True).denoise_all


def denoise_frame_with(pilot: Pilot, frame: Frame) -> Denoised:
    """The pilot's picture of one frame: without a second render there is nothing to hold it to."""
    return Denoised(color=pilot([frame.color], frame.albedo, frame.normal)[0])


def denoise_pair_with(pilot: Pilot, pair: Pair, residual: bool = True) -> Denoised:
    """The pilot's picture of the mean of both halves, plus what its pictures of the halves get wrong alike.

    Without `residual` it is the pilot's picture of the mean. `error` is as in `denoise_pair`. The pilot sees the
    mean of both halves' albedo and normal: their noise is small beside that of color, and layers of
    their own made a difference of less than 0.05 dB on average.
    """
    albedo, normal = _mean(pair.a.albedo, pair.b.albedo), _mean(pair.a.normal, pair.b.normal)
    mean = (pair.a.color + pair.b.color) * np.float32(0.5)
    pictures = pilot([pair.a.color, pair.b.color, mean], albedo, normal)
    a, b, of_mean = (to_nchw(picture, compute_device()) for picture in pictures)
    if not residual:
        return Denoised(color=to_image(of_mean), error=to_image(standard_error(a, b)))
    returned, left = return_residual(pair_on(pair, compute_device()), a, b)
    color = (of_mean + returned - (a + b) / 2).clamp_(min=0)
    return Denoised(color=to_image(color), error=to_image(torch.hypot(standard_error(a, b), left)))


def _mean(a: Image | None, b: Image | None) -> Image | None:
    return None if a is None or b is None else (a + b) * np.float32(0.5)
