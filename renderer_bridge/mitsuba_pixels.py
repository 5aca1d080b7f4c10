"""From means over pixels to the layers of a frame, where the variant computes them.

A channel is an array (H W,): numpy's in the scalar variants, Dr.Jit's in the others, on the CPU or on a GPU, and it
stays there. A layer is a numpy array (H, W, C) or a Dr.Jit tensor of that shape; both speak DLPack. What the size of a
picture or its camera decides is no literal in a kernel: other sizes, same kernel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderer_bridge.frame import Camera, Image, Pixels

Channel = Any
"""One value a pixel, (H W,), row by row: a numpy array or a Dr.Jit one."""

LEAST_NORMAL = 1e-6
"""Length under which a mean normal shows no surface."""


def layer(channels: list[Channel], size: tuple[int, int]) -> Pixels:
    """Channels side by side as one layer (H, W, C) of float32; `size` is (width, height)."""
    width, height = size
    if isinstance(channels[0], np.ndarray):
        return np.stack(channels, axis=-1).astype(np.float32).reshape(height, width, -1)
    import drjit as dr
    import mitsuba as mi

    values = dr.empty(mi.Float, width * height * len(channels))
    pixel = dr.arange(mi.UInt32, width * height)
    for index, channel in enumerate(channels):
        dr.scatter(values, mi.Float(channel), pixel * len(channels) + index)
    return mi.TensorXf(values, shape=(height, width, len(channels)))


def to_numpy(pixels: Pixels) -> Image:
    """A layer as a numpy array of its own."""
    return np.array(pixels, dtype=np.float32)


def mean(sums: list[Channel], counts: Channel) -> list[Channel]:
    """Sums over samples divided by their number, 0 where there was none; a sum too large for a float stays finite."""
    largest = float(np.finfo(np.float32).max)
    return [_clip(each / _select(counts > 0, counts, 1), -largest, largest) for each in sums]


def unit_or_zero(normal: list[Channel]) -> list[Channel]:
    """Normals, three channels, scaled to unit length; those shorter than `LEAST_NORMAL` (no surface) become zero."""
    length = _root(sum(each * each for each in normal))
    there = length > LEAST_NORMAL
    return [_select(there, each / _select(there, length, 1), 0) for each in normal]


def in_range(albedo: list[Channel]) -> list[Channel]:
    """Albedo clamped to [0, 1]."""
    return [_clip(each, 0, 1) for each in albedo]


def from_the_camera(depth: Channel, camera: Camera, near_clip: float) -> Channel:
    """Distances from the camera itself; Mitsuba's start on its near plane. 0 stays: nothing is there."""
    width, height = camera.resolution
    half_width = math.tan(math.radians(camera.fov_deg) / 2)
    columns, rows = _middles(depth, width)
    slope, near = _constant(depth, 2 * half_width / width), _constant(depth, near_clip)
    x = columns * slope - _constant(depth, half_width)
    y = rows * slope - _constant(depth, half_width * height / width)
    return _select(depth > 0, depth + near * _root(x * x + y * y + 1), 0)  # along the ray through each pixel's middle


def _middles(like: Channel, width: int) -> tuple[Channel, Channel]:
    """Columns and rows of the pixels' middles."""
    if isinstance(like, np.ndarray):
        pixel = np.arange(len(like))
        return pixel % width + 0.5, pixel // width + 0.5
    import drjit as dr
    import mitsuba as mi

    index, columns = dr.arange(mi.UInt32, len(like)), dr.opaque(mi.UInt32, width)
    return mi.Float(index % columns) + 0.5, mi.Float(index // columns) + 0.5


def _constant(like: Channel, value: float) -> Any:
    if isinstance(like, np.ndarray):
        return value
    import drjit as dr
    import mitsuba as mi

    return dr.opaque(mi.Float, value)


def _clip(values: Channel, low: float, high: float) -> Channel:
    return _select(values < low, low, _select(values > high, high, values))


def _select(condition: Channel, yes: Any, no: Any) -> Channel:
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    import drjit as dr

    return dr.select(condition, yes, no)


def _root(values: Channel) -> Channel:
    if isinstance(values, np.ndarray):
        return np.sqrt(values)
    import drjit as dr

    return dr.sqrt(values)
