"""`n2n-denoise x.png --zero-shot`: display-referred pictures, which only what they themselves show can denoise."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

from apps.command import DONE
from apps.photograph import read_photograph
from denoiser.inference.samplers import SamplerName
from denoiser.inference.zero_shot import ZeroShotConfig, denoise_alone
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import OutputError, UsageError
from renderer_bridge.frame import Image

ENDINGS = (".png", ".jpg", ".jpeg")


def is_display_referred(name: str) -> bool:
    """Whether a file of that name holds display-referred values, not radiance."""
    return Path(name).suffix.lower() in ENDINGS


def denoise_display(
    names: Sequence[str], output: str | None, zero_shot: bool, sampler: SamplerName, overwrite: bool
) -> int:
    """Learn from each picture alone and write it as PNG of its own depth; gives the exit code.

    Alpha is kept. Raises `UsageError` for anything else than such files with `zero_shot`, `OutputError` for a result
    that is there already, `DatasetError` for a file that cannot be read.
    """
    others = [name for name in names if not is_display_referred(name)]
    if others or not zero_shot:
        wrong = others[0] if others else names[0]
        raise UsageError(f"{wrong}: PNG and JPEG files are denoised by --zero-shot, and not together with others")
    for name in names:
        place = _output(Path(name), output, len(names))
        if place.exists() and not overwrite:
            raise OutputError(f"{place}: is there already; --overwrite replaces it")
        _denoise(Path(name), place, sampler)
        print(f"{place}: denoised", file=sys.stderr)
    return DONE


def _output(source: Path, output: str | None, count: int) -> Path:
    """The file that was asked for, else `x.denoised.png` beside the source or in the folder that was asked for."""
    if output is not None and Path(output).suffix.lower() == ".png":
        if count > 1:
            raise UsageError(f"{output}: is one file for {count} pictures; a folder is accepted")
        if Path(output).resolve() == source.resolve():
            raise UsageError(f"{output}: is the input too; another name is needed, so that the noisy file stays")
        return Path(output)
    if output is not None and Path(output).suffix:
        raise UsageError(f"{output}: its name must end in .png, or be a folder's")
    return (source.parent if output is None else Path(output)) / f"{source.stem}.denoised.png"


def _denoise(source: Path, place: Path, sampler: SamplerName) -> None:
    pixels = read_photograph(source)
    largest = np.iinfo(pixels.dtype).max
    image = np.atleast_3d(pixels).astype(np.float32) / np.float32(largest)
    colors = 3 if image.shape[2] >= 3 else 1
    cleaned = denoise_alone(np.ascontiguousarray(image[..., :colors]), False, ZeroShotConfig(sampler))
    result: Image = np.concatenate([cleaned, image[..., colors:]], axis=2)
    encoded = np.rint(result * largest).astype(pixels.dtype).reshape(pixels.shape)
    with atomic_path(place) as temporary:
        temporary.write_bytes(imageio.imwrite("<bytes>", encoded, extension=".png"))
