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
    aov_kind    what albedo and normal show: first-diffuse, what is seen through glass, in mirrors and on polished
                metal; first-hit, the first surface; auto, as n2n-render-pairs: first-diffuse, but first-hit in the
                scalar variants, which are slow at following                   (default: auto)
    adapt_steps most steps of training on this very pair before it is denoised; a quarter of the picture is held out
                and judges whether that helped, else the weights stay as they are              (default: 0)
    until_error add samples until the error of the denoised picture, told from the pair, is below this: the root mean
                square error of the tone-mapped picture, 0.01 is 40 dB         (default: 0, the samples asked for)
    most_spp    with until_error: samples per pixel of both halves at most     (default: 2048)
    residual    whether what both halves get wrong alike is given back         (default: true)
    aovs        further channels of the picture, separated by commas: noisy, albedo, normal, error      (default: none)

In the JIT variants `mitsuba.render(scene, params)` carries derivatives of the colors, in reverse mode, to the scene's
parameters, through the network in float32, the residual with its gains and the nested integrator's own
`render_backward`; the network's weights, albedo and normal count as constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch

from denoiser.devices import TensorPair, compute_device, pair_on
from denoiser.inference.denoise import denoise_pair, differentiable
from denoiser.inference.select import network_candidate
from denoiser.inference.until_error import Goal, told_error
from denoiser.model import DEFAULT_NAME, Model, load_model
from denoiser.training.adapt import AdaptConfig, adapt
from denoiser.transforms import to_image, to_nchw
from online.until_error import Grown, grown
from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.frame import Denoised, Image, Pair
from renderer_bridge.mitsuba_aovs import AovKind
from renderer_bridge.mitsuba_film import as_filtered, put_picture
from renderer_bridge.mitsuba_halves import RGB, Half, View, pair_of
from renderer_bridge.mitsuba_messages import no_warnings
from renderer_bridge.mitsuba_renderer import AOV_SPP
from renderer_bridge.seeds import derive_seed, pair_seeds

NAME = "n2n"

ChosenKind = Literal["auto"] | AovKind
KINDS: tuple[ChosenKind, ...] = ("auto", *get_args(AovKind))

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
    aov_kind: ChosenKind = "auto"
    adapt_steps: int = 0
    until_error: float = 0.0
    most_spp: int = 2048
    residual: bool = True
    aovs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.aov_spp < 1:
            raise UsageError(f"n2n: aov_spp is {self.aov_spp}; at least 1 is needed")
        if self.aov_kind not in KINDS:
            raise UsageError(f"n2n: aov_kind is {self.aov_kind}; accepted: {', '.join(KINDS)}")
        if self.adapt_steps < 0:
            raise UsageError(f"n2n: adapt_steps is {self.adapt_steps}; 0 or more are accepted")
        if not 0 <= self.until_error < 1 or self.most_spp < 1:
            raise UsageError("n2n: until_error in [0, 1) and most_spp of at least 1 are accepted")
        if self.until_error and self.adapt_steps:
            raise UsageError("n2n: adapt_steps changes the error that until_error asks for; one of them is accepted")
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
            self.told = ""  # what came of until_error in the last render

        def render(
            self,
            scene: Any,
            sensor: Any = 0,
            seed: Any = 0,
            spp: int = 0,
            develop: bool = True,
            evaluate: bool = True,
        ) -> Any:
            sensor, samples = _resolved(scene, sensor, spp)
            job = _Job(self._settings, self._model, self._nested, View(scene, sensor), samples, _number(seed))
            picture, self.told = job.picture()
            put_picture(sensor.film(), as_filtered(picture, sensor.film()), self.aov_names())
            return sensor.film().develop() if develop else mi.TensorXf()

        def render_backward(
            self, scene: Any, params: Any, grad_in: Any, sensor: Any = 0, seed: Any = 0, spp: int = 0
        ) -> None:
            sensor, samples = _resolved(scene, sensor, spp)
            job = _Job(self._settings, self._model, self._nested, View(scene, sensor), samples, _number(seed))
            job.backward(params, as_filtered(np.array(grad_in, dtype=np.float32), sensor.film()))  # its own transpose

        def render_forward(self, *_: Any, **__: Any) -> Any:
            raise UsageError("n2n: has no forward-mode derivatives; dr.backward takes those in reverse mode")

        def aov_names(self) -> list[str]:
            own = [f"{name}.{component}" for name in self._settings.aovs for component in AOVS[name][0]]
            return [*self._nested.aov_names(), *own]

        def traverse(self, callback: Any) -> None:
            callback.put("nested", self._nested, mi.ParamFlags.Differentiable)

        def to_string(self) -> str:
            return f"N2NIntegrator[{self._settings}, nested = {self._nested}]"

    return N2NIntegrator


@dataclass(frozen=True)
class _Job:
    """One picture to render: with what, of what, with how many samples per pixel of each half."""

    settings: Settings
    model: Model
    nested: Any
    view: View
    spp: int
    seed: int

    def picture(self) -> tuple[Image, str]:
        """Color, what else the nested integrator and its film give, and our own further channels, (H, W, C); and what
        came of `until_error`."""
        found = self._until() if self.settings.until_error else None
        halves, spp = (self._halves(), self.spp) if found is None else (found.halves, found.spp)
        pair = pair_of(halves, self._guides(), spp, self._seeds)
        model = _adapted(self.model, pair, self.settings.adapt_steps, self.seed)
        denoised = denoise_pair(model, pair, residual=self.settings.residual)
        further = (halves[0].further + halves[1].further) * np.float32(0.5)
        own = [AOVS[name][1](pair, denoised) for name in self.settings.aovs]
        image = np.concatenate([denoised.color, further, *(each for each in own if each is not None)], axis=-1)
        return image, "" if found is None else found.sentence()

    def _until(self) -> Grown:
        """Halves that grow until the picture is good enough."""
        guides = self._guides()

        def render(half: int, index: int, spp: int) -> Half:
            seed = self._seeds[half]
            return self.view.half(self.nested, spp, derive_seed(seed, index) if index else seed)

        def told(halves: tuple[Half, Half], spp: int) -> float:
            pair = pair_on(pair_of(halves, guides, spp, self._seeds), compute_device())
            picture = network_candidate(pair, self.model, residual=self.settings.residual)
            return told_error(picture.color, picture.error)

        goal = Goal(self.settings.until_error, max(self.spp, self.settings.most_spp // 2))
        return grown(render, told, self.spp, goal)

    def backward(self, parameters: Any, slopes: Image) -> None:
        """Carry derivatives with respect to the picture to the scene's parameters; not when adapting."""
        import drjit as dr

        if self.settings.adapt_steps or self.settings.until_error:
            raise UsageError("n2n: has no derivatives with adapt_steps or until_error; 0 is accepted")
        with dr.suspend_grad():
            halves = self._halves()
            pair = pair_of(halves, self._guides(), self.spp, self._seeds)
        colors = _slopes(self.model, pair, slopes[..., :RGB], self.settings.residual)
        further = slopes[..., RGB : RGB + halves[0].further.shape[-1]] * np.float32(0.5)
        for color, seed in zip(colors, self._seeds, strict=True):
            self.view.backward(self.nested, parameters, np.concatenate([color, further], axis=-1), self.spp, seed)

    @property
    def _seeds(self) -> tuple[int, int]:
        return pair_seeds(self.seed, 0)

    def _guides(self) -> dict[str, Image]:
        settings = self.settings
        kind = None if settings.aov_kind == "auto" else settings.aov_kind
        return self.view.guides(self.nested, settings.aov_spp, self.seed, kind)

    def _halves(self) -> tuple[Half, Half]:
        a, b = (self.view.half(self.nested, self.spp, seed) for seed in self._seeds)
        return a, b


def _adapted(model: Model, pair: Pair, steps: int, seed: int) -> Model:
    """The network after at most `steps` steps on `pair`, where that is proven to help, else `model`."""
    if not steps:
        return model
    looks = adapt(model, [pair], AdaptConfig(seconds=math.inf, steps=steps, seed=seed))
    while True:
        try:
            next(looks)
        except StopIteration as end:
            found: Model = end.value
            return found


def _slopes(model: Model, pair: Pair, slope: Image, residual: bool) -> list[Image]:
    """Derivatives with respect to the colors of both halves, from those with respect to the denoised color."""
    halves = pair_on(pair, compute_device())
    colors = [half.color.clone().requires_grad_() for half in (halves.a, halves.b)]
    a, b = (replace(half, color=color) for half, color in zip((halves.a, halves.b), colors, strict=True))
    denoised = differentiable(model, TensorPair(a, b), residual=residual)
    found = torch.autograd.grad(denoised, colors, to_nchw(np.ascontiguousarray(slope), denoised.device))
    return [to_image(each) for each in found]


def _resolved(scene: Any, sensor: Any, spp: int) -> tuple[Any, int]:
    """The sensor meant by a number or itself, and samples per pixel of each half: of an odd number one is added."""
    sensor = scene.sensors()[sensor] if isinstance(sensor, int) else sensor
    return sensor, max(1, -(-(spp or sensor.sampler().sample_count()) // 2))


def _settings(props: Any) -> Settings:
    """The parameters among the properties of the integrator. Raises `UsageError` for one that is not known."""
    import mitsuba as mi

    defaults = vars(Settings())
    for name in props.keys():  # noqa: SIM118 - not a dict
        if name not in defaults and not isinstance(props[name], mi.Object):
            raise UsageError(
                f"n2n: has no parameter {name}; accepted: {', '.join(defaults)}, and one nested integrator"
            )
    found = {name: type(value)(props.get(name, value)) for name, value in defaults.items() if name != "aovs"}
    names = str(props.get("aovs", "")).replace(",", " ").split()
    return Settings(**found, aovs=tuple(dict.fromkeys(names)))


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
