"""A loaded scene as a renderer of pairs for moving cameras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from renderer_bridge.frame import Camera, Frame, Pair
from renderer_bridge.mitsuba_aovs import AovKind
from renderer_bridge.mitsuba_launch import wait
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

    def render(
        self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: Callable[[], bool] | None = None
    ) -> Pair | None:
        """Both halves at `camera`, their arrays where the variant computes: Dr.Jit tensors, which torch takes over
        without a copy, or numpy arrays in the scalar variants.

        With `outdated` each launch is waited for, and then that is asked; None when the answer was yes. Raises
        `SceneError` when Mitsuba cannot render.
        """
        names = ["albedo", "sh_normal", "position", "depth"]
        placed = self.scene.place(self.sensor, camera)
        layers = aovs_on_device(self.scene, placed, camera, names, spp=self.aov_spp, seed=seeds[0], kind=self.aovs)
        halves = []
        for seed in seeds:
            if outdated is not None:
                wait(self.scene)
                if outdated():
                    return None
            color = color_on_device(self.scene, placed, camera, spp=spp, seed=seed)
            halves.append(Frame(color=color, camera=camera, spp=spp, seed=seed, **layers))
        a, b = halves
        return Pair(a, b)
