"""Samples of a resting camera add up: each half keeps its own running mean, so that the pair stays a pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from denoiser.devices import TensorFrame, TensorPair
from renderer_bridge.frame import Camera

SETTLE_ERRORS = 2.0
"""Estimated standard errors by which the last picture in motion may pull at the resting one."""


@dataclass(frozen=True)
class Accumulated:
    """All renders of one view so far: their mean as `pair`, whose `spp` is the sum, and how many they are."""

    pair: TensorPair
    renders: int = 1

    def extended(self, fresh: TensorPair) -> Accumulated:
        """With one more pair of the same view, weighted by its samples per pixel."""
        a, b = (_mean(*halves) for halves in ((self.pair.a, fresh.a), (self.pair.b, fresh.b)))
        return Accumulated(TensorPair(a, b, self.pair.reference), self.renders + 1)

    def shows(self, camera: Camera) -> bool:
        """Whether `camera` is the one of these renders: a camera at rest."""
        own = self.pair.a.camera
        return own is not None and same_camera(own, camera)


def same_camera(a: Camera, b: Camera) -> bool:
    """Whether two cameras see the same picture, exactly."""
    return a.resolution == b.resolution and a.fov_deg == b.fov_deg and bool(np.array_equal(a.to_world, b.to_world))


def _mean(old: TensorFrame, new: TensorFrame) -> TensorFrame:
    weight = (new.spp or 1) / ((old.spp or 1) + (new.spp or 1))
    later = new.layers()
    layers = {name: _moved(layer, later[name], weight) for name, layer in old.layers().items() if name in later}
    if "normal" in layers:
        layers["normal"] /= torch.linalg.vector_norm(layers["normal"], dim=1, keepdim=True).clamp_(min=1e-6)
    return TensorFrame(**layers, camera=old.camera, spp=(old.spp or 1) + (new.spp or 1), seed=old.seed)


def _moved(old: Tensor, new: Tensor, weight: float) -> Tensor:
    """The mean moved towards `new`, in double precision: a thousand small steps must not add up their rounding."""
    return torch.lerp(old.double(), new.double(), weight).float()


def settle(color: Tensor, error: Tensor, past: Tensor, age: Tensor, renders: int) -> Tensor:
    """The picture of a resting camera (1, 3, H, W) with what motion left in history, whose share falls as 1 / renders.

    `past` is the last picture in motion and `age` (1, 1, H, W) how many frames it holds: without it the picture would
    turn noisier for a moment whenever the camera stops. It counts as far as it lies within `SETTLE_ERRORS` of the
    estimated standard `error` (1, 3, H, W) of the picture, which falls too.
    """
    weight = age / (age + renders)
    change = torch.clamp(past - color, -SETTLE_ERRORS * error, SETTLE_ERRORS * error)
    return color + change * weight
