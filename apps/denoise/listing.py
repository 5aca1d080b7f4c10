"""n2n-denoise --list: what a file holds, and what would be used as what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import OpenEXR
from rich.table import Table

from renderer_bridge.check.compression import compression_of
from renderer_bridge.errors import ExrError
from renderer_bridge.exr import ExrImage, read_exr
from renderer_bridge.selection import Selection

_TYPES = {"float16": "half", "float32": "float", "uint32": "uint"}


def tables(path: Path, layer: str | None) -> list[Table]:
    """One table for each part of the file: its layers, their channels and types, and the use of each.

    `layer` is what --layer names. Raises `ExrError` when the file cannot be read or has no such layer.
    """
    image = read_exr(path)
    selections = [image.select(view, layer) for view in image.views()]
    if layer is not None and not any("color" in each.layers for each in selections):
        raise ExrError(f"{path}: has no layer {layer!r} with three colors; found {', '.join(image.channel_names())}")
    uses = _uses(selections)
    return [_table(image, index, uses) for index in range(len(image.parts))]


def _uses(selections: list[Selection]) -> dict[tuple[int, str], str]:
    """What each channel is used as: (part, channel) -> words."""
    uses: dict[tuple[int, str], str] = {}
    for selection in selections:
        of = f" of view {selection.view}" if selection.view else ""
        for layer, place in selection.layers.items():
            for channel in place.channels:
                uses[place.part, channel] = layer + of
        result, color = selection.result, selection.layers.get("color")
        for channel in result.channels if result is not None and color is not None else ():
            assert result is not None
            same = result == color
            uses[result.part, channel] = f"color{of}, replaced" if same else f"replaced by the denoised color{of}"
    return uses


def _table(image: ExrImage, index: int, uses: dict[tuple[int, str], str]) -> Table:
    part = image.parts[index]
    height, width = part.size
    compression = compression_of(image, index)
    kind = "tiled" if part.header.get("type") == OpenEXR.tiledimage else "scanline"
    left, top, _, _ = part.window
    where = f" at ({left}, {top})" if (left, top) != (0, 0) else ""
    name = f", part {part.name!r}" if len(image.parts) > 1 else ""
    table = Table(title=f"{image.path}{name}: {width}x{height}{where}, {kind}, {compression}", title_justify="left")
    for column in ("layer", "channels", "type", "used as"):
        table.add_column(column, overflow="fold")
    layers: dict[tuple[str, str], list[str]] = {}
    for channel in part.channels:
        layers.setdefault((channel.rpartition(".")[0], uses.get((index, channel), "kept")), []).append(channel)
    for (layer, use), channels in layers.items():
        types = Counter(_TYPES[part.channels[channel].dtype.name] for channel in channels)
        suffixes = " ".join(_in_order(channel.rpartition(".")[2] for channel in channels))
        table.add_row(layer or "(no name)", suffixes, ", ".join(types), use)
    return table


def _in_order(suffixes: object) -> list[str]:
    """R G B, X Y Z as people say them; files list channels by name."""
    order = ["r", "g", "b", "red", "green", "blue", "y", "ry", "by", "x", "z", "a"]
    assert not isinstance(suffixes, str)
    found = list(suffixes)  # type: ignore[call-overload]
    if {each.lower() for each in found} >= {"x", "y", "z"}:
        return sorted(found)
    return sorted(found, key=lambda each: order.index(each.lower()) if each.lower() in order else len(order))
