"""`n2n-denoise x.png --zero-shot`: display-referred pictures, which only what they themselves show can denoise."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

from apps.command import DONE
from denoiser.inference.samplers import SamplerName
from denoiser.inference.zero_shot import ZeroShotConfig, denoise_alone
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import DatasetError, OutputError, UsageError
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
    pixels = _read(source)
    largest = np.iinfo(pixels.dtype).max
    image = np.atleast_3d(pixels).astype(np.float32) / np.float32(largest)
    colors = 3 if image.shape[2] >= 3 else 1
    cleaned = denoise_alone(np.ascontiguousarray(image[..., :colors]), False, ZeroShotConfig(sampler))
    result: Image = np.concatenate([cleaned, image[..., colors:]], axis=2)
    encoded = np.rint(result * largest).astype(pixels.dtype).reshape(pixels.shape)
    with atomic_path(place) as temporary:
        temporary.write_bytes(imageio.imwrite("<bytes>", encoded, extension=".png"))


def _read(source: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    """Pixels as they are looked at: turned as a camera's JPEG asks for, inks of a printer's JPEG as RGB."""
    try:
        if _is_deep_color(source):
            raise DatasetError(
                f"{source}: is a color PNG of 16 bits, of which 8 would be read; "
                "one of 8 bits, a gray one of 16, or an EXR file of linear light is needed"
            )
        inks = imageio.immeta(source, plugin="pillow")["mode"] == "CMYK"
        pixels = np.asarray(imageio.imread(source, plugin="pillow", rotate=True, mode="RGB" if inks else None))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{source}: cannot be read ({error}); a PNG or JPEG file is needed") from error
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3):
        found = f"{pixels.dtype} of {pixels.ndim} dimensions"
        raise DatasetError(f"{source}: is {found}; a picture of 8 or 16 bits is needed")
    return pixels


def _is_deep_color(source: Path) -> bool:
    """Whether a PNG has color of 16 bits, which Pillow halves: its header's bit depth and color type (PNG, 11.2.2)."""
    with source.open("rb") as file:
        header = file.read(26)
    return header.startswith(b"\x89PNG") and header[24:25] == b"\x10" and header[25:26] != b"\x00"
