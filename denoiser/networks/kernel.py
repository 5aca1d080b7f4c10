"""A kernel-predicting network: weighted means of the input's own samples, then a refinement of what came of them.

So lamps keep their radiance. The trunk works at half resolution, 2x2 pixels as channels; it predicts 5x5 weights at
full, half, quarter, eighth and sixteenth resolution. From coarse to fine, a gate blends what the coarser resolution
made into the samples, then the weights gather from that: a pixel at an edge takes what its neighbours on the same side
already are. All of that is linear in radiance; `refinement.py` is not.

Sources: Bako et al., "Kernel-Predicting Convolutional Networks for Denoising Monte Carlo Renderings", 2017 (predicted
weights, albedo taken out); Vogels et al., "Denoising with Kernel Prediction and Asymmetric Loss Functions", 2018
(several resolutions). The weighted pooling of samples is ours: it lets a firefly count little before it is spread.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from denoiser.networks.kernels import TAPS, filtered
from denoiser.networks.layers import conv, convolved, shuffled
from denoiser.networks.pixels import SEEN, seen
from denoiser.networks.refinement import Refinement

WIDTHS = (64, 96, 128, 192)
"""Channels at half, quarter, eighth and sixteenth resolution."""

LEVELS = len(WIDTHS)
ALIGNMENT = 2**LEVELS
"""Height and width of the input must be multiples of this."""

ALBEDO_GUARD = 0.05
"""Added to albedo where radiance is divided by it, and multiplied again: black surfaces reflect light too."""

GATES = (0.001, 0.999)
"""Share of the coarser resolution in a pixel. Gates that may close die at a high learning rate for good; with 0.03,
that much of what surrounds a lamp came into its edge."""

LEAST_SHARE = 1e-3
"""Smallest weight of a sample when resolution is halved, beside 1."""

FIRST_DETAIL = 2.0
"""Initial logit of the share of a pixel's own albedo, against the kernels' mean of albedo."""

HEAD_SCALE = 0.1
"""Initial weights of the heads over those of He et al.: kernels begin nearly as box filters."""


class KernelNetwork(nn.Module):
    """Linear color, albedo, normal, whether albedo and normal are there (N, 11, H, W) -> radiance (N, 3, H, W).

        down{level}a, b     3x3, max-pool 2x2 between levels             half to sixteenth resolution
        up{level}a, b       3x3, after nearest upsampling, joined to `down` of the same level
        head{level}         3x3 -> 25 logits and, but for the coarsest, a gate; level 0 is full resolution: 4 x 28
                            channels of half resolution, with the weight of each sample when resolution is halved
                            and the share of the pixel's own albedo

    Leaky ReLU of slope 0.1 throughout. The color's exposure should be that of training (`transforms.exposure`).
    """

    def __init__(self, in_channels: int = 11) -> None:
        """`in_channels` is 11: color, albedo and normal, each 3, and two planes that tell what is there."""
        super().__init__()
        if in_channels != 11:
            raise ValueError(f"a kernel network takes 11 channels, not {in_channels}")
        below = 4 * SEEN
        for level, width in enumerate(WIDTHS, start=1):
            self.add_module(f"down{level}a", conv(below, width))
            self.add_module(f"down{level}b", conv(width, width))
            below = width
        for level in range(LEVELS - 1, 0, -1):
            width = WIDTHS[level - 1]
            self.add_module(f"up{level}a", conv(WIDTHS[level] + width, width))
            self.add_module(f"up{level}b", conv(width, width))
        for level in range(LEVELS + 1):
            channels = 4 * (TAPS + 3) if level == 0 else TAPS + (level < LEVELS)
            head = conv(WIDTHS[max(level, 1) - 1], channels)
            head.weight.data.mul_(HEAD_SCALE)
            if level == 0:
                nn.init.constant_(head.bias[TAPS + 2 :: TAPS + 3], FIRST_DETAIL)  # type: ignore[index]
            self.add_module(f"head{level}", head)
        self.refinement = Refinement(WIDTHS[0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 11, H, W) to (N, 3, H, W), both linear radiance; H and W are multiples of `ALIGNMENT`.

        Raises ValueError for another size.
        """
        logits, last = self._logits(x)
        picture = reconstructed(x[:, :3].float(), logits, _guard(x))
        return self.refinement(picture, last)  # type: ignore[no-any-return]

    def of_passes(self, x: Tensor, passes: Sequence[Tensor]) -> list[Tensor]:
        """The kernels alone that `forward` finds in `x`, applied to each of `passes` (N, 3, H, W)."""
        logits, _ = self._logits(x)
        return [reconstructed(each, logits, _guard(x)) for each in passes]

    def _logits(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Logits of each resolution, full first, from the input (N, 11, H, W): 25 of the neighbours, then the gate,
        then at full resolution the weight in the next coarser one and the share of the pixel's own albedo. With them
        the last layer (N, 64, H/2, W/2)."""
        if x.shape[2] % ALIGNMENT or x.shape[3] % ALIGNMENT:
            raise ValueError(f"height and width must be multiples of {ALIGNMENT}, not {tuple(x.shape[2:])}")
        h = seen(x, ALBEDO_GUARD, self.dtype)
        skips = []
        for level in range(1, LEVELS + 1):
            h = convolved(self, (f"down{level}a", f"down{level}b"), h if level == 1 else F.max_pool2d(h, 2))
            skips.append(h)
        found = [self.get_submodule(f"head{LEVELS}")(skips.pop())]
        for level in range(LEVELS - 1, 0, -1):
            h = torch.cat([F.interpolate(h, scale_factor=2), skips.pop()], dim=1)
            h = convolved(self, (f"up{level}a", f"up{level}b"), h)
            found.append(self.get_submodule(f"head{level}")(h))
        found.append(shuffled(self.get_submodule("head0")(h)))
        return found[::-1], h

    @property
    def dtype(self) -> torch.dtype:
        """Type of the parameters."""
        return next(self.parameters()).dtype


def _guard(x: Tensor) -> Tensor:
    """Albedo, a little brightened (N, 3, H, W)."""
    return x[:, 3:6].float() + ALBEDO_GUARD


def reconstructed(image: Tensor, logits: list[Tensor], guard: Tensor) -> Tensor:
    """Apply the kernels of all resolutions to `image` (N, 3, H, W), from coarse to fine.

    `guard` (N, 3, H, W) is albedo, a little brightened. Two pictures come of it: the kernels' means of radiance, and
    the same over their means of `guard`, times the pixel's own: sharp where albedo has texture, wrong where albedo
    itself is noisy. A logit of each pixel blends them. Any further picture of the same samples may take the place of
    `image`: light groups, denoised by the kernels of their sum, add up to it.
    """
    # Split, not sliced: the gradient of a slice is a picture of zeros for all that it leaves out, to be added up.
    kernels, others = zip(*(torch.split(each, [TAPS, each.shape[1] - TAPS], dim=1) for each in logits), strict=True)
    gates = [other[:, :1].float() for other in others[:-1]]
    share, detail = others[0][:, 1:2].float(), others[0][:, 2:].float()
    weight = torch.sigmoid(share) + LEAST_SHARE
    pyramid = [torch.cat([image, guard], dim=1)]
    while len(pyramid) < len(kernels):
        coarser = F.avg_pool2d(weight, 2)
        pyramid.append(F.avg_pool2d(pyramid[-1] * weight, 2) / coarser)
        weight = coarser
    result = filtered(pyramid[-1], kernels[-1])
    low, high = GATES
    for level in range(len(gates) - 1, -1, -1):
        gate = low + (high - low) * torch.sigmoid(gates[level])
        coarser = F.interpolate(result, scale_factor=2, mode="bilinear", align_corners=False)
        result = filtered(torch.lerp(pyramid[level], coarser, gate), kernels[level])
    mean, mean_guard = result.chunk(2, dim=1)
    return torch.lerp(mean, mean / mean_guard * guard, torch.sigmoid(detail))
