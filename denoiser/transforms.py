"""Between images and networks: the tone map, the layout (H, W, C) <-> (N, C, H, W), and the network's input.

Source: Lehtinen et al. 2018, section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.dlpack import DLDeviceType, from_dlpack

from denoiser.paper import TONE_MAP_GAMMA
from renderer_bridge.frame import Image, Pixels

LAYER_CHANNELS = {"color": 3, "albedo": 3, "normal": 3}
"""Channels of each layer a network may ask for; its weights' header names the layers, in order."""

PAPER_LAYERS = ("color", "albedo", "normal")
"""The input of the paper's network: 9 channels."""


# ---------------------------------------------------------------------------------------------------------------------
# Tone map: T(v) = (v / (1 + v))^(1 / 2.2)   (section 3.3)


def tone_map(radiance: Tensor) -> Tensor:
    """Map linear radiance in [0, inf) to [0, 1); negative radiance counts as 0.

    It is for the network's *input* (and for looking at pictures). A training target stays linear:
    E[T(v)] != T(E[v]), so a tone-mapped noisy target would teach too dark a picture.
    """
    positive = radiance.clamp(min=0)
    ratio = positive / (1 + positive)
    if not ratio.requires_grad:
        return ratio.pow_(1 / TONE_MAP_GAMMA)
    ratio.register_hook(_finite)  # type: ignore[no-untyped-call]
    return ratio.pow(1 / TONE_MAP_GAMMA)


def _finite(slope: Tensor) -> Tensor:
    """A slope, 0 where it is infinite, as that of the tone map is at 0."""
    return slope.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def tone_map_slope(radiance: Tensor) -> Tensor:
    """dT/dv = (v / (1 + v))^(1 / 2.2 - 1) / (2.2 (1 + v)^2) for radiance above 0."""
    share = (radiance / (1 + radiance)).pow(1 / TONE_MAP_GAMMA - 1)
    return share / (TONE_MAP_GAMMA * (1 + radiance).square())


def inverse_tone_map(mapped: Tensor) -> Tensor:
    """Map [0, 1) back to linear radiance: v = m^2.2 / (1 - m^2.2); values outside [0, 1) are clamped into it."""
    largest = 1 - torch.finfo(mapped.dtype).eps
    power = mapped.clamp(0, largest).pow(TONE_MAP_GAMMA)
    return power / (1 - power)


# ---------------------------------------------------------------------------------------------------------------------
# Exposure: one scalar per whole image that brings it to the brightness networks were trained on

KEYS = (0.03, 0.36)
"""Keys that need no exposure: those of the development scenes, 0.03 to 0.18, and a stop above."""

KEY_BLOCK = 8
"""Side of the blocks whose brightness makes the key: single pixels of a noisy picture are often black."""

NEARLY_BLACK, BRIGHT_QUANTILE = 1e-3, 0.9
"""A block under this share of that quantile of all blocks is background: it must not turn up the rest."""


def key(color: Tensor | Image) -> Tensor:
    """Geometric mean of the mean radiance of 8x8 blocks of a picture, a tensor (1, 3, H, W) or an image (H, W, 3);
    blocks that are nearly black, next to its bright ones, are left out.

    A scalar on the picture's device; 0 for a picture that is black throughout.
    """
    brightness = as_nchw(color).mean(dim=1, keepdim=True, dtype=torch.float64)  # (1, 1, H, W)
    blocks = F.avg_pool2d(brightness, KEY_BLOCK, ceil_mode=True, count_include_pad=False).flatten()
    lit = (blocks > 0) & (blocks > NEARLY_BLACK * blocks.quantile(BRIGHT_QUANTILE))
    logarithms = torch.where(lit, blocks, 1).log().sum()
    return torch.where(lit.any(), (logarithms / lit.sum().clamp(min=1)).exp(), 0)


KEY = 0.2
"""Key of every picture for networks of transfer `keyed` and `linear`."""


def exposure(color: Tensor | Image, keys: tuple[float, float] = KEYS) -> Tensor:
    """Factor, on linear radiance, that brings the key of a picture into `keys`; 1 where it lies there.

    A float32 scalar on the picture's device.
    """
    found = key(color)
    return torch.where(found > 0, found.clamp(*keys) / found, 1).float()


# ---------------------------------------------------------------------------------------------------------------------
# Layout: an image is (H, W, C), row 0 at the top; a network sees (N, C, H, W), channels last in memory


def to_nchw(
    image: Pixels, device: torch.device | str | None = None, dtype: torch.dtype | None = torch.float32
) -> Tensor:
    """View an image (H, W, C), or a batch (N, H, W, C), as a tensor (N, C, H, W), float32 or of its own type for None.

    `image` is anything that speaks DLPack: a numpy array, a Dr.Jit tensor, a torch tensor. Nothing is copied unless it
    must be (another device, another type, read-only memory, a GPU's memory for a torch without CUDA): the result shares
    the memory of `image`, channels last. Raises ValueError when `image` has neither three nor four dimensions.
    """
    tensor = image if isinstance(image, Tensor) else _imported(image)
    if tensor.ndim not in (3, 4):
        raise ValueError(f"an image has shape (H, W, C), a batch (N, H, W, C), not {tuple(tensor.shape)}")
    batch = tensor if tensor.ndim == 4 else tensor.unsqueeze(0)
    return batch.to(device=device, dtype=dtype, non_blocking=True).permute(0, 3, 1, 2)


def as_nchw(picture: Tensor | Image) -> Tensor:
    """A picture of these rooms, a tensor (N, C, H, W), as it is; an image (H, W, C) as `to_nchw` gives it."""
    return picture if isinstance(picture, Tensor) else to_nchw(picture)


def _imported(image: Pixels) -> Tensor:
    """What another library made, as a tensor over the same memory where torch can have it."""
    if isinstance(image, np.ndarray):
        return from_dlpack(image if image.flags.writeable else image.copy())
    on_gpu = image.__dlpack_device__()[0] == DLDeviceType.kDLCUDA
    return from_dlpack(np.array(image) if on_gpu and not torch.cuda.is_available() else image)


def to_hwc(tensor: Tensor) -> Tensor:
    """View one image (1, C, H, W) or (C, H, W) as (H, W, C), on its own device.

    Raises ValueError when the tensor holds more than one image.
    """
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3:
        raise ValueError(f"one image (C, H, W) is needed, not {tuple(tensor.shape)}")
    return tensor.detach().permute(1, 2, 0)


def to_image(tensor: Tensor) -> Image:
    """Bring one image (1, C, H, W) or (C, H, W) back as a float32 numpy array (H, W, C), contiguous.

    Raises ValueError when the tensor holds more than one image.
    """
    result: Image = to_hwc(tensor).to(device="cpu", dtype=torch.float32).contiguous().numpy()
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Network input


Transfer = Literal["tone-map", "keyed", "linear"]
"""What happens to color before the network: `tone-map` is T(v), of a picture whose key lies in `KEYS`; `keyed` and
`linear` leave radiance linear, and bring the key of every picture to `KEY`: twice the radiance in is twice the radiance
out. `linear` tells nothing of what layers are there."""


def presence(name: str) -> str:
    """The name, beside the layer's own, of a plane that tells a network whether the layer is there: 1, or 0."""
    return f"{name} present"


@dataclass(frozen=True)
class NetworkInput:
    """What a network takes: layers, color first, those that may be missing, and how color comes in.

    With `keyed` transfer a plane follows for each layer but color, 1 where it is there; a missing layer is 0.
    """

    layers: tuple[str, ...] = PAPER_LAYERS
    optional: tuple[str, ...] = ()
    transfer: Transfer = "tone-map"

    @property
    def channels(self) -> int:
        """Number of input channels."""
        planes = len(self.layers) - 1 if self.transfer == "keyed" else 0
        return sum(LAYER_CHANNELS[name] for name in self.layers) + planes

    @property
    def needed(self) -> tuple[str, ...]:
        """The layers that must be there."""
        return tuple(name for name in self.layers if name not in self.optional)

    def exposure(self, color: Tensor | Image) -> Tensor:
        """Factor that brings a picture to the brightness this network was trained on; see `exposure`."""
        return exposure(color, KEYS if self.transfer == "tone-map" else (KEY, KEY))

    def stack(self, layers: Mapping[str, Tensor]) -> Tensor:
        """The network's input (N, channels, H, W), channels last, from layers (N, C, H, W).

        `color` is linear radiance, brought to exposure; albedo in [0, 1] and world-space normals in [-1, 1] pass
        through, as in the paper. Raises KeyError when a needed layer is missing: callers check their files first.
        """
        color = layers["color"]
        if self.transfer == "tone-map":
            parts = [tone_map(layers[name]) if name == "color" else layers[name] for name in self.layers]
        elif self.transfer == "linear":
            parts = [layers[name] for name in self.layers]
        else:
            missing = torch.zeros((), device=color.device).expand_as(color)
            parts = [layers.get(name, missing) if name in self.optional else layers[name] for name in self.layers]
            parts += [self._plane(name, layers) for name in self.layers[1:]]
        return torch.cat(parts, dim=1).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def _plane(name: str, layers: Mapping[str, Tensor]) -> Tensor:
        color = layers["color"]
        there = layers.get(presence(name), torch.tensor(float(name in layers), device=color.device))
        return there.expand(len(color), 1, *color.shape[2:])
