"""Adapt trained weights to the very pairs that are to be denoised, and keep them only where the pairs prove the gain.

Training goes on from the given weights, A -> B and B -> A. A quarter of the squares of every picture is held out, the
same ones of each: no target there is ever seen, and there the adapted weights are judged, by the unbiased score of the
pair (`score.py`), against the weights they began with. Both are scored on the same noise, so most of it cancels.
Adapting ends when the score no longer falls; the best weights are kept if they are better by `DOUBT` standard errors,
else the given ones.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser import devices
from denoiser.devices import TensorPair, compute_device, pair_on
from denoiser.inference.denoise import denoise_halves, padded_window
from denoiser.inference.select import SQUARE, learnt_squares
from denoiser.model import Model, architecture_name
from denoiser.paper import LOSS_EPSILON
from denoiser.precision import Precision, uses_bf16
from denoiser.training.checkpoint import TrainState
from denoiser.training.config import TrainConfig
from denoiser.training.loop import descend
from denoiser.training.train import batch_loss, new_optimizers
from renderer_bridge.errors import DatasetError, UsageError
from renderer_bridge.frame import Pair

DOUBT = 2.0
"""Standard errors by which adapted weights must be better."""

LEAST_GAIN = 1e-6
"""Relative squared error, taken off, that counts as better: gains worth having were 2e-3 to 6e-3, and both pictures are
scored on the same noise, so that without this weights moved by rounding alone "prove" 1e-9, look after look."""

JUDGED = 8
"""Pairs, at most, spread over all, on which weights are judged."""


@dataclass(frozen=True)
class AdaptConfig:
    """How long and how to adapt."""

    seconds: float = 60.0
    """Longest time; it ends sooner when the score no longer falls."""
    steps: int | None = None
    """Most steps; None: as many as fit into the time."""
    learning_rate: float = 3e-4
    batch: int = 4
    crop: int = 128
    check_every: int = 20
    """Steps between looks at the score."""
    patience: int = 5
    """Looks without a better score after which it ends."""
    seed: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name in ("seconds", "learning_rate", "batch", "crop", "check_every", "patience"):
            if not getattr(self, name) > 0:
                raise UsageError(f"adapt: {name} is {getattr(self, name)}; more than 0 is needed")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"adapt: steps is {self.steps}; at least 1 is needed")


@dataclass(frozen=True)
class AdaptRecord:
    """One look at the score: `gain` is the relative squared error taken off, positive when better, with its standard
    error; `best` is the best gain so far that is beyond doubt, 0 for the weights it began with."""

    step: int
    seconds: float
    gain: float
    standard_error: float
    best: float


@dataclass(frozen=True)
class _View:
    """Both halves under the exposure of A; `learnt` (1, 1, H, W) is 1 where targets are seen."""

    pair: TensorPair
    layers: tuple[dict[str, Tensor], dict[str, Tensor]]
    learnt: Tensor


def adapt(
    model: Model, pairs: Sequence[Pair], config: AdaptConfig | None = None
) -> Generator[AdaptRecord, None, Model]:
    """Adapt `model` to `pairs`; yields a record at each look, and returns the weights to use: adapted ones or `model`.

    Raises `DatasetError` when there is no pair or a layer is missing.
    """
    config = config or AdaptConfig()
    views = [_view(model, pair, config.seed) for pair in pairs]
    if not views:
        raise DatasetError("there is no pair to adapt to; at least one is needed")
    judges = [views[index] for index in sorted({len(views) * k // JUDGED for k in range(JUDGED)})]
    before = [denoise_halves(model, view.pair, precision=config.precision) for view in judges]
    state, training = _start(model, config)
    best, best_gain, since = model, 0.0, 0
    start = time.perf_counter()
    most = math.inf if config.steps is None else config.steps
    while since < config.patience and time.perf_counter() - start < config.seconds and state.step < most:
        for _ in range(int(min(config.check_every, most - state.step))):
            _step(state, model, views, config, training)
        adapted = Model(copy.deepcopy(state.average), model.input, model.head, model.info)
        gain, error = _gain(judges, before, adapted, config.precision)
        since += 1
        if gain > best_gain + LEAST_GAIN and gain > DOUBT * error:
            best, best_gain, since = adapted, gain, 0
        yield AdaptRecord(state.step, time.perf_counter() - start, gain, error, best_gain)
    return best


def _view(model: Model, pair: Pair, seed: int) -> _View:
    on_device = pair_on(pair, compute_device())
    factor = model.input.exposure(on_device.a.color)
    halves = []
    for half in (on_device.a, on_device.b):
        found = half.layers()
        missing = [name for name in model.input.needed if name not in found]
        if missing:
            raise DatasetError(f"a half has no {' and no '.join(missing)} layer; adapting these weights needs it")
        layers = {name: found[name] for name in model.input.layers if name in found}
        halves.append(layers | {"color": layers["color"] * factor})
    return _View(on_device, (halves[0], halves[1]), learnt_squares(on_device.a.size, seed).to(factor.device))


def _start(model: Model, config: AdaptConfig) -> tuple[TrainState, TrainConfig]:
    training = TrainConfig(
        network=architecture_name(model), optimizer="muon", learning_rate=config.learning_rate,
        loss="tone-slope", gradient_clip=0.15, crop_clip=0.5, average_half_life=20.0, init="adapted",
    )  # fmt: skip
    network = copy.deepcopy(model.network).to(compute_device()).requires_grad_(True)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    return TrainState(network, average, new_optimizers(training, network)), training


# ---------------------------------------------------------------------------------------------------------------------
# A step, and a look


def _step(state: TrainState, model: Model, views: Sequence[_View], config: AdaptConfig, training: TrainConfig) -> None:
    random = np.random.default_rng((config.seed, state.step))
    crops = [_crop(views[int(random.integers(len(views)))], random, config.crop) for _ in range(config.batch)]
    inputs, targets, squares = zip(*crops, strict=True)
    layers = {name: torch.cat([each[name] for each in inputs]) for name in inputs[0]}
    target, learnt = torch.cat(targets), torch.cat(squares)
    bf16 = uses_bf16(config.precision, target.device)
    with torch.autocast(target.device.type, torch.bfloat16, enabled=bf16):
        prediction = state.network(model.input.stack(layers))
    seen = torch.where(learnt > 0, target, prediction.detach().float())  # no error and no gradient where it judges
    descend(state, batch_loss(prediction, seen, training), training, config.learning_rate)
    state.step += 1


def _crop(view: _View, random: np.random.Generator, crop: int) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """A random window of one half, of the other's color, and of what may be learnt, which is nothing beyond the
    picture, where the others are mirrored as they are in inference."""
    half = int(random.integers(2))
    height, width = view.pair.a.size
    top, left = (int(random.integers(max(extent - crop, 0) + 1)) for extent in (height, width))
    window = (top, top + crop, left, left + crop)
    layers = {name: padded_window(layer, window) for name, layer in view.layers[half].items()}
    learnt = view.learnt[..., top : top + crop, left : left + crop]
    learnt = F.pad(learnt, (0, crop - learnt.shape[3], 0, crop - learnt.shape[2]))
    return layers, padded_window(view.layers[1 - half]["color"], window), learnt


def _gain(
    judges: Sequence[_View], before: Sequence[tuple[Tensor, Tensor]], adapted: Model, precision: Precision
) -> tuple[float, float]:
    """Relative squared error that `adapted` takes off where no target was seen, and its standard error."""
    squares = []
    for view, old in zip(judges, before, strict=True):
        new = denoise_halves(adapted, view.pair, precision=precision)
        weight = (old[0] + old[1]).mean(dim=1, keepdim=True) / 2 + LOSS_EPSILON
        others = view.pair.b.color, view.pair.a.color
        terms = sum(
            ((o - other).square() - (n - other).square()) / weight.square()
            for o, n, other in zip(old, new, others, strict=True)
        )
        assert isinstance(terms, Tensor)
        held = 1 - view.learnt
        mean = F.avg_pool2d(terms.mean(dim=1, keepdim=True) * held, SQUARE, ceil_mode=True) / 2
        squares.append(mean[F.avg_pool2d(held, SQUARE, ceil_mode=True) > 0])
    values = torch.cat(squares)
    if len(values) < 2:
        return 0.0, float("inf")
    gain, error = devices.read(values.mean(), values.std() / len(values) ** 0.5)
    return gain, error
