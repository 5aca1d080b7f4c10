"""Another denoiser inside ours: a pilot's picture of a pair, and what the pair shows that the pilot gets wrong.

A pilot alone takes the mean of both halves, for the more samples the better. Its pictures of the halves are moved to
that of the mean, by one and the same picture, and what they get wrong alike then - a texture that is gone, a color that
is off - is measured from the halves as for our own network (`residual`), and returned. What moves them hangs on the
noise of either half by no more than how much more the pilot smooths the one than the mean. Nothing is trained. Measured
on the 16 pairs of four scenes, with Open Image Denoise and prefiltered layers as pilot: 0.08, 0.35, 0.60 and 1.22 dB
above the pilot of the mean at 1, 4, 8 and 32 + 32 spp, and 0.01 below at worst. What the unmoved ones get wrong, added
to the picture of the mean, is partly mended by its samples already: 0.14 dB below at worst (glass at 8 + 8 spp).
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor

from denoiser.devices import TensorPair, compute_device, pair_on
from denoiser.inference.denoise import expected_error, standard_error
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.inference.residual import return_residual
from denoiser.inference.samplers import SamplerName
from denoiser.inference.zero_shot import ZeroShotConfig, denoise_alone
from denoiser.transforms import to_image, to_nchw
from renderer_bridge.frame import Denoised, Frame, Image, Pair

Pilot = Callable[[Sequence[Image], Image | None, Image | None], list[Image]]
"""Denoises several renders of one view, linear radiance (H, W, 3) each, with albedo and normal where there are any."""

GenericPilotName = Literal["none", "oidn", "auto"]
PilotName = GenericPilotName | Literal["zero-shot"]


@functools.lru_cache(maxsize=1)
def find_pilot(name: PilotName, sampler: SamplerName = "original") -> Pilot | None:
    """The pilot of that name: `oidn` is Open Image Denoise, `auto` is that where it is installed, `none` is None.

    `zero-shot` learns from each picture alone, read by `sampler`, and looks at no other layer.

    Raises `MissingPackageError` when it is asked for and not installed.
    """
    if name == "zero-shot":
        config = ZeroShotConfig(sampler)
        return lambda pictures, albedo, normal: [denoise_alone(picture, True, config) for picture in pictures]
    if name == "none" or (name == "auto" and not pilot_installed()):
        return None
    return OpenImageDenoise(prefilter=True).denoise_all


def pilot_installed() -> bool:
    """Whether `auto` finds a pilot."""
    return importlib.util.find_spec("pyoidn") is not None


def denoise_frame_with(pilot: Pilot, frame: Frame) -> Denoised:
    """The pilot's picture of one frame: without a second render there is nothing to hold it to."""
    return Denoised(color=pilot([frame.color], frame.albedo, frame.normal)[0])


def denoise_pair_with(pilot: Pilot, pair: Pair, residual: bool = True) -> Denoised:
    """The pilot's picture of the mean of both halves, plus what the halves show that it gets wrong.

    Without `residual` it is the pilot's picture of the mean. `error` is as in `denoise_pair`. The pilot sees the
    mean of both halves' albedo and normal: their noise is small beside that of color, and layers of
    their own made a difference of less than 0.05 dB on average.
    """
    halves = pair_on(pair, compute_device())
    a, b, of_mean = pilot_pictures(pilot, halves)
    if not residual:
        return Denoised(color=to_image(of_mean), error=to_image(standard_error(a, b)))
    color, left = return_residual(halves, *around(of_mean, a, b))
    return Denoised(color=to_image(color), error=to_image(expected_error(halves, standard_error(a, b), left)))


def around(of_mean: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The pictures of A and of B, (1, 3, H, W) each, moved so that `of_mean` is their mean; below 0 here and there."""
    moved = of_mean - (a + b) / 2
    return a + moved, b + moved


def pilot_pictures(pilot: Pilot, pair: TensorPair) -> tuple[Tensor, Tensor, Tensor]:
    """The pilot's pictures of A, of B, and of their mean, linear radiance (1, 3, H, W) on the pair's device."""
    a, b = pair.a, pair.b
    layers = [_mean(a.albedo, b.albedo), _mean(a.normal, b.normal)]
    images = [to_image(color) for color in (a.color, b.color, (a.color + b.color) / 2)]
    albedo, normal = (None if layer is None else to_image(layer) for layer in layers)
    of_a, of_b, of_mean = (to_nchw(picture, a.color.device) for picture in pilot(images, albedo, normal))
    return of_a, of_b, of_mean


def _mean(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return None if a is None or b is None else (a.float() + b.float()) / 2
