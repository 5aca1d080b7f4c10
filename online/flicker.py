"""How much a flight flickers: what changes between frames although the same surface is seen."""

from __future__ import annotations

import torch

from denoiser import devices
from denoiser.devices import frame_on
from denoiser.transforms import to_nchw, tone_map
from online.warp import warp
from renderer_bridge.frame import Frame, Image


def temporal_error(result: Image, frame: Frame, last_result: Image, last: Frame) -> float:
    """Flicker: mean |T(result) - T(last result warped onto it)| over the pixels with history; NaN when there is none.

    `result` and `last_result`, linear radiance (H, W, 3), are the pictures of `frame` and `last`. T is the paper's tone
    map (Lehtinen et al. 2018, sec. 3.3). A perfect pair of frames has an error too, since textures blur where taps are
    interpolated and highlights move. Raises as `warp` does.
    """
    warped = warp(to_nchw(last_result), frame_on(frame), frame_on(last))
    difference = tone_map(to_nchw(result).contiguous()) - tone_map(warped.color)
    counted = torch.where(warped.used, difference.abs_().mean(dim=1, keepdim=True), 0)
    total, pixels = devices.read(counted.sum(), warped.used.sum())
    return total / pixels if pixels else float("nan")
