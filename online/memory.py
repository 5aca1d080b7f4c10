"""The pairs an online trainer remembers: the newest, and a fair sample of older ones against forgetting."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from denoiser.crops import Augmentation, draw_crop
from denoiser.pair_cache import pair_array
from denoiser.transforms import PAPER_LAYERS, exposure, to_nchw
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Image, Pair
from renderer_bridge.seeds import derive_seed

NEWEST = 8
"""Views, the last ones, that are never forgotten and are preferred."""

NEWEST_SHARE = 0.3
"""Share of the crops that come from them."""

PLAIN = Augmentation(symmetries=False, color_order=False, exposure_stops=0.0)
"""One scene as it is: a network for it alone learns faster without augmentation."""


@dataclass(frozen=True)
class Remembered:
    """One view: both halves (2, H, W) of `PIXEL`, the exposure of half A, and a reference (H, W, 3) if there is one."""

    pixels: np.ndarray[tuple[int, ...], np.dtype[np.void]]
    exposure: float
    reference: Image | None = None

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.pixels.nbytes + (self.reference.nbytes if self.reference is not None else 0)


@dataclass
class PairMemory:
    """At most `capacity` bytes of pairs, in the order they came.

    What to forget is drawn at random among all but the newest; so a view stays with a probability that falls with its
    age. All choices are a function of (seed, number of pairs so far).
    """

    capacity: int
    seed: int
    views: list[Remembered] = field(default_factory=list)
    added: int = 0

    def add(self, pair: Pair, replace_last: bool = False) -> None:
        """Remember a pair; `replace_last` when it is the last view again, with more samples."""
        view = Remembered(pair_array(pair), exposure(pair.a.color), pair.reference)
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

        `clean_targets` takes the reference instead, for the ablation only; raises `DatasetError` where there is none.
        """
        layers = {name: np.empty((size, crop, crop, 3), np.float32) for name in PAPER_LAYERS}
        target = np.empty((size, crop, crop, 3), np.float32)
        for index in range(size):
            view = self._choose(random)
            if clean_targets and view.reference is None:
                raise DatasetError("a pair has no reference; training on clean targets needs one for each")
            draw_crop(
                {name: layer[index] for name, layer in layers.items()},
                target[index],
                random,
                view.pixels,
                view.reference if clean_targets else None,
                PLAIN,
                view.exposure,
            )
        return {name: to_nchw(layer) for name, layer in layers.items()}, to_nchw(target)

    def _choose(self, random: np.random.Generator) -> Remembered:
        newest = random.uniform() < NEWEST_SHARE
        first = max(0, len(self.views) - NEWEST) if newest else 0
        return self.views[int(random.integers(first, len(self.views)))]
