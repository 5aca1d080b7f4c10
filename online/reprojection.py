"""Take the last result along: warp it onto the new view and blend it in, so that the picture flickers less.

The last result is read where its camera saw the same surface (`online.warp`), clipped to what the new picture shows
around the pixel, and blended with the weight of the frames it holds. `online.flicker` measures what is left.

Sources: Karis, "High Quality Temporal Supersampling", SIGGRAPH 2014 course (tone-mapped YCoCg); Salvi, "An Excursion in
Temporal Supersampling", GDC 2016 (variance clipping).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from denoiser.devices import TensorFrame
from denoiser.filters import box_mean
from online.warp import WARP, WarpConfig, focal_length, planes, require, warp_values


@dataclass(frozen=True)
class ReprojectionConfig:
    """How the last result takes part in the new one.

    The constants were measured on 24 frames of flights of 250 through classroom and living-room-2, 240x135, 4 + 4 spp,
    weights not trained there, and `max_age`, where weights that are counts most, on 40 frames of each at 320x180, with
    weights trained on those flights: 41 and 42 % of the flicker (`online.flicker`) is left, and PSNR rises by 0.28 and
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
    warp: WarpConfig = WARP
    """Which taps show the same surface."""
    least_used: float = 0.2
    """Smallest share of pixels with history; with fewer the view is a new one, and history is dropped (a cut). From one
    frame to the next it was 0.86 and 0.95, over 23 frames at once 0.78 and 0.93."""


DEFAULTS = ReprojectionConfig()
BRIGHTEST, BRIGHTEST_LUMA = 1e30, 1 - 1e-6  # radiance that can be interpolated, and what can be mapped back to it


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
    require(frame)
    now = planes(current)
    old, age, used = torch.zeros_like(now), torch.zeros_like(now[0]), torch.zeros_like(now[0], dtype=torch.bool)
    if history is not None:
        warped, seen = _warp_history(history, frame, config)
        used = seen & (seen.float().mean() >= config.least_used)
        old, age = torch.where(used, warped[:3], 0), torch.where(used, warped[3], 0)
    broken = ~torch.isfinite(now).all(dim=0)
    now = torch.where(broken, old, now).clamp_(0, BRIGHTEST)
    within = _clip(old, now, None if error is None else planes(error), config)
    color = torch.lerp(now, within, age / (age + 1)).clamp_(min=0)[None]
    return color, History(color, (age + ~broken).clamp_(max=config.max_age)[None, None], frame), used[None, None]


def _warp_history(history: History, frame: TensorFrame, config: ReprojectionConfig) -> tuple[Tensor, Tensor]:
    """Color and age (4, H, W) of the history, and which pixels have one, (H, W).

    A history of fewer pixels counts for less, as they are seen enlarged, and so does one of fewer taps: read from one
    side of an edge alone, it would fray the edge (0.1 dB in the living room).
    """
    values = torch.cat([planes(history.color), planes(history.age)])
    warped, share = warp_values(values, frame, history.frame, config.warp)
    warped[3] *= share * min(1.0, focal_length(history.frame) / focal_length(frame)) ** 2
    return warped, share > 0


# ---------------------------------------------------------------------------------------------------------------------
# Clip: history may not leave what the new picture shows around the pixel


def clipped(old: Tensor, now: Tensor, error: Tensor | None, config: ReprojectionConfig = DEFAULTS) -> Tensor:
    """History `old` held to what `now`, finite and >= 0, shows around each pixel; all linear radiance (1, 3, H, W)."""
    return _clip(planes(old), planes(now), None if error is None else planes(error), config)[None]


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
