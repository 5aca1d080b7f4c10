"""One picture of a file, from its pixels to those that go back: guard, network, alpha, passes, blend."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from denoiser.inference.denoise import denoise_frame, denoise_pair, denoise_passes
from denoiser.inference.fireflies import clamp_fireflies
from denoiser.inference.piloted import denoise_frame_with, denoise_pair_with, find_pilot
from denoiser.inference.records import FileOptions
from denoiser.inference.select import select_pair
from denoiser.inference.shares import share_by, share_out
from denoiser.model import Model, load_model
from renderer_bridge.frame import Denoised, Frame, Image, Motion, Pair


@dataclass(frozen=True)
class Noisy:
    """A picture as read: one frame or the two halves of a pair; of each half also alpha (H, W, 1) and passes (H, W, 3).

    `alpha` is empty, and so is each list of `passes`, where none is to be denoised. `motion` leads to the last
    frame.
    """

    frames: tuple[Frame, ...]
    alpha: tuple[Image, ...] = ()
    passes: Mapping[str, tuple[Image, ...]] = field(default_factory=dict)
    motion: Motion | None = None


@dataclass(frozen=True)
class Cleaned:
    """What goes back into the file, and what there is to tell; see `FileRecord`."""

    color: Image
    error: Image | None
    alpha: Image | None
    passes: Mapping[str, Image]
    fireflies: int
    taken: float
    shares: Mapping[str, float]


After = Callable[[Frame, Motion | None, Denoised], Image]
"""Changes a denoised picture of a frame, with its motion, before it is blended and shared out: gives its color."""


Around = Callable[[Pair], Pair]
"""A pair with the samples of the views around it in its colors, A's in A and B's in B."""


def denoise_picture(
    model: Model, noisy: Noisy, options: FileOptions, after: After | None = None, around: Around | None = None
) -> Cleaned:
    """Denoise one picture as `options` ask, and let `after` change it; a pair with what `around` brings to it.

    Raises what `denoise`, `after` and `around` do.
    """
    frames, fireflies, taken = _guarded(noisy.frames) if options.fireflies else (noisy.frames, 0, 0.0)
    denoised = _denoise(model, frames, options, around)
    if after is not None:
        denoised = replace(denoised, color=after(frames[0], noisy.motion, denoised))
    cleaned = _passes(model, frames, noisy, denoised, options) if noisy.passes else {}
    return Cleaned(
        color=_blended(tuple(frame.color for frame in noisy.frames), denoised.color, options.blend),
        error=denoised.error,
        alpha=_alpha(model, frames, noisy.alpha, options) if noisy.alpha else None,
        passes={name: _blended(noisy.passes[name], each, options.blend) for name, each in cleaned.items()},
        fireflies=fireflies,
        taken=taken,
        shares=denoised.shares,
    )


def _guarded(frames: tuple[Frame, ...]) -> tuple[tuple[Frame, ...], int, float]:
    """Frames without fireflies, how many pixels that were, and the mean share of light taken."""
    others = frames[::-1] if len(frames) == 2 else (None,)
    clamped = [
        clamp_fireflies(frame.color, None if other is None else other.color)
        for frame, other in zip(frames, others, strict=True)
    ]
    guarded = tuple(replace(frame, color=each.color) for frame, each in zip(frames, clamped, strict=True))
    return guarded, sum(each.pixels for each in clamped), sum(each.taken for each in clamped) / len(clamped)


def _denoise(model: Model, frames: tuple[Frame, ...], options: FileOptions, around: Around | None = None) -> Denoised:
    pilot = find_pilot(options.pilot, options.sampler)
    if (options.select or around is not None) and len(frames) == 2:
        adapted = None if options.adapted is None else _adapted(options.adapted)
        pair = Pair(frames[0], frames[1])
        more = None if around is None else around(pair)
        return select_pair(
            pair, model, pilot, adapted, more,
            precision=options.precision, residual=options.residual, every=options.select,
        )  # fmt: skip
    if pilot is not None:
        if len(frames) == 1:
            return denoise_frame_with(pilot, frames[0])
        return denoise_pair_with(pilot, Pair(frames[0], frames[1]), options.residual)
    if len(frames) == 1:
        return denoise_frame(model, frames[0], precision=options.precision)
    return denoise_pair(model, Pair(frames[0], frames[1]), precision=options.precision, residual=options.residual)


@functools.lru_cache(maxsize=1)
def _adapted(name: str) -> Model:
    return load_model(name)


def _passes(
    model: Model, frames: tuple[Frame, ...], noisy: Noisy, denoised: Denoised, options: FileOptions
) -> dict[str, Image]:
    """Passes as shares of the denoised picture, by the network's own kernels where it was these that denoised it."""
    before = _mean(tuple(frame.color for frame in noisy.frames))
    passes = [_mean(halves) for halves in noisy.passes.values()]
    if model.head == "kernels" and find_pilot(options.pilot, options.sampler) is None:
        means = torch.zeros(())
        for half, frame in enumerate(frames):
            pictures = [noisy.frames[half].color, *(halves[half] for halves in noisy.passes.values())]
            means = means + denoise_passes(model, frame, pictures, precision=options.precision)
        shared = share_by(means, denoised.color, before, passes)
    else:
        shared = share_out(denoised.color, before, passes, frames[0])
    return dict(zip(noisy.passes, shared, strict=True))


def _alpha(model: Model, frames: tuple[Frame, ...], alpha: tuple[Image, ...], options: FileOptions) -> Image:
    """Alpha (H, W, 1) denoised as a gray picture with the layers of the color, held to [0, 1]."""
    if len(alpha) == 2 and np.array_equal(*alpha):  # no noise, no pair
        frames, alpha = frames[:1], alpha[:1]
    gray = tuple(replace(frame, color=np.repeat(each, 3, axis=2)) for frame, each in zip(frames, alpha, strict=True))
    cleaned = _denoise(model, gray, options).color.mean(axis=2, keepdims=True)
    return _blended(alpha, cleaned.clip(0, 1), options.blend)


def _mean(halves: tuple[Image, ...]) -> Image:
    result: Image = halves[0] if len(halves) == 1 else (halves[0] + halves[1]) / np.float32(2)
    return result


def _blended(noisy: tuple[Image, ...], cleaned: Image, share: float) -> Image:
    if share == 1.0:
        return cleaned
    mean = _mean(noisy)
    result: Image = mean + np.float32(share) * (cleaned - mean)
    return result
