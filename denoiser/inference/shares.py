"""Light groups and passes beside the beauty: each gets its share of the denoised beauty, and they sum to it as before.

A pass is denoised as `share * denoised`, where share = W(pass) / W(noisy) and W is one weighted mean of neighbours, the
same for every pass. W is linear, so that where the passes summed to the noisy beauty their shares sum to one, whatever
the weights. With a network that predicts kernels W are its own (`share_by`): what nothing was added to or taken from
is then the kernels' very picture of the pass. Else (`share_out`) the weights are small across edges of the denoised
beauty, the albedo and the normals, and an edge that only one pass has is blurred where the beauty does not show it.

Source of W: Dammertz et al., "Edge-Avoiding A-Trous Wavelet Transform for fast Global Illumination Filtering", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.transforms import to_image, to_nchw, tone_map
from renderer_bridge.frame import Frame, Image

LEVELS = 3
"""Passes of the filter, with 1, 2 and 4 pixels between taps: 29 pixels wide altogether."""

SPREAD = {"color": 0.1, "albedo": 0.1, "normal": 0.3}
"""Difference, of tone-mapped color, albedo and normal, over which the weight of a neighbour falls to 1/e."""

_TAPS = (1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)
_ROWS = 512
_REACH = 2 * (2**LEVELS - 1)


def share_out(denoised: Image, noisy: Image, passes: Sequence[Image], guide: Frame) -> tuple[Image, ...]:
    """Each of `passes` as its share of `denoised`; all linear radiance (H, W, 3).

    `noisy` is the beauty that the passes were rendered with; `guide` gives albedo and normal as far as it has them.
    Where the filtered beauty is black, and so tells nothing, a pass has its share of the whole picture.
    """
    shares = _whole_shares(noisy, passes)
    results = tuple(torch.empty(each.shape) for each in passes)
    for top in range(0, denoised.shape[0], _ROWS):
        seen = slice(max(0, top - _REACH), top + _ROWS + _REACH)
        weights_from = _guide(denoised[seen], guide, seen)
        signals = torch.cat([to_nchw(each[seen]) for each in (noisy, *passes)], dim=1)
        kept = slice(top - seen.start, min(top + _ROWS, denoised.shape[0]) - seen.start)
        base, *means = _smooth(signals, weights_from)[..., kept, :].tensor_split(len(passes) + 1, dim=1)
        rows = slice(top, top + _ROWS)
        beauty, lit = to_nchw(denoised[rows]), base > 0
        for result, mean, share in zip(results, means, shares, strict=True):
            found = torch.where(lit, mean / torch.where(lit, base, 1), share)
            result[rows] = (beauty * found)[0].permute(1, 2, 0)
    return tuple(to_image(result.permute(2, 0, 1)) for result in results)


def share_by(means: Tensor, denoised: Image, noisy: Image, passes: Sequence[Image]) -> tuple[Image, ...]:
    """Each of `passes` as its share of `denoised`, by `means` (1 + P, 3, H, W): W of `noisy`, then of each pass."""
    base, beauty = means[:1], to_nchw(denoised)
    shares, lit = _whole_shares(noisy, passes), base > 0
    return tuple(
        to_image(beauty * torch.where(lit, mean / torch.where(lit, base, 1), share))
        for mean, share in zip(means[1:, None], shares, strict=True)
    )


def _whole_shares(noisy: Image, passes: Sequence[Image]) -> list[Tensor]:
    """Share (1, 3, 1, 1) of each pass in the whole picture."""
    whole = to_nchw(noisy).sum(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return [to_nchw(each).sum(dim=(2, 3), keepdim=True) / whole for each in passes]


def _guide(denoised: Image, frame: Frame, rows: slice) -> Tensor:
    """What weights are measured on (1, C, H, W), each layer divided by its spread."""
    layers = {"color": tone_map(to_nchw(denoised))}
    layers |= {name: to_nchw(layer[rows]) for name, layer in frame.layers().items() if name in ("albedo", "normal")}
    return torch.cat([layer / SPREAD[name] for name, layer in layers.items()], dim=1)


def _smooth(signals: Tensor, guide: Tensor) -> Tensor:
    """Weighted means of `signals` (1, C, H, W), with weights from `guide` alone; beyond the border nothing is taken."""
    height, width = signals.shape[2:]
    for level in range(LEVELS):
        step = 2**level
        pad = (2 * step,) * 4
        around, guides = F.pad(signals, pad), F.pad(guide, pad, value=torch.inf)
        total, weight_sum = torch.zeros_like(signals), torch.zeros_like(signals[:, :1])
        for down, vertical in enumerate(_TAPS):
            for right, horizontal in enumerate(_TAPS):
                there = (..., slice(down * step, down * step + height), slice(right * step, right * step + width))
                distance = (guides[there] - guide).square_().sum(dim=1, keepdim=True)
                weight = distance.neg_().exp_().mul_(vertical * horizontal)
                total.addcmul_(around[there], weight)
                weight_sum += weight
        signals = total.div_(weight_sum)
    return signals
