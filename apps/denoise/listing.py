"""n2n-denoise --list: what a file holds, and what would be used as what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import OpenEXR
from rich.table import Table

from renderer_bridge.check.compression import compression_of
from renderer_bridge.errors import ExrError
from renderer_bridge.exr import ExrImage, read_exr
from renderer_bridge.selection import Selection, channel_table

_TYPES = {"float16": "half", "float32": "float", "uint32": "uint"}


def tables(path: Path, layer: str | None) -> list[Table]:
    """What the file holds: its layers, their channels and types, and the use of each.

    Parts of one kind share a table, for Blender 5 writes each pass as a part of its own. `layer` is what --layer names.
    Raises `ExrError` when the file cannot be read or has no such layer.
    """
    image = read_exr(path)
    selections = [image.select(view, layer) for view in image.views()]
    if layer is not None and not any("color" in each.layers for each in selections):
        raise ExrError(f"{path}: has no layer {layer!r} with three colors; found {image.pictures()}")
    uses = _uses(selections)
    alike: dict[str, list[int]] = {}
    for index in range(len(image.parts)):
        alike.setdefault(_kind(image, index), []).append(index)
    return [_table(image, kind, parts, uses) for kind, parts in alike.items()]


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


def _kind(image: ExrImage, index: int) -> str:
    part = image.parts[index]
    height, width = part.size
    kind = "tiled" if part.header.get("type") == OpenEXR.tiledimage else "scanline"
    left, top, _, _ = part.window
    where = f" at ({left}, {top})" if (left, top) != (0, 0) else ""
    return f"{width}x{height}{where}, {kind}, {compression_of(image, index)}"


def _table(image: ExrImage, kind: str, parts: list[int], uses: dict[tuple[int, str], str]) -> Table:
    """Layers under the names that --layer and --also take."""
    of = f", {len(parts)} parts" if len(parts) > 1 else f", part {image.parts[parts[0]].name!r}"
    table = Table(title=f"{image.path}{of if len(image.parts) > 1 else ''}: {kind}", title_justify="left")
    for column in ("layer", "channels", "type", "used as"):
        table.add_column(column, overflow="fold")
    layers: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name, (index, channel) in channel_table(image.parts).items():
        if index in parts:
            layers.setdefault((name.rpartition(".")[0], uses.get((index, channel), "kept")), []).append(
                (index, channel)
            )
    for (layer, use), channels in layers.items():
        types = Counter(_TYPES[image.parts[index].channels[channel].dtype.name] for index, channel in channels)
        suffixes = " ".join(_in_order(channel.rpartition(".")[2] for _, channel in channels))
        table.add_row(layer or "(no name)", suffixes, ", ".join(types), use)
    return table


def _in_order(suffixes: Iterable[str]) -> list[str]:
    """R G B, X Y Z as people say them; files list channels by name."""
    order = ["r", "g", "b", "red", "green", "blue", "x", "y", "z", "w", "ry", "by", "a"]
    return sorted(suffixes, key=lambda each: order.index(each.lower()) if each.lower() in order else len(order))
