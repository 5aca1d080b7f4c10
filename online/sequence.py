"""Frames of a finished sequence, in their order: each takes the last result along, so that the picture flickers less.

Where frames hold positions and a camera, the last result is reprojected (`online.reprojection`). Where they hold motion
vectors instead, it is read where they point to; renderers disagree on their signs, so that where these are not known
those are taken under which the last picture resembles the new one most, and none where no motion at all resembles it
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.devices import TensorFrame, frame_on
from denoiser.transforms import to_image, to_nchw, tone_map
from online.reprojection import DEFAULTS, History, ReprojectionConfig, blend, clipped
from online.warp import LEAST_WEIGHT, cubic, planes
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Denoised, Frame, Image, Motion

SIGNS = ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0))
"""Of motion vectors (x, y): to the last place or from it, y down or up."""

_LEAST_GAIN = 0.98
"""Most difference to the last picture, over that without any motion, at which motion vectors are believed."""

DEPTH_ALIKE = 0.05
"""Largest relative difference in depth of what a pixel shows now and where it was: without it lamps left a trail on
the wall behind them."""

_LEAST_MOTION = 0.5
"""Pixels: less may lead anywhere."""


@dataclass(frozen=True)
class _Moved:
    """What is kept of the last frame where motion leads to it: result (1, 3, H, W), age (1, 1, H, W), and which surface
    each pixel shows, `_surface` (5, H W)."""

    color: Tensor
    age: Tensor
    surface: Tensor


class Steady:
    """Takes the results of a sequence in their order and gives each blended with the last.

    One of them serves one sequence; several views have a history each. `astray` counts frames whose motion vectors led
    to nothing that was like them in the last.
    """

    def __init__(self, config: ReprojectionConfig = DEFAULTS) -> None:
        self.astray = 0
        self._config = config
        self._histories: dict[str, History | _Moved] = {}

    def __call__(self, view: str, frame: Frame, motion: Motion | None, denoised: Denoised) -> Image:
        """The picture of `frame`, linear radiance (H, W, 3), steadied.

        Raises `DatasetError` when the frame has neither camera, position and normal nor motion.
        """
        color = to_nchw(denoised.color)
        error = None if denoised.error is None else to_nchw(denoised.error)
        last = self._histories.get(view)
        if frame.camera is not None and frame.position is not None and frame.normal is not None:
            there = frame_on(with_depth(frame))
            past = last if isinstance(last, History) else None
            steadied, self._histories[view], _ = blend(color, there, past, error, self._config)
            return to_image(steadied)
        if motion is None:
            raise DatasetError(
                "the frame has neither motion vectors nor camera, position and normal; --temporal needs one"
            )
        moved = last if isinstance(last, _Moved) and last.color.shape == color.shape else None
        way = torch.zeros_like(color[:, :2])
        if moved is not None:
            way = to_nchw(motion.pixels)
            signs = _signs(color, way, moved, SIGNS if motion.signs is None else (motion.signs,))
            self.astray += bool((way.abs() > _LEAST_MOTION).any() and not signs.any())
            way = way * signs
        steadied, self._histories[view] = _carry(color, frame_on(frame), way, moved, error, self._config)
        return to_image(steadied)


def with_depth(frame: Frame) -> Frame:
    """`frame`, which has camera and position, with the distance from the camera, rendered or not; nothing was hit where
    the position is all zero."""
    if frame.depth is not None:
        return frame
    assert frame.camera is not None and frame.position is not None
    distance = np.linalg.norm(frame.position - frame.camera.origin, axis=-1, keepdims=True)
    return replace(frame, depth=np.where(frame.position.any(axis=-1, keepdims=True), distance, 0).astype(np.float32))


def _carry(
    color: Tensor,
    frame: TensorFrame,
    motion: Tensor,
    last: _Moved | None,
    error: Tensor | None,
    config: ReprojectionConfig,
) -> tuple[Tensor, _Moved]:
    """`color` blended with the last result along `motion`, and what the next frame needs; (1, 3, H, W)."""
    age = torch.zeros_like(color[:, :1])
    if last is not None:
        warped, seen = _read_along(last, motion, frame, config)
        if seen.float().mean() >= config.least_used:
            age = torch.where(seen, warped[:, 3:4], 0)
            old = clipped(warped[:, :3], color, error, config)
            color = torch.lerp(color, old, age / (age + 1)).clamp_(min=0)
    return color, _Moved(color, (age + 1).clamp_(max=config.max_age), _surface(frame))


def _read_along(last: _Moved, motion: Tensor, frame: TensorFrame, config: ReprojectionConfig) -> tuple[Tensor, Tensor]:
    """Color and age (1, 4, H, W) of the last frame where `motion` points to, and where that shows the same surface.

    As in `online.warp`: from those of the four taps that show it, bicubic where all of them do.
    """
    height, width = frame.size
    values = planes(torch.cat([last.color, last.age], dim=1))
    here, table = _surface(frame), torch.cat([last.surface, values.flatten(1)])
    rows, columns = (torch.arange(extent, device=motion.device) for extent in (height, width))
    still = torch.stack([columns.repeat(height), rows.repeat_interleave(width)])
    place = still + motion[0].flatten(1)
    corner = place.floor()
    total, weights = torch.zeros_like(values).flatten(1), values.new_zeros(height * width)
    low, high = torch.full_like(total, torch.inf), torch.full_like(total, -torch.inf)
    whole = (place != corner).any(dim=0)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = corner[0] + dx, corner[1] + dy
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        tap = table.index_select(1, torch.where(inside, y * width + x, 0).int())
        inside &= (tap[:4] * here[:4]).sum(dim=0) >= config.warp.least_cosine
        inside &= (tap[4] - here[4]).abs() <= DEPTH_ALIKE * here[4]
        weight = (1 - (place[0] - x).abs()).mul_(1 - (place[1] - y).abs()).mul_(inside)
        total.addcmul_(tap[5:], weight)
        weights += weight
        low, high, whole = torch.minimum(low, tap[5:]), torch.maximum(high, tap[5:]), whole & inside
    seen = weights >= LEAST_WEIGHT
    read = torch.where(whole, cubic(values, place).clamp_(low, high), total / torch.where(seen, weights, 1))
    return read.view(1, 4, height, width), seen.view(1, 1, height, width)


def _surface(frame: TensorFrame) -> Tensor:
    """Normal, 1 where there is none, and depth (5, H W). Two pixels may show one surface when the product of the first
    four is near 1 and depths are alike; what the frame does not tell is the same everywhere."""
    empty = torch.zeros_like(frame.color[0])
    normal = empty if frame.normal is None else planes(frame.normal).float()
    depth = empty[:1] if frame.depth is None else planes(frame.depth)
    nothing = (normal.abs().amax(dim=0, keepdim=True) == 0).float()
    return torch.cat([normal, nothing, depth]).flatten(1)


def _places(motion: Tensor) -> Tensor:
    """Where (1, H, W, 2) each pixel was, in the coordinates of `grid_sample`: -1 to 1 over the picture."""
    height, width = motion.shape[2:]
    rows, columns = (torch.arange(extent, device=motion.device) + 0.5 for extent in (height, width))
    x, y = columns + motion[:, 0], rows[:, None] + motion[:, 1]
    return torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], dim=-1)


def _signs(color: Tensor, motion: Tensor, last: _Moved, possible: Sequence[tuple[float, float]]) -> Tensor:
    """Which of the possible signs lead to what is most like `color` in the last picture, (1, 2, 1, 1); 0 for none."""
    new = tone_map(color)
    still = (tone_map(last.color) - new).abs().mean()
    best, least = torch.zeros(2), still * _LEAST_GAIN
    for signs in possible:
        place = _places(motion * torch.tensor(signs, device=motion.device).view(1, 2, 1, 1))
        old = F.grid_sample(tone_map(last.color), place, mode="bilinear", padding_mode="border", align_corners=False)
        difference = (old - new).abs().mean()
        if difference < least:
            best, least = torch.tensor(signs), difference
    return best.to(motion.device).view(1, 2, 1, 1)
