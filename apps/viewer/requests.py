"""What the panel asks for, and the request for a frame that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from denoiser.inference.piloted import find_pilot
from online.records import FrameRequest
from renderer_bridge.frame import Camera

LEAST_SIDE = 16  # pixels; below it there is nothing to see, and the network pads more than it denoises


@dataclass(frozen=True)
class RenderSettings:
    """How frames are rendered, trained on and sized.

    `spp` samples per pixel of each half; few keep the window answering, and at rest they accumulate. Training takes as
    many steps as fit into `train_seconds` (one at least), which suits any machine, or `train_steps` when that is None.
    Scales are shares of the scene's own picture size, whose longer side is first cut to `longest_side` pixels. `pilot`
    starts from Open Image Denoise, where it is installed; `noisy_history` keeps the samples of frames before.
    """

    spp: int = 4
    training: bool = True
    train_steps: int = 4
    train_seconds: float | None = 0.2
    learning_rate: float | None = None
    scale_moving: float = 0.4
    scale_resting: float = 1.0
    longest_side: int = 640
    reproject: bool = True
    pilot: bool = False
    noisy_history: bool = False


def picture_size(film: tuple[int, int], scale: float, longest_side: int) -> tuple[int, int]:
    """(width, height) of a picture of `film`'s shape at `scale`, its longer side at most `longest_side`."""
    factor = scale * min(1.0, longest_side / max(film))
    return max(LEAST_SIDE, round(film[0] * factor)), max(LEAST_SIDE, round(film[1] * factor))


def frame_request(settings: RenderSettings, camera: Camera, *, moving: bool, cut: bool = False) -> FrameRequest:
    """The request for `camera`, whose resolution is that of the scene's film.

    The frame after a cut trains nothing: a new view must come fast.
    """
    scale = settings.scale_moving if moving else settings.scale_resting
    training = settings.training and not cut
    size = picture_size(camera.resolution, scale, settings.longest_side)
    return FrameRequest(
        replace(camera, resolution=size),
        spp=settings.spp,
        train_steps=settings.train_steps if training else 0,
        train_seconds=settings.train_seconds if training else None,
        learning_rate=settings.learning_rate,
        reproject=settings.reproject,
        pilot=find_pilot("auto") if settings.pilot else None,
        noisy_history=settings.noisy_history,
        cut=cut,
    )
