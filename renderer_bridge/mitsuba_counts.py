"""Launches whose pixels have numbers of samples of their own: what `mitsuba_launch` does where all have the same.

One launch takes pixels of any counts, and other counts compile nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Image
from renderer_bridge.mitsuba_launch import CHUNK_SAMPLES, Launch, is_scalar, samples_of
from renderer_bridge.mitsuba_pixels import mean
from renderer_bridge.seeds import derive_seed


def mean_of_counts(
    launch: Launch, counts: NDArray[np.int64], stream: tuple[int, int]
) -> tuple[Image, NDArray[np.float64]]:
    """Means (H W, channels) of the finite ones of `counts` (H W,) samples of each pixel, and how many those are (H W,).

    Counts may be 0, whose mean is 0. Raises `SceneError` in the scalar variants, which render whole pictures.
    """
    if is_scalar(launch.scene):
        raise SceneError(
            f"{launch.scene.path}: the variant {launch.scene.variant} renders whole pictures, all of whose pixels get "
            "as many samples; llvm or cuda is needed"
        )
    totals = np.zeros((launch.channels + 1, counts.size))
    for index, pixels in enumerate(_parts(counts)):
        totals[:, pixels] = _sums(launch, pixels, counts[pixels], derive_seed(*stream, index))
    return np.stack(mean(list(totals[:-1]), totals[-1]), axis=-1).astype(np.float32), totals[-1]


def _parts(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Pixels with samples, in order, cut into launches of at most `CHUNK_SAMPLES`, or of one pixel."""
    chosen = np.flatnonzero(counts)
    ends = np.concatenate([[0], np.cumsum(counts[chosen])])
    first = 0
    while first < chosen.size:
        fitting = int(np.searchsorted(ends, ends[first] + CHUNK_SAMPLES, side="right")) - 1
        last = max(first + 1, fitting)
        yield chosen[first:last]
        first = last


def _sums(launch: Launch, pixels: NDArray[np.int64], counts: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Sums over the finite samples of these pixels, and last their number, (channels + 1, pixels); one launch."""
    import drjit as dr
    import mitsuba as mi

    place = mi.UInt32(np.repeat(np.arange(pixels.size, dtype=np.uint32), counts))
    pixel = dr.gather(mi.UInt32, mi.UInt32(pixels.astype(np.uint32)), place)
    spp = dr.gather(mi.Float, mi.Float(counts.astype(np.float32)), place)
    samples = samples_of(launch, pixel, dr.rsqrt(spp), int(counts.sum()), seed)
    dr.eval(samples)
    double = dr.float64_array_t(mi.Float)
    sums = [dr.zeros(double, pixels.size) for _ in samples]
    for total, value in zip(sums, samples, strict=True):
        dr.scatter_reduce(dr.ReduceOp.Add, total, double(value), place)
    return np.array([np.array(total) for total in sums])
