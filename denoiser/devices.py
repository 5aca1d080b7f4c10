"""Where tensors live: the device that computes, frames on it, and what comes back to the host.

A picture crosses the walls of `denoiser` and `online` as (H, W, C). Within them it is a tensor (1, C, H, W), turned
once on the way in (`frame_on`, `pair_on`) and once on the way out (`frame_to_host`, `pair_to_host`, `to_image`).

On a GPU every reading waits until all work before it is done. So pictures stay on the device until somebody looks at
them, and what decides how to go on is read as a few numbers at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from denoiser.transforms import to_image, to_nchw
from renderer_bridge.frame import Camera, Frame, Image, Pair, Pixels

LAYERS = ("color", "albedo", "normal", "position", "depth")


@dataclass(frozen=True)
class TensorFrame:
    """A `Frame` within these rooms: its layers as tensors (1, C, H, W) on one device, of the types `Frame` says."""

    color: Tensor
    albedo: Tensor | None = None
    normal: Tensor | None = None
    position: Tensor | None = None
    depth: Tensor | None = None
    camera: Camera | None = None
    spp: int | None = None
    seed: int | None = None

    def layers(self) -> dict[str, Tensor]:
        """The layers that are present, by name, color first."""
        return {name: getattr(self, name) for name in LAYERS if getattr(self, name) is not None}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.color.shape[2], self.color.shape[3]

    def on(self, device: torch.device) -> TensorFrame:
        """The same on `device`; what lies there already is not copied."""
        return _with_layers(self, {name: layer.to(device, non_blocking=True) for name, layer in self.layers().items()})


@dataclass(frozen=True)
class TensorPair:
    """A `Pair` within these rooms; `reference` is (1, 3, H, W)."""

    a: TensorFrame
    b: TensorFrame
    reference: Tensor | None = None


def compute_device() -> torch.device:
    """The fastest device there is: the first GPU of CUDA, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


# ---------------------------------------------------------------------------------------------------------------------
# In and out


def frame_on(frame: Frame, device: torch.device | None = None) -> TensorFrame:
    """`frame` as tensors on `device`, by default where it lies; what lies there, whoever made it, is not copied."""
    return _with_layers(frame, {name: _taken(name, layer, device) for name, layer in frame.layers().items()})


def pair_on(pair: Pair, device: torch.device | None = None) -> TensorPair:
    """Both halves as by `frame_on`, layers that they share once, and the reference."""
    a = frame_on(pair.a, device)
    there = {id(layer): getattr(a, name) for name, layer in pair.a.layers().items()}
    layers = {}
    for name, layer in pair.b.layers().items():
        layers[name] = there[id(layer)] if id(layer) in there else _taken(name, layer, device)
    reference = None if pair.reference is None else to_nchw(pair.reference, device)
    return TensorPair(a, _with_layers(pair.b, layers), reference)


def frame_to_host(frame: TensorFrame) -> Frame:
    """`frame` with numpy arrays (H, W, C); one that lies on the CPU in that order is not copied."""
    layers: dict[str, Image] = {name: to_image(layer) for name, layer in frame.layers().items()}
    return Frame(**layers, camera=frame.camera, spp=frame.spp, seed=frame.seed)


def pair_to_host(pair: TensorPair) -> Pair:
    """Both halves and the reference as numpy arrays."""
    reference = None if pair.reference is None else to_image(pair.reference)
    return Pair(frame_to_host(pair.a), frame_to_host(pair.b), reference)


def read(*values: Tensor) -> list[float]:
    """Scalars of a device as numbers of the host, in one transfer."""
    numbers: list[float] = torch.stack([value.detach().double() for value in values]).tolist()
    return numbers


def _taken(name: str, layer: Pixels, device: torch.device | None) -> Tensor:
    """A layer as it is if it may be of half floats and is, else as float32."""
    tensor = to_nchw(layer, device, None)
    return tensor if name in ("albedo", "normal") and tensor.dtype == torch.float16 else tensor.float()


def _with_layers(frame: Frame | TensorFrame, layers: Mapping[str, Any]) -> TensorFrame:
    return TensorFrame(**layers, camera=frame.camera, spp=frame.spp, seed=frame.seed)
