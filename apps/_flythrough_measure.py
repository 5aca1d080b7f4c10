"""Measuring a flythrough against references, with peers on the same samples. References never reach the training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps._flythrough_output import frame_name, noisy_mean
from apps._peers import OidnPeer
from denoiser.infer import denoise_pair
from denoiser.metrics import psnr
from denoiser.model import Model
from online.records import FlythroughRecord
from online.reprojection import temporal_error
from renderer_bridge.errors import MissingPackageError
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Camera, Frame, Image

RenderReference = Callable[[Camera, int], Image]
"""A converged render at a camera for frame number so-and-so, linear radiance (H, W, 3)."""


@dataclass(frozen=True)
class References:
    """References of every `every`-th frame in `folder`, rendered by `render` where they are not there yet."""

    folder: Path
    every: int
    render: RenderReference | None

    def of(self, camera: Camera, index: int) -> Image | None:
        """The reference of frame `index`, or None where none is asked for. Raises `ExrError` for a damaged file."""
        if not self.every or index % self.every:
            return None
        path = self.folder / f"{frame_name(index)}.exr"
        if path.is_file():
            return read_frame(path)[0].color
        if self.render is None:
            return None
        color = self.render(camera, index)
        write_frame(path, Frame(color, camera=camera))
        return color


class Measurer:
    """Gives what log.csv says of a frame beyond the flight's own figures; close it, or use it in a `with` block."""

    def __init__(self, references: References, untrained: Model | None) -> None:
        """`untrained` are the weights the flight began with, to tell what its training is worth."""
        self._references = references
        self._untrained = untrained
        self._last: FlythroughRecord | None = None
        self._oidn: dict[str, OidnPeer] = {}
        if references.every:
            with contextlib.suppress(MissingPackageError):
                self._oidn = {"psnr_oidn": OidnPeer(), "psnr_oidn_prefilter": OidnPeer(prefilter=True)}

    def measure(self, record: FlythroughRecord) -> dict[str, float]:
        """Flicker against the frame before, and, where there is a reference, every PSNR (dB) on the same samples."""
        found = {}
        if self._last is not None:
            last = self._last
            found["flicker"] = temporal_error(record.denoised.color, record.pair.a, last.denoised.color, last.pair.a)
        self._last = record
        reference = self._references.of(record.request.camera, record.index)
        return found if reference is None else found | self._against(reference, record)

    def _against(self, reference: Image, record: FlythroughRecord) -> dict[str, float]:
        noisy, pair = noisy_mean(record), record.pair
        found = {"psnr_noisy": psnr(noisy, reference), "psnr": psnr(record.denoised.color, reference)}
        found["true_mse"] = float(np.square(record.scored.astype(np.float64) - reference).mean())
        if self._untrained is not None:
            found["psnr_untrained"] = psnr(denoise_pair(self._untrained, pair).color, reference)
        for column, peer in self._oidn.items():
            found[column] = psnr(peer.denoise(noisy, pair.a.albedo, pair.a.normal), reference)
        return found

    def close(self) -> None:
        """Release the peers."""
        for peer in self._oidn.values():
            peer.close()
