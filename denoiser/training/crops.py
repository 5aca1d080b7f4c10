"""Random training crops from noisy pairs: a pure function of (seed, rank, step).

Source: Lehtinen et al. 2018, section 3.3: input and target are two independent renders of one view.

How normals are augmented. Turning or mirroring the whole world, camera and lights included, by an orthogonal matrix M
leaves every radiance as it was and takes each world-space normal n to M n. Mirroring or transposing a *picture* shows
what the camera would see of a world mirrored about a plane through the camera, so normals should be multiplied by that
reflection, which depends on the camera. We need not know it: each crop gets one uniformly random orthogonal matrix
(rotation or reflection), the same for every pixel, and a reflection followed by a uniformly random orthogonal matrix is
again a uniformly random orthogonal matrix. Flips, transposes and the world's orientation are all covered, and the
network cannot learn which way is up in one scene.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from denoiser.training.pair_cache import CachedView, open_array
from denoiser.transforms import PAPER_LAYERS, NetworkInput, presence, to_nchw
from renderer_bridge.frame import Image

OPEN_MAPS = 256
"""Memory maps kept open; each holds a file descriptor, and processes often may hold 1024."""


THREADS = 2
AHEAD = 4
"""Batches drawn in advance: one takes 4.5 ms, a step 200 ms on two cores and some 10 ms on a GPU."""


@dataclass(frozen=True)
class Augmentation:
    """Which random changes a crop undergoes; each leaves a noisy pair a noisy pair.

    `symmetries`: one of the 8 flips and transposes, and one random orthogonal matrix for the normals. `color_order`:
    one order of the color channels, since light of different wavelengths does not mix. `exposure_stops`: the crop's
    radiance, input and target alike, is multiplied by 2^u, u uniform in [-stops, stops], whatever the noise.
    `drop_layers`: so often normals are missing, half of the times albedo too.
    """

    symmetries: bool = True
    color_order: bool = True
    exposure_stops: float = 2.0
    drop_layers: float = 0.0


class PairDataset:
    """Views in the cache, opened when needed; holds memory maps, no pixels."""

    def __init__(
        self,
        views: Sequence[CachedView],
        augmentation: Augmentation | None = None,
        clean_targets: bool = False,
        taken: NetworkInput | None = None,
    ) -> None:
        """`clean_targets` takes the reference as target, for the ablation only; every view must have one.

        `taken` is what the network takes, which decides the exposure of a view.
        """
        self.views = list(views)
        self.augmentation = augmentation or Augmentation()
        self.clean_targets = clean_targets
        self._open = functools.lru_cache(OPEN_MAPS)(functools.partial(_open_with_exposure, taken or NetworkInput()))
        self._open_color = functools.lru_cache(OPEN_MAPS)(open_array)

    def batch(self, seed: int, rank: int, step: int, size: int, crop: int) -> tuple[dict[str, Tensor], Tensor]:
        """Draw `size` random crops: the input layers of one half, and the other half's color as target.

        Where a view has a third render, that is in the target, and a third of the inputs are the mean of both halves.

        All are float32 (size, 3, crop, crop), channels last; color is linear radiance. Views are drawn uniformly, large
        or small: a view is what the user rendered, and a frame of twice the size shows hardly more of the scene.
        A view smaller than the crop is continued by reflection. The result depends on the arguments only.
        """
        random = np.random.default_rng((seed, rank, step))
        layers = {name: np.empty((size, crop, crop, 3), np.float32) for name in PAPER_LAYERS}
        target = np.empty((size, crop, crop, 3), np.float32)
        for index in range(size):
            self._draw({name: layers[name][index] for name in layers}, target[index], random, crop)
        batch = {name: to_nchw(layer) for name, layer in layers.items()}
        if self.augmentation.drop_layers:
            _drop_layers(batch, random, self.augmentation.drop_layers)
        return batch, to_nchw(target)

    def batches(
        self, seed: int, rank: int, steps: range, size: int, crop: int
    ) -> Generator[tuple[dict[str, Tensor], Tensor], None, None]:
        """The batches of these steps in order, drawn by threads ahead of their use; threads cannot change a batch."""
        pool = ThreadPoolExecutor(THREADS, "crops")
        drawn: deque[Future[tuple[dict[str, Tensor], Tensor]]] = deque()
        try:
            for step in steps:
                drawn.append(pool.submit(self.batch, seed, rank, step, size, crop))
                if len(drawn) > AHEAD:
                    yield drawn.popleft().result()
            while drawn:
                yield drawn.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _draw(self, layers: dict[str, Image], target: Image, random: np.random.Generator, crop: int) -> None:
        """Fill one crop's layers and target in place."""
        view = self.views[random.integers(len(self.views))]
        pixels, factor = self._open(view.pixels)
        _draw_crop(layers, target, random, pixels, self._targets(view), self.augmentation, factor)

    def _targets(self, view: CachedView) -> NDArray[Any] | None:
        """Targets (3, H, W, 3) of half A, of half B and of their mean, where they are no halves themselves."""
        if self.clean_targets:
            assert view.reference is not None
            reference = self._open_color(view.reference)
            return np.broadcast_to(reference, (3, *reference.shape))
        return None if view.target is None else self._open_color(view.target)


def _open_with_exposure(taken: NetworkInput, path: Path) -> tuple[NDArray[np.void], float]:
    """A view's array (2, H, W), and the exposure of its half A."""
    pixels = open_array(path)
    return pixels, float(taken.exposure(pixels[0]["color"]))


def _drop_layers(layers: dict[str, Tensor], random: np.random.Generator, share: float) -> None:
    """Take normals, or normals and albedo, from a share of the crops, and say so in planes (N, 1, 1, 1)."""
    kind = random.uniform(size=len(layers["color"])) / share
    for name, kept in (("normal", kind >= 1), ("albedo", kind >= 0.5)):
        present = torch.from_numpy(kept.astype(np.float32))[:, None, None, None]
        layers[name] = layers[name] * present
        layers[presence(name)] = present


def _draw_crop(
    layers: dict[str, Image],
    target: Image,
    random: np.random.Generator,
    pixels: NDArray[np.void],
    targets: NDArray[Any] | None,
    augmentation: Augmentation,
    factor: float = 1.0,
) -> None:
    """Fill `layers` and `target`, each (crop, crop, 3), with a random window of a view `pixels` (2, H, W) of `PIXEL`.

    The target is the other half, or that of `targets` (3, H, W, 3): then the input may be the mean of both.
    `factor` is the view's exposure.
    """
    half, crop = int(random.integers(2 if targets is None else 3)), target.shape[0]
    y, x = (int(random.integers(max(extent - crop, 0) + 1)) for extent in pixels.shape[1:])
    window = (slice(y, y + crop), slice(x, x + crop))
    orientation, turn, order, brightness = _changes(random, augmentation)
    for name, layer in layers.items():
        layer[:] = _oriented(_fill(_input(pixels[:, *window][name], half), crop), orientation)
    other = pixels[1 - half][window]["color"] if targets is None else targets[half][window]
    target[:] = _oriented(_fill(other, crop), orientation)
    layers["color"] *= brightness * np.float32(factor)
    target *= brightness * np.float32(factor)
    layers["normal"][:] = layers["normal"] @ turn.T
    for layer in (layers["color"], layers["albedo"], target):
        layer[:] = layer[..., order]


def _input(halves: NDArray[Any], which: int) -> NDArray[Any]:
    """Half A (0), half B (1) or their mean (2), of (2, h, w, 3)."""
    chosen: NDArray[Any] = halves[which] if which < 2 else halves.mean(axis=0, dtype=np.float32)
    return chosen


def _changes(
    random: np.random.Generator, augmentation: Augmentation
) -> tuple[int, NDArray[np.float32], NDArray[np.int64], np.float32]:
    """Draw orientation 0-7, a world matrix (3, 3), an order of the channels (3,) and an exposure factor."""
    orientation, stops, matrix = int(random.integers(8)), random.uniform(-1.0, 1.0), random_orthogonal(random)
    order = random.permutation(3)
    brightness = np.float32(2.0 ** (stops * augmentation.exposure_stops))
    if not augmentation.symmetries:
        orientation, matrix = 0, np.eye(3, dtype=np.float32)
    return orientation, matrix, order if augmentation.color_order else np.arange(3), brightness


def random_orthogonal(random: np.random.Generator) -> NDArray[np.float32]:
    """A uniformly random orthogonal matrix (3, 3), determinant +1 or -1 (Mezzadri 2007: QR with the signs of R)."""
    q, r = np.linalg.qr(random.standard_normal((3, 3)))
    return (q * np.sign(np.diag(r))).astype(np.float32)


def _oriented(image: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """One of the 8 symmetries of the square as a view: bit 0 flips rows, bit 1 columns, bit 2 transposes."""
    image = image[:: -1 if orientation & 1 else 1, :: -1 if orientation & 2 else 1]
    return image.swapaxes(0, 1) if orientation & 4 else image


def _fill(window: NDArray[np.generic], crop: int) -> NDArray[np.generic]:
    """Continue a window (h, w, 3) that is smaller than the crop by reflection at its lower and right edge."""
    missing = (crop - window.shape[0], crop - window.shape[1])
    if missing == (0, 0):
        return window
    return np.pad(window, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
