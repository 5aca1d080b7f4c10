"""Other denoisers: Intel Open Image Denoise through the `pyoidn` package.

Source: Open Image Denoise 2, doc/api.md, section "RT Filter": `hdr`, `cleanAux`, and
the advice to prefilter noisy albedo and normal, each with its own filter, before setting `cleanAux`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import MissingPackageError, N2NError, UsageError
from renderer_bridge.frame import Image

Quality = Literal["high", "balanced", "fast"]


@dataclass(frozen=True)
class _Plan:
    """Filters bound to arrays of their own, so that a second picture of the same size sets nothing up again."""

    inputs: dict[str, Image]  # by OIDN's names: color, albedo, normal, (H, W, 3)
    output: Image  # (H, W, 3)
    filters: list[Any]  # in the order in which they run


class OpenImageDenoise:
    """Open Image Denoise on the CPU, for linear HDR radiance with albedo and normal.

    `quality` is OIDN's own preset. With `prefilter` albedo and normal are denoised first, each by itself, and the main
    filter is told that they are clean (`cleanAux`): OIDN's best result, and its slowest. `threads` is the number of
    threads of the device; 0 takes as many as torch uses. `weights` is a TZA archive, as `n2n-export --to oidn` writes
    it, that takes the place of OIDN's own in the main filter. Close it, or use it in a `with` block.

    Raises `MissingPackageError` when `pyoidn` is not installed, `UsageError` for an unknown quality or fewer than 0
    threads.
    """

    def __init__(
        self, quality: Quality = "high", prefilter: bool = False, threads: int = 0, weights: bytes | None = None
    ) -> None:
        self._oidn = _import_pyoidn()
        levels = {name: getattr(self._oidn, f"OIDN_QUALITY_{name.upper()}") for name in ("high", "balanced", "fast")}
        if quality not in levels:
            raise UsageError(f"quality: {quality!r} is unknown; one of {', '.join(levels)} is accepted")
        if threads < 0:
            raise UsageError(f"threads: {threads} is too few; 0 (as many as torch uses) or more is accepted")
        self._quality = levels[quality]
        self._prefilter = prefilter
        self._weights = None if weights is None else np.frombuffer(weights, np.uint8)
        self._plan: _Plan | None = None
        self._plan_key: tuple[object, ...] = ()
        self._device = self._oidn.Device()
        self._device.set_int("numThreads", threads or _torch_threads())
        self._device.commit()
        self._check("its device")

    def denoise(self, color: Image, albedo: Image | None = None, normal: Image | None = None) -> Image:
        """Denoise linear radiance `color` (H, W, 3); the result is linear radiance of the same shape, and a new array.

        `albedo` in [0, 1] and `normal` in [-1, 1], both (H, W, 3), are optional. Filters are kept for the next picture
        of the same size and layers. Raises ValueError when the shapes differ, `N2NError` when OIDN reports a failure.
        """
        return self.denoise_all([color], albedo, normal)[0]

    def denoise_all(
        self, colors: Sequence[Image], albedo: Image | None = None, normal: Image | None = None
    ) -> list[Image]:
        """Denoise several renders of one view, all with the same layers, which are prefiltered once; see `denoise`."""
        shape = colors[0].shape
        given = {"albedo": albedo, "normal": normal}
        layers = {name: layer for name, layer in given.items() if layer is not None}
        for name, layer in [*(("color", color) for color in colors), *layers.items()]:
            if layer.shape != shape or len(shape) != 3 or shape[2] != 3:
                raise ValueError(f"{name} must have the color's shape (H, W, 3), not {layer.shape} beside {shape}")
        plan = self._plan_for(shape, ("color", *layers))
        for name, layer in layers.items():
            np.copyto(plan.inputs[name], layer)
        *prefilters, main = plan.filters
        for prefilter in prefilters:
            prefilter.execute()
        results = []
        for color in colors:
            np.copyto(plan.inputs["color"], color)
            main.execute()
            results.append(plan.output.copy())
        self._check("a picture")
        return results

    def close(self) -> None:
        """Release the filters and the device; a second call does nothing."""
        self._release_plan()
        if self._device is not None:
            self._device.release()
            self._device = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _plan_for(self, shape: tuple[int, ...], names: tuple[str, ...]) -> _Plan:
        if self._plan is None or self._plan_key != (shape, names):
            self._release_plan()
            self._plan, self._plan_key = self._make_plan(shape, names), (shape, names)
        return self._plan

    def _make_plan(self, shape: tuple[int, ...], names: tuple[str, ...]) -> _Plan:
        inputs = {name: np.zeros(shape, np.float32) for name in names}
        output = np.zeros(shape, np.float32)
        auxiliary = [name for name in names if name != "color"]
        filters = []
        if self._prefilter:  # in place: OIDN allows the output to be the input
            filters = [self._make_filter({name: inputs[name]}, inputs[name]) for name in auxiliary]
        filters.append(self._make_filter(inputs, output, hdr=True, clean_aux=self._prefilter and bool(auxiliary)))
        self._check("its filters")
        return _Plan(inputs, output, filters)

    def _make_filter(self, inputs: dict[str, Image], output: Image, hdr: bool = False, clean_aux: bool = False) -> Any:
        oidn_filter = self._oidn.Filter(self._device, "RT")
        for name, array in {**inputs, "output": output}.items():
            oidn_filter.set_image(name, array, self._oidn.OIDN_FORMAT_FLOAT3)
        if hdr:
            oidn_filter.set_bool("hdr", True)
            if self._weights is not None:
                _set_weights(oidn_filter, self._weights)
        if clean_aux:
            oidn_filter.set_bool("cleanAux", True)
        oidn_filter.set_quality(self._quality)
        oidn_filter.commit()
        return oidn_filter

    def _release_plan(self) -> None:
        if self._plan is not None:
            for oidn_filter in self._plan.filters:
                oidn_filter.release()
        self._plan = None

    def _check(self, what: str) -> None:
        message = self._device.get_error()
        if message is not None:
            raise N2NError(f"Open Image Denoise: {what} failed ({message})")


def _import_pyoidn() -> Any:
    try:
        import pyoidn
    except ImportError as error:
        raise MissingPackageError(
            f"Open Image Denoise: the package pyoidn cannot be loaded ({error}); "
            "install it with `pip install n2n-denoiser[oidn]`, or do without (--no-oidn, --pilot none)"
        ) from error
    return pyoidn


def _set_weights(oidn_filter: Any, weights: NDArray[np.uint8]) -> None:
    """Give a filter custom weights, by a function of OIDN that `pyoidn` leaves out; they must outlive the filter."""
    from pyoidn.capi import oidn_Capi, oidn_ffi
    from pyoidn.utils import c_str, np2c_ptr

    declaration = "void oidnSetSharedFilterData(OIDNFilter filter, const char* name, void* pointer, size_t bytes);"
    oidn_ffi.cdef(declaration, override=True)
    oidn_Capi.oidnSetSharedFilterData(oidn_filter._filter, c_str("weights"), np2c_ptr(weights), weights.size)


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()
