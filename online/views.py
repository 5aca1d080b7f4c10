"""Views around a still, or the frames beside it in a sequence: a folder of pairs whose samples are carried into it.

Each of the pairs is read, its noisy halves are reprojected into the still (`online.noisy_history`), and only what was
carried is kept, so that one view is in memory at a time, and a few small ones that the next still will ask for too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from denoiser.devices import TensorPair, compute_device, pair_on, pair_to_host
from online.noisy_history import gathered
from online.sequence import with_depth
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Pair
from renderer_bridge.pair_folder import PairPaths, list_pairs, read_pair

MOST_VIEWS = 15
"""Views taken into a still at most: with it 16 times the samples."""

KEPT = 16
"""Views kept in memory for the next still, of up to `KEPT_PIXELS` pixels each."""

KEPT_PIXELS = 500_000


class ViewsAround:
    """The pairs of a folder, as samples for one of them or for another pair of the same scene.

    Raises `DatasetError` when there are no pairs in `folder`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.paths = list_pairs(folder)
        self._kept = functools.lru_cache(maxsize=KEPT)(_read)

    def around(self, source: Path, pair: Pair) -> Iterator[Pair]:
        """The views beside `pair`, which was read from `source`: those nearest by name where it is one of them.

        Raises `ExrError` or `DatasetError` when one cannot be read.
        """
        own = next((index for index, each in enumerate(self.paths) if _same_file(each.a, source)), 0)
        nearest = sorted(range(len(self.paths)), key=lambda index: abs(index - own))
        taken = 0
        for paths in (self.paths[index] for index in nearest):
            if taken == MOST_VIEWS:
                return
            view = self._kept(paths) if pair.a.color.shape[0] * pair.a.color.shape[1] <= KEPT_PIXELS else _read(paths)
            if not _shares_samples(view, pair):
                taken += 1
                yield view

    def __call__(self, source: Path, pair: Pair) -> Pair:
        """`pair`, read from `source`, with the samples of the views around it in its colors.

        Raises `DatasetError` when a frame has no camera, position or normal.
        """
        still = _ready(pair, source)
        others = (_ready(view, source) for view in self.around(source, pair))
        return pair_to_host(gathered(still, others).pair(still))


def _read(paths: PairPaths) -> Pair:
    return read_pair(paths, geometry=True)[0]


def _ready(pair: Pair, source: Path) -> TensorPair:
    if any(layer is None for layer in (pair.a.camera, pair.a.position, pair.a.normal)):
        raise DatasetError(
            f"{source}, or a view around it: has no camera, no position or no normal; n2n-render-pairs --position "
            "writes them, and --views needs them"
        )
    return pair_on(replace(pair, a=with_depth(pair.a), b=with_depth(pair.b)), compute_device())


def _same_file(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()


def _shares_samples(view: Pair, pair: Pair) -> bool:
    """Whether it is the same pair, or has a half of it: its samples must not count twice, nor in the other half."""
    return any(
        one.color.shape == other.color.shape and np.array_equal(one.color, other.color)
        for one in (view.a, view.b)
        for other in (pair.a, pair.b)
    )
