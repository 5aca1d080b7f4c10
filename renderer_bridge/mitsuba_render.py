"""Render noisy frames, pairs and references with Mitsuba.

Radiance and AOVs are separate launches: the stock `aov` integrator wrapped around `path` takes about twice as long. On
the JIT variants each launch traces its own rays through `integrator.sample` and averages the samples of a pixel (a box
filter) without a film, so that invalid samples can be left out one by one, moving or resizing the camera compiles
nothing new, and memory is bounded by the chunk instead of by samples per pixel. Measured on staircase at 320x180 and
4 spp: this launch 0.26 s, of which the kernel itself takes 0.25 s, so that `drjit.freeze` has 4 % to win; `mi.render`
with `path` 0.27 s, with `aov(path)` 0.56 s. Both halves in one launch gained nothing (0.53 s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.frame import Camera, Frame, Image, Pair
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import derive_seed

CHUNK_SAMPLES = 2**22  # samples per launch: about 5 s on two cores, 0.3 GB with all AOVs
LEAST_AOV_SPP = 8  # AOVs cost a tenth of radiance; fewer samples leave edges ragged
AOV_STREAM = 1  # derive_seed: color chunks use stream 0, AOV chunks stream 1
AOV_CHANNELS = {"albedo": 3, "sh_normal": 3, "position": 3, "depth": 1}
LAYER_OF_AOV = {"albedo": "albedo", "sh_normal": "normal", "position": "position", "depth": "depth"}


def unit_or_zero(normal: Image) -> Image:
    """Normals (H, W, 3) scaled to unit length; those shorter than 1e-6 (no surface) become zero."""
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray(np.where(length > 1e-6, normal / np.maximum(length, 1e-6), 0.0), dtype=np.float32)


RANGE_OF_AOV: dict[str, Callable[[Image], Image]] = {
    "albedo": lambda albedo: np.clip(albedo, 0.0, 1.0),
    "sh_normal": unit_or_zero,
    "position": lambda position: position,
    "depth": lambda depth: depth,
}


@dataclass(frozen=True)
class Rendered:
    """A frame, and how many of its samples were infinite or NaN and therefore left out."""

    frame: Frame
    invalid_samples: int


def render_frame(
    scene: MitsubaScene,
    camera: Camera,
    *,
    spp: int,
    seed: int,
    sensor: int = 0,
    aov_spp: int | None = None,
    position: bool = False,
    depth: bool = False,
) -> Rendered:
    """Render color, albedo and normal (on request position and depth) at `camera`.

    `spp` samples per pixel for color; AOVs get `aov_spp`, by default at least `LEAST_AOV_SPP`. All noise is a function
    of `seed` (32 bits). Raises `UsageError` for a sample count below 1 and `SceneError` when Mitsuba cannot render.
    """
    if spp < 1 or (aov_spp is not None and aov_spp < 1):
        raise UsageError(f"spp {spp if spp < 1 else aov_spp}: at least 1 sample per pixel is needed")
    color, bad = render_color(scene, camera, spp=spp, seed=seed, sensor=sensor)
    names = ["albedo", "sh_normal"] + ["position"] * position + ["depth"] * depth
    layers = render_aovs(scene, camera, names, spp=aov_spp or max(spp, LEAST_AOV_SPP), seed=seed, sensor=sensor)
    return Rendered(Frame(color=color, camera=camera, spp=spp, seed=seed, **layers), bad)


def render_pair(
    scene: MitsubaScene,
    camera: Camera,
    *,
    spp: int,
    seeds: tuple[int, int],
    sensor: int = 0,
    aov_spp: int | None = None,
) -> Pair:
    """Render both halves of a pair with different `seeds`."""
    a, b = (render_frame(scene, camera, spp=spp, seed=seed, sensor=sensor, aov_spp=aov_spp).frame for seed in seeds)
    return Pair(a, b)


def render_color(scene: MitsubaScene, camera: Camera, *, spp: int, seed: int, sensor: int = 0) -> tuple[Image, int]:
    """Linear radiance, float32 (H, W, 3), and the count of invalid samples that were left out."""
    return _render(scene, scene.place(sensor, camera), scene.integrator, 3, spp, (seed, 0), radiance=True)


def render_aovs(
    scene: MitsubaScene, camera: Camera, names: list[str], *, spp: int, seed: int, sensor: int = 0
) -> dict[str, Image]:
    """The named Mitsuba AOVs as the layers of a `Frame`: albedo clamped to [0, 1], normals of unit length or zero."""
    import mitsuba as mi

    aovs = ",".join(f"{name}:{name}" for name in names)
    integrator = mi.load_dict({"type": "aov", "aovs": aovs})
    channels = sum(AOV_CHANNELS[name] for name in names)
    placed = scene.place(sensor, camera)
    stacked, _ = _render(scene, placed, integrator, channels, spp, (seed, AOV_STREAM), radiance=False)
    layers, start = {}, 0
    for name in names:
        layer = np.ascontiguousarray(stacked[..., start : start + AOV_CHANNELS[name]])
        layers[LAYER_OF_AOV[name]] = RANGE_OF_AOV[name](layer)
        start += AOV_CHANNELS[name]
    return layers


# ---------------------------------------------------------------------------------------------------------------------
# Launches


def _render(
    scene: MitsubaScene, sensor: Any, integrator: Any, channels: int, spp: int, stream: tuple[int, int], radiance: bool
) -> tuple[Image, int]:
    """Average `spp` finite samples of every pixel, in launches of at most `CHUNK_SAMPLES`: (H, W, channels)."""
    launch = _launch_scalar if scene.variant.startswith("scalar") else _launch_jit
    width, height = (int(n) for n in np.array(sensor.film().size()).ravel())
    per_chunk = max(1, CHUNK_SAMPLES // (width * height))
    sums = np.zeros((height, width, channels), dtype=np.float64)
    counts = np.zeros((height, width, 1), dtype=np.float64)
    try:
        for chunk, first in enumerate(range(0, spp, per_chunk)):
            samples = min(per_chunk, spp - first)
            seed = derive_seed(*stream, chunk)
            chunk_sums, valid = launch(scene.scene, sensor, integrator, (width, height), samples, seed, radiance)
            sums += chunk_sums.reshape(sums.shape)
            counts += valid.reshape(counts.shape)
    except RuntimeError as error:
        raise SceneError(f"{scene.path}: Mitsuba cannot render it: {' '.join(str(error).split())}") from error
    return np.asarray(sums / np.maximum(counts, 1), dtype=np.float32), int(width * height * spp - counts.sum())


def _launch_jit(
    scene: Any, sensor: Any, integrator: Any, size: tuple[int, int], spp: int, seed: int, radiance: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One launch on a Dr.Jit variant: for each pixel the sum of its finite samples, (H * W, C), and their number."""
    import drjit as dr
    import mitsuba as mi

    count = size[0] * size[1] * spp
    sampler = mi.load_dict({"type": "independent"})
    sampler.seed(seed, count)
    ray, weight = _camera_rays(sensor, sampler, size, spp, count)
    spectrum, _, aovs = integrator.sample(scene, sampler, ray, sensor.get_medium(), True)
    values = list(spectrum * weight) if radiance else list(aovs)
    finite = mi.Bool(True)
    for value in values:
        finite &= dr.isfinite(value)
    if not radiance:  # rough conductors report albedos of 40 and more: clamp each sample, not the mean
        values[:3] = [dr.clip(value, 0.0, 1.0) for value in values[:3]]
    values = [dr.select(finite, value, 0.0) for value in values]
    valid = dr.select(finite, mi.Float(1.0), mi.Float(0.0))
    dr.eval(values, valid)  # one kernel; block_sum would otherwise trace the paths again for every channel
    sums = [np.array(dr.block_sum(value, spp)) for value in values]
    return np.stack(sums, axis=-1), np.array(dr.block_sum(valid, spp))


def _camera_rays(sensor: Any, sampler: Any, size: tuple[int, int], spp: int, count: int) -> tuple[Any, Any]:
    """Jittered rays for every sample, those of a pixel side by side, and the sensor's weights."""
    import drjit as dr
    import mitsuba as mi

    width, height = (dr.opaque(mi.UInt32, n) for n in size)
    pixel = dr.arange(mi.UInt32, count) // dr.opaque(mi.UInt32, spp)
    corner = mi.Point2f(mi.Float(pixel % width), mi.Float(pixel // width))
    film = (corner + sampler.next_2d()) / mi.Point2f(mi.Float(width), mi.Float(height))
    aperture = sampler.next_2d() if sensor.needs_aperture_sample() else mi.Point2f(0.5)
    time = sensor.shutter_open() + sampler.next_1d() * sensor.shutter_open_time()
    ray, weight = sensor.sample_ray_differential(time, sampler.next_1d(), film, aperture)
    ray.scale_differential(dr.opaque(mi.Float, spp**-0.5))
    return ray, weight


def _launch_scalar(
    scene: Any, sensor: Any, integrator: Any, size: tuple[int, int], spp: int, seed: int, radiance: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One render of the scalar variant; it hides the samples, so a picture with invalid ones is rendered in parts."""

    def render(samples: int, with_seed: int) -> NDArray[np.float32]:
        image = np.array(integrator.render(scene, sensor, seed=with_seed, spp=samples), dtype=np.float32)
        return image[..., :3] if radiance else image

    image = render(spp, seed)
    finite = np.isfinite(image).all(axis=-1)
    if finite.all():
        return image * spp, np.full(finite.shape, spp, dtype=np.float32)
    return _one_by_one(render, spp, seed)


def _one_by_one(
    render: Callable[[int, int], NDArray[np.float32]], spp: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Render again one sample at a time and leave the invalid ones out."""
    samples = [render(1, derive_seed(seed, 2, k)) for k in range(spp)]
    finite = [np.asarray(np.isfinite(sample).all(axis=-1)) for sample in samples]
    sums = np.sum([np.where(ok[..., None], sample, 0.0) for ok, sample in zip(finite, samples, strict=True)], axis=0)
    return np.asarray(sums, dtype=np.float32), np.sum(finite, axis=0, dtype=np.float32)
