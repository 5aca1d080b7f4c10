"""Where tensors live: the device that computes, frames on it, and what comes back to the host.

On a GPU every reading waits until all work before it is done. So pictures stay on the device until somebody looks at
them, and what decides how to go on is read as a few numbers at a time.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from denoiser.transforms import to_hwc, to_image, to_nchw
from renderer_bridge.frame import Frame, Image, Pair, Pixels


def compute_device() -> torch.device:
    """The fastest device there is: the first GPU of CUDA, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def frame_on(frame: Frame, device: torch.device) -> Frame:
    """`frame` with torch tensors (H, W, C) on `device`; what lies there already, whoever made it, is not copied."""
    return _with_layers(frame, {name: to_hwc(to_nchw(layer, device)) for name, layer in frame.layers().items()})


def pair_on(pair: Pair, device: torch.device) -> Pair:
    """Both halves as by `frame_on`, layers that they share once, and the reference."""
    a = frame_on(pair.a, device)
    there = {id(layer): getattr(a, name) for name, layer in pair.a.layers().items()}
    layers: dict[str, Pixels] = {}
    for name, layer in pair.b.layers().items():
        layers[name] = there[id(layer)] if id(layer) in there else to_hwc(to_nchw(layer, device))
    reference: Pixels = None if pair.reference is None else to_hwc(to_nchw(pair.reference, device))
    return Pair(a, _with_layers(pair.b, layers), reference)


def to_host(image: Pixels) -> Image:
    """An image (H, W, C) of any device as a numpy array; one on the CPU is not copied."""
    return to_image(to_nchw(image))


def frame_to_host(frame: Frame) -> Frame:
    """`frame` with numpy arrays."""
    return _with_layers(frame, {name: to_host(layer) for name, layer in frame.layers().items()})


def pair_to_host(pair: Pair) -> Pair:
    """Both halves and the reference as numpy arrays."""
    reference = None if pair.reference is None else to_host(pair.reference)
    return Pair(frame_to_host(pair.a), frame_to_host(pair.b), reference)


def read(*values: Tensor) -> list[float]:
    """Scalars of a device as numbers of the host, in one transfer."""
    numbers: list[float] = torch.stack([value.detach().double() for value in values]).tolist()
    return numbers


def _with_layers(frame: Frame, layers: Mapping[str, Pixels]) -> Frame:
    return Frame(**layers, camera=frame.camera, spp=frame.spp, seed=frame.seed)
