"""A network of the shape that Open Image Denoise runs, so that its library takes our weights as its own.

Shape, names of layers and the PU transfer: Open Image Denoise, training/model.py and training/color.py (the curve is a
fit to Aydin et al., "Extending Quality Metrics to Full Luminance Range Images", 2008). `tza.py` writes the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from denoiser.networks.unet import joined_convolution

POOLINGS = 4
ALIGNMENT = 2**POOLINGS
"""Height and width of the input must be multiples of this."""

ENCODER = (24, 24, 48, 64, 80, 96)
"""Channels of enc_conv0 .. 4 and of both enc_conv5. The library takes any: its base network has 32 in place of 24."""

DECODER = ((24, 24), (48, 32), (80, 64), (96, 96))
"""Channels of dec_conv1a and b .. dec_conv4a and b; narrow at full and half resolution, which is where time goes."""

BRIGHTEST = 65504.0
"""Radiance that the transfer maps to 1."""

FIRST_OUTPUT = 0.2
"""Initial bias of the last layer: a gray, for the transfer's inverse is exponential."""

LAST_SCALE = 0.02
"""Initial weights of the last layer over those of He et al., for the same reason."""


class OIDNShape(nn.Module):
    """Linear color, albedo, normal (N, 9, H, W) -> linear radiance (N, 3, H, W), through the PU transfer.

        enc_conv0, enc_conv1 .. 4 each followed by max-pool 2x2, enc_conv5a, enc_conv5b
        dec_conv4a, b .. dec_conv1a, b   each a after nearest upsampling, joined to pool3, 2, 1 and the input
        dec_conv0                        -> 3

    All convolutions are 3x3 with zero padding; all are followed by ReLU but the last. The library clamps that one to 0
    too, which is what `limit_radiance` does here: in training a black pixel must not be cut off from its gradient.
    """

    def __init__(self, in_channels: int = 9) -> None:
        """`in_channels` is 9: color, albedo, normal. Raises ValueError for another number."""
        super().__init__()
        if in_channels != 9:
            raise ValueError(f"this network takes color, albedo and normal, 9 channels, not {in_channels}")
        self.enc_conv0 = _conv(in_channels, ENCODER[0])
        for level in range(1, POOLINGS + 1):
            self.add_module(f"enc_conv{level}", _conv(ENCODER[level - 1], ENCODER[level]))
        below = ENCODER[-1]
        self.enc_conv5a, self.enc_conv5b = _conv(ENCODER[POOLINGS], below), _conv(below, below)
        for level in range(POOLINGS, 0, -1):
            first, second = DECODER[level - 1]
            skip = in_channels if level == 1 else ENCODER[level - 1]
            self.add_module(f"dec_conv{level}a", _conv(below + skip, first))
            self.add_module(f"dec_conv{level}b", _conv(first, second))
            below = second
        self.dec_conv0 = _conv(below, 3)
        self.dec_conv0.weight.data.mul_(LAST_SCALE)
        nn.init.constant_(self.dec_conv0.bias, FIRST_OUTPUT)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 9, H, W) to (N, 3, H, W), both linear radiance; H and W are multiples of `ALIGNMENT`.

        Raises ValueError for another size.
        """
        if x.shape[2] % ALIGNMENT or x.shape[3] % ALIGNMENT:
            raise ValueError(f"height and width must be multiples of {ALIGNMENT}, not {tuple(x.shape[2:])}")
        return inverse_pu(self.coded(torch.cat([pu(x[:, :3]), x[:, 3:6].clamp(0.0, 1.0), x[:, 6:] / 2 + 0.5], dim=1)))

    def coded(self, x: Tensor) -> Tensor:
        """What the library's convolutions do: color in the transfer's code and layers in [0, 1] to color's code."""
        x = x.to(self.enc_conv0.weight.dtype).contiguous(memory_format=torch.channels_last)
        skips, h = [x], self._activated("enc_conv0", x)
        for level in range(1, POOLINGS + 1):
            h = F.max_pool2d(self._activated(f"enc_conv{level}", h), 2)
            skips.append(h)
        skips.pop()
        h = self._activated("enc_conv5b", self._activated("enc_conv5a", h))
        for level in range(POOLINGS, 0, -1):
            layer = self.get_submodule(f"dec_conv{level}a")
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            h = F.relu(joined_convolution(h, skips.pop(), layer.weight, layer.bias), inplace=True)
            h = self._activated(f"dec_conv{level}b", h)
        with torch.autocast(h.device.type, enabled=False):  # a step of bfloat16 is 0.8 % of radiance in this code
            last = self.dec_conv0
            assert last.bias is not None
            return F.conv2d(h.float(), last.weight.float(), last.bias.float(), padding=1)

    def _activated(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(name)(x), inplace=True)


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """3x3 convolution with He initialisation for the ReLU that follows (He et al. 2015), zero bias."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


# ---------------------------------------------------------------------------------------------------------------------
# The PU transfer: linear next to 0, then a power, then a logarithm; scaled so that `BRIGHTEST` becomes 1

_LINEAR = 1.41283765e03
_POWER = (1.64593172, 4.31384981e-01, -2.94139609e-03)
_LOGARITHM = (1.92653254e-01, 6.26026094e-03, 9.98620152e-01)
_RADIANCE_KNEES = (1.57945760e-06, 3.22087631e-02)
_CODE_KNEES = (2.23151711e-03, 3.70974749e-01)


def pu(radiance: Tensor) -> Tensor:
    """Code in [0, 1] of linear radiance in [0, 65504], clamped to it."""
    y = radiance.float().clamp(0.0, BRIGHTEST)
    return _unscaled(y) / _unscaled(torch.tensor(BRIGHTEST, device=y.device))


def inverse_pu(code: Tensor) -> Tensor:
    """Linear radiance of a code at most 1; negative codes go on along the line next to 0."""
    x = code.float().clamp(max=1) * _unscaled(torch.tensor(BRIGHTEST, device=code.device))
    (scale, exponent, offset), (slope, shift, height) = _POWER, _LOGARITHM
    power = ((x.clamp(min=_CODE_KNEES[0]) - offset) / scale).pow(1 / exponent)  # clamped: no NaN in gradients
    rest = torch.where(x <= _CODE_KNEES[1], power, ((x - height) / slope).exp() - shift)
    return torch.where(x <= _CODE_KNEES[0], x / _LINEAR, rest)


def _unscaled(y: Tensor) -> Tensor:
    (scale, exponent, offset), (slope, shift, height) = _POWER, _LOGARITHM
    power = scale * y.clamp(min=_RADIANCE_KNEES[0]).pow(exponent) + offset
    rest = torch.where(y <= _RADIANCE_KNEES[1], power, slope * (y + shift).log() + height)
    return torch.where(y <= _RADIANCE_KNEES[0], _LINEAR * y, rest)
