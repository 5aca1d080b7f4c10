"""Train a network on corrupted pictures with the project's own trainer, or go on where it was stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from apps.reproduce.corruptions import Random
from apps.reproduce.figure import Progress
from denoiser.devices import compute_device
from denoiser.model import Description
from denoiser.precision import uses_bf16
from denoiser.training.checkpoint import OPTIMIZER, Log, TrainState, load_checkpoint, open_run, save_checkpoint
from denoiser.training.config import FREE_SETTINGS, TrainConfig
from denoiser.training.loop import LOG_COLUMNS, descend, take_steps
from denoiser.training.train import state_of

Batch = dict[str, Tensor]
"""`input` goes through the network; what else there is, the loss knows."""

CLIP = 1.0
"""Largest norm of the gradient. The paper clips none; L2's stays under 0.3 here, but that of L0 goes as 1 / |f - y|."""


@dataclass(frozen=True)
class Task:
    """What is learned: the network, what a batch is, and what is minimised.

    `draw` gives the batch of a generator, every tensor (N, C, H, W); `loss` takes prediction, batch, and the share of
    the steps that is done. `data` describes it for the weights file.
    """

    build: Callable[[], nn.Module]
    draw: Callable[[Random], Batch]
    loss: Callable[[Tensor, Batch, float], Tensor]
    data: str


def fit(
    task: Task, config: TrainConfig, run_dir: Path, cell: str, look: Callable[[int, nn.Module], None]
) -> Iterator[Progress]:
    """Train into or further in `run_dir`, one record a step.

    `look` gets the number of steps done and the averaged network, after each step and at the end; after a kill it sees
    some steps again. Every batch is a function of (seed, step): a run that was killed goes on to the same weights. The
    checkpoint goes at the end: it is four times the weights and, `look` having been, never needed again.
    """
    device = compute_device()
    state = state_of(task.build, config, device)
    open_run(run_dir, {"data": task.data, **dataclasses.asdict(config)}, FREE_SETTINGS)
    load_checkpoint(run_dir, state)
    if state.step < config.steps:
        bf16 = uses_bf16(config.precision, device)
        steps = take_steps(
            state,
            config,
            _batches(task, config, state.step),
            lambda batch, rate: _step(task, state, batch, config, rate, bf16),
            lambda: save_checkpoint(run_dir, state, _description(task, state)),
            Log(run_dir, LOG_COLUMNS, state.step),
        )
        for record in steps:
            look(record.step, state.average)
            yield Progress(cell, record.step, config.steps)
    look(config.steps, state.average)
    (run_dir / OPTIMIZER).unlink(missing_ok=True)


def apply(network: nn.Module, image: Tensor) -> Tensor:
    """The network's output for one picture (1, C, H, W), float32, without gradient."""
    device = next(network.parameters()).device
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16("auto", device)):
        output: Tensor = network(image.to(device))
    return output.float().cpu()


def _batches(task: Task, config: TrainConfig, first: int) -> Generator[Batch, None, None]:
    for step in range(first, config.steps):
        yield task.draw(np.random.default_rng((config.seed, step)))


def _step(
    task: Task, state: TrainState, batch: Batch, config: TrainConfig, rate: float, bf16: bool
) -> tuple[float, float]:
    device = next(state.network.parameters()).device
    there = {name: value.to(device) for name, value in batch.items()}
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        prediction = state.network(there["input"])
    return descend(state, task.loss(prediction.float(), there, state.step / config.steps), config, rate)


def _description(task: Task, state: TrainState) -> Description:
    """No layer of a render is named, so that `n2n-denoise` refuses these weights: they take photographs."""
    return Description(layers=(), loss="", data=task.data, steps=state.step)
