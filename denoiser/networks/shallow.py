"""The network of a single image. Source: Mansour and Heckel, "Zero-Shot Noise2Noise", CVPR 2023, section 3."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 48
SLOPE = 0.2


class ShallowNet(nn.Module):
    """Two 3x3 convolutions to 48 channels with leaky ReLU 0.2, and a 1x1 back: so small that it cannot learn the noise.

    Its output is the *noise* of its input: a picture y is denoised as y - f(y). About 22,000 parameters for three
    channels, torch's own initialisation. It sees `REACH` pixels to each side.
    """

    def __init__(self, channels: int = 3) -> None:
        """`channels` of the picture, 3 for color."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, CHANNELS, 3, padding=1)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.conv3 = nn.Conv2d(CHANNELS, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The noise in a picture (N, C, H, W), same shape."""
        h = F.leaky_relu(self.conv1(x), SLOPE, inplace=True)
        h = F.leaky_relu(self.conv2(h), SLOPE, inplace=True)
        return cast(Tensor, self.conv3(h))


REACH = 2
"""How far, in pixels, a pixel of the output sees: once for each of the two 3x3 convolutions."""
