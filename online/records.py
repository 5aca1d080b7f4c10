"""What goes into a flythrough and what comes out of it, one of each a frame; and what it asks of a renderer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from torch import Tensor

from denoiser.devices import TensorPair, pair_to_host
from denoiser.inference.piloted import Pilot
from denoiser.score import PairScore
from denoiser.transforms import to_image
from online.noisy_history import NoisyHistory
from online.reprojection import History
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Camera, Denoised, Image, Pair
from renderer_bridge.giving_up import Outdated


class Renderer(Protocol):
    """Where noisy pairs come from: Mitsuba, a folder of finished pairs, a fake in tests."""

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: Outdated | None = None) -> Pair:
        """Both halves of a pair at `camera`, `spp` samples per pixel each, with albedo, normal, position and depth.

        Without `outdated` all noise is a function of `seeds`. The halves may share their AOVs; their colors are
        independent. Raises `GivenUp` when `outdated`, asked on the way, said that nobody waits for them, `SceneError`
        when it cannot render.
        """


@dataclass(frozen=True)
class FrameRequest:
    """One frame to make: from where, with how many samples, and how much to learn from it.

    `spp` samples per pixel of each half. Training takes `train_steps` steps, or as many as fit into `train_seconds`
    when that is given; 0 steps train nothing. `learning_rate` None keeps the trainer's own. `reproject` blends the last
    result into this one. `pilot` is another denoiser to start from (`online.piloting`). `noisy_history`
    denoises the samples of the frames before with this one's (`online.noisy_history`). `cut` says that the view has
    nothing to do with the last one: history is dropped. `moving` says that the next camera will be another one: the
    frame is finished even when that has come, else there would be none to see. `tell_error` asks for the picture's
    error as `denoiser.inference.until_error` tells it.
    """

    camera: Camera
    spp: int = 8
    train_steps: int = 8
    train_seconds: float | None = None
    learning_rate: float | None = None
    reproject: bool = True
    pilot: Pilot | None = None
    noisy_history: bool = False
    cut: bool = False
    moving: bool = False
    tell_error: bool = False

    def __post_init__(self) -> None:
        if self.spp < 1:
            raise UsageError(f"spp {self.spp}: at least 1 sample per pixel is needed")
        if self.train_steps < 0 or (self.train_seconds is not None and not self.train_seconds >= 0):
            raise UsageError("training steps and seconds must not be negative")


@dataclass(frozen=True)
class Pictures:
    """The pictures of one frame, tensors (1, 3, H, W) on the device that made them.

    `pair` is what was denoised, `color` the picture, `error` its estimated standard error, `scored` f(A) and f(B) as
    they were before training on this frame, and `alone` is `color` before it took part of the last result.
    """

    pair: TensorPair
    color: Tensor
    error: Tensor
    scored: tuple[Tensor, Tensor]
    alone: Tensor


@dataclass(frozen=True)
class FlythroughRecord:
    """One frame done.

    `pictures` lie on the device that made them. `pair`, `denoised`, `scored` and `alone` give them as numpy arrays
    (H, W, C), made when first asked. `score` is the squared error of f(A) and f(B) before training on this frame,
    told without bias from the pair, `noisy_score` that of A and B themselves, both in linear radiance; `relative` are
    both over squared brightness, in which a lamp counts no more than a wall (`online.watch`). `losses` are those of
    this frame's training steps, `steps` the trainer's so far. `accumulated` counts the renders in `pair`. `reprojected`
    is the share of pixels that took part of the last result, `network_share` what the network has of the picture,
    1 without a pilot. `told_error` is the root mean square error of the tone-mapped picture, told from the pair where
    that was asked for. `seconds` are by stage: render, score, train, denoise,
    combine. `event` is a sentence when something happened that a user should know. `history` and `samples` are what the
    next frame may take along, and `spp_held` what the latter are worth on average, samples per pixel of each half.
    """

    index: int
    request: FrameRequest
    pictures: Pictures
    score: PairScore
    noisy_score: PairScore
    relative: tuple[float, float]
    losses: tuple[float, ...] = ()
    steps: int = 0
    accumulated: int = 1
    reprojected: float = 0.0
    network_share: float = 1.0
    told_error: float | None = None
    spp_held: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    event: str | None = None
    history: History | None = None
    samples: NoisyHistory | None = None

    @cached_property
    def pair(self) -> Pair:
        """The render, or at rest the accumulated one, with `pair.a.spp` samples per pixel in each half."""
        return pair_to_host(self.pictures.pair)

    @cached_property
    def denoised(self) -> Denoised:
        """The picture and its estimated standard error."""
        return Denoised(to_image(self.pictures.color), to_image(self.pictures.error))

    @cached_property
    def scored(self) -> tuple[Image, Image]:
        """f(A) and f(B), as they were before training on this frame."""
        a, b = self.pictures.scored
        return to_image(a), to_image(b)

    @cached_property
    def alone(self) -> Image:
        """The picture before it took part of the last result."""
        return to_image(self.pictures.alone)

    def fetch(self) -> None:
        """Copy to the host, now, what a window shows: for the thread that owns the device, so that no other waits."""
        _ = self.pair, self.denoised
