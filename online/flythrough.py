"""A camera flies through the scene, and the network learns from every frame: the loop, from top to bottom.

Source: Lehtinen et al. 2018, section 3.3: two renders of each frame, a few steps on them, both denoised, their mean
shown.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from denoiser import devices
from denoiser.devices import TensorPair, pair_on
from denoiser.filters import gaussian
from denoiser.inference.denoise import denoise_halves, expected_error
from denoiser.inference.until_error import told_error
from denoiser.score import pair_mse
from online.accumulate import Accumulated, settle
from online.giving_up import asking
from online.noisy_history import NoisyHistory, carried, held
from online.piloting import Alone, Piloted, given_back, piloted
from online.records import FlythroughRecord, FrameRequest, Pictures, Renderer
from online.reprojection import History, blend
from online.trainer import OnlineTrainer
from online.watch import better_elsewhere, relative_errors, runaway
from renderer_bridge.giving_up import GivenUp, Outdated, ask
from renderer_bridge.seeds import pair_seeds

DISTRUST_BLUR = 8.0
"""Standard deviation, in pixels, of the blur that stands in for a network that is worse than its input."""


def flythrough(
    renderer: Renderer,
    requests: Iterable[FrameRequest],
    trainer: OnlineTrainer,
    *,
    seed: int = 0,
    first: int = 0,
    history: History | None = None,
    samples: NoisyHistory | None = None,
    outdated: Outdated | None = None,
) -> Generator[FlythroughRecord, None, None]:
    """Render, score, learn from, and denoise one frame per request; requests are taken one at a time, when due.

    All noise is a function of (`seed`, frame), where frames count from `first`; a flight that was interrupted goes on
    with the restored trainer, the next `first` and the last record's history and samples. An unchanged camera is at
    rest: its samples accumulate, and the picture goes to the render itself. When `outdated` says on the way, between
    launches, operations or training steps, that another camera is waited for, a frame that is not `moving` is given up
    and not yielded. With a pilot the picture starts where that is and takes of the network what the pair says it is
    worth (`online.piloting`). To stop is to cease iterating. Raises what `renderer.render` raises, but for `GivenUp`.
    """
    view: Accumulated | None = None
    history, samples = history and history.on(trainer.device), samples and samples.on(trainer.device)
    past: NoisyHistory | None = None
    remembered = False
    for index, request in enumerate(requests, first):
        stage = _Stages(trainer.device, None if request.moving else outdated)
        resting = view is not None and view.shows(request.camera) and not request.cut
        try:
            with stage("render"):
                rendered = renderer.render(request.camera, request.spp, pair_seeds(seed, index), stage.outdated)
                fresh = pair_on(rendered, trainer.device)
                view = view.extended(fresh) if view is not None and resting else Accumulated(fresh)
                if not resting:
                    past, remembered = _carried(samples, fresh, request), False
                samples = held(view.pair, past) if request.noisy_history else None
                seen = samples.pair(view.pair) if samples is not None else view.pair

            # Score before learning: these renders are still unseen, and so the estimate unbiased.
            with stage("score"):
                scored, noisy = denoise_halves(trainer.model, seen), (fresh.a.color, fresh.b.color)
                scores = pair_mse(*scored, *noisy), pair_mse(*noisy, *noisy)
                relative = relative_errors(*scored, *noisy)

            with stage("train", whole=True):
                event = trainer.observe(*relative)
                losses: list[float] = []
                if request.train_steps:
                    trainer.memory.add(seen, replace_last=remembered)
                    remembered = True
                    losses, accident = _learned(trainer, request, stage.outdated)
                    event = accident or event
            if event is not None:
                stage.outdated = None  # a user must hear of it

            with stage("denoise"):
                learned = bool(losses) or event is not None
                halves = denoise_halves(trainer.model, seen) if learned else scored
                halves = _tamed(seen, halves, trainer.trusted)
                start = None if request.pilot is None else piloted(request.pilot, seen)

            with stage("combine"):
                share = None if start is None else start.share(scored, fresh)
                shown = seen if start is None else view.pair  # the pilot's residual is the surer one from the frame
                alone = _alone(shown, halves, start, share)
                error = expected_error(shown, alone.noise, alone.left)
                told = told_error(alone.color, error) if request.tell_error else None
                color, history, used = _combine(alone.color, alone.noise, request, view, history)
        except GivenUp:
            continue

        yield FlythroughRecord(
            index=index,
            request=request,
            pictures=Pictures(view.pair, color, error, scored, alone.color),
            score=scores[0],
            noisy_score=scores[1],
            relative=relative,
            losses=tuple(losses),
            steps=trainer.steps,
            accumulated=view.renders,
            told_error=told,
            spp_held=_mean(None if samples is None else samples.spp, float(view.pair.a.spp or 1)),
            reprojected=used,
            network_share=_mean(share, 1.0),
            seconds=stage.seconds,
            event=event,
            history=history,
            samples=samples,
        )


class _Stages:
    """Times the stages of a frame. A GPU works on while Python goes on, so each stage ends when its work has ended.

    Each is left when `outdated` says so, but a `whole` one, which is not begun then.
    """

    def __init__(self, device: torch.device, outdated: Outdated | None) -> None:
        self.seconds: dict[str, float] = {}
        self.outdated = outdated
        self._device = device

    @contextmanager
    def __call__(self, stage: str, whole: bool = False) -> Iterator[None]:
        ask(self.outdated)
        start = time.perf_counter()
        with asking(None if whole else self.outdated):
            yield
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self.seconds[stage] = time.perf_counter() - start


def _carried(samples: NoisyHistory | None, fresh: TensorPair, request: FrameRequest) -> NoisyHistory | None:
    """The samples of the last frame where this one sees the same surface; None where nothing is to be taken along."""
    if samples is None or not request.noisy_history or request.cut:
        return None
    return carried(samples, fresh.a)


def _learned(
    trainer: OnlineTrainer, request: FrameRequest, outdated: Outdated | None
) -> tuple[list[float], str | None]:
    """Train as the request says; losses, and an event."""
    return trainer.learn(
        request.train_steps,
        seconds=request.train_seconds,
        learning_rate=request.learning_rate,
        outdated=outdated,
    )


def _mean(values: Tensor | None, default: float) -> float:
    return default if values is None else devices.read(values.mean())[0]


def _alone(pair: TensorPair, halves: tuple[Tensor, Tensor], start: Piloted | None, share: Tensor | None) -> Alone:
    """The frame by itself."""
    if start is not None and share is not None:
        return start.combined(pair, halves, share)
    return given_back(pair, halves)


def _combine(
    alone: Tensor, noise: Tensor, request: FrameRequest, view: Accumulated, history: History | None
) -> tuple[Tensor, History | None, float]:
    """The frame with what it may take of the last result, the next frame's history, and the share of pixels with one.

    In motion the last result is reprojected; at rest the one that motion left fades. `noise` is the standard error of
    the halves' mean.
    """
    if view.renders == 1:
        past = history if request.reproject and not request.cut else None
        color, history, used = blend(alone, view.pair.a, past, noise)
        (share,) = devices.read(used.float().mean())
        return color, history, share
    if request.reproject and history is not None:
        return settle(alone, noise, history.color, history.age, view.renders), history, 0.0
    return alone, history, 0.0


def _tamed(pair: TensorPair, denoised: tuple[Tensor, Tensor], trusted: bool) -> tuple[Tensor, Tensor]:
    """The denoised halves, with the blurred noisy ones in their place where the network ran away.

    That is everywhere while it is not trusted, unless it is worse than its input because of a few places alone.
    """
    halves = ((denoised[0], pair.a.color, pair.b.color), (denoised[1], pair.b.color, pair.a.color))
    away = runaway(*halves[0]) | runaway(*halves[1])
    (somewhere,) = devices.read(away.any())
    if not trusted and not (somewhere and all(better_elsewhere(*half, away) for half in halves)):
        return _smoothed(pair)
    if not somewhere:
        return denoised
    a, b = (torch.where(away, smooth, picture) for smooth, picture in zip(_smoothed(pair), denoised, strict=True))
    return a, b


def _smoothed(pair: TensorPair) -> tuple[Tensor, Tensor]:
    """Both noisy halves blurred: what is shown, with the residual returned, where the network is not trusted."""
    return gaussian(pair.a.color, DISTRUST_BLUR), gaussian(pair.b.color, DISTRUST_BLUR)
