"""What networks on half-resolution pixels share: their convolution, and 2x2 pixels as channels and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from denoiser.paper import LEAKY_SLOPE


def conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """3x3 convolution with He initialisation for the leaky ReLU that follows (He et al. 2015), zero bias."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=LEAKY_SLOPE, nonlinearity="leaky_relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def convolved(network: nn.Module, names: tuple[str, ...], h: Tensor) -> Tensor:
    """`h` through the named convolutions of `network`, a leaky ReLU of slope 0.1 after each."""
    for name in names:
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        h = _fused(layer, h) if _is_fusible(layer, h) else F.leaky_relu(layer(h), LEAKY_SLOPE, inplace=True)
    return h


def _is_fusible(layer: nn.Conv2d, h: Tensor) -> bool:
    """Whether oneDNN can take both steps at once: on the CPU, without gradients."""
    plain = torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_exporting()
    here = h.device.type == "cpu" and h.dtype == layer.weight.dtype
    return here and not plain and bool(torch._C._has_mkldnn)


def _fused(layer: nn.Conv2d, h: Tensor) -> Tensor:
    """3x3 convolution and leaky ReLU in one pass, by the operator that torch's own compiler emits for them; apart, the
    ReLUs take a sixth of a frame's time."""
    operator = torch.ops.mkldnn._convolution_pointwise
    ones = [1, 1]
    result: Tensor = operator(h, layer.weight, layer.bias, ones, ones, ones, 1, "leaky_relu", [LEAKY_SLOPE], "")
    return result


def unshuffled(picture: Tensor) -> Tensor:
    """2x2 pixels as channels: (N, C, H, W) -> (N, 4 C, H/2, W/2), channels last, the channels of a pixel together.

    What `pixel_unshuffle` does in another order of channels, in which whole pixels are copied.
    """
    n, c, height, width = picture.shape
    pixels = picture.permute(0, 2, 3, 1).reshape(n, height // 2, 2, width // 2, 2, c)
    return pixels.transpose(2, 3).reshape(n, height // 2, width // 2, 4 * c).permute(0, 3, 1, 2)


def shuffled(picture: Tensor) -> Tensor:
    """The inverse of `unshuffled`: (N, 4 C, H, W) -> (N, C, 2 H, 2 W), channels last."""
    n, c, height, width = picture.shape
    pixels = picture.permute(0, 2, 3, 1).reshape(n, height, width, 2, 2, c // 4)
    return pixels.transpose(2, 3).reshape(n, 2 * height, 2 * width, c // 4).permute(0, 3, 1, 2)
