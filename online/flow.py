"""The last result brought along by a given motion of pixels, where there are no positions to reproject by.

As in `online.reprojection`: read where the motion leads back to, clipped to what the new picture shows around the
pixel, and blended in.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.filters import box_mean
from denoiser.transforms import to_image, to_nchw
from renderer_bridge.frame import Image

HISTORY_SHARE = 2 / 3
"""Of the last result in the new one: what `ReprojectionConfig.max_age` of 2 leads to."""

BOX, DEVIATIONS = 5, 2.0
"""Side in pixels of the neighbourhood, and half the range, in its standard deviations, that history is clipped to."""


def follow_flow(current: Image, last: Image, flow: Image) -> Image:
    """`current` (H, W, 3) blended with `last`, the result before it, both denoised linear radiance.

    `flow` (H, W, 2) is the motion of every pixel from the last picture to this one, in pixels to the right and down.
    What came from beyond the picture has no history.
    """
    now, before = to_nchw(current), to_nchw(last)
    warped, seen = _warped(before, to_nchw(flow))
    mean, squares = box_mean(torch.cat([now, now.square()], dim=1), BOX).chunk(2, dim=1)
    half = (squares - mean.square()).clamp(min=0).sqrt() * DEVIATIONS
    clipped = warped.clamp(mean - half, mean + half)
    return to_image(torch.where(seen, torch.lerp(now, clipped, HISTORY_SHARE), now))


def _warped(image: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """`image` (1, C, H, W) read where each pixel was, bilinearly, and which pixels were within it, (1, 1, H, W)."""
    height, width = image.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = columns - flow[0, 0], rows - flow[0, 1]
    grid = torch.stack([(x + 0.5) * (2 / width) - 1, (y + 0.5) * (2 / height) - 1], dim=-1)[None]
    seen = ((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))[None, None]
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False), seen
