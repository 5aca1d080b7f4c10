"""Launches of Mitsuba: samples of a picture's pixels, added up where the variant computes.

On the JIT variants each launch traces its own rays through `integrator.sample` and averages the samples of a pixel (a
box filter) without a film, so that invalid samples can be left out one by one, moving or resizing the camera compiles
nothing new, and memory is bounded by the chunk instead of by samples per pixel. `make bench` measures it. One launch
for both halves was 6 % faster at 4 spp and no faster at 16 (staircase, 320x180, in turn); two keep each half's seed its
own. `drjit.freeze` around a launch saves its 25 to 35 ms of tracing: 3 % there at 4 spp, 15 % of a classroom of 160x90
at 2 spp, two thirds of a staircase of 80x45 at 1 spp. It is not used: only cameras' probes are that small.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.giving_up import Outdated, ask
from renderer_bridge.mitsuba_messages import no_warnings
from renderer_bridge.mitsuba_pixels import Channel, mean
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import derive_seed

CHUNK_SAMPLES = 2**22  # samples per launch: about 5 s on two cores, 0.3 GB with all AOVs
SHORT_S = 0.08  # seconds of a launch after which it is asked whether anybody waits for the picture
LEAST_SAMPLES, GROWTH = 2**14, 4.0  # of a short launch, else tracing takes longer; from one to the next at most
AOV_CHANNELS = {"albedo": 3, "sh_normal": 3, "position": 3, "depth": 1}


def channels_of(names: Iterable[str]) -> dict[str, slice]:
    """Where each AOV lies among the channels of all."""
    ends = itertools.accumulate(AOV_CHANNELS[name] for name in names)
    return {name: slice(end - AOV_CHANNELS[name], end) for name, end in zip(names, ends, strict=True)}


@dataclass(frozen=True)
class Launch:
    """What one launch renders: the `aovs` of those names, or radiance when there are none."""

    scene: MitsubaScene
    sensor: Any
    integrator: Any
    size: tuple[int, int]
    aovs: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        return sum(AOV_CHANNELS[name] for name in self.aovs) if self.aovs else 3


Sums = list[Channel]
"""For each pixel of a launch (N,) the sum of its finite samples, channel by channel, and, last, their number."""


def mean_samples(
    launch: Launch, spp: int, stream: tuple[int, int], outdated: Outdated | None = None
) -> tuple[list[Channel], Channel]:
    """Means of the finite ones of `spp` samples of every pixel, (H W,) each channel, and how many they are.

    With `outdated` launches are short, cut by the time that the last ones took, and it is asked between them. Raises
    `GivenUp` when the answer was yes.
    """
    if spp < 1:
        raise UsageError(f"spp {spp}: at least 1 sample per pixel is needed")
    scalar = is_scalar(launch.scene)
    if outdated is not None and not scalar:
        *sums, counts = _joined(list(_short(launch, spp, stream, outdated)))
        return mean(sums, counts), counts
    ask(outdated)
    width, height = launch.size
    totals: dict[int, Sums] = {}  # by the first pixel of the launch
    limit = max(CHUNK_SAMPLES, height * width) if scalar else CHUNK_SAMPLES  # the scalar variants render whole pictures
    for index, (pixels, samples) in enumerate(_chunks(height * width, spp, limit)):
        if index:
            wait(launch.scene)  # or the memory of all launches would be taken at once
        seed = derive_seed(*stream, index)
        added = _scalar(launch, samples, seed) if scalar else _jit(launch, pixels, samples, seed)
        before = totals.get(pixels.start)
        totals[pixels.start] = added if before is None else [a + b for a, b in zip(before, added, strict=True)]
        evaluate(launch.scene, *totals[pixels.start])
    *sums, counts = _joined(list(totals.values()))
    return mean(sums, counts), counts


def _short(launch: Launch, spp: int, stream: tuple[int, int], outdated: Outdated) -> Iterator[Sums]:
    """Sums of some pixels after those of others, each launch of about `SHORT_S`; the next is traced while one runs.

    Seconds are those of the processor: on a machine that has much else to do, ever shorter launches would be mostly
    tracing, 0.03 s each.
    """
    import drjit as dr

    pixels = launch.size[0] * launch.size[1]
    least = max(1, LEAST_SAMPLES // spp)
    first, at_once, running, since = 0, least, 0, 0.0
    for index in itertools.count():
        part = slice(first, min(first + at_once, pixels))
        traced = _traced(launch, part, spp, derive_seed(*stream, index))
        wait(launch.scene)
        ask(outdated)
        now = time.process_time() / dr.thread_count()
        if running:
            wanted = running * min(SHORT_S / max(now - since, 1e-6), GROWTH)
            at_once = max(least, int(min(wanted, CHUNK_SAMPLES / spp)))
        running, since, first = part.stop - part.start, now, part.stop
        sums = _summed(traced, spp)
        evaluate(launch.scene, *sums)
        yield sums
        if first == pixels:
            return


def _joined(parts: list[Sums]) -> Sums:
    """The sums of all pixels, from those of some after those of others."""
    if len(parts) == 1:
        return parts[0]
    import drjit as dr

    return [dr.concat(channels) for channels in zip(*parts, strict=True)]


def is_scalar(scene: MitsubaScene) -> bool:
    """Whether its variant computes without Dr.Jit."""
    return scene.variant.startswith("scalar")


def evaluate(scene: MitsubaScene, *values: Any) -> None:
    """Launch what is computed later else; in Dr.Jit variants only."""
    if not is_scalar(scene):
        import drjit as dr

        dr.eval(*values)


def wait(scene: MitsubaScene) -> None:
    """Until what was launched is done."""
    if not is_scalar(scene):
        import drjit as dr

        dr.sync_thread()


@contextlib.contextmanager
def scene_errors(scene: MitsubaScene) -> Iterator[None]:
    """What Mitsuba throws, as a `SceneError`."""
    try:
        yield
    except RuntimeError as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # Dr.Jit's loops say only that there was one
            cause = cause.__cause__
        raise SceneError(f"{scene.path}: Mitsuba cannot render it: {' '.join(str(cause).split())}") from error


def _chunks(pixels: int, spp: int, limit: int) -> Iterator[tuple[slice, int]]:
    """Cut the samples of a picture into launches of at most `limit`: (which pixels, samples of each)."""
    at_once, samples = min(pixels, limit), max(1, limit // pixels)
    for done in range(0, spp, samples):
        for first in range(0, pixels, at_once):
            yield slice(first, min(first + at_once, pixels)), min(samples, spp - done)


def _jit(launch: Launch, pixels: slice, spp: int, seed: int) -> Sums:
    """One launch on a Dr.Jit variant."""
    return _summed(_traced(launch, pixels, spp, seed), spp)


def _traced(launch: Launch, pixels: slice, spp: int, seed: int) -> Sums:
    """Samples of a launch, those of a pixel side by side, as `samples_of` gives them."""
    import drjit as dr
    import mitsuba as mi

    count = (pixels.stop - pixels.start) * spp
    pixel = dr.arange(mi.UInt32, count) // dr.opaque(mi.UInt32, spp) + dr.opaque(mi.UInt32, pixels.start)
    return samples_of(launch, pixel, dr.opaque(mi.Float, spp**-0.5), count, seed)


def samples_of(launch: Launch, pixel: Any, spread: Any, count: int, seed: int) -> Sums:
    """A sample of each `pixel`, (count,), not begun yet: its channels, 0 where it is not finite, and whether it is.

    Rays of a pixel lie `spread` of its width apart. On a Dr.Jit variant.
    """
    import drjit as dr
    import mitsuba as mi

    sampler = mi.load_dict({"type": "independent"})
    sampler.seed(seed, count)
    ray, weight = _camera_rays(launch, sampler, pixel, spread)
    medium = launch.sensor.get_medium()
    spectrum, _, aovs = launch.integrator.sample(launch.scene.scene, sampler, ray, medium, True)
    values = list(aovs) if launch.aovs else list(spectrum * weight)
    finite = mi.Bool(True)
    for value in values:
        finite &= dr.isfinite(value)
    clamped = channels_of(launch.aovs).get("albedo", slice(0))
    values[clamped] = [dr.clip(value, 0.0, 1.0) for value in values[clamped]]  # each sample: some reach 40 and more
    return [dr.select(finite, value, 0.0) for value in (*values, mi.Float(1.0))]


def _summed(samples: Sums, spp: int) -> Sums:
    """Sums over the `spp` samples of each pixel; begins the launch."""
    import drjit as dr
    import mitsuba as mi

    dr.eval(samples)  # one kernel; block_sum would otherwise trace the paths again for every channel
    return [dr.float64_array_t(mi.Float)(dr.block_sum(value, spp)) for value in samples]


def _camera_rays(launch: Launch, sampler: Any, pixel: Any, spread: Any) -> tuple[Any, Any]:
    """A jittered ray for every sample, and the sensor's weights."""
    import drjit as dr
    import mitsuba as mi

    sensor = launch.sensor
    width, height = (dr.opaque(mi.UInt32, n) for n in launch.size)
    corner = mi.Point2f(mi.Float(pixel % width), mi.Float(pixel // width))
    film = (corner + sampler.next_2d()) / mi.Point2f(mi.Float(width), mi.Float(height))
    film.y = _on_the_film(film.y, sensor, launch.size)
    aperture = sampler.next_2d() if sensor.needs_aperture_sample() else mi.Point2f(0.5)
    time = sensor.shutter_open() + sampler.next_1d() * sensor.shutter_open_time()
    ray, weight = sensor.sample_ray_differential(time, sampler.next_1d(), film, aperture)
    ray.scale_differential(spread)
    return ray, weight


def _on_the_film(y: Any, sensor: Any, size: tuple[int, int]) -> Any:
    """Height `y` in a picture of `size` as height on the sensor's film, whose aspect ratio may be another one.

    A field of view is horizontal here, so only the height changes; a ray may start beyond the film's own edges.
    """
    import drjit as dr
    import mitsuba as mi

    columns, rows = (int(n) for n in np.array(sensor.film().size()))
    stretch = dr.opaque(mi.Float, (size[1] / size[0]) * (columns / rows))  # no literal: other sizes, same kernel
    return dr.select(stretch == 1, y, (y - 0.5) * stretch + 0.5)


def _scalar(launch: Launch, spp: int, seed: int) -> Sums:
    """One render of a scalar variant; it hides the samples, so a picture with invalid ones is rendered again singly."""
    with no_warnings():
        image = _scalar_image(launch, spp, seed)
        finite = np.isfinite(image).all(axis=-1)
        if finite.all():
            return [*(image * spp).T, np.full(finite.shape, spp, dtype=np.float64)]
        samples = [_scalar_image(launch, 1, derive_seed(seed, 2, k)) for k in range(spp)]
    valid = [np.asarray(np.isfinite(sample).all(axis=-1)) for sample in samples]
    sums = np.sum([np.where(ok[:, None], sample, 0.0) for ok, sample in zip(valid, samples, strict=True)], axis=0)
    return [*sums.T, np.sum(valid, axis=0, dtype=np.float64)]


def _scalar_image(launch: Launch, spp: int, seed: int) -> NDArray[np.float64]:
    image = launch.integrator.render(launch.scene.scene, launch.sensor, seed=seed, spp=spp)
    pixels = np.array(image, dtype=np.float64)  # (H, W, C): color, alpha where the film has it, AOVs
    kept = slice(-launch.channels, None) if launch.aovs else slice(launch.channels)
    return pixels.reshape(-1, pixels.shape[-1])[:, kept]
