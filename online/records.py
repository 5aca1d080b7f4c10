"""What goes into a flythrough and what comes out of it, one of each a frame; and what it asks of a renderer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from denoiser.score import PairScore
from online.reprojection import History
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Camera, Denoised, Image, Pair


class Renderer(Protocol):
    """Where noisy pairs come from: Mitsuba, a folder of finished pairs, a fake in tests."""

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int]) -> Pair:
        """Both halves of a pair at `camera`, `spp` samples per pixel each, with albedo, normal, position and depth.

        All noise is a function of `seeds`. The halves may share their AOVs; their colors are independent. Raises
        `SceneError` when it cannot render.
        """


@dataclass(frozen=True)
class FrameRequest:
    """One frame to make: from where, with how many samples, and how much to learn from it.

    `spp` samples per pixel of each half. Training takes `train_steps` steps, or as many as fit into `train_seconds`
    when that is given; 0 steps train nothing. `learning_rate` None keeps the trainer's own. `reproject` blends the last
    result into this one. `cut` says that the view has nothing to do with the last one: history is dropped.
    """

    camera: Camera
    spp: int = 8
    train_steps: int = 8
    train_seconds: float | None = None
    learning_rate: float | None = None
    reproject: bool = True
    cut: bool = False

    def __post_init__(self) -> None:
        if self.spp < 1:
            raise UsageError(f"spp {self.spp}: at least 1 sample per pixel is needed")
        if self.train_steps < 0 or (self.train_seconds is not None and not self.train_seconds >= 0):
            raise UsageError("training steps and seconds must not be negative")


@dataclass(frozen=True)
class FlythroughRecord:
    """One frame done.

    `pair` is what was denoised: the render, or at rest the accumulated one, with `pair.a.spp` samples per pixel in each
    half. `denoised` is the picture and its estimated standard error. `scored` is f(A), (H, W, 3), as it was *before*
    training on this frame, `score` its unbiased squared error, and `noisy_score` that of A itself, both in linear
    radiance; `relative` are both over squared brightness, in which a lamp counts no more than a wall (`online.watch`).
    `losses` are those of this frame's training steps, `steps` the trainer's so far. `accumulated` counts the renders in
    `pair`. `reprojected` is the share of pixels that took part of the last result. `seconds` are by stage: render,
    score, train, denoise, combine. `event` is a sentence when something happened that a user should know. `history` is
    what the next frame may take along. `alone` is `denoised.color` before it took part of the last result, (H, W, 3).
    """

    index: int
    request: FrameRequest
    pair: Pair
    denoised: Denoised
    score: PairScore
    noisy_score: PairScore
    relative: tuple[float, float]
    scored: Image
    losses: tuple[float, ...] = ()
    steps: int = 0
    accumulated: int = 1
    reprojected: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    event: str | None = None
    history: History | None = None
    alone: Image | None = None
