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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import ExrError, OutputError
from renderer_bridge.exr_header import RawPart, check_exr
from renderer_bridge.frame import Image
from renderer_bridge.layers import LAYERS, find_layer

Channel = NDArray[Any]
"""The pixels of one channel (H, W): uint32, float16 or float32; a subsampled channel is smaller."""

_PIXEL_TYPES = (np.uint32, np.float16, np.float32)
_INT32 = np.iinfo(np.int32)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_stdout_lock = threading.Lock()


@dataclass(frozen=True)
class ExrPart:
    """One part of an EXR file.

    `header` maps attribute names to the values the OpenEXR binding gives: int, float (32 bits), str, lists, numpy
    vectors and matrices, `numpy.ndarray` of one float64 for a double, `fractions.Fraction`, OpenEXR's own classes; its
    `channels` entry keeps sampling and linearity. `channels` maps names to pixels (H, W) in their native type.
    """

    name: str
    header: Mapping[str, Any]
    channels: Mapping[str, Channel]


@dataclass(frozen=True)
class ExrImage:
    """An EXR file in memory. `path` is where it was read from, for messages."""

    parts: tuple[ExrPart, ...]
    path: Path

    def layer(self, name: str) -> Image | None:
        """The layer (`color`, `albedo`, ...) as float32 (H, W, 3), depth (H, W, 1), contiguous; None when absent.

        Pixels are those of the data window, row 0 at the top. Raises `ExrError` when its channels are subsampled.
        """
        found = self.find(name)
        if found is None:
            return None
        part, names = found
        channels = [self.parts[part].channels[channel] for channel in names]
        height, width = _size(self.parts[part].header)
        if any(channel.shape != (height, width) for channel in channels):
            raise ExrError(f"{self.path}: the channels {', '.join(names)} are subsampled; full resolution is needed")
        return np.ascontiguousarray(np.stack(channels, axis=-1), dtype=np.float32)

    def with_layer(self, name: str, array: Image) -> ExrImage:
        """A copy whose layer `name` holds `array` (H, W, 3) or, for depth, (H, W, 1); all else is shared.

        Native pixel types stay: values are clamped to the range of half, or rounded to uint32. Raises `ExrError` when
        the layer is absent or has another size.
        """
        found = self.find(name)
        if found is None:
            raise ExrError(f"{self.path}: there is no {name} layer to replace; found {', '.join(self.channel_names())}")
        return self._with_channels(name, *found, array)

    def with_result(self, color: Image) -> ExrImage:
        """A copy whose color is replaced by a denoised one (H, W, 3), as `with_layer`.

        Blender Cycles keeps in `Noisy Image` what a denoiser is given and in `Combined` what people look at: there the
        result goes into the `Combined` of the same view layer, where it has one, and `Noisy Image` stays.
        """
        noisy = self.find("color")
        qualified = {name.lower(): place for name, place in self._qualified().items()}
        names = {place: name for name, place in qualified.items()}
        places = [(noisy[0], channel) for channel in noisy[1]] if noisy else []
        combined = [qualified.get(names[place].replace("noisy image", "combined")) for place in places]
        found = [place for place in combined if place is not None]
        if not found or len(found) < len(places) or len({part for part, _ in found}) > 1:
            return self.with_layer("color", color)
        return self._with_channels("color", found[0][0], tuple(channel for _, channel in found), color)

    def _with_channels(self, layer: str, index: int, names: tuple[str, ...], array: Image) -> ExrImage:
        part = self.parts[index]
        expected = (*part.channels[names[0]].shape, len(names))
        if array.shape != expected:
            raise ExrError(f"{self.path}: its {layer} layer is {expected}, the new pixels are {array.shape}")
        if len(set(names)) == 1:  # luminance, or depth
            array = array.mean(axis=-1, keepdims=True)
        new = {
            channel: _as_type(array[..., i], part.channels[channel].dtype)
            for i, channel in enumerate(names[: array.shape[-1]])
        }
        changed = replace(part, channels={**part.channels, **new})
        return replace(self, parts=(*self.parts[:index], changed, *self.parts[index + 1 :]))

    def channel_names(self) -> list[str]:
        """All channel names; in files of several parts with the part's name before them."""
        return list(self._qualified())

    def find(self, layer: str) -> tuple[int, tuple[str, ...]] | None:
        """(index of the part, channel names in it) of `layer`, or None."""
        qualified = self._qualified()
        names = find_layer(qualified, layer)
        if names is not None:
            return qualified[names[0]][0], tuple(qualified[name][1] for name in names)
        for index, part in enumerate(self.parts if len(self.parts) > 1 else ()):
            names = find_layer(part.channels, layer)
            if names is not None and not self._claimed(index, names, layer):
                return index, names
        return None

    def _qualified(self) -> dict[str, tuple[int, str]]:
        """Channel names with the part's name before them -> (index of the part, channel name)."""
        table: dict[str, tuple[int, str]] = {}
        for index, part in enumerate(self.parts):
            for channel in part.channels:
                bare = len(self.parts) == 1 or not part.name or channel.lower().startswith(part.name.lower() + ".")
                table.setdefault(channel if bare else f"{part.name}.{channel}", (index, channel))
        return table

    def _claimed(self, index: int, names: tuple[str, ...], layer: str) -> bool:
        """Whether another layer owns these channels: `R G B` of a part called `albedo` are no color."""
        own = {name: channel for name, (part, channel) in self._qualified().items() if part == index}
        others = (find_layer(own, other) or () for other in LAYERS if other != layer)
        return any(own[name] in names for other in others for name in other)


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
        padded = _padded(pixels, _size(part.header)) if sampling[:2] != (1, 1) else pixels
        channels[name] = OpenEXR.Channel(np.ascontiguousarray(padded), *sampling)
    return channels


def _padded(pixels: Channel, size: tuple[int, int]) -> Channel:
    """Subsampled pixels at the start of a full-size array: the form the binding writes them from."""
    full = np.zeros(size, pixels.dtype)
    full.reshape(-1)[: pixels.size] = pixels.reshape(-1)
    return full


def _size(header: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of the data window."""
    (left, top), (right, bottom) = header["dataWindow"]
    return int(bottom) - int(top) + 1, int(right) - int(left) + 1


def _as_type(pixels: NDArray[np.float32], dtype: np.dtype[Any]) -> Channel:
    if dtype == np.float16:
        limit = np.finfo(np.float16).max
        return np.clip(pixels, -limit, limit).astype(np.float16)
    if dtype == np.uint32:
        return np.clip(np.rint(pixels.astype(np.float64)), 0, np.iinfo(np.uint32).max).astype(np.uint32)
    return np.array(pixels, dtype=np.float32)


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
