"""The methods of `n2n-eval` by name: what is asked for is made, and nothing else is opened."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from apps.eval.adapting import adapted_alone, selected, selected_adapted
from apps.eval.views import NOISY, Method, noisy, ours, ours_alone, peer, peer_alone, piloted
from denoiser.inference.piloted import Pilot, denoise_frame_with, denoise_pair_with, find_pilot
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.model import Model, load_model
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Denoised, Pair
from renderer_bridge.mitsuba_optix import optix_denoised, require_optix

OURS, OIDN, OIDN_PREFILTER, PILOTED, OPTIX = "ours", "oidn", "oidn_prefilter", "ours+oidn", "optix"
ZERO_SHOT = "zero-shot"
ADAPT, SELECT = "+adapt", "+select"
NETWORK, SINGLE = "-network", "-single"
TZA = ".tza"

Made = tuple[Method, Method | None]
"""A method, and its form that sees half A alone, if it has one."""


class Sources:
    """What methods are made of: weights by their name in the table, and Open Image Denoise, closed with the stack."""

    def __init__(self, weights: Mapping[str, str], threads: int, stack: contextlib.ExitStack) -> None:
        self._weights, self._threads, self._stack = weights, threads, stack

    @functools.cached_property
    def models(self) -> dict[str, Model]:
        """Our models by their name in the table."""
        return {name: load_model(path) for name, path in self._weights.items()}

    @functools.cached_property
    def oidn(self) -> OpenImageDenoise:
        """Open Image Denoise as it is."""
        return self._stack.enter_context(OpenImageDenoise(threads=self._threads))

    @functools.cached_property
    def prefiltered(self) -> OpenImageDenoise:
        """Open Image Denoise with prefiltered layers."""
        return self._stack.enter_context(OpenImageDenoise(prefilter=True, threads=self._threads))

    @property
    def pilot(self) -> Pilot:
        """That as a pilot."""
        return self.prefiltered.denoise_all

    def custom(self, path: Path) -> OpenImageDenoise:
        """Open Image Denoise with the weights in that file."""
        try:
            weights = path.read_bytes()
        except OSError as error:
            raise UsageError(f"--methods: {path}: cannot be read ({error.strerror}); a .tza file is needed") from error
        return self._stack.enter_context(OpenImageDenoise(threads=self._threads, weights=weights))


def choose(names: Sequence[str], sources: Sources) -> tuple[dict[str, Method], dict[str, Method]]:
    """The methods of these names by their name in the table, and of those that can the forms that see half A alone.

    "n2n" is another word for "ours", and stands for each of several weights; "-single" behind a name is its form that
    sees half A alone. Raises `UsageError` for a name that is none, `N2NError` for a method that does not run here.
    """
    methods: dict[str, Method] = {}
    alone: dict[str, Method] = {}
    for name in names:
        for label, (method, of_a) in _made(name.replace("n2n", OURS) if TZA not in name else name, sources).items():
            methods[label] = method
            if of_a is not None:
                alone[label] = of_a
    return methods, alone


def _made(name: str, sources: Sources) -> dict[str, Made]:
    makers: dict[str, Callable[[], dict[str, Made]]] = {
        NOISY: lambda: {NOISY: (noisy, lambda pair: Denoised(pair.a.color))},
        OURS: lambda: {key: (ours(model), ours_alone(model)) for key, model in sources.models.items()},
        OURS + NETWORK: lambda: {
            key + NETWORK: (ours(model, residual=False), None) for key, model in sources.models.items()
        },
        OIDN: lambda: {OIDN: (peer(sources.oidn), peer_alone(sources.oidn))},
        OIDN_PREFILTER: lambda: {OIDN_PREFILTER: (peer(sources.prefiltered), peer_alone(sources.prefiltered))},
        PILOTED: lambda: {PILOTED: (piloted(sources.prefiltered), None)},
        OURS + ADAPT: lambda: _each(sources, ADAPT, adapted_alone),
        OURS + SELECT: lambda: _each(sources, SELECT, selected),
        PILOTED + SELECT: lambda: _each(sources, "+oidn" + SELECT, lambda model: selected(model, sources.pilot)),
        PILOTED + ADAPT: lambda: _each(sources, "+oidn" + ADAPT, lambda model: selected_adapted(model, sources.pilot)),
        ZERO_SHOT: _zero_shot,
        OPTIX: _optix,
    }
    if name.endswith(SINGLE):
        return _of_half_a(name, sources)
    if name.endswith(TZA):
        custom = sources.custom(Path(name))
        return {Path(name).name: (peer(custom), peer_alone(custom))}
    if name not in makers:
        raise UsageError(f"--methods: {name!r} is unknown; accepted: {', '.join(makers)}, or a .tza file")
    return makers[name]()


def _each(sources: Sources, ending: str, make: Callable[[Model], Method]) -> dict[str, Made]:
    """A method of each of our models, which needs both halves."""
    return {key + ending: (make(model), None) for key, model in sources.models.items()}


def _of_half_a(name: str, sources: Sources) -> dict[str, Made]:
    plain = name.removesuffix(SINGLE)
    made: dict[str, Made] = {
        label + SINGLE: (alone, None) for label, (_, alone) in _made(plain, sources).items() if alone is not None
    }
    if not made:
        raise UsageError(f"--methods: {name}: {plain} needs both halves; accepted: {plain}")
    return made


def _zero_shot() -> dict[str, Made]:
    pilot = find_pilot(ZERO_SHOT)
    assert pilot is not None
    return {ZERO_SHOT: (lambda pair: denoise_pair_with(pilot, pair), lambda pair: denoise_frame_with(pilot, pair.a))}


def _optix() -> dict[str, Made]:
    require_optix()
    return {
        OPTIX: (lambda pair: Denoised(optix_denoised(_mean(pair).a)), lambda pair: Denoised(optix_denoised(pair.a)))
    }


def _mean(pair: Pair) -> Pair:
    """The pair with the mean of both colors in A."""
    return replace(pair, a=replace(pair.a, color=noisy(pair).color))
