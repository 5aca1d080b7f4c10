"""The pairs an online trainer remembers: the newest, and a fair sample of older ones against forgetting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from denoiser.devices import TensorPair
from denoiser.transforms import PAPER_LAYERS, NetworkInput
from renderer_bridge.errors import DatasetError
from renderer_bridge.seeds import derive_seed

NEWEST = 8
"""Views, the last ones, that are never forgotten and are preferred."""

NEWEST_SHARE = 0.3
"""Share of the crops that come from them."""

TYPES = {"color": torch.float32, "albedo": torch.float16, "normal": torch.float16}
"""How the layers are remembered: 36 bytes a pixel when both halves share albedo and normal, else 48."""


@dataclass(frozen=True)
class Remembered:
    """One view: each layer of both halves (2, 3, H, W), or (1, 3, H, W) where they share it, the exposure of half A,
    and a reference (1, 3, H, W) if there is one; all on one device."""

    layers: dict[str, Tensor]
    exposure: Tensor
    reference: Tensor | None = None

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        tensors = [*self.layers.values()] + ([] if self.reference is None else [self.reference])
        return sum(tensor.nbytes for tensor in tensors)


@dataclass
class PairMemory:
    """At most `capacity` bytes of pairs, in the order they came.

    What to forget is drawn at random among all but the newest; so a view stays with a probability that falls with its
    age. All choices are a function of (seed, number of pairs so far). `taken` is what the network takes, which decides
    the exposure.
    """

    capacity: int
    seed: int
    taken: NetworkInput = field(default_factory=NetworkInput)
    views: list[Remembered] = field(default_factory=list)
    added: int = 0

    def add(self, pair: TensorPair, replace_last: bool = False) -> None:
        """Remember a pair; `replace_last` when it is the last view again, with more samples."""
        view = _remembered(pair, self.taken)
        if replace_last and self.views:
            self.views[-1] = view
            return
        self.views.append(view)
        self.added += 1
        random = np.random.default_rng(derive_seed(self.seed, self.added))
        while len(self.views) > 1 and sum(each.bytes for each in self.views) > self.capacity:
            older = max(1, len(self.views) - NEWEST)
            del self.views[int(random.integers(older))]

    def batch(
        self, random: np.random.Generator, size: int, crop: int, clean_targets: bool = False
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Random crops (size, 3, crop, crop): layers of one half, and the other half's color as target.

        They are cut where the views lie, not augmented: one scene as it is is learned faster. `clean_targets` takes the
        reference as target, for the ablation only; raises `DatasetError` where there is none.
        """
        crops = [_crop(self._choose(random), random, crop, clean_targets) for _ in range(size)]
        layers, targets = zip(*crops, strict=True)
        return {name: _batched([each[name] for each in layers]) for name in PAPER_LAYERS}, _batched(targets)

    def _choose(self, random: np.random.Generator) -> Remembered:
        newest = random.uniform() < NEWEST_SHARE
        first = max(0, len(self.views) - NEWEST) if newest else 0
        return self.views[int(random.integers(first, len(self.views)))]


def _remembered(pair: TensorPair, taken: NetworkInput) -> Remembered:
    """A pair as it is remembered. Raises `DatasetError` when a half has no albedo or no normal."""
    layers = {}
    for name, dtype in TYPES.items():
        halves = [getattr(half, name) for half in (pair.a, pair.b)]
        if any(half is None for half in halves):
            raise DatasetError(f"a half has no {name} layer; training needs {', '.join(TYPES)}")
        different = halves[:1] if halves[0] is halves[1] else halves
        layers[name] = torch.cat([half.to(dtype) for half in different])
    reference = None if pair.reference is None else pair.reference.clone()
    return Remembered(layers, taken.exposure(pair.a.color), reference)


def _crop(
    view: Remembered, random: np.random.Generator, crop: int, clean_targets: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """A random window of one half, (3, crop, crop) each layer, and of the other half's color or the reference."""
    half = int(random.integers(2))
    window = tuple(_window(random, extent, crop) for extent in view.layers["color"].shape[2:])
    if clean_targets and view.reference is None:
        raise DatasetError("a pair has no reference; training on clean targets needs one for each")
    target = view.reference[0] if clean_targets and view.reference is not None else view.layers["color"][1 - half]
    layers = {name: _cut(layer[half % len(layer)], window) for name, layer in view.layers.items()}
    layers["color"] = layers["color"] * view.exposure
    return layers, _cut(target, window) * view.exposure


Window = tuple[NDArray[np.int64], ...]
"""Rows and columns."""


def _window(random: np.random.Generator, extent: int, crop: int) -> NDArray[np.int64]:
    """Places of a random window along one side; one that is shorter than the crop is continued by reflection."""
    first = int(random.integers(max(extent - crop, 0) + 1))
    places = np.arange(first, min(first + crop, extent))
    return np.pad(places, (0, crop - len(places)), mode="symmetric")


def _cut(image: Tensor, window: Window) -> Tensor:
    """Those rows and columns of (C, H, W)."""
    for dimension, places in enumerate(window, 1):
        first, last = int(places[0]), int(places[-1])
        if last - first == len(places) - 1:
            image = image.narrow(dimension, first, len(places))
        else:
            image = image.index_select(dimension, torch.from_numpy(places).to(image.device))
    return image


def _batched(crops: Sequence[Tensor]) -> Tensor:
    """Crops (3, H, W) as float32 (N, 3, H, W), channels last."""
    return torch.stack([crop.float() for crop in crops]).contiguous(memory_format=torch.channels_last)
