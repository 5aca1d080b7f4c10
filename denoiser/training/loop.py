"""The loop that every offline training runs: a step, a row of the log, now and then a checkpoint.

What a batch is, what is minimised and what is kept are the caller's: `train` learns from pairs of renders, the
reproduction of the paper's other figures from photographs with noise added.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from denoiser import devices
from denoiser.training.checkpoint import Log, TrainState
from denoiser.training.config import TrainConfig
from denoiser.training.validation import Validation
from renderer_bridge.errors import DatasetError

Batch = TypeVar("Batch")

MAX_SKIPPED_IN_ROW = 20
AVERAGE_RAMP = 0.05
LOG_COLUMNS = ("step", "loss", "learning_rate", "gradient_norm", "seconds", "pair_mse", "standard_error", "psnr_db")


@dataclass(frozen=True)
class TrainRecord:
    """One step done, `step` counting from 1. `seconds` sums up over all sessions of the run.

    `skipped` counts steps so far whose gradient was infinite or NaN and which changed nothing. `validation` is there
    every `validation_every` steps and after the last.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    skipped: int = 0
    validation: Validation | None = None


def take_steps(
    state: TrainState,
    config: TrainConfig,
    batches: Generator[Batch, None, None],
    step: Callable[[Batch, float], tuple[float, float]],
    save: Callable[[], None],
    log: Log | None = None,
    validate: Callable[[], Validation | None] = lambda: None,
) -> Generator[TrainRecord, None, None]:
    """Take one step of `state` with each batch, one record a step; `batches` begin where the state is.

    `step` gets a batch and the learning rate, changes the state, and gives loss and gradient norm. `save` keeps the
    state: every `checkpoint_every` steps, after the last, and when the consumer ceases iterating (`close()`).
    """
    saved_step = state.step
    try:
        start = time.perf_counter()
        for batch in batches:
            rate = learning_rate(config, state.step)
            loss, norm = step(batch, rate)
            state.step += 1
            last = state.step == config.steps
            validation = validate() if last or state.step % config.validation_every == 0 else None
            state.seconds += time.perf_counter() - start
            if log is not None:
                log.write(state.step, loss, rate, norm, state.seconds, *_scores(validation))
            if last or state.step % config.checkpoint_every == 0:
                save()
                saved_step = state.step
            yield TrainRecord(state.step, loss, rate, norm, state.seconds, state.skipped, validation)
            start = time.perf_counter()
    except GeneratorExit:  # the consumer ceased iterating between two steps: the state is whole
        if saved_step != state.step:
            save()
        raise
    finally:
        batches.close()
        if log is not None:
            log.close()


def descend(state: TrainState, loss: Tensor, config: TrainConfig, rate: float) -> tuple[float, float]:
    """Move the weights of `state` down the gradient of `loss`, their average after them; gives loss, gradient norm.

    A step whose gradient is infinite or NaN changes nothing and is counted; raises `DatasetError` after
    `MAX_SKIPPED_IN_ROW` of them. With several processes all see the same averaged gradient and decide alike.
    """
    state.network.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = nn.utils.clip_grad_norm_(state.network.parameters(), config.gradient_clip)
    value, norm = devices.read(loss, gradient)  # together: each reading waits for the device
    if not np.isfinite(norm):
        count_skipped(state)
        return value, norm
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    update_average(state, config.average_half_life, from_random=not config.init)
    state.skipped_in_row = 0
    return value, norm


def count_skipped(state: TrainState) -> None:
    """Count a step that was skipped; raises `DatasetError` when too many follow each other."""
    state.skipped += 1
    state.skipped_in_row += 1
    if state.skipped_in_row >= MAX_SKIPPED_IN_ROW:
        raise DatasetError(
            f"training came apart at step {state.step + 1}: the gradient was infinite or NaN {MAX_SKIPPED_IN_ROW} "
            "times in a row; try a lower --learning-rate, --precision fp32, or pairs without extreme radiance"
        )


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rate of the step after `step` steps: constant, then (1/2 + cos(pi t) / 2)^2, as the authors' code has it."""
    if config.ramp_down == 0.0:
        return config.learning_rate
    t = max(0.0, 1.0 - (1.0 - step / config.steps) / config.ramp_down)
    return config.learning_rate * float(0.5 + 0.5 * np.cos(np.pi * t)) ** 2


def update_average(state: TrainState, half_life: float, from_random: bool = True) -> None:
    """Move the average towards the weights: half-life in steps, at first, `from_random`, a share of the steps so far.

    Without that ramp random initial weights would stay in the average for long (Karras et al. 2024, EDM2); trained ones
    should: the first steps from them lead downhill and up again.
    """
    if from_random:
        half_life = min(half_life, AVERAGE_RAMP * state.step)
    decay = 0.5 ** (1.0 / max(half_life, 1e-3))
    with torch.no_grad():
        for average, value in zip(state.average.parameters(), state.network.parameters(), strict=True):
            average.lerp_(value, 1.0 - decay)


def _scores(validation: Validation | None) -> tuple[float | None, float | None, float | None]:
    if validation is None:
        return None, None, None
    return validation.score.mse, validation.score.standard_error, validation.psnr_db
