"""EXR files, whole: every part, channel, pixel type, window and attribute survives reading and writing.

Pixels go through the official OpenEXR binding; what that binding would lose is either kept another way or refused with
an `ExrError`, never dropped in silence:

- refused: deep images, mip- and rip-mapped tiles, truncated files (the binding drops the part and only prints a
  warning), strings that are not UTF-8, the attribute types `deepImageState` and a `rational` with denominator zero;
- kept as raw bytes (`OpenEXR.OpaqueAttribute`): empty lists and rationals that are not in lowest terms;
- compressed anew: with the lossy methods (B44, PXR24, DWA) pixels change a little at every writing, as in any program;
- added by the library: the attribute `type`, and `chunkCount` in files of several parts.
"""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import ExrError, OutputError
from renderer_bridge.exr_header import RawPart, check_exr
from renderer_bridge.exr_image import Channel, ExrImage, ExrPart

__all__ = ["Channel", "ExrImage", "ExrPart", "read_exr", "write_exr"]

_PIXEL_TYPES = (np.uint32, np.float16, np.float32)
_INT32 = np.iinfo(np.int32)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_stdout_lock = threading.Lock()


def read_exr(path: str | Path) -> ExrImage:
    """Everything in the EXR file at `path`.

    Raises `ExrError` when the file is missing, damaged or truncated, or holds what cannot be kept (see the module).
    """
    raw = check_exr(path)
    try:
        with _library_warnings() as warnings:
            parts = OpenEXR.File(str(path), separate_channels=True).parts
    except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise ExrError(f"{path}: OpenEXR cannot read it ({reason}); an EXR file without that is needed") from error
    if len(parts) != len(raw):
        reason = " ".join(warnings) or f"{len(parts)} of {len(raw)} parts could be read"
        raise ExrError(f"{path}: its pixels are damaged ({reason}); a complete EXR file is needed")
    return ExrImage(tuple(_part(part, raw[i]) for i, part in enumerate(parts)), Path(path))


def write_exr(path: str | Path, image: ExrImage) -> None:
    """Write `image` to `path`, which is complete or absent, never half written.

    Raises `ExrError` when an attribute or a pixel type has no form in an EXR file, `OutputError` when the file cannot
    be written.
    """
    try:
        parts = [OpenEXR.Part(_header(path, part), _library_channels(path, part), part.name) for part in image.parts]
        with atomic_path(path) as temporary:
            OpenEXR.File(parts).write(str(temporary))
    except (RuntimeError, ValueError, TypeError) as error:
        raise OutputError(
            f"{path}: OpenEXR cannot write it ({error}); a writable folder with free space is needed"
        ) from error


def _part(part: Any, raw: RawPart) -> ExrPart:
    header = {name: _exact(value, raw.attributes.get(name)) for name, value in part.header.items()}
    channels = {name: channel.pixels for name, channel in part.channels.items()}
    return ExrPart(part.name(), header, channels)


def _exact(value: Any, stored: tuple[str, bytes] | None) -> Any:
    """The binding's value, or the raw bytes where writing that value would store something else."""
    if stored is None:
        return value
    kind, raw = stored
    if isinstance(value, list) and not value:
        return OpenEXR.OpaqueAttribute(raw, kind)
    if isinstance(value, Fraction) and struct.pack("<iI", value.numerator, value.denominator) != raw:
        return OpenEXR.OpaqueAttribute(raw, kind)
    return value


def _header(path: str | Path, part: ExrPart) -> dict[str, Any]:
    """A header the binding may change, with its silent overflows refused."""
    header = {name: _plain(value) for name, value in part.header.items() if name != "channels"}
    for name, value in header.items():
        if isinstance(value, int) and not _INT32.min <= value <= _INT32.max:
            raise ExrError(
                f"{path}: attribute {name!r} is {value}; an EXR integer has 32 bits, a string takes any number"
            )
        if isinstance(value, float) and np.isfinite(value) and abs(value) > _FLOAT32_MAX:
            raise ExrError(
                f"{path}: attribute {name!r} is {value}; a float has 32 bits, an array of one float64 takes it"
            )
    return header


def _plain(value: Any) -> Any:
    """The value as the binding takes it: no numpy scalars, and C order, for it ignores strides without a word."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    return tuple(_plain(item) for item in value) if isinstance(value, tuple) else value


def _library_channels(path: str | Path, part: ExrPart) -> dict[str, Any]:
    described = {channel.name: channel for channel in part.header.get("channels", ())}
    channels = {}
    for name, pixels in part.channels.items():
        if pixels.dtype.type not in _PIXEL_TYPES or pixels.ndim != 2:
            raise ExrError(
                f"{path}: channel {name} is {pixels.dtype} {pixels.shape}; uint32, float16 or float32 (H, W) is needed"
            )
        like = described.get(name)
        sampling = (like.xSampling, like.ySampling, like.pLinear) if like else (1, 1, False)
        padded = _padded(pixels, part.size) if sampling[:2] != (1, 1) else pixels
        channels[name] = OpenEXR.Channel(np.ascontiguousarray(padded), *sampling)
    return channels


def _padded(pixels: Channel, size: tuple[int, int]) -> Channel:
    """Subsampled pixels at the start of a full-size array: the form the binding writes them from."""
    full = np.zeros(size, pixels.dtype)
    full.reshape(-1)[: pixels.size] = pixels.reshape(-1)
    return full


@contextlib.contextmanager
def _library_warnings() -> Any:
    """Catch the lines the binding prints instead of raising; what other threads printed meanwhile goes on to stdout."""
    mark = "Warning: Exception raised reading pixel data"
    warnings: list[str] = []
    with _stdout_lock:
        with contextlib.redirect_stdout(io.StringIO()) as caught:
            yield warnings
        for line in caught.getvalue().splitlines(keepends=True):
            if line.startswith(mark):
                warnings.append(line.rpartition(" - ")[2].strip())
            else:
                sys.stdout.write(line)
