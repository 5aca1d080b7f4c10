"""From a record to the 8-bit picture on the screen: modes, exposure, tone mapping, the heat map of the error.

Radiance becomes a half float and that an index into a table of all 65536 of them, so that any tone curve costs the
same: 6 ms for 640x360 on one core. A half has 11 bits, which 8-bit pictures cannot tell from more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from apps.pictures import Picture
from denoiser import paper
from denoiser.metrics import tone_map
from online.records import FlythroughRecord
from renderer_bridge.frame import Image

Mode = Literal["denoised", "noisy", "split", "albedo", "normal", "error"]
MODES: tuple[Mode, ...] = get_args(Mode)
ToneMap = Literal["paper", "sRGB", "filmic"]
TONE_MAPS: tuple[ToneMap, ...] = get_args(ToneMap)

ERROR_SCALE = 0.2
"""Relative error at the bright end of the heat map: a fifth of the brightness is far more than a clean picture has."""
HEAT_MAP = "inferno"  # perceptually uniform: van der Walt and Smith 2015
EXPOSURES = (-10.0, 10.0)  # stops
_LARGEST_HALF = 65504.0

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """How a record is shown: `exposure` in stops, applied before the tone map; both matter for radiance only."""

    mode: Mode = "denoised"
    exposure: float = 0.0
    tone_map: ToneMap = "paper"


@dataclass(frozen=True)
class Shown:
    """A picture, 8-bit RGB (H, W, 3), of `record`; in split mode `left` is what lies left of the divider."""

    record: FlythroughRecord
    look: Look
    picture: Picture
    left: Picture | None = None

    def flat(self, divider: float = 0.5) -> Picture:
        """One picture, the split one cut at the share `divider` of its width."""
        if self.left is None:
            return self.picture
        column = round(divider * self.picture.shape[1])
        return np.concatenate([self.left[:, :column], self.picture[:, column:]], axis=1)


def shown(record: FlythroughRecord, look: Look) -> Shown:
    """The picture of `record` in the mode of `look`."""
    if look.mode == "split":
        left = radiance_picture(noisy_mean(record), look)
        return Shown(record, look, radiance_picture(record.denoised.color, look), left)
    return Shown(record, look, _PICTURES[look.mode](record, look))


def noisy_mean(record: FlythroughRecord) -> Image:
    """What the renderer alone gives for the same samples: the mean of both halves, linear radiance (H, W, 3)."""
    return (record.pair.a.color + record.pair.b.color) * np.float32(0.5)


def radiance_picture(radiance: Image, look: Look) -> Picture:
    """Linear radiance (H, W, 3), exposed and tone-mapped."""
    halves = np.clip(radiance, 0.0, _LARGEST_HALF).astype(np.float16)
    return np.asarray(np.take(_table(look.tone_map, look.exposure), halves.view(np.uint16)), dtype=np.uint8)


def albedo_picture(record: FlythroughRecord) -> Picture:
    """Albedo in [0, 1], encoded as sRGB; black where there is none."""
    return radiance_picture(_layer(record.pair.a.albedo, record), Look(tone_map="sRGB"))


def normal_picture(record: FlythroughRecord) -> Picture:
    """Unit normals, -1 to 1 as 0 to 255; where a ray left the scene, mid-grey."""
    normal = _layer(record.pair.a.normal, record)
    return (np.clip(normal, -1.0, 1.0) * 127.5 + 127.5).astype(np.uint8)


def error_picture(record: FlythroughRecord) -> Picture:
    """Estimated standard error over brightness, 0 to `ERROR_SCALE`, as a heat map; black where none was estimated."""
    index = np.clip(relative_error(record) * (255.0 / ERROR_SCALE), 0.0, 255.0).astype(np.uint8)
    return np.asarray(np.take(heat_colors(), index, axis=0), dtype=np.uint8)


def relative_error(record: FlythroughRecord) -> Array:
    """Estimated standard error of the picture over its brightness, (H, W).

    The mean over channels of both, with the paper's 0.01 added to the brightness as in L_HDR (sec. 3.3).
    """
    color, error = record.denoised.color, record.denoised.error
    if error is None:
        return np.zeros(color.shape[:2], dtype=np.float32)
    brightness = color @ np.full(3, 1 / 3, dtype=np.float32)
    spread = error @ np.full(3, 1 / 3, dtype=np.float32)
    return np.asarray(spread / (np.abs(brightness) + np.float32(paper.LOSS_EPSILON)), dtype=np.float32)


@lru_cache(maxsize=1)
def heat_colors() -> NDArray[np.uint8]:
    """The heat map's 256 colors, (256, 3)."""
    from matplotlib import colormaps  # a third of a second, and only those who look at the error need it

    colors: NDArray[np.float64] = colormaps[HEAT_MAP](np.arange(256))[:, :3]
    return np.rint(colors * 255).astype(np.uint8)


# ---------------------------------------------------------------------------------------------------------------------
# Tone curves, on linear values >= 0


def srgb(linear: Array) -> Array:
    """The sRGB encoding (IEC 61966-2-1), clipped at 1."""
    clipped = np.clip(linear, 0.0, 1.0)
    encoded = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.asarray(encoded, dtype=np.float32)


def filmic(linear: Array) -> Array:
    """Narkowicz's fit of the ACES tone curve ("ACES Filmic Tone Mapping Curve", 2015), then sRGB."""
    v = linear.astype(np.float64)
    return srgb(np.asarray(v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14), dtype=np.float32))


_CURVES: dict[ToneMap, Callable[[Array], Array]] = {
    "paper": lambda linear: np.asarray(tone_map(linear), dtype=np.float32),
    "sRGB": srgb,
    "filmic": filmic,
}


@lru_cache(maxsize=32)
def _table(name: ToneMap, exposure: float) -> NDArray[np.uint8]:
    """8-bit values of all half floats, by their bits; only those from 0 to the largest are ever asked for."""
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    table = np.zeros(0x10000, dtype=np.uint8)
    table[: len(halves)] = np.rint(_CURVES[name](halves * np.float32(2.0**exposure)) * 255.0)
    return table


def _layer(layer: Image | None, record: FlythroughRecord) -> Image:
    return np.zeros_like(record.pair.a.color) if layer is None else layer


_PICTURES: dict[str, Callable[[FlythroughRecord, Look], Picture]] = {
    "denoised": lambda record, look: radiance_picture(record.denoised.color, look),
    "noisy": lambda record, look: radiance_picture(noisy_mean(record), look),
    "albedo": lambda record, look: albedo_picture(record),
    "normal": lambda record, look: normal_picture(record),
    "error": lambda record, look: error_picture(record),
}
