"""What networks on half-resolution pixels share: their convolution, and 2x2 pixels as channels and back."""

from __future__ import annotations

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
        h = F.leaky_relu(network.get_submodule(name)(h), LEAKY_SLOPE, inplace=True)
    return h


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
