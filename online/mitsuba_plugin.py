"""`<integrator type="n2n">`: Mitsuba's own scenes, denoised as they are rendered.

    from online.mitsuba_plugin import register

    mitsuba.set_variant("llvm_ad_rgb")
    register()
    image = mitsuba.render(mitsuba.load_file("scene.xml"), spp=32)

Around any integrator, in a scene file or in `mitsuba.load_dict`:

    <integrator type="n2n">
        <integrator type="path"/>
    </integrator>

It renders two halves with different seeds through the nested integrator, `spp` samples per pixel in all, and albedo and
normal beside them, and returns the denoised picture, as if a path tracer of very many samples had rendered it. The film
holds it too, so that `film.bitmap()` and `film.write()` work as ever; its filter counts.

    model       weights: a .safetensors file, or the name of shipped ones      (default: the shipped ones)
    aov_spp     samples per pixel of albedo and normal                         (default: 8)
    aovs        further channels of the picture, separated by commas: noisy, albedo, normal, error      (default: none)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from denoiser.inference.denoise import denoise_pair
from denoiser.model import DEFAULT_NAME, load_model
from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.frame import Denoised, Image, Pair
from renderer_bridge.mitsuba_film import as_filtered, put_picture
from renderer_bridge.mitsuba_halves import View, pair_of
from renderer_bridge.mitsuba_messages import no_warnings
from renderer_bridge.mitsuba_renderer import AOV_SPP
from renderer_bridge.seeds import pair_seeds

NAME = "n2n"

AOVS: dict[str, tuple[str, Callable[[Pair, Denoised], Image | None]]] = {
    "noisy": ("RGB", lambda pair, _: (pair.a.color + pair.b.color) * np.float32(0.5)),
    "albedo": ("RGB", lambda pair, _: pair.a.albedo),
    "normal": ("XYZ", lambda pair, _: pair.a.normal),
    "error": ("RGB", lambda _, denoised: denoised.error),
}
"""Further channels by name: what their components are called, and where they come from."""


@dataclass(frozen=True)
class Settings:
    """The integrator's parameters. Raises `UsageError` for one that is not accepted."""

    model: str = DEFAULT_NAME
    aov_spp: int = AOV_SPP
    aovs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.aov_spp < 1:
            raise UsageError(f"n2n: aov_spp is {self.aov_spp}; at least 1 is needed")
        unknown = [name for name in self.aovs if name not in AOVS]
        if unknown:
            raise UsageError(f"n2n: aovs names {', '.join(unknown)}; accepted: {', '.join(AOVS)}")


def register() -> None:
    """Make `<integrator type="n2n">` known to the variant that is set; to be called after each `mi.set_variant`."""
    import mitsuba as mi

    mi.register_integrator(NAME, _integrator_class())


def wrap(integrator: Any, **parameters: Any) -> Any:
    """An n2n integrator around `integrator`, with the parameters of the same names; `register` comes first."""
    import mitsuba as mi

    return mi.load_dict({"type": NAME, "nested": integrator, **parameters})


def _integrator_class() -> Any:
    """The class, derived from what the variant that is set calls an integrator."""
    import mitsuba as mi

    class N2NIntegrator(mi.SamplingIntegrator):  # type: ignore[misc]
        def __init__(self, props: Any) -> None:
            with no_warnings():  # that Python is slow in scalar variants: no sample calls it here
                super().__init__(props)
            self._settings = _settings(props)
            self._nested = _nested(props)
            self._model = load_model(self._settings.model)

        def render(
            self,
            scene: Any,
            sensor: Any = 0,
            seed: Any = 0,
            spp: int = 0,
            develop: bool = True,
            evaluate: bool = True,
        ) -> Any:
            sensor = scene.sensors()[sensor] if isinstance(sensor, int) else sensor
            samples = max(1, -(-(spp or sensor.sampler().sample_count()) // 2))
            picture = self._picture(View(scene, sensor), sensor.film(), samples, _number(seed))
            put_picture(sensor.film(), picture, self.aov_names())
            return sensor.film().develop() if develop else mi.TensorXf()

        def _picture(self, view: View, film: Any, spp: int, seed: int) -> Image:
            """Color, what else the nested integrator and its film give, and our own further channels: (H, W, C)."""
            seeds = pair_seeds(seed, 0)
            halves = view.half(self._nested, spp, seeds[0]), view.half(self._nested, spp, seeds[1])
            pair = pair_of(halves, view.guides(self._settings.aov_spp, seed), spp, seeds)
            denoised = denoise_pair(self._model, pair)
            further = (halves[0].further + halves[1].further) / 2
            own = [AOVS[name][1](pair, denoised) for name in self._settings.aovs]
            picture = np.concatenate([denoised.color, further, *(each for each in own if each is not None)], axis=-1)
            return as_filtered(picture, film)

        def aov_names(self) -> list[str]:
            own = [f"{name}.{component}" for name in self._settings.aovs for component in AOVS[name][0]]
            return [*self._nested.aov_names(), *own]

        def traverse(self, callback: Any) -> None:
            callback.put("nested", self._nested, mi.ParamFlags.Differentiable)

        def to_string(self) -> str:
            return f"N2NIntegrator[{self._settings}, nested = {self._nested}]"

    return N2NIntegrator


def _settings(props: Any) -> Settings:
    """The parameters among the properties of the integrator. Raises `UsageError` for one that is not known."""
    import mitsuba as mi

    defaults = Settings()
    known = [field.name for field in fields(Settings)]
    for name in props.keys():  # noqa: SIM118 - not a dict
        if name not in known and not isinstance(props[name], mi.Object):
            raise UsageError(f"n2n: has no parameter {name}; accepted: {', '.join(known)}, and one nested integrator")
    names = str(props.get("aovs", "")).replace(",", " ").split()
    return Settings(
        str(props.get("model", defaults.model)),
        int(props.get("aov_spp", defaults.aov_spp)),
        tuple(dict.fromkeys(names)),
    )


def _nested(props: Any) -> Any:
    """The one integrator among the properties. Raises `SceneError` when there is none, or several."""
    import mitsuba as mi

    values = [props[key] for key in props.keys()]  # noqa: SIM118 - not a dict
    found = [value for value in values if isinstance(value, mi.Integrator)]
    if len(found) != 1:
        raise SceneError(f"n2n: {len(found)} integrators are nested in it; one is needed, such as path")
    return found[0]


def _number(seed: Any) -> int:
    """A seed as a number, which the JIT variants may hand over as an array of one."""
    return int(np.array(seed).ravel()[0])
