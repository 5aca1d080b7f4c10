"""RED30, the paper's first network. Source: Mao, Shen and Yang, "Image Restoration Using Very Deep Convolutional
Encoder-Decoder Networks with Symmetric Skip Connections", NIPS 2016; Lehtinen et al. 2018, section 3.1.
"""

from __future__ import annotations

import itertools
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = 15
"""Convolutions, and as many transposed convolutions."""

WIDTH = 128


class Red30(nn.Module):
    """15 convolutions of 3x3 to 128 channels and 15 transposed ones back, all at full resolution, ReLU.

    The output of every second convolution is added to that of the transposed one opposite, and the input to the
    output, each before its ReLU. He initialisation, zero bias; the last layer begins at zero, and the network as the
    identity: our choice, without which a short training is lost to unlearning 30 random layers.
    """

    def __init__(self, channels: int = 3) -> None:
        """`channels` of the picture, in and out."""
        super().__init__()
        widths = [channels, *[WIDTH] * LAYERS]
        pairs = list(itertools.pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 3, padding=1) for a, b in reversed(pairs))
        for layer in (*self.down, *self.up):
            assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        last = cast(nn.ConvTranspose2d, self.up[-1])
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape, of any size."""
        skips = [x]
        h = x
        for index, layer in enumerate(self.down, 1):
            h = F.relu(layer(h))
            if index % 2 == 0:
                skips.append(h)
        for index, layer in enumerate(self.up, 1):
            h = layer(h)
            if index % 2 == LAYERS % 2 and skips:
                h = h + skips.pop()
            h = F.relu(h) if index < LAYERS else h
        return h
