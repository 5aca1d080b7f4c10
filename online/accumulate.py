"""Samples of a resting camera add up: each half keeps its own running mean, so that the pair stays a pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Camera, Frame, Image, Pair

SETTLE_ERRORS = 2.0
"""Estimated standard errors by which the last picture in motion may pull at the resting one."""

AVERAGED = ("albedo", "normal", "position", "depth")


@dataclass(frozen=True)
class Accumulated:
    """All renders of one view so far: their mean as `pair`, whose `spp` is the sum, and how many they are."""

    pair: Pair
    renders: int = 1

    def extended(self, fresh: Pair) -> Accumulated:
        """With one more pair of the same view, weighted by its samples per pixel."""
        a, b = (_mean(*halves) for halves in ((self.pair.a, fresh.a), (self.pair.b, fresh.b)))
        return Accumulated(Pair(a, b, self.pair.reference), self.renders + 1)

    def shows(self, camera: Camera) -> bool:
        """Whether `camera` is the one of these renders: a camera at rest."""
        own = self.pair.a.camera
        return own is not None and same_camera(own, camera)


def same_camera(a: Camera, b: Camera) -> bool:
    """Whether two cameras see the same picture, exactly."""
    return a.resolution == b.resolution and a.fov_deg == b.fov_deg and bool(np.array_equal(a.to_world, b.to_world))


def _mean(old: Frame, new: Frame) -> Frame:
    weights = np.float64(old.spp or 1), np.float64(new.spp or 1)
    layers = {name: _weighted(getattr(old, name), getattr(new, name), *weights) for name in ("color", *AVERAGED)}
    if layers["normal"] is not None:
        length = np.linalg.norm(layers["normal"], axis=2, keepdims=True)
        layers["normal"] = np.asarray(layers["normal"] / np.maximum(length, 1e-6), dtype=np.float32)
    color = layers.pop("color")
    assert color is not None
    return Frame(color, **layers, camera=old.camera, spp=(old.spp or 1) + (new.spp or 1), seed=old.seed)


def _weighted(old: Image | None, new: Image | None, weight_old: np.float64, weight_new: np.float64) -> Image | None:
    if old is None or new is None:
        return None
    total: NDArray[np.float64] = (old * weight_old + new * weight_new) / (weight_old + weight_new)
    return total.astype(np.float32)


def settle(color: Image, error: Image, past: Image, age: Image, renders: int) -> Image:
    """The picture of a resting camera (H, W, 3) with what motion left in history, whose share falls as 1 / renders.

    `past` is the last picture in motion and `age` (H, W) how many frames it holds: without it the picture would turn
    noisier for a moment whenever the camera stops. It counts as far as it lies within `SETTLE_ERRORS` of the estimated
    standard `error` (H, W, 3) of the picture, which falls too.
    """
    weight = (age / (age + renders))[..., None]
    change = np.clip(past - color, -SETTLE_ERRORS * error, SETTLE_ERRORS * error)
    return np.asarray(color + change * weight, dtype=np.float32)
