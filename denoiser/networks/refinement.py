"""Where kernels have no good sample to take: a small network that sees what they made, and moves its logarithm.

At one or two samples a pixel most samples are black, and the means of neighbours that exist mix both sides of an edge
or stay blotchy. What is moved shrinks with brightness, so that a lamp, whose own samples are right, keeps its radiance.

Source of the idea, a second network on the first one's result: any cascade; the measure of the move is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from denoiser.networks.layers import conv, convolved, unshuffled
from denoiser.networks.pixels import moved
from denoiser.transforms import tone_map

WIDTHS = (32, 64, 96)
"""Channels at half, quarter and eighth resolution."""


class Refinement(nn.Module):
    """A picture (N, 3, H, W) and the last layer (N, C, H/2, W/2) of the network that made it.

        down{level}a, b     3x3, max-pool 2x2 between levels             half to eighth resolution
        up{level}           3x3, after nearest upsampling, joined to `down` of the same level
        head                3x3 -> 4 x 3 channels of half resolution: the move of each pixel, at first 0

    Leaky ReLU of slope 0.1 throughout.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half, quarter, eighth = WIDTHS
        self.down1a, self.down1b = conv(12 + channels, half), conv(half, half)
        self.down2a, self.down2b = conv(half, quarter), conv(quarter, quarter)
        self.down3a, self.down3b = conv(quarter, eighth), conv(eighth, eighth)
        self.up2, self.up1 = conv(eighth + quarter, quarter), conv(quarter + half, half)
        self.head = conv(half, 12)
        nn.init.zeros_(self.head.weight)

    def forward(self, picture: Tensor, last: Tensor) -> Tensor:
        """The picture refined: linear radiance (N, 3, H, W), not negative."""
        seen = torch.cat([unshuffled(tone_map(picture).to(last.dtype)), last], dim=1)
        first = convolved(self, ("down1a", "down1b"), seen)
        second = convolved(self, ("down2a", "down2b"), F.max_pool2d(first, 2))
        third = convolved(self, ("down3a", "down3b"), F.max_pool2d(second, 2))
        h = convolved(self, ("up2",), torch.cat([F.interpolate(third, scale_factor=2), second], dim=1))
        h = convolved(self, ("up1",), torch.cat([F.interpolate(h, scale_factor=2), first], dim=1))
        return moved(picture, self.head(h))
