"""Read a picture of one camera where another camera sees the same surface.

Each pixel's world position is projected into the last frame's camera and the picture is read there, bilinearly, from
those of the four taps that show the same surface.

Sources: Nehab et al., "Accelerating Real-Time Shading with Reverse Reprojection Caching", 2007 (taps and tests);
Zhdanov, "ReBLUR", Ray Tracing Gems II, 2021 (distance to the plane).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from denoiser.devices import TensorFrame
from renderer_bridge.errors import DatasetError


@dataclass(frozen=True)
class WarpConfig:
    """Which taps show the same surface as a pixel; measured as `online.reprojection.ReprojectionConfig` says."""

    plane_pixels: float = 1.5
    """Largest distance of a tap from the pixel's tangent plane, in widths of a pixel there. 1: 5 % more flicker; 2:
    0.04 dB less in the living room, nothing gained."""
    least_cosine: float = 0.8
    """Smallest cosine between the normals of pixel and tap. 0.9: 14 % more flicker, 0.01 to 0.03 dB less."""


WARP = WarpConfig()
LEAST_WEIGHT = 0.3  # of the four taps' bilinear weights: with less, the tap that is left is far away; 0.1 frays edges
OWN_PIXEL = 1.0  # pixels; positions averaged over hits alone project into their own pixel, with misses elsewhere
NEAREST = 1e-6  # world units before the camera: what lies behind has no projection
REQUIRED = ("camera", "position", "normal", "depth")


@dataclass(frozen=True)
class Warped:
    """A picture as seen from another camera: linear radiance (1, 3, H, W), 0 where not `used` (1, 1, H, W)."""

    color: Tensor
    used: Tensor


def warp(image: Tensor, frame: TensorFrame, last: TensorFrame, config: WarpConfig = WARP) -> Warped:
    """`image` (1, 3, H', W'), finite, of the frame `last`, as the camera of `frame` would see it; no clipping.

    Raises `DatasetError` when a frame lacks camera, position, normal or depth.
    """
    warped, share = warp_values(planes(image), frame, last, config)
    return Warped(warped[None], (share > 0)[None, None])


def warp_values(
    values: Tensor, frame: TensorFrame, last: TensorFrame, config: WarpConfig = WARP
) -> tuple[Tensor, Tensor]:
    """`values` (C, H', W') of `last` at the pixels of `frame`, (C, H, W), and the share of taps used, (H, W)."""
    require(frame)
    require(last)
    height, width = last.size
    here, there = surfaces(frame, frame), surfaces(last, frame)
    place, tolerance, seen = follow(here, frame, last)
    tolerance *= config.plane_pixels
    here, table = here.flatten(1), torch.cat([there, values]).flatten(1)  # (7, H W) and (7 + C, H' W')
    corner = place.floor()
    total, weights = values.new_zeros(len(values), here.shape[1]), values.new_zeros(here.shape[1])
    low, high, whole = torch.full_like(total, torch.inf), torch.full_like(total, -torch.inf), seen.clone()
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = corner[0] + dx, corner[1] + dy
        inside = seen & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        tap = table.index_select(1, torch.where(inside, y * width + x, 0).int())  # indexing took 5 times as long
        inside &= (tap[3:7] * here[3:7]).sum(dim=0) >= config.least_cosine
        inside &= ((tap[:3] - here[:3]) * here[3:6]).sum(dim=0).abs_() <= tolerance
        weight = (1 - (place[0] - x).abs()).mul_(1 - (place[1] - y).abs()).mul_(inside)
        total.addcmul_(tap[7:], weight)
        weights += weight
        low, high, whole = torch.minimum(low, tap[7:]), torch.maximum(high, tap[7:]), whole & inside
    share = torch.where(weights >= LEAST_WEIGHT, weights, 0.0)
    total = torch.where(share > 0, total / weights, 0.0)
    whole &= (place != corner).any(dim=0)  # between pixels, on one surface
    between = cubic(values, place).clamp_(low, high)
    return torch.where(whole, between, total).view(-1, *frame.size), share.view(frame.size)


def cubic(values: Tensor, place: Tensor) -> Tensor:
    """`values` (C, H', W') at columns and rows `place` (2, N), from the middle of the first pixel; (C, N), bicubic."""
    height, width = values.shape[1:]
    columns, rows = place + 0.5
    grid = torch.stack([columns * (2 / width) - 1, rows * (2 / height) - 1], dim=-1)[None, None]
    return F.grid_sample(values[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0, :, 0]


def surfaces(frame: TensorFrame, viewer: TensorFrame) -> Tensor:
    """Position relative to the viewer's camera, normal, and 1 where nothing was hit: (7, H, W).

    Two surfaces agree in direction when the product of the last four channels is near 1: background with itself alone.
    """
    assert frame.position is not None and frame.normal is not None and frame.depth is not None and viewer.camera
    background = planes(frame.depth) <= 0
    origin = _uploaded(viewer.camera.origin, background.device)[:, None, None]
    position = (planes(frame.position) - origin).masked_fill_(background, 0.0)
    return torch.cat([position, planes(frame.normal).masked_fill(background, 0.0), background.float()])


def follow(here: Tensor, frame: TensorFrame, last: TensorFrame) -> tuple[Tensor, Tensor, Tensor]:
    """Where the pixels of `frame` lie in `last`, how wide one is there in world units, and whether it can be followed.

    Columns and rows (2, H W) count from the middle of the first pixel. Motion is added to a pixel's middle, since the
    mean position of a few samples does not lie there. Background is followed by its direction.
    """
    assert frame.camera and last.camera
    focals = focal_length(frame), focal_length(last)
    (height, width), device = frame.size, here.device
    rows, columns = (torch.arange(extent, device=device) + 0.5 for extent in (height, width))
    middle = torch.stack([columns.repeat(height), rows.repeat_interleave(width)])
    background = here[6].flatten() > 0
    to_world = np.linalg.inv(_projection(frame))
    directions = _uploaded(to_world, device) @ F.pad(middle, (0, 0, 0, 1), value=1.0)
    point = torch.where(background, directions, here[:3].flatten(1))  # as seen from the origin of the new camera
    now = _uploaded(_projection(frame), device) @ point
    shift = _uploaded(frame.camera.origin - last.camera.origin, device)[:, None]
    then = _uploaded(_projection(last), device) @ (point + shift * ~background)
    ratio = focals[1] / focals[0]
    own = now[:2] / now[2]
    place = middle * ratio + (then[:2] / then[2] - own * ratio) - 0.5
    seen = (now[2] > NEAREST) & (then[2] > NEAREST) & ((own - middle).abs().amax(dim=0) <= OWN_PIXEL)
    pixel = torch.maximum(now[2] / focals[0], then[2] / focals[1])
    return torch.where(seen, place, 0.0), pixel, seen


def _projection(frame: TensorFrame) -> NDArray[np.float64]:
    """Matrix (3, 3) from world directions to (column z, row z, z); +x of the camera points left, +y up."""
    assert frame.camera
    (height, width), focal = frame.size, focal_length(frame)
    to_picture = np.array([[-focal, 0, width / 2], [0, -focal, height / 2], [0, 0, 1]])
    return np.asarray(to_picture @ np.linalg.inv(frame.camera.to_world[:3, :3]))


def _uploaded(numbers: NDArray[np.floating[Any]], device: torch.device) -> Tensor:
    """The few numbers that a camera is, on the device."""
    return torch.from_numpy(numbers.astype(np.float32)).to(device, non_blocking=True)


def focal_length(frame: TensorFrame) -> float:
    """Pixels per unit of tangent: the width of a pixel, at distance 1, is one over it."""
    assert frame.camera
    return float(frame.size[1] / 2 / np.tan(np.radians(frame.camera.fov_deg) / 2))


def planes(image: Tensor) -> Tensor:
    """A picture (1, C, H, W) as (C, H, W), planes in memory."""
    return image[0].contiguous()


def require(frame: TensorFrame) -> None:
    """Raise `DatasetError` when `frame` lacks camera, position, normal or depth."""
    missing = [name for name in REQUIRED if getattr(frame, name) is None]
    if missing:
        raise DatasetError(
            f"the frame has no {' and no '.join(missing)}; reprojection needs camera, position, normal and depth"
        )
