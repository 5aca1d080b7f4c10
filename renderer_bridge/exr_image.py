"""An EXR file in memory: its parts, and the layers in them as pictures, to read and to replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import ExrError
from renderer_bridge.frame import Image
from renderer_bridge.layers import is_luminance_chroma
from renderer_bridge.luminance import REC709, from_rgb, luminance_weights, subsampled, to_rgb, upsampled
from renderer_bridge.selection import Place, Selection, channel_table, select, views

Channel = NDArray[Any]
"""The pixels of one channel (H, W): uint32, float16 or float32; a subsampled channel is smaller."""


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

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the data window."""
        left, top, right, bottom = self.window
        return bottom - top + 1, right - left + 1

    @property
    def window(self) -> tuple[int, int, int, int]:
        """The data window: first column, first row, last column, last row."""
        (left, top), (right, bottom) = self.header["dataWindow"]
        return int(left), int(top), int(right), int(bottom)

    def sampling(self, channel: str) -> tuple[int, int]:
        """Distance (y, x) of the channel's samples in pixels; (1, 1) unless it is subsampled."""
        for described in self.header.get("channels", ()):
            if described.name == channel:
                return described.ySampling, described.xSampling
        return 1, 1


@dataclass(frozen=True)
class ExrImage:
    """An EXR file in memory. `path` is where it was read from, for messages."""

    parts: tuple[ExrPart, ...]
    path: Path

    def views(self) -> tuple[str, ...]:
        """The views of a stereo file, the default one first; ("",) for a file of one view."""
        return views(self.parts)

    def select(self, view: str = "", beauty: str | None = None) -> Selection:
        """The layers that belong together in one view; see `renderer_bridge.selection`."""
        return select(self.parts, view, beauty)

    def find(self, layer: str) -> Place | None:
        """The place of `layer` (`color`, `albedo`, ...) in the default view, or None."""
        return self.select().layers.get(layer)

    def layer(self, name: str) -> Image | None:
        """As `pixels`, of the layer `name` of the default view; None when absent."""
        place = self.find(name)
        return None if place is None else self.pixels(place)

    def pixels(self, place: Place) -> Image:
        """The channels at `place` as float32 (H, W, channels), contiguous; luminance and chroma as RGB.

        Pixels are those of the part's data window, row 0 at the top. Raises `ExrError` when another layer than
        luminance and chroma is subsampled.
        """
        part = self.parts[place.part]
        if is_luminance_chroma(place.channels):
            y, *chroma = (part.channels[name].astype(np.float32) for name in place.channels)
            ry, by = (
                upsampled(plane, y.shape, part.sampling(name))
                for plane, name in zip(chroma, place.channels[1:], strict=True)
            )
            return to_rgb(y, ry, by, self._weights(part))
        channels = [part.channels[name] for name in place.channels]
        if any(channel.shape != part.size for channel in channels):
            names = ", ".join(place.channels)
            raise ExrError(f"{self.path}: the channels {names} are subsampled; full resolution is needed")
        result = np.empty((*part.size, len(channels)), np.float32)
        for i, channel in enumerate(channels):
            result[..., i] = channel
        return result

    def with_layer(self, name: str, array: Image) -> ExrImage:
        """As `with_pixels`, for a layer of the default view. Raises `ExrError` when it is absent."""
        place = self.find(name)
        if place is None:
            raise ExrError(f"{self.path}: there is no {name} layer to replace; found {self.described()}")
        return self.with_pixels(place, array)

    def with_result(self, color: Image, view: str = "", beauty: str | None = None) -> ExrImage:
        """A copy whose color is replaced by a denoised one (H, W, 3), where `Selection.result` says."""
        place = self.select(view, beauty).result
        if place is None:
            raise ExrError(f"{self.path}: there is no color layer to replace; found {self.described()}")
        return self.with_pixels(place, color)

    def with_pixels(self, place: Place, array: Image) -> ExrImage:
        """A copy in which the channels at `place` hold `array` (H, W, channels); all else is shared.

        Native pixel types stay: values are clamped to the range of half, or rounded to uint32. RGB goes back into
        luminance and chroma. Raises `ExrError` when the size is another.
        """
        part = self.parts[place.part]
        expected = (*part.size, len(place.channels))
        if array.shape != expected:
            raise ExrError(f"{self.path}: its {', '.join(place.channels)} are {expected}, the new pixels {array.shape}")
        planes = self._planes(part, place, array)
        new = {name: _as_type(plane, part.channels[name].dtype) for name, plane in planes.items()}
        return self._with_part(place.part, replace(part, channels={**part.channels, **new}))

    def with_new_channels(self, part: int, channels: Mapping[str, Channel]) -> ExrImage:
        """A copy with further channels (H, W) of full resolution in one part, in place of those of the same name."""
        old = self.parts[part]
        return self._with_part(part, replace(old, channels={**old.channels, **channels}))

    def channel_names(self) -> list[str]:
        """All channel names; in files of several parts with the part's name before them."""
        return list(channel_table(self.parts))

    def described(self) -> str:
        """The layers and their channels in one line, for messages: `ViewLayer.Combined (A B G R), ViewLayer.Depth (Z)`;
        channels without a layer as they are."""
        layers = self._layers().items()
        return ", ".join(f"{name} ({' '.join(suffixes)})" if name else " ".join(suffixes) for name, suffixes in layers)

    def pictures(self) -> str:
        """The names of the layers of three colors in one line, for messages; `R G B` is the one without a name."""
        colors = [name for name, suffixes in self._layers().items() if {"r", "g", "b"} <= set(map(str.lower, suffixes))]
        return ", ".join(name or "R G B" for name in colors) or self.described()

    def _layers(self) -> dict[str, list[str]]:
        """The suffixes of each layer's channels."""
        layers: dict[str, list[str]] = {}
        for name in self.channel_names():
            layer, _, suffix = name.rpartition(".")
            layers.setdefault(layer, []).append(suffix)
        return layers

    def _with_part(self, index: int, part: ExrPart) -> ExrImage:
        return replace(self, parts=(*self.parts[:index], part, *self.parts[index + 1 :]))

    def _planes(self, part: ExrPart, place: Place, array: Image) -> dict[str, Channel]:
        if is_luminance_chroma(place.channels):
            planes = from_rgb(array, self._weights(part))
            pairs = zip(place.channels, planes, strict=True)
            return {name: subsampled(plane, part.sampling(name)) for name, plane in pairs}
        if len(set(place.channels)) == 1:  # luminance alone
            return {place.channels[0]: array.mean(axis=-1)}
        return {name: array[..., i] for i, name in enumerate(place.channels)}

    def _weights(self, part: ExrPart) -> NDArray[np.float32]:
        try:
            return luminance_weights(part.header.get("chromaticities", REC709))
        except ValueError as error:
            raise ExrError(f"{self.path}: {error}; those of red, green, blue and white are needed") from error


def _as_type(pixels: NDArray[np.float32], dtype: np.dtype[Any]) -> Channel:
    if dtype == np.float16:
        limit = np.finfo(np.float16).max
        return np.clip(pixels, -limit, limit).astype(np.float16)
    if dtype == np.uint32:
        return np.clip(np.rint(pixels.astype(np.float64)), 0, np.iinfo(np.uint32).max).astype(np.uint32)
    return np.array(pixels, dtype=np.float32)
