"""What the panel asks for, and the request for a frame that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from apps.viewer.pace import Pace
from denoiser.inference.piloted import find_pilot
from online.records import FlythroughRecord, FrameRequest
from renderer_bridge.frame import Camera

LEAST_SIDE = 16  # pixels; below it there is nothing to see, and the network pads more than it denoises


@dataclass(frozen=True)
class RenderSettings:
    """How frames are rendered, trained on and sized.

    `spp` samples per pixel of each half; few keep the window answering, and at rest they accumulate. Training takes as
    many steps as fit into `train_seconds` (one at least), which suits any machine, or `train_steps` when that is None.
    While the camera moves there are to be `moving_rate` pictures a second: size, samples and training are then what
    there is time for (`pace`), those at rest at most. `scale_resting` is the share of the scene's own picture size,
    whose longer side is first cut to `longest_side` pixels. A resting picture whose told error is at most `until_error`
    is good enough, and nothing more is rendered; 0 goes on without end. `pilot` starts from Open Image Denoise, where
    it is installed; `noisy_history` keeps the samples of frames before.
    """

    spp: int = 4
    training: bool = True
    train_steps: int = 4
    train_seconds: float | None = 0.2
    learning_rate: float | None = None
    moving_rate: int = 5
    scale_resting: float = 1.0
    longest_side: int = 640
    reproject: bool = True
    pilot: bool = False
    noisy_history: bool = False
    until_error: float = 0.0


def picture_size(film: tuple[int, int], scale: float, longest_side: int) -> tuple[int, int]:
    """(width, height) of a picture of `film`'s shape at `scale`, its longer side at most `longest_side`."""
    factor = scale * min(1.0, longest_side / max(film))
    return max(LEAST_SIDE, round(film[0] * factor)), max(LEAST_SIDE, round(film[1] * factor))


def frame_request(settings: RenderSettings, camera: Camera, pace: Pace | None, *, cut: bool = False) -> FrameRequest:
    """The request for `camera`, whose resolution is that of the scene's film; `pace` is None for one at rest.

    The frame after a cut trains nothing: a new view must come fast.
    """
    size, spp = picture_size(camera.resolution, settings.scale_resting, settings.longest_side), settings.spp
    steps, seconds = settings.train_steps, settings.train_seconds
    if pace is not None:
        size, spp = pace.effort(size, spp)
        steps, seconds = pace.training_steps(steps, seconds), None
    training = settings.training and not cut
    return FrameRequest(
        replace(camera, resolution=size),
        spp=spp,
        train_steps=steps if training else 0,
        train_seconds=seconds if training else None,
        learning_rate=settings.learning_rate,
        reproject=settings.reproject,
        pilot=find_pilot("auto") if settings.pilot else None,
        noisy_history=settings.noisy_history,
        cut=cut,
        moving=pace is not None,
        tell_error=pace is None and settings.until_error > 0,
    )


def paced(pace: Pace, record: FlythroughRecord) -> Pace:
    """`pace` with what a frame tells of it; the first one after a cut may have compiled kernels, and tells nothing."""
    request, training_s = record.request, record.seconds["train"]
    pace = pace.after_training(training_s, len(record.losses))
    if not request.moving or request.cut:
        return pace
    width, height = request.camera.resolution
    return pace.after_frame(width * height * request.spp, sum(record.seconds.values()) - training_s)
