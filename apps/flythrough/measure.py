"""Measuring a flythrough against references, with peers on the same samples. References reach the training only where
`Referenced` brings them, for flights on clean targets."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.flythrough.output import frame_name, noisy_mean
from denoiser.inference.denoise import denoise_pair
from denoiser.inference.piloted import denoise_pair_with
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.metrics import psnr_corrected, reference_noise
from denoiser.model import Model
from online.flicker import temporal_error
from online.records import FlythroughRecord, Renderer
from renderer_bridge.errors import DatasetError, MissingPackageError, N2NWarning
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Camera, Frame, Image, Pair
from renderer_bridge.giving_up import Outdated

RenderReference = Callable[[Camera, int, int], Image]
"""Half 0 or 1 of a converged render at a camera: (camera, number of the frame, half) to linear radiance (H, W, 3)."""


@dataclass(frozen=True)
class Reference:
    """A converged render `color` (H, W, 3), the mean of two halves, and its squared errors: tone-mapped and linear."""

    color: Image
    mse: float
    linear_mse: float


@dataclass(frozen=True)
class References:
    """References of every `every`-th frame and of frame `last`, in `folder`; `render` makes those not there yet.

    Each is two files, frame_0000.a.exr and .b.exr, of different seeds: their difference tells its own noise.
    """

    folder: Path
    every: int
    render: RenderReference | None
    last: int = 0

    def of(self, camera: Camera, index: int) -> Reference | None:
        """The reference of frame `index`, or None where none is asked for.

        Raises `ExrError` for a damaged file, `DatasetError` for one that is missing and cannot be rendered.
        """
        if not self.every or (index % self.every and index != self.last):
            return None
        halves = [self._half(camera, index, half) for half in (0, 1)]
        mean = np.asarray((halves[0] + halves[1]) * np.float32(0.5))
        linear_mse = float(np.square(halves[0].astype(np.float64) - halves[1]).mean()) / 4
        return Reference(mean, reference_noise(halves[0], halves[1]), linear_mse)

    def _half(self, camera: Camera, index: int, half: int) -> Image:
        path = self.folder / f"{frame_name(index)}.{'ab'[half]}.exr"
        if path.is_file():
            return read_frame(path)[0].color
        if self.render is None:
            raise DatasetError(
                f"{path}: no such file; --reference-every needs it, and a folder of pairs cannot render it"
            )
        color = self.render(camera, index, half)
        write_frame(path, Frame(color, camera=camera))
        return color


@dataclass
class Referenced:
    """A renderer whose pairs bring their reference along, from frame `index` on: for the ablation alone."""

    renderer: Renderer
    references: References
    index: int

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: Outdated | None = None) -> Pair:
        """The renderer's pair with the reference of its frame."""
        pair = self.renderer.render(camera, spp, seeds, outdated)
        if pair.reference is None:
            found = self.references.of(camera, self.index)
            pair = dataclasses.replace(pair, reference=None if found is None else found.color)
        self.index += 1
        return pair


class Measurer:
    """Gives what log.csv says of a frame beyond the flight's own figures; close it, or use it in a `with` block."""

    def __init__(self, references: References, untrained: Model | None) -> None:
        """`untrained` are the weights the flight began with, to tell what its training is worth."""
        self._references = references
        self._untrained = untrained
        self._last: FlythroughRecord | None = None
        self._oidn: dict[str, OpenImageDenoise] = {}
        if references.every:
            try:
                self._oidn = {"psnr_oidn": OpenImageDenoise(), "psnr_oidn_prefilter": OpenImageDenoise(prefilter=True)}
            except MissingPackageError as error:
                warnings.warn(f"the log's columns of OIDN stay empty: {error}", N2NWarning, stacklevel=2)

    def measure(self, record: FlythroughRecord) -> dict[str, float]:
        """Flicker against the frame before, and, where there is a reference, every PSNR (dB) on the same samples.

        What ends in `_alone` is of the frame before it took part of the last result.
        """
        found = {}
        if self._last is not None:
            last = self._last
            found["flicker"] = temporal_error(record.denoised.color, record.pair.a, last.denoised.color, last.pair.a)
            found["flicker_alone"] = temporal_error(record.alone, record.pair.a, last.alone, last.pair.a)
        self._last = record
        reference = self._references.of(record.request.camera, record.index)
        return found if reference is None else found | self._against(reference, record)

    def _against(self, reference: Reference, record: FlythroughRecord) -> dict[str, float]:
        noisy, pair = noisy_mean(record), record.pair

        def psnr(picture: Image) -> float:
            return psnr_corrected(picture, reference.color, reference.mse)

        found = {"psnr_noisy": psnr(noisy), "psnr": psnr(record.denoised.color), "psnr_alone": psnr(record.alone)}
        error = float(np.mean([np.square(half.astype(np.float64) - reference.color).mean() for half in record.scored]))
        found["true_mse"] = error - reference.linear_mse
        if self._untrained is not None:
            found["psnr_untrained"] = psnr(denoise_pair(self._untrained, pair).color)
        for column, peer in self._oidn.items():
            found[column] = psnr(peer.denoise(noisy, pair.a.albedo, pair.a.normal))
        if self._oidn:
            found["psnr_pilot"] = psnr(denoise_pair_with(self._oidn["psnr_oidn_prefilter"].denoise_all, pair).color)
        return found

    def close(self) -> None:
        """Release the peers."""
        for peer in self._oidn.values():
            peer.close()
