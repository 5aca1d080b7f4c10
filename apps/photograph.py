"""Photographs as they are looked at: display-referred pictures of 8 or 16 bits."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import DatasetError


def read_photograph(source: Path) -> NDArray[np.unsignedinteger]:
    """Pixels (H, W) or (H, W, channels), uint8 or uint16, turned as a camera's JPEG asks for, printers' inks as RGB.

    Raises `DatasetError` when the file cannot be read, or not with all its bits.
    """
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
