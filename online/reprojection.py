"""Take the last result along: warp it onto the new view and blend it in, so that the picture flickers less.

Each pixel's world position is projected into the last frame's camera and the last result is read there, bilinearly,
from those of the four taps that show the same surface. It is clipped to what the new picture shows around the pixel and
blended with the weight of the frames it holds. `temporal_error` measures the flicker that is left.

Sources: Nehab et al., "Accelerating Real-Time Shading with Reverse Reprojection Caching", 2007 (taps and tests); Karis,
"High Quality Temporal Supersampling", SIGGRAPH 2014 course (tone-mapped YCoCg); Salvi, "An Excursion in Temporal
Supersampling", GDC 2016 (variance clipping); Zhdanov, "ReBLUR", Ray Tracing Gems II, 2021 (distance to the plane).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from denoiser import devices
from denoiser.devices import TensorFrame, frame_on
from denoiser.filters import box_mean
from denoiser.transforms import to_nchw, tone_map
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Frame, Image


@dataclass(frozen=True)
class ReprojectionConfig:
    """How the last result takes part in the new one.

    The constants were measured on 24 frames of flights of 250 through classroom and living-room-2, 240x135, 4 + 4 spp,
    weights not trained there, and `max_age`, where weights that are counts most, on 40 frames of each at 320x180, with
    weights trained on those flights: 41 and 42 % of the flicker (`temporal_error`) is left, and PSNR rises by 0.28 and
    0.29 dB.
    """

    max_age: float = 2.0
    """Frames that history counts for at most: whatever moves over a surface lags, and each reading blurs a little. 1
    leaves 52 and 53 % of the flicker, +0.29 and +0.44 dB; 4 leaves 34 and 36 %, +0.21 and +0.01 dB. Weights that were
    not trained there err more: +0.63 and +0.77 dB with 2, +0.66 and +0.74 dB with 4."""
    box_deviations: float = 1.5
    """Half the box to which history is clipped, in standard deviations of the neighbourhood. 1: 4 % more flicker; 2:
    2 % less, but light that has changed stays longer."""
    box_errors: float = 2.0
    """Widening of that box in estimated standard errors of the picture. A denoised picture is smooth where it is wrong:
    without this the box is too narrow, with 63 and 53 % more flicker and 0.2 dB less. 1: 11 % more flicker."""
    most_errors: float = 4.0
    """Largest change of a pixel in its own estimated standard errors: what is known well needs no history, blurred by
    reading between pixels. None: 15 % less flicker and 0.04 dB more, but a checkerboard known at 45 dB fell to 37."""
    box_radius: int = 1
    """The neighbourhood is a square of 2 radius + 1 pixels. 2: 4 % less flicker, 20 % more light that has gone."""
    plane_pixels: float = 1.5
    """Largest distance of a tap from the pixel's tangent plane, in widths of a pixel there. 1: 5 % more flicker; 2:
    0.04 dB less in the living room, nothing gained."""
    least_cosine: float = 0.8
    """Smallest cosine between the normals of pixel and tap. 0.9: 14 % more flicker, 0.01 to 0.03 dB less."""
    least_used: float = 0.2
    """Smallest share of pixels with history; with fewer the view is a new one, and history is dropped (a cut). From one
    frame to the next it was 0.86 and 0.95, over 23 frames at once 0.78 and 0.93."""


DEFAULTS = ReprojectionConfig()
LEAST_WEIGHT = 0.3  # of the four taps' bilinear weights: with less, the tap that is left is far away; 0.1 frays edges
OWN_PIXEL = 1.0  # pixels; positions averaged over hits alone project into their own pixel, with misses elsewhere
NEAREST = 1e-6  # world units before the camera: what lies behind has no projection
BRIGHTEST, BRIGHTEST_LUMA = 1e30, 1 - 1e-6  # radiance that can be interpolated, and what can be mapped back to it
REQUIRED = ("camera", "position", "normal", "depth")


@dataclass(frozen=True)
class Reprojected:
    """The last result as seen from the new camera: linear radiance (1, 3, H, W), 0 where not `used` (1, 1, H, W)."""

    color: Tensor
    used: Tensor


@dataclass(frozen=True)
class History:
    """What is kept of the last frame: its result `color`, linear radiance (1, 3, H, W), and where everything was.

    `age` (1, 1, H, W) float32 counts the frames that each pixel holds. `frame` gives camera, position, normal and
    depth. All lie on the device of the frame they are blended into.
    """

    color: Tensor
    age: Tensor
    frame: TensorFrame

    def on(self, device: torch.device) -> History:
        """The same on `device`."""
        return History(self.color.to(device), self.age.to(device), self.frame.on(device))


def blend(
    current: Tensor,
    frame: TensorFrame,
    history: History | None,
    error: Tensor | None = None,
    config: ReprojectionConfig = DEFAULTS,
) -> tuple[Tensor, History, Tensor]:
    """Blend the last result into `current`: the picture, the history for the next frame, and which pixels had history.

    `current` is the denoised picture of `frame`, linear radiance (1, 3, H, W), and `error` its estimated standard error
    of the same shape, if known; all lies on one device. The result is finite and >= 0 whatever `current` holds: pixels
    that are not finite are taken from history, or black. `history` None starts anew, as a cut does. Raises
    `DatasetError` when `frame` lacks camera, position, normal or depth.
    """
    _require(frame)
    now = _planes(current)
    old, age, used = torch.zeros_like(now), torch.zeros_like(now[0]), torch.zeros_like(now[0], dtype=torch.bool)
    if history is not None:
        warped, seen = _warp_history(history, frame, config)
        used = seen & (seen.float().mean() >= config.least_used)
        old, age = torch.where(used, warped[:3], 0), torch.where(used, warped[3], 0)
    broken = ~torch.isfinite(now).all(dim=0)
    now = torch.where(broken, old, now).clamp_(0, BRIGHTEST)
    clipped = _clip(old, now, None if error is None else _planes(error), config)
    color = torch.lerp(now, clipped, age / (age + 1)).clamp_(min=0)[None]
    return color, History(color, (age + ~broken).clamp_(max=config.max_age)[None, None], frame), used[None, None]


def warp(image: Tensor, frame: TensorFrame, last: TensorFrame, config: ReprojectionConfig = DEFAULTS) -> Reprojected:
    """`image` (1, 3, H', W'), finite, of the frame `last`, as the camera of `frame` would see it; no clipping.

    Raises `DatasetError` when a frame lacks camera, position, normal or depth.
    """
    warped, share = _warp(_planes(image), frame, last, config)
    return Reprojected(warped[None], (share > 0)[None, None])


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


# ---------------------------------------------------------------------------------------------------------------------
# Warp: position -> last camera -> four taps, of which those that show the same surface count


def _warp_history(history: History, frame: TensorFrame, config: ReprojectionConfig) -> tuple[Tensor, Tensor]:
    """Color and age (4, H, W) of the history, and which pixels have one, (H, W).

    A history of fewer pixels counts for less, as they are seen enlarged, and so does one of fewer taps: read from one
    side of an edge alone, it would fray the edge (0.1 dB in the living room).
    """
    values = torch.cat([_planes(history.color), _planes(history.age)])
    warped, share = _warp(values, frame, history.frame, config)
    warped[3] *= share * min(1.0, _focal(history.frame) / _focal(frame)) ** 2
    return warped, share > 0


def _warp(values: Tensor, frame: TensorFrame, last: TensorFrame, config: ReprojectionConfig) -> tuple[Tensor, Tensor]:
    """`values` (C, H', W') of `last` at the pixels of `frame`, (C, H, W), and the share of taps used, (H, W)."""
    _require(frame)
    _require(last)
    height, width = last.size
    here, there = _surfaces(frame, frame), _surfaces(last, frame)
    place, tolerance, seen = _follow(here, frame, last)
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
    cubic = _cubic(values, place).clamp_(low, high)
    return torch.where(whole, cubic, total).view(-1, *frame.size), share.view(frame.size)


def _cubic(values: Tensor, place: Tensor) -> Tensor:
    """`values` (C, H', W') at columns and rows `place` (2, N), (C, N), by bicubic interpolation."""
    height, width = values.shape[1:]
    columns, rows = place + 0.5
    grid = torch.stack([columns * (2 / width) - 1, rows * (2 / height) - 1], dim=-1)[None, None]
    return F.grid_sample(values[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0, :, 0]


def _surfaces(frame: TensorFrame, viewer: TensorFrame) -> Tensor:
    """Position relative to the viewer's camera, normal, and 1 where nothing was hit: (7, H, W).

    Two surfaces agree in direction when the product of the last four channels is near 1: background with itself alone.
    """
    assert frame.position is not None and frame.normal is not None and frame.depth is not None and viewer.camera
    background = _planes(frame.depth) <= 0
    origin = _uploaded(viewer.camera.origin, background.device)[:, None, None]
    position = (_planes(frame.position) - origin).masked_fill_(background, 0.0)
    return torch.cat([position, _planes(frame.normal).masked_fill(background, 0.0), background.float()])


def _follow(here: Tensor, frame: TensorFrame, last: TensorFrame) -> tuple[Tensor, Tensor, Tensor]:
    """Where the pixels of `frame` lie in `last`, how wide one is there in world units, and whether it can be followed.

    Columns and rows (2, H W) count from the middle of the first pixel. Motion is added to a pixel's middle, since the
    mean position of a few samples does not lie there. Background is followed by its direction.
    """
    assert frame.camera and last.camera
    focals = _focal(frame), _focal(last)
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
    (height, width), focal = frame.size, _focal(frame)
    to_picture = np.array([[-focal, 0, width / 2], [0, -focal, height / 2], [0, 0, 1]])
    return np.asarray(to_picture @ np.linalg.inv(frame.camera.to_world[:3, :3]))


def _uploaded(numbers: NDArray[np.floating[Any]], device: torch.device) -> Tensor:
    """The few numbers that a camera is, on the device."""
    return torch.from_numpy(numbers.astype(np.float32)).to(device, non_blocking=True)


def _focal(frame: TensorFrame) -> float:
    """Pixels per unit of tangent: the width of a pixel, at distance 1, is one over it."""
    assert frame.camera
    return float(frame.size[1] / 2 / np.tan(np.radians(frame.camera.fov_deg) / 2))


# ---------------------------------------------------------------------------------------------------------------------
# Clip: history may not leave what the new picture shows around the pixel


def _clip(old: Tensor, now: Tensor, error: Tensor | None, config: ReprojectionConfig) -> Tensor:
    """`old` (3, H, W) within mean +- deviations of the neighbourhood of `now`, in tone-mapped YCoCg."""
    new = _to_ycocg(now)
    mean, squares = box_mean(torch.cat([new, new.square()])[None], 2 * config.box_radius + 1)[0].chunk(2)
    half = (squares - mean.square()).clamp_(min=0).sqrt_().mul_(config.box_deviations)
    seen = _to_ycocg(old)
    if error is None:
        inside = seen.clamp(mean - half, mean + half)
    else:
        step = (_to_ycocg(now + error) - new).abs_().nan_to_num_(nan=0.0)
        half += config.box_errors * step
        inside = seen.clamp(mean - half, mean + half).clamp_(
            new - config.most_errors * step, new + config.most_errors * step
        )
    return torch.where((inside == seen).all(dim=0), old, _from_ycocg(inside))


def _to_ycocg(radiance: Tensor) -> Tensor:
    """Radiance (3, H, W) to YCoCg of radiance / (1 + luma); Karis 2014. Cheap both ways, and lamps stay bounded."""
    red, green, blue = radiance
    ends = (red + blue) / 2
    luma = (ends + green) / 2
    return torch.stack([luma, (red - blue) / 2, (green - ends) / 2]).div_(1 + luma)


def _from_ycocg(mapped: Tensor) -> Tensor:
    luma, orange, green = mapped
    rest = luma - green
    colors = torch.stack([rest + orange, luma + green, rest - orange])
    return colors.div_(1 - luma.clamp(0, BRIGHTEST_LUMA)).clamp_(min=0)


def _planes(image: Tensor) -> Tensor:
    """A picture (1, C, H, W) as (C, H, W), planes in memory."""
    return image[0].contiguous()


def _require(frame: TensorFrame) -> None:
    missing = [name for name in REQUIRED if getattr(frame, name) is None]
    if missing:
        raise DatasetError(
            f"the frame has no {' and no '.join(missing)}; reprojection needs camera, position, normal and depth"
        )
