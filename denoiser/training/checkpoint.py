"""A run folder: what is written while training, and how the same command goes on after any interruption.

optimizer.safetensors   everything a resumed run needs: parameters, their average, the optimizers' moments, step. One
                        file, renamed into place, so a process killed at any moment leaves the old state or the new one
model.safetensors       the averaged weights, for `n2n-denoise`
config.json             the configuration and the views of this run; another configuration is refused
state.json              step, best score, seconds, for people and scripts; never read back
log.csv                 one row a step; rows past the checkpoint are dropped on resuming
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from denoiser.model import Description, header, load_tensors, read_tensors, save_weights
from renderer_bridge.atomic import atomic_path, write_text
from renderer_bridge.errors import DatasetError, OutputError, WeightsError

MODEL, OPTIMIZER, STATE, CONFIG, LOG = (
    "model.safetensors", "optimizer.safetensors", "state.json", "config.json", "log.csv",
)  # fmt: skip
_MOMENT = "moment"


@dataclass
class TrainState:
    """All that changes while training: nothing else is carried from one step to the next."""

    network: nn.Module
    average: nn.Module
    optimizers: tuple[torch.optim.Optimizer, ...]
    step: int = 0
    skipped: int = 0
    skipped_in_row: int = 0
    seconds: float = 0.0
    best_mse: float = math.inf
    best_step: int = 0

    def counters(self) -> dict[str, int | float]:
        """The plain numbers among the fields, by name."""
        names = ("step", "skipped", "skipped_in_row", "seconds", "best_mse", "best_step")
        return {name: getattr(self, name) for name in names}


# ---------------------------------------------------------------------------------------------------------------------
# Saving


def save_checkpoint(run_dir: Path, state: TrainState, description: Description) -> None:
    """Write model, optimizer and state files, each atomically; the optimizer file alone decides where a run resumes."""
    save_weights(run_dir / MODEL, state.average, description)
    tensors = {key: value.detach().cpu().contiguous() for key, value in state_tensors(state)}
    metadata = header(description) | {"counters": json.dumps(state.counters())}
    with atomic_path(run_dir / OPTIMIZER) as temporary:
        save_file(tensors, temporary, metadata=metadata)
    readable = {key: value if math.isfinite(value) else None for key, value in state.counters().items()}
    write_text(run_dir / STATE, json.dumps(readable, indent=2) + "\n")


def state_tensors(state: TrainState) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the state under its name in the file: raw.*, average.*, moment.<kind>.*"""
    yield from _prefixed("raw", state.network.state_dict())
    yield from _prefixed("average", state.average.state_dict())
    for name, parameter in state.network.named_parameters():
        for optimizer in state.optimizers:
            for kind, moment in optimizer.state.get(parameter, {}).items():
                yield f"{_MOMENT}.{kind}.{name}", moment


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield from ((f"{prefix}.{name}", value) for name, value in tensors.items())


# ---------------------------------------------------------------------------------------------------------------------
# Loading


def load_checkpoint(run_dir: Path, state: TrainState) -> bool:
    """Continue `state` from the run folder, bit for bit; False when the folder has no checkpoint yet.

    Raises `WeightsError` when the checkpoint is damaged or from another network.
    """
    path = run_dir / OPTIMIZER
    if not path.exists():
        return False
    info, tensors = read_tensors(path)
    load_state(path, state, info, tensors)
    return True


def load_state(path: Path, state: TrainState, info: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Go on from what `state_tensors` and `TrainState.counters` gave; raises `WeightsError` naming `path`."""
    try:
        counters = json.loads(info["counters"])
        for name, value in state.counters().items():
            setattr(state, name, type(value)(counters[name]))
        load_tensors(path, state.network, group(tensors, "raw"))
        load_tensors(path, state.average, group(tensors, "average"))
        _load_moments(state, tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: is no checkpoint of this trainer ({error}); delete the run folder to start anew"
        ) from error


def group(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix` and a dot, without both."""
    return {key.removeprefix(prefix + "."): value for key, value in tensors.items() if key.startswith(prefix + ".")}


def _load_moments(state: TrainState, tensors: Mapping[str, Tensor]) -> None:
    """Restore the optimizers' moments in the memory layout of their parameters, so that sums keep their order."""
    names = {parameter: name for name, parameter in state.network.named_parameters()}
    moments = group(tensors, _MOMENT)
    for optimizer in state.optimizers:
        for parameter in (each for group in optimizer.param_groups for each in group["params"]):
            for key, value in moments.items():
                kind, name = key.split(".", 1)
                if name == names[parameter]:
                    optimizer.state[parameter][kind] = _laid_out_like(parameter, value)


def _laid_out_like(parameter: Tensor, moment: Tensor) -> Tensor:
    if moment.shape != parameter.shape:  # Adam's count of steps
        return moment.to(parameter.device)
    return torch.empty_like(parameter.detach()).copy_(moment)


# ---------------------------------------------------------------------------------------------------------------------
# Configuration: the same command goes on, another one is refused


def open_run(run_dir: Path, settings: Mapping[str, Any], free: tuple[str, ...] = (), begun: Path | None = None) -> None:
    """Keep `settings` in the run folder's config.json, or check them against a run that has begun.

    Settings named in `free` may change. Raises `DatasetError` naming what differs: a run that changed its mind halfway
    would be reproducible by no command. A run has begun when the file `begun` is there, by default the checkpoint.
    """
    path = run_dir / CONFIG
    if (begun or run_dir / OPTIMIZER).exists():
        before = _read_config(path)
        differing = [key for key in settings if key not in free and before.get(key) != settings[key]]
        if differing:
            changes = "; ".join(f"{key} was {before.get(key)!r}, now {settings[key]!r}" for key in differing)
            raise DatasetError(
                f"{run_dir}: holds a run of another configuration: {changes}; give another output folder"
            )
    write_text(path, json.dumps(settings, indent=2) + "\n")


def _read_config(path: Path) -> dict[str, Any]:
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); the file n2n-train wrote there is needed") from error
    if not isinstance(begun, dict):
        raise DatasetError(f"{path}: is no configuration; the file n2n-train wrote there is needed")
    return begun


# ---------------------------------------------------------------------------------------------------------------------
# Log


class Log:
    """`log.csv`: opened for appending after dropping what lies past `step`, also a row cut off by a kill.

    Rows of an older version, of other columns, keep what the new columns have.
    """

    def __init__(self, run_dir: Path, columns: tuple[str, ...], step: int) -> None:
        path = run_dir / LOG
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        header, *old = text.splitlines(keepends=True) or [""]
        before = header.strip().split(",")
        kept = [row for row in old if row.endswith("\n") and _row_step(row) <= step]
        if before != list(columns):
            kept = [_rearranged(row, before, columns) for row in kept]
        write_text(path, ",".join(columns) + "\n" + "".join(kept))
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); a writable folder is needed") from error

    def write(self, *values: float | int | None) -> None:
        """Append one row; None leaves its cell empty."""
        self._file.write(",".join("" if value is None else f"{value:.6g}" for value in values) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _row_step(row: str) -> float:
    first = row.split(",", 1)[0]
    return int(first) if first.isdecimal() else math.inf


def _rearranged(row: str, before: list[str], columns: tuple[str, ...]) -> str:
    values = dict(zip(before, row.strip().split(","), strict=False))
    return ",".join(values.get(column, "") for column in columns) + "\n"
