"""A network in training while pictures arrive: learn a few steps from each, be ready to denoise after any.

Source: Lehtinen et al. 2018, section 3.3 (online training during a flythrough).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from denoiser.devices import compute_device
from denoiser.model import (
    ARCHITECTURES,
    DEFAULT_NAME,
    Description,
    Model,
    NetworkName,
    architecture_of,
    find_weights,
    header,
    read_tensors,
    save_weights,
)
from denoiser.precision import Precision, uses_bf16
from denoiser.training.checkpoint import group, load_state, state_tensors
from denoiser.training.config import TrainConfig
from denoiser.training.train import network_input, new_state, train_step, warm_start
from online.memory import TYPES, PairMemory, Remembered
from online.watch import Watch
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import DatasetError, UsageError, WeightsError
from renderer_bridge.frame import Image
from renderer_bridge.giving_up import Outdated


@dataclass(frozen=True)
class OnlineConfig:
    """How to train online; a trainer restored from a file must have the one it was saved with."""

    init: str = DEFAULT_NAME
    """Weights to start from: a .safetensors file or the name of shipped weights; empty for random ones."""
    network: NetworkName = "unet"
    """Which network begins from random weights; others keep theirs."""
    optimizer: Literal["adam", "muon"] = "muon"
    """adam is the paper's; muon moves the inner convolutions by orthogonal matrices and learns faster."""
    learning_rate: float = 2e-3
    """Step size, constant: the average of the weights stands in for a ramp-down. From the shipped weights, over 250
    frames of living-room-2, 5e-4 and 1e-3 end 0.1 to 0.5 dB lower on most frames, and 4e-3 was behind after 30."""
    weight_decay: float = 0.1
    """Share of the inner convolutions, times the learning rate, taken off at each step; muon only. The shipped ones are
    1.5 to 2 times as large as those that a flight from random weights ends with. Without decay: 0.0 to 0.4 dB less."""
    batch: int = 4
    """Crops a step."""
    crop: int = 128
    """Side of a crop in pixels, a multiple of 32."""
    average_half_life: float = 100.0
    """Half-life, in steps, of the running average of the weights that denoises."""
    memory_mib: int = 512
    """Pairs remembered, in MiB: 256 views of 320x180."""
    seed: int = 0
    """Seed of the initial weights, the crops, and what is forgotten."""
    precision: Precision = "auto"
    """bf16 computes in bfloat16; auto does so where the processor has instructions for it."""
    clean_targets: bool = False
    """Train on references instead of noisy halves, to compare; every pair needs one."""

    def __post_init__(self) -> None:
        if self.memory_mib < 1:
            raise UsageError(f"--memory-mib is {self.memory_mib}; at least 1 is needed")
        self.train_config()

    def train_config(self, network: NetworkName | None = None) -> TrainConfig:
        """The same as an offline configuration, of that network, which checks it and drives the step of both."""
        return TrainConfig(
            network=network or self.network,
            batch=self.batch, crop=self.crop, learning_rate=self.learning_rate,
            optimizer=self.optimizer, weight_decay=self.weight_decay,
            average_half_life=self.average_half_life, seed=self.seed, precision=self.precision, init=self.init,
            clean_targets=self.clean_targets,
        )  # fmt: skip


class OnlineTrainer:
    """Weights, their average, their optimizer and the pairs remembered: all that changes while training online.

    Raises `WeightsError` when the initial weights cannot be read or are of another network.
    """

    def __init__(self, config: OnlineConfig | None = None) -> None:
        self.config = config or OnlineConfig()
        self.device = compute_device()
        weights = find_weights(self.config.init) if self.config.init else None
        self._train_config = self.config.train_config(architecture_of(weights) if weights else None)
        self._state = new_state(self._train_config, self.device)
        if weights:
            warm_start(self._state, weights)
        self._input = network_input(self._train_config)
        self.memory = PairMemory(self.config.memory_mib * 2**20, self.config.seed, self._input)
        self._watch = Watch()
        self._good, self._good_step = self._snapshot(), 0

    @property
    def steps(self) -> int:
        """Steps so far."""
        return self._state.step

    @property
    def model(self) -> Model:
        """The averaged weights as a model, for `denoise_frame` and `denoise_pair`; they go on changing."""
        return Model(self._state.average, self._input, ARCHITECTURES[self._train_config.network].head)

    # -----------------------------------------------------------------------------------------------------------------
    # Learning

    def learn(
        self,
        steps: int,
        *,
        seconds: float | None = None,
        learning_rate: float | None = None,
        outdated: Outdated | None = None,
    ) -> tuple[list[float], str | None]:
        """Make `steps` steps on remembered pairs, or as many as fit into `seconds`; gives the losses, and an event.

        When `outdated`, asked between steps, says so, no further ones are made.
        With an infinite or NaN loss or gradient the weights go back to the last good ones, and the event says so.
        Nothing happens while no pair is remembered.
        """
        losses: list[float] = []
        if not self.memory.views:
            return losses, None
        start = time.perf_counter()
        while (len(losses) < steps) if seconds is None else (time.perf_counter() - start < seconds):
            if outdated is not None and outdated():
                break
            loss, norm = self._step(learning_rate or self.config.learning_rate)
            losses.append(loss)
            if not np.isfinite(loss) or not np.isfinite(norm):
                return losses, self._roll_back("the loss or its gradient was infinite or NaN")
        return losses, None

    def _step(self, rate: float) -> tuple[float, float]:
        config, state = self.config, self._state
        random = np.random.default_rng((config.seed, state.step))
        layers, target = self.memory.batch(random, config.batch, config.crop, config.clean_targets)
        bf16 = uses_bf16(config.precision, self.device)
        state.network.train()
        loss, norm = train_step(state, state.network, layers, target, self._train_config, rate, bf16)
        state.step += 1
        return loss, norm

    # -----------------------------------------------------------------------------------------------------------------
    # Good weights and bad ones

    def observe(self, score: float, noisy_score: float) -> str | None:
        """Tell how the network did on a new frame, and how its noisy input: relative squared errors, see `watch`.

        Weights that do well are kept. When the network has been worse than its input for many frames, after it once was
        better, the last good weights come back; the event, a sentence, says so.
        """
        verdict = self._watch.observe(score, noisy_score)
        if verdict == "good":
            self._good, self._good_step = self._snapshot(), self.steps
        if verdict == "lost" and self.steps > self._good_step:  # without training there is nothing to go back from
            return self._roll_back("the denoised frames had become worse than the noisy ones")
        return None

    @property
    def trusted(self) -> bool:
        """Whether the network's own picture is better than the noisy one, as of the last frame observed."""
        return self._watch.trusted

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self._state.average.state_dict().items()}

    def _roll_back(self, reason: str) -> str:
        """Both networks become the last good average; the optimizers begin anew, for their moments are suspect."""
        for network in (self._state.network, self._state.average):
            network.load_state_dict(self._good)
        for optimizer in self._state.optimizers:
            optimizer.state.clear()
        self._state.skipped_in_row = 0
        self._good_step = self.steps
        self._watch.forgive()
        return f"{reason}: back to the last good weights at step {self.steps}"

    # -----------------------------------------------------------------------------------------------------------------
    # Files

    def save_weights(self, path: str | Path) -> None:
        """Write the averaged weights, for `n2n-denoise --model`. Raises `OutputError` when `path` cannot be written."""
        save_weights(path, self._state.average, self._description())

    def save(self, path: str | Path, notes: Mapping[str, Any], arrays: Mapping[str, Image]) -> None:
        """Write everything to one file, so that `restore` goes on bit for bit; `notes`, fit for JSON, and float32
        `arrays` are the caller's own.

        Raises `OutputError` when `path` cannot be written.
        """
        tensors = {key: value.detach().cpu().contiguous() for key, value in state_tensors(self._state)}
        tensors |= {f"good.{name}": value.cpu().contiguous() for name, value in self._good.items()}
        for index, view in enumerate(self.memory.views):
            tensors |= dict(_view_tensors(f"view{index:06d}", view))
        tensors |= {f"caller.{name}": torch.from_numpy(np.ascontiguousarray(each)) for name, each in arrays.items()}
        numbers = {"counters": self._state.counters(), "watch": self._watch.state(), "caller": dict(notes)}
        numbers |= {"added": self.memory.added}
        numbers |= {"config": self._identity(), "good_step": self._good_step}
        metadata = header(self._description()) | {key: json.dumps(value) for key, value in numbers.items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata=metadata)

    def restore(self, path: str | Path) -> tuple[dict[str, Any], dict[str, Image]]:
        """Go on from what `save` wrote; gives the caller's notes and arrays.

        Raises `WeightsError` when the file is damaged or no such file, `DatasetError` when it is from another
        configuration.
        """
        path = Path(path)
        info, tensors = read_tensors(path)
        try:
            begun = json.loads(info["config"])
            differing = [name for name, value in self._identity().items() if begun[name] != value]
            if differing:
                raise DatasetError(
                    f"{path}: is from another configuration ({', '.join(differing)}); give another output folder"
                )
            self.memory.added = int(json.loads(info["added"]))
            self.memory.views = list(_views(tensors, self.device))
            self._watch.set_state(json.loads(info["watch"]))
            self._good, self._good_step = group(tensors, "good"), int(json.loads(info["good_step"]))
            notes = dict(json.loads(info["caller"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"{path}: is no state of an online trainer ({error}); delete it to start anew"
            ) from error
        load_state(path, self._state, info, tensors)
        return notes, {name: value.numpy() for name, value in group(tensors, "caller").items()}

    def _identity(self) -> dict[str, object]:
        """The settings that shape the weights."""
        return {name: value for name, value in asdict(self.config).items() if name != "learning_rate"}

    def _description(self) -> Description:
        targets = "clean" if self.config.clean_targets else "noisy"
        start = f" from {self.config.init}" if self.config.init else ""
        return Description(
            self._train_config.network,
            data=f"online{start}, {self.memory.added} views, {targets} targets",
            steps=self.steps,
        )


def _view_tensors(prefix: str, view: Remembered) -> Iterator[tuple[str, Tensor]]:
    reference = {} if view.reference is None else {"reference": view.reference}
    for name, tensor in (view.layers | {"exposure": view.exposure} | reference).items():
        yield f"{prefix}.{name}", tensor.cpu().contiguous()


def _views(tensors: dict[str, Tensor], device: torch.device) -> Iterator[Remembered]:
    for name in sorted({key.split(".")[0] for key in tensors if key.startswith("view")}):
        found = {key: tensor.to(device) for key, tensor in group(tensors, name).items()}
        layers = {key: found[key].to(dtype, memory_format=torch.channels_last) for key, dtype in TYPES.items()}
        yield Remembered(layers, found["exposure"], found.get("reference"))
