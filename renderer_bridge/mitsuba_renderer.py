"""A loaded scene as a renderer of pairs for moving cameras."""

from __future__ import annotations

from dataclasses import dataclass

from renderer_bridge.frame import Camera, Frame, Pair
from renderer_bridge.giving_up import Outdated
from renderer_bridge.mitsuba_aovs import AovKind
from renderer_bridge.mitsuba_render import aovs_on_device, color_on_device
from renderer_bridge.mitsuba_scene import MitsubaScene

AOV_SPP = 8
"""Samples per pixel of the AOVs, which both halves share: 8 cost a tenth of 4 + 4 of radiance on a furnished room."""


@dataclass(frozen=True)
class MitsubaRenderer:
    """Renders pairs of one scene through one of its sensors; implements `online.records.Renderer`.

    Both halves get the same albedo, normal, position and depth, from one launch with random numbers of its own: half
    the cost, and the noise of B's color stays independent of all that f(A) sees.
    """

    scene: MitsubaScene
    sensor: int = 0
    aov_spp: int = AOV_SPP
    aovs: AovKind | None = None
    """What albedo and normal show (see `mitsuba_aovs`); None: what suits the variant."""

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: Outdated | None = None) -> Pair:
        """Both halves at `camera`, their arrays where the variant computes: Dr.Jit tensors, which torch takes over
        without a copy, or numpy arrays in the scalar variants.

        With `outdated` launches are short (`mitsuba_launch`), so that noise is a function of their times too. Raises
        `GivenUp` when that said yes between two of them, `SceneError` when Mitsuba cannot render.
        """
        names = ["albedo", "sh_normal", "position", "depth"]
        scene, placed = self.scene, self.scene.place(self.sensor, camera)
        layers = aovs_on_device(
            scene, placed, camera, names, spp=self.aov_spp, seed=seeds[0], kind=self.aovs, outdated=outdated
        )
        colors = [color_on_device(scene, placed, camera, spp=spp, seed=seed, outdated=outdated) for seed in seeds]
        a, b = (
            Frame(color=color, camera=camera, spp=spp, seed=seed, **layers)
            for color, seed in zip(colors, seeds, strict=True)
        )
        return Pair(a, b)
