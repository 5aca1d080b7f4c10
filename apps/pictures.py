"""Pictures for people: linear radiance as 8-bit images, side by side, with captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from denoiser.metrics import tone_map
from renderer_bridge.atomic import atomic_path
from renderer_bridge.frame import Image

Picture = NDArray[np.uint8]
"""8-bit RGB (H, W, 3)."""

CAPTION_HEIGHT = 26
GAP = 6
SHEET_LEVEL = 0.35  # radiance that the median of a picture on a contact sheet is brought to
BACKGROUND, INK = (24, 24, 26), (235, 235, 235)


def to_display(radiance: Image) -> Picture:
    """Linear radiance (H, W, 3) tone-mapped as the paper does, T(v) = (v / (1 + v))^(1 / 2.2), to 8 bits."""
    return np.asarray(np.rint(tone_map(radiance) * 255.0), dtype=np.uint8)


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture atomically. Raises `OutputError` when `path` cannot be written.

    It is encoded in memory: imageio, writing to a full disk itself, would leave a traceback on standard error.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(imageio.imwrite("<bytes>", picture, extension=".png"))


def write_strip(path: Path, pictures: Mapping[str, Image]) -> None:
    """Write pictures of linear radiance (H, W, 3), all of one height, side by side, each above its caption, as PNG."""
    write_png(path, side_by_side([to_display(picture) for picture in pictures.values()], list(pictures)))


def side_by_side(pictures: Sequence[Picture], captions: Sequence[str]) -> Picture:
    """Pictures of one height in a row, each above its caption; a wide caption makes room for itself."""
    font = ImageFont.load_default(size=14)
    cells = [
        max(picture.shape[1], int(font.getlength(caption)) + GAP)
        for picture, caption in zip(pictures, captions, strict=True)
    ]
    height = pictures[0].shape[0]
    sheet = Pillow.new("RGB", (sum(cells) + GAP * (len(cells) - 1), height + CAPTION_HEIGHT), BACKGROUND)
    draw, left = ImageDraw.Draw(sheet), 0
    for picture, caption, cell in zip(pictures, captions, cells, strict=True):
        sheet.paste(Pillow.fromarray(picture), (left + (cell - picture.shape[1]) // 2, 0))
        draw.text((left + cell // 2, height + CAPTION_HEIGHT // 2), caption, INK, font, anchor="mm")
        left += cell + GAP
    return np.asarray(sheet)


def contact_sheet(pictures: Mapping[str, Image], columns: int = 8, cell: tuple[int, int] = (224, 168)) -> Picture:
    """Many pictures of linear radiance (H, W, 3), small, each above its name; each in an exposure that shows it.

    Of a name too long for its cell the end is shown.
    """
    width, height = cell[0] + GAP, cell[1] + CAPTION_HEIGHT
    sheet = Pillow.new("RGB", (columns * width, -(-len(pictures) // columns) * height), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for index, (name, radiance) in enumerate(pictures.items()):
        left, top = index % columns * width, index // columns * height
        level = max(float(np.median(radiance)), 0.2 * float(radiance.mean()), 1e-9)
        shown = np.asarray(np.maximum(radiance, 0) * (SHEET_LEVEL / level), dtype=np.float32)
        small = Pillow.fromarray(to_display(shown))
        small.thumbnail(cell)
        sheet.paste(small, (left + (cell[0] - small.width) // 2, top + (cell[1] - small.height) // 2))
        while font.getlength(name) > cell[0]:
            name = "…" + name[2:]
        draw.text((left + cell[0] // 2, top + cell[1] + CAPTION_HEIGHT // 2), name, INK, font, anchor="mm")
    return np.asarray(sheet)
