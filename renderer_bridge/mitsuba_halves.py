"""Both halves of a pair of any Mitsuba scene, through its own sensor and any integrator, as a plugin is handed them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Frame, Image, Pair
from renderer_bridge.mitsuba_aovs import AovKind, aov_integrator, kind_for
from renderer_bridge.mitsuba_film import color_channels, film_size, pixel_sensor
from renderer_bridge.mitsuba_launch import CHUNK_SAMPLES, Launch, channels_of, mean_samples
from renderer_bridge.mitsuba_messages import no_warnings
from renderer_bridge.mitsuba_pixels import layer, to_numpy
from renderer_bridge.mitsuba_render import AOV_STREAM, COLOR_STREAM, FINISH_OF_AOV, LAYER_OF_AOV
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import derive_seed

GUIDES = ("albedo", "sh_normal")
RGB = 3


@dataclass(frozen=True)
class Half:
    """One render, (H, W, C): `color`, and what the integrator and its film give besides, alpha first where it is."""

    color: Image
    further: Image


class View:
    """What is to be rendered: a scene through one of its sensors, whose own film stays as it is.

    Raises `SceneError` for a film or a sensor that `pixel_sensor` refuses.
    """

    def __init__(self, scene: Any, sensor: Any) -> None:
        self.scene, self.size = scene, film_size(sensor)
        self.colors = color_channels(sensor.film())
        self.pixels = pixel_sensor(sensor)

    def half(self, integrator: Any, spp: int, seed: int) -> Half:
        """`spp` samples of each pixel, all noise a function of `seed`; invalid samples are left out.

        Raises `SceneError` when the integrator renders no color.
        """
        parts = [
            self._image(integrator, samples, derive_seed(seed, COLOR_STREAM, index)) * (samples / spp)
            for index, samples in enumerate(self._passes(spp))
        ]
        image: Image = np.sum(parts, axis=0).astype(np.float32)
        wanted = self.colors + len(integrator.aov_names())
        if image.shape[-1] != wanted:
            raise SceneError(
                f"the integrator {integrator.class_name()} gives {image.shape[-1]} channels, not {wanted} with color "
                "first; one that renders color itself is needed, such as path"
            )
        return Half(np.ascontiguousarray(image[..., :RGB]), image[..., RGB:])

    def backward(self, integrator: Any, parameters: Any, slopes: Image, spp: int, seed: int) -> None:
        """Carry derivatives with respect to all channels of a half, (H, W, C), to the scene's `parameters`.

        The samples are those of `half` with the same `seed`.
        """
        import mitsuba as mi

        for index, samples in enumerate(self._passes(spp)):
            part = mi.TensorXf(slopes * np.float32(samples / spp))
            of_pass = derive_seed(seed, COLOR_STREAM, index)
            integrator.render_backward(self.scene, parameters, part, self.pixels, seed=of_pass, spp=samples)

    def guides(self, integrator: Any, spp: int, seed: int, kind: AovKind | None = None) -> dict[str, Image]:
        """Albedo in [0, 1] and unit normals in world space, (H, W, 3), by the names of a `Frame`'s layers.

        They show what `kind` says (`mitsuba_aovs`; None: what suits the variant) of what `integrator` renders.
        """
        import mitsuba as mi

        name = "volpath" if _renders_media(integrator) else "path"
        scene = MitsubaScene(Path("scene"), mi.variant(), self.scene, (self.pixels,), {}, integrator, name)
        aovs = aov_integrator(scene, list(GUIDES), kind or kind_for(scene.variant))
        means, _ = mean_samples(Launch(scene, self.pixels, aovs, self.size, GUIDES), spp, (seed, AOV_STREAM))
        places = channels_of(GUIDES)
        return {
            LAYER_OF_AOV[name]: to_numpy(layer(FINISH_OF_AOV[name](means[where]), self.size))
            for name, where in places.items()
        }

    def _passes(self, spp: int) -> list[int]:
        """Samples of each launch: memory grows with those of all pixels."""
        most = max(1, CHUNK_SAMPLES // (self.size[0] * self.size[1]))
        return [min(most, spp - done) for done in range(0, spp, most)]

    def _image(self, integrator: Any, spp: int, seed: int) -> NDArray[np.float64]:
        with no_warnings():
            image = self._render(integrator, spp, seed)
            if np.isfinite(image).all():
                return image
            samples = [self._render(integrator, 1, derive_seed(seed, index)) for index in range(spp)]
        valid = [np.isfinite(sample).all(axis=-1, keepdims=True) for sample in samples]
        total = np.sum([np.where(ok, sample, 0) for ok, sample in zip(valid, samples, strict=True)], axis=0)
        return np.asarray(total / np.maximum(np.sum(valid, axis=0), 1))

    def _render(self, integrator: Any, spp: int, seed: int) -> NDArray[np.float64]:
        return np.array(integrator.render(self.scene, self.pixels, seed=seed, spp=spp), dtype=np.float64)


def _renders_media(integrator: Any) -> bool:
    """Whether it is one of those that render media - volpath, volpathmis, prbvolpath - told by the names of classes."""
    return "vol" in f"{type(integrator).__name__} {integrator.class_name()}".lower()


def pair_of(halves: tuple[Half, Half], guides: dict[str, Image], spp: int, seeds: tuple[int, int]) -> Pair:
    """Two renders, `spp` samples per pixel each, with the albedo and normal that they share."""
    albedo, normal = guides["albedo"], guides["normal"]
    a, b = (
        Frame(half.color, albedo=albedo, normal=normal, spp=spp, seed=seed)
        for half, seed in zip(halves, seeds, strict=True)
    )
    return Pair(a, b)
