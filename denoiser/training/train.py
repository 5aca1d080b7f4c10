"""Offline training from noisy pairs, from top to bottom; its loop is that of `loop.py`.

Source: Lehtinen et al. 2018, section 3.3 and supplement A. One process or several under `torchrun` run the same code.
To resume, run the same command: every random number is a function of (seed, rank, step).
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from denoiser.loss import LOSSES
from denoiser.model import ARCHITECTURES, Description, find_weights, load_model, load_tensors
from denoiser.paper import ADAM_BETAS, ADAM_EPSILON
from denoiser.precision import uses_bf16
from denoiser.training.checkpoint import Log, TrainState, load_checkpoint, open_run, save_checkpoint
from denoiser.training.config import FREE_SETTINGS, TrainConfig
from denoiser.training.crops import Augmentation, PairDataset
from denoiser.training.loop import LOG_COLUMNS, TrainRecord, descend, take_steps
from denoiser.training.muon import Muon
from denoiser.training.pair_cache import CachedView, build_cache, find_views
from denoiser.training.processes import join_processes
from denoiser.training.validation import Validation, validate
from denoiser.transforms import PAPER_LAYERS, NetworkInput
from renderer_bridge.errors import DatasetError, WeightsError


def train(
    config: TrainConfig, folders: Sequence[Path], run_dir: Path, cache_dir: Path | None = None
) -> Generator[TrainRecord, None, None]:
    """Train on the pairs in `folders`, into or further in `run_dir`; yields nothing when the run is finished.

    To stop is to cease iterating (`close()`): the state is then saved, and the same call goes on from there. On one CPU
    the final weights do not depend, to the last bit, on where a run was stopped or killed. Crops are read through
    the cache in `<folder>/.n2n-cache`, or in `cache_dir`. Raises `DatasetError`, `ExrError`, `WeightsError` or
    `OutputError`.
    """
    with join_processes() as processes:
        # Data: rank 0 fills the cache while the others wait.
        first, device = processes.rank == 0, processes.device
        training, held_out = split_views(find_views(folders, cache_dir, fallback=run_dir), config)
        if first:
            deque(build_cache(training, references=config.clean_targets), maxlen=0)
            deque(build_cache(held_out, references=True), maxlen=0)
            open_run(run_dir, settings(config, training), FREE_SETTINGS)
        processes.wait()
        changes = Augmentation(config.symmetries, config.symmetries, config.exposure_stops, config.drop_layers)
        dataset = PairDataset(training, changes, config.clean_targets, network_input(config))

        # State: where the run folder left off, else new.
        state = new_state(config, device)
        if not load_checkpoint(run_dir, state) and config.init:
            warm_start(state, find_weights(config.init))
        processes.wait()
        if state.step >= config.steps:
            return
        bf16 = uses_bf16(config.precision, device)
        forward = DistributedDataParallel(state.network) if processes.count > 1 else state.network

        def step(batch: tuple[dict[str, Tensor], Tensor], rate: float) -> tuple[float, float]:
            layers, target = batch
            return train_step(state, forward, layers, target.to(device), config, rate, bf16)

        def look() -> Validation | None:
            if not (first and held_out):
                return None
            validation = validate(state.average, held_out, device, bf16, network_input(config))
            keep_best(state, validation)
            return validation

        def save() -> None:
            if first:
                save_checkpoint(run_dir, state, describe(config, state, len(training)))

        # Steps.
        log = Log(run_dir, LOG_COLUMNS, state.step) if first else None
        batches = dataset.batches(
            config.seed, processes.rank, range(state.step, config.steps), config.batch, config.crop
        )
        yield from take_steps(state, config, batches, step, save, log, look)


# ---------------------------------------------------------------------------------------------------------------------
# One step: Adam on L_HDR, the learning rate ramped down, a running average of the weights   (supplement A)


def train_step(
    state: TrainState,
    forward: nn.Module,
    layers: dict[str, Tensor],
    target: Tensor,
    config: TrainConfig,
    rate: float,
    bf16: bool,
) -> tuple[float, float]:
    """Make one step of `state` in place on renders and their targets; gives loss and gradient norm, as `descend`."""
    device = target.device
    on_device = {name: layer.to(device, non_blocking=True) for name, layer in layers.items()}
    x = network_input(config).stack(on_device)  # (N, 9 or 11, H, W)
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        prediction = forward(x)
    return descend(state, batch_loss(prediction, target, config), config, rate)


def batch_loss(prediction: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """Mean of the crops' losses, crops (N, 3, H, W); with `crop_clip` c one of loss l weighs min(1, c / sqrt(l))."""
    loss = LOSSES[config.loss]
    if not config.crop_clip:
        return loss(prediction, target)
    losses = torch.stack([loss(*crop) for crop in zip(prediction, target, strict=True)])
    return (losses * (config.crop_clip / losses.detach().sqrt()).clamp(max=1)).mean()


# ---------------------------------------------------------------------------------------------------------------------
# State and views


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """A network for renders, random from the seed, its average, and a fresh optimizer."""
    return state_of(lambda: ARCHITECTURES[config.network].build(network_input(config).channels), config, device)


def network_input(config: TrainConfig) -> NetworkInput:
    """What the network of `config` takes; layers that training leaves out now and then may be missing later."""
    optional = PAPER_LAYERS[1:] if config.drop_layers else ()
    return NetworkInput(PAPER_LAYERS, optional, ARCHITECTURES[config.network].transfer)


def state_of(build: Callable[[], nn.Module], config: TrainConfig, device: torch.device) -> TrainState:
    """The network that `build` makes, its random weights from the seed, its average, and a fresh optimizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build()
    network = network.to(device)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    return TrainState(network, average, new_optimizers(config, network))


def new_optimizers(config: TrainConfig, network: nn.Module) -> tuple[torch.optim.Optimizer, ...]:
    """Adam for all parameters, or Muon for the inner convolutions and Adam for first layer, last layer and biases."""
    named = [(name.split(".")[-2], value) for name, value in network.named_parameters() if value.ndim == 4]
    weights = [value for layer, value in named if not layer.startswith("head")]
    first_and_last = slice(1, None if config.network == "kernel" else -1)  # whose last layers are its heads
    inner = weights[first_and_last] if config.optimizer == "muon" else []
    others = [parameter for parameter in network.parameters() if not any(parameter is weight for weight in inner)]
    adam = torch.optim.Adam(others, config.learning_rate, betas=ADAM_BETAS, eps=ADAM_EPSILON, fused=True)
    return (adam, Muon(inner, config.learning_rate, config.weight_decay)) if inner else (adam,)


def warm_start(state: TrainState, path: Path) -> None:
    """Begin from the weights in `path`; raises `WeightsError` when they are of another network or take other layers."""
    model = load_model(path)
    if model.input.layers != PAPER_LAYERS:
        raise WeightsError(
            f"{path}: takes {', '.join(model.input.layers)}; --init needs weights for {', '.join(PAPER_LAYERS)}"
        )
    for network in (state.network, state.average):
        load_tensors(path, network, model.network.state_dict())


def split_views(views: Sequence[CachedView], config: TrainConfig) -> tuple[list[CachedView], list[CachedView]]:
    """Divide the views into those to train on and those held out, chosen by the seed.

    Raises `DatasetError` when nothing would be left to train on, or when `clean_targets` finds views without reference.
    """
    wanted = min(config.validation_views, max(1, len(views) // 5))
    if wanted >= len(views):
        raise DatasetError(
            f"{views[0].paths.a.parent}: holds {len(views)} view; at least 2 are needed, one of them to validate on, "
            "or --validation-views 0"
        )
    chosen = set(np.random.default_rng(config.seed).permutation(len(views))[:wanted].tolist())
    training = [view for index, view in enumerate(views) if index not in chosen]
    lacking = [view for view in training if view.reference is None]
    if config.clean_targets and lacking:
        raise DatasetError(f"{lacking[0].paths.a}: has no reference; --clean-targets needs one for each view")
    return training, [views[index] for index in sorted(chosen)]


def settings(config: TrainConfig, training: Sequence[CachedView]) -> dict[str, Any]:
    """What makes a run this run: the configuration and the names of the views it trains on."""
    names = "\n".join(f"{view.paths.a.resolve().parent.name}/{view.name}" for view in training)
    views = {"views": len(training), "views_sha256": hashlib.sha256(names.encode()).hexdigest()[:16]}
    return dataclasses.asdict(config) | views


# ---------------------------------------------------------------------------------------------------------------------
# Small print


def describe(config: TrainConfig, state: TrainState, views: int) -> Description:
    """What the weights file says of this training."""
    data = f"{views} views, {'clean' if config.clean_targets else 'noisy'} targets"
    taken = network_input(config)
    return Description(config.network, taken.layers, taken.optional, config.loss, data, state.step)


def keep_best(state: TrainState, validation: Validation) -> None:
    """Remember the best pair score and its step."""
    if validation.score.mse < state.best_mse:
        state.best_mse, state.best_step = validation.score.mse, state.step
