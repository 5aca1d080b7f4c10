"""Two small pictures out of one noisy one: what a single image is learned from.

Each sampler takes a picture (N, C, H, W), H and W multiples of its block, to two pictures of the size of its blocks:
the same scene, noise of its own in each. Sources: `original` is Mansour and Heckel, "Zero-Shot Noise2Noise", CVPR 2023,
section 3.1; the others were published later as variants of it.

| sampler | first | second | learning rate |
|---|---|---|---|
| original | one diagonal of 2x2 | the other | 1e-3 |
| plus, minus | the same, +0.1 or -0.1 on the other diagonal, divided by 1.1 or 0.8 | likewise | 1e-3 |
| cross | cross of 3x3, centre 0.01, divided by 2.01 | corners likewise | 1e-3 |
| stripe | left column of 2x2 | right column | 1e-3 |
| max-average | maximum of 2x2 | mean | 5e-3 |
| average-stochastic | mean of 2x2 | a pixel, drawn in proportion to its value | 5e-3 |
| max-stochastic | maximum of 2x2 | such a pixel | 5e-3 |

The weights of `plus` sum to 1.2, so that divided by 1.1, as published, both pictures are 9 % too bright;
`plus-normalised` divides by 1.2. Choices that the publication leaves open, as taken here: maxima and draws are made in
each channel by itself, as poolings do; negative values are never drawn, and of four such any; within one step the noisy
and the denoised picture are read at the same places, drawn from the noisy one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

SamplerName = Literal[
    "original", "plus", "minus", "cross", "stripe", "max-average", "average-stochastic", "max-stochastic"
]
SAMPLER_NAMES: tuple[SamplerName, ...] = get_args(SamplerName)

Pair = tuple[Tensor, Tensor]
Reading = Callable[[Tensor], Pair]
"""What one step does to a picture (N, C, H, W): two smaller ones. The same for each picture it is given."""

KERNEL_RATE, POOLING_RATE = 1e-3, 5e-3
_DIAGONALS = ([[0.0, 0.5], [0.5, 0.0]], [[0.5, 0.0], [0.0, 0.5]])
_EDGE = 0.1

_Weights = list[list[float]]


def _edged(edge: float, divisor: float) -> tuple[_Weights, _Weights]:
    """The diagonals with `edge` where they have 0, all divided by `divisor`."""
    first, second = ([[(value or edge) / divisor for value in row] for row in kernel] for kernel in _DIAGONALS)
    return first, second


def _three(centre: float, divisor: float) -> tuple[_Weights, _Weights]:
    """Cross and corners of 3x3."""
    cross = [[0.0, 0.5, 0.0], [0.5, centre, 0.5], [0.0, 0.5, 0.0]]
    corners = [[0.5, 0.0, 0.5], [0.0, centre, 0.0], [0.5, 0.0, 0.5]]
    first, second = ([[value / divisor for value in row] for row in kernel] for kernel in (cross, corners))
    return first, second


KERNELS: dict[str, tuple[_Weights, _Weights]] = {
    "original": _DIAGONALS,
    "plus": _edged(_EDGE, 1.1),
    "plus-normalised": _edged(_EDGE, 1.2),
    "minus": _edged(-_EDGE, 0.8),
    "cross": _three(0.01, 2.01),
    "stripe": ([[0.5, 0.0], [0.5, 0.0]], [[0.0, 0.5], [0.0, 0.5]]),
}
"""Both kernels of each sampler that is a convolution whose stride is its size."""

POOLINGS: dict[str, tuple[str, str]] = {
    "max-average": ("max", "average"),
    "average-stochastic": ("average", "stochastic"),
    "max-stochastic": ("max", "stochastic"),
}
"""Both poolings, over blocks of 2x2, of the other samplers."""


def block(sampler: str) -> int:
    """Side of the blocks, in pixels, that a sampler makes one pixel of."""
    return len(KERNELS[sampler][0]) if sampler in KERNELS else 2


def rate(sampler: str) -> float:
    """Adam's step size for a sampler."""
    return KERNEL_RATE if sampler in KERNELS else POOLING_RATE


def reading(sampler: str, noisy: Tensor, generator: torch.Generator) -> Reading:
    """How this step reads pictures of the shape of `noisy` (N, C, H, W); draws, if any, are made here, from `noisy`."""
    if sampler in KERNELS:
        first, second = KERNELS[sampler]
        return lambda picture: (_convolved(picture, first), _convolved(picture, second))
    chosen = drawn(noisy, generator) if "stochastic" in POOLINGS[sampler] else None
    one, other = POOLINGS[sampler]
    return lambda picture: (_pooled(picture, one, chosen), _pooled(picture, other, chosen))


def drawn(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Which of the four pixels of each 2x2 block of each channel is drawn, in proportion to its value.

    Indices 0 to 3, row by row, (N, C, 1, H / 2, W / 2).
    """
    weights = _four(picture).clamp(min=0)
    black = weights.sum(dim=2, keepdim=True) == 0
    share = torch.where(black, 1.0, weights).cumsum(dim=2)
    level = torch.rand(black.shape, generator=generator).to(share.device) * share[:, :, -1:]
    return (level >= share).sum(dim=2, keepdim=True).clamp(max=3)  # level may round up to the sum


def _convolved(picture: Tensor, kernel: _Weights) -> Tensor:
    weights = picture.new_tensor(kernel).expand(picture.shape[1], 1, -1, -1)
    return F.conv2d(picture, weights, stride=len(kernel), groups=picture.shape[1])


def _pooled(picture: Tensor, how: str, chosen: Tensor | None) -> Tensor:
    if how == "max":
        return F.max_pool2d(picture, 2)
    if how == "average":
        return F.avg_pool2d(picture, 2)
    assert chosen is not None
    return _four(picture).gather(2, chosen).squeeze(2)


def _four(picture: Tensor) -> Tensor:
    """The four pixels of each block, row by row: (N, C, 4, H / 2, W / 2)."""
    count, channels, height, width = picture.shape
    return F.pixel_unshuffle(picture, 2).reshape(count, channels, 4, height // 2, width // 2)
