"""Whether the file was compressed without loss: what a lossy method changes, it changes before noise is removed.

Source: OpenEXR, "Technical Introduction to OpenEXR", data compression; DWA's classes of channels by their names'
last part are those of the library.
"""

from __future__ import annotations

import numpy as np

from renderer_bridge.check.finding import Finding
from renderer_bridge.exr_image import ExrImage
from renderer_bridge.selection import Selection

USED = ("color", "albedo", "normal")
"""The layers that are looked at."""

LOSSY_TEXT = (
    "{layers} went through {method} compression, which changes noise before it can be removed: write EXR files with "
    "ZIP or PIZ (Blender: Output > Color > Codec; Arnold: compression of driver_exr; V-Ray: compression of the EXR "
    "settings; Karma: EXR compression)"
)

_DWA_COLORS = ("r", "g", "b", "red", "green", "blue", "y", "by", "ry")


def compression_of(image: ExrImage, part: int) -> str:
    """The method's name as OpenEXR's tools have it, such as zip or dwaa."""
    return str(image.parts[part].header.get("compression")).rpartition(".")[2].removesuffix("_COMPRESSION").lower()


def check_compression(image: ExrImage, selection: Selection) -> list[Finding]:
    """One finding for each method that loses something of the layers in use; none where nothing is lost.

    PXR24 keeps 16 bits of a float's mantissa, more than half floats have: that is a note only.
    """
    lossy: dict[str, list[str]] = {}
    for name in USED:
        place = selection.layers.get(name)
        if place is None:
            continue
        method, channels = compression_of(image, place.part), image.parts[place.part].channels
        if any(_loses(method, channel, channels[channel].dtype) for channel in place.channels):
            lossy.setdefault(method, []).append(name)
    return [
        Finding(
            "lossy compression",
            float(len(layers)),
            0.0,
            "above",
            0.0,
            LOSSY_TEXT.format(layers=" and ".join(layers), method=method.upper()),
            serious=method != "pxr24",
        )
        for method, layers in lossy.items()
    ]


def _loses(method: str, channel: str, dtype: np.dtype[np.generic]) -> bool:
    if method in ("b44", "b44a"):
        return dtype == np.float16
    if method == "pxr24":
        return dtype == np.float32
    return method in ("dwaa", "dwab") and dtype != np.uint32 and channel.rpartition(".")[2].lower() in _DWA_COLORS
