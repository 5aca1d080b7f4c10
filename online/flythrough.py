"""A camera flies through the scene, and the network learns from every frame: the loop, from top to bottom.

Source: Lehtinen et al. 2018, section 3.3: two renders of each frame, a few steps on them, both denoised, their mean
shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from scipy import ndimage

from denoiser.infer import denoise_frame, denoise_halves, standard_error
from denoiser.residual import return_residual
from denoiser.score import pair_mse
from online.accumulate import Accumulated, settle
from online.records import FlythroughRecord, FrameRequest, Renderer
from online.reprojection import History, blend
from online.trainer import OnlineTrainer
from online.watch import better_elsewhere, relative_errors, runaway
from renderer_bridge.frame import Denoised, Image, Pair
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
    outdated: Callable[[], bool] = lambda: False,
) -> Generator[FlythroughRecord, None, None]:
    """Render, score, learn from, and denoise one frame per request; requests are taken one at a time, when due.

    All noise is a function of (`seed`, frame), where frames count from `first`; a flight that was interrupted goes on
    with the restored trainer, the next `first` and the last record's history. An unchanged camera is at rest: its
    samples accumulate, and the picture goes to the render itself. When `outdated` then says, after rendering, that the
    camera has moved on, nobody waits for that frame any more: it is neither learned from nor yielded. To stop is to
    cease iterating. Raises what `renderer.render` raises.
    """
    view: Accumulated | None = None
    for index, request in enumerate(requests, first):
        seconds: dict[str, float] = {}

        with _timed(seconds, "render"):
            fresh = renderer.render(request.camera, request.spp, pair_seeds(seed, index))
            resting = view is not None and view.shows(request.camera) and not request.cut
            view = view.extended(fresh) if view is not None and resting else Accumulated(fresh)

        if resting and outdated():
            continue

        # Score before learning: this B is still unseen, and so the estimate unbiased.
        with _timed(seconds, "score"):
            denoised_a = denoise_frame(trainer.model, view.pair.a).color
            score = pair_mse(denoised_a, fresh.b.color, fresh.a.color)
            noisy_score = pair_mse(fresh.a.color, fresh.b.color, fresh.a.color)
            relative = relative_errors(denoised_a, fresh.a.color, fresh.b.color)
            event = trainer.observe(*relative)

        losses: list[float] = []
        with _timed(seconds, "train"):
            trainer.memory.add(view.pair, replace_last=resting)
            if request.train_steps:
                losses, accident = trainer.learn(
                    request.train_steps, seconds=request.train_seconds, learning_rate=request.learning_rate
                )
                event = accident or event

        with _timed(seconds, "denoise"):
            halves = _tamed(view.pair, denoise_halves(trainer.model, view.pair), trainer.trusted)

        with _timed(seconds, "combine"):
            color, error = return_residual(view.pair, *halves), standard_error(*halves)
            alone, used = color, 0.0
            if resting:
                if request.reproject and history is not None:
                    color = settle(color, error, history.color, history.age, view.renders)
            else:
                past = history if request.reproject and not request.cut else None
                color, history, reprojected = blend(color, view.pair.a, past, error)
                used = float(reprojected.mean())
            denoised = Denoised(color, error)

        yield FlythroughRecord(
            index, request, view.pair, denoised, score, noisy_score, relative, denoised_a, tuple(losses), trainer.steps,
            view.renders, used, seconds, event, history, alone,
        )  # fmt: skip


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def _tamed(pair: Pair, denoised: tuple[Image, Image], trusted: bool) -> tuple[Image, Image]:
    """The denoised halves, with the blurred noisy ones in their place where the network ran away.

    That is everywhere while it is not trusted, unless it is worse than its input because of a few places alone.
    """
    halves = ((denoised[0], pair.a.color, pair.b.color), (denoised[1], pair.b.color, pair.a.color))
    away = runaway(*halves[0]) | runaway(*halves[1])
    if not trusted and not (away.any() and all(better_elsewhere(*half, away) for half in halves)):
        return _smoothed(pair)
    if not away.any():
        return denoised
    a, b = (
        np.where(away[..., None], smooth, picture) for smooth, picture in zip(_smoothed(pair), denoised, strict=True)
    )
    return a, b


def _smoothed(pair: Pair) -> tuple[Image, Image]:
    """Both noisy halves blurred: what is shown, with the residual returned, where the network is not trusted."""
    a, b = (
        np.asarray(ndimage.gaussian_filter(half.color, (DISTRUST_BLUR, DISTRUST_BLUR, 0)), dtype=np.float32)
        for half in (pair.a, pair.b)
    )
    return a, b
