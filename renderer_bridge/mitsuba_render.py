"""Render noisy frames, pairs and references with Mitsuba.

Radiance and AOVs are separate launches: the stock `aov` integrator wrapped around `path` takes about twice as long.
What a picture is made of stays where the variant computes until somebody asks for numpy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.frame import Camera, Frame, Image, Pair, Pixels
from renderer_bridge.giving_up import Outdated
from renderer_bridge.mitsuba_aovs import AovKind, aov_integrator, kind_for
from renderer_bridge.mitsuba_counts import mean_of_counts
from renderer_bridge.mitsuba_launch import Launch, channels_of, evaluate, mean_samples, scene_errors
from renderer_bridge.mitsuba_pixels import from_the_camera, in_range, layer, to_numpy, unit_or_zero
from renderer_bridge.mitsuba_scene import MitsubaScene

LEAST_AOV_SPP = 8  # AOVs cost a tenth of radiance; fewer samples leave edges ragged
COLOR_STREAM, AOV_STREAM = 0, 1  # derive_seed
LAYER_OF_AOV = {"albedo": "albedo", "sh_normal": "normal", "position": "position", "depth": "depth"}


FINISH_OF_AOV = {"albedo": in_range, "sh_normal": unit_or_zero}
"""What becomes of the means of an AOV's channels."""


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
    aovs: AovKind | None = None,
    position: bool = False,
    depth: bool = False,
) -> Rendered:
    """Render color, albedo and normal (on request position and depth) at `camera`.

    `spp` samples per pixel for color; AOVs get `aov_spp`, by default at least `LEAST_AOV_SPP`, and show what `aovs`
    says (`mitsuba_aovs`; None: what suits the variant). All noise is a function of `seed` (32 bits). Raises
    `UsageError` for a sample count below 1 and `SceneError` when Mitsuba cannot render.
    """
    color, bad = render_color(scene, camera, spp=spp, seed=seed, sensor=sensor)
    least = max(spp, LEAST_AOV_SPP)
    names = ["albedo", "sh_normal"] + ["position"] * position + ["depth"] * depth
    least = least if aov_spp is None else aov_spp
    layers = render_aovs(scene, camera, names, spp=least, seed=seed, sensor=sensor, kind=aovs)
    return Rendered(Frame(color=color, camera=camera, spp=spp, seed=seed, **layers), bad)


def render_pair(
    scene: MitsubaScene,
    camera: Camera,
    *,
    spp: int,
    seeds: tuple[int, int],
    sensor: int = 0,
    aov_spp: int | None = None,
    aovs: AovKind | None = None,
) -> Pair:
    """Render both halves of a pair with different `seeds`."""
    a, b = (
        render_frame(scene, camera, spp=spp, seed=seed, sensor=sensor, aov_spp=aov_spp, aovs=aovs).frame
        for seed in seeds
    )
    return Pair(a, b)


def render_color(scene: MitsubaScene, camera: Camera, *, spp: int, seed: int, sensor: int = 0) -> tuple[Image, int]:
    """Linear radiance, float32 (H, W, 3), and the count of invalid samples that were left out.

    A pixel without any valid sample is black. Raises as `render_frame` does.
    """
    color, counts = _radiance(scene, scene.place(sensor, camera), camera, spp, seed)
    width, height = camera.resolution
    return to_numpy(color), int(width * height * spp - np.array(counts, dtype=np.float64).sum())


def render_color_at(
    scene: MitsubaScene, camera: Camera, *, spp: NDArray[np.int64], seed: int, sensor: int = 0
) -> tuple[Image, int]:
    """As `render_color`, with a number of samples for each pixel, (H, W) and 0 or more.

    A pixel without any is black. Raises as `render_frame` does, and `SceneError` in the scalar variants.
    """
    launch = Launch(scene, scene.place(sensor, camera), scene.integrator, camera.resolution)
    with scene_errors(scene):
        means, counts = mean_of_counts(launch, spp.ravel(), (seed, COLOR_STREAM))
    return means.reshape(*spp.shape, -1), int(spp.sum() - counts.sum())


def render_aovs(
    scene: MitsubaScene,
    camera: Camera,
    names: list[str],
    *,
    spp: int,
    seed: int,
    sensor: int = 0,
    kind: AovKind | None = None,
) -> dict[str, Image]:
    """The named Mitsuba AOVs as the layers of a `Frame`: albedo clamped to [0, 1], normals of unit length or zero.

    Positions and depths are means over a pixel like the rest, and lie between two surfaces where it shows an edge.
    """
    layers = aovs_on_device(scene, scene.place(sensor, camera), camera, names, spp=spp, seed=seed, kind=kind)
    return {name: to_numpy(each) for name, each in layers.items()}


def color_on_device(
    scene: MitsubaScene, placed: Any, camera: Camera, *, spp: int, seed: int, outdated: Outdated | None = None
) -> Pixels:
    """As `render_color`, where the variant computes: a Dr.Jit tensor, or a numpy array in the scalar variants.

    `placed` is the sensor as `scene.place` gave it for `camera`: to move it waits for the launches before, with
    Python's lock held. Nothing is copied to the host, and nobody waits: invalid samples are not counted. With
    `outdated` launches are short and `GivenUp` is raised between them when it says so.
    """
    return _radiance(scene, placed, camera, spp, seed, outdated)[0]


def aovs_on_device(
    scene: MitsubaScene,
    placed: Any,
    camera: Camera,
    names: list[str],
    *,
    spp: int,
    seed: int,
    kind: AovKind | None = None,
    outdated: Outdated | None = None,
) -> dict[str, Pixels]:
    """As `render_aovs`, where the variant computes, like `color_on_device`."""
    integrator = aov_integrator(scene, names, kind or kind_for(scene.variant))
    launch = Launch(scene, placed, integrator, camera.resolution, tuple(names))
    with scene_errors(scene):
        means, _ = mean_samples(launch, spp, (seed, AOV_STREAM), outdated)
        layers = {}
        for name, where in channels_of(names).items():
            channels = FINISH_OF_AOV.get(name, list)(means[where])
            if name == "depth":
                channels = [from_the_camera(channels[0], camera, float(placed.near_clip()))]
            layers[LAYER_OF_AOV[name]] = layer(channels, camera.resolution)
        evaluate(scene, *layers.values())
    return layers


def _radiance(
    scene: MitsubaScene, placed: Any, camera: Camera, spp: int, seed: int, outdated: Outdated | None = None
) -> tuple[Pixels, Any]:
    """Radiance (H, W, 3), and the number of valid samples (H W,) of each pixel."""
    launch = Launch(scene, placed, scene.integrator, camera.resolution)
    with scene_errors(scene):
        means, counts = mean_samples(launch, spp, (seed, COLOR_STREAM), outdated)
        color = layer(means, camera.resolution)
        evaluate(scene, color)
    return color, counts
