"""Which channels of an EXR file are what: its views, and in each view the layers that a denoiser reads and replaces.

A file may hold several parts, several views (`left`, `right`) and several pictures in each. A `Selection` names, for
one view and one picture, the part and the channels of color, albedo, normal and so on.

Views are those of the standard ("Storing Multi-View Images in OpenEXR Files"): of a part, its `view` attribute; of a
file with a `multiView` attribute, the last but one component of a channel's name (`right.R`, `albedo.right.R`), or the
first view where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from renderer_bridge.layers import LAYERS, find_alpha, find_color_of_light, find_layer, find_named

Table = dict[str, "tuple[int, str]"]
"""Channel names as other renderers would write them, without a view -> (index of the part, channel name)."""


class Place(NamedTuple):
    """Where a layer stands: the index of its part, and its channels there in the order of the components."""

    part: int
    channels: tuple[str, ...]


class Part(Protocol):
    """What is needed to know of a part."""

    @property
    def name(self) -> str: ...
    @property
    def header(self) -> Mapping[str, Any]: ...
    @property
    def channels(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Selection:
    """The layers of one view that belong together.

    `layers` maps `color`, `albedo`, `normal`, `position`, `depth`, `motion`, `alpha` to their places, as far as they
    are there. `result` is where the denoised color goes: as a rule where it came from; in files of Blender Cycles that
    hold `Noisy Image` and `Combined`, the first is read and the second replaced, for that is the one people look at.
    """

    view: str
    layers: Mapping[str, Place]
    result: Place | None


def views(parts: Sequence[Part]) -> tuple[str, ...]:
    """The views in the file, the default one first; ("",) where it names none."""
    found = dict.fromkeys(view for index in range(len(parts)) for view in (_part_view(parts, index),) if view)
    return (*_multi_view(parts), *(view for view in found if view not in _multi_view(parts))) or ("",)


def select(parts: Sequence[Part], view: str = "", beauty: str | None = None) -> Selection:
    """What belongs together in `view` (the default one when empty).

    `beauty` names the layer to denoise, by its own name or its end (`ViewLayer.Combined`, `combined`); without it the
    alias table chooses. Layers of the same view layer are preferred: the albedo beside the color that was chosen.
    """
    table = channel_table(parts, view or views(parts)[0])
    color = _named(table, beauty) if beauty is not None else _find(parts, table, "color")
    near, layers = table, {}
    if color is not None:
        near = {name: place for name, place in table.items() if name.startswith(_prefix(table, color))}
        layers["color"] = color
    for layer in LAYERS[1:]:
        place = _find_in(near, layer) or _find(parts, table, layer)
        if place is not None:
            layers[layer] = place
    if color is None:
        return Selection(view, layers, None)
    result = color if beauty is not None else _cycles_result(table, color) or color
    alpha = _alpha(table, result) or _alpha(table, color)
    if alpha is not None:
        layers["alpha"] = alpha
    return Selection(view, layers, result)


def find_picture(parts: Sequence[Part], name: str, view: str = "") -> Place | None:
    """The place of any three-channel layer by its name or its end, such as a light group; None when there is none."""
    return _named(channel_table(parts, view or views(parts)[0]), name)


def find_color_of(parts: Sequence[Part], name: str, view: str = "") -> Place | None:
    """The place of the surface color by which Cycles divided the pass `name`; None when it is no such pass."""
    table = channel_table(parts, view or views(parts)[0])
    return _place(table, find_color_of_light(table, find_named(table, name) or ()) or None)


def channel_table(parts: Sequence[Part], view: str | None = None) -> Table:
    """All channels, or those of one view, by their name with the part's name before it and without the view."""
    table: Table = {}
    for index, part in enumerate(parts):
        for channel in part.channels:
            own, name = _view_of(parts, index, channel)
            if view is None or own == view:
                bare = len(parts) == 1 or not part.name or channel.lower().startswith(part.name.lower() + ".")
                qualified = name if bare else f"{part.name}.{name}"
                table.setdefault(qualified if view is None else _without(qualified, view), (index, channel))
    return table


def _multi_view(parts: Sequence[Part]) -> list[str]:
    stored = parts[0].header.get("multiView") if len(parts) == 1 else None
    return [str(view) for view in stored] if isinstance(stored, list) else []


def _part_view(parts: Sequence[Part], index: int) -> str:
    value = parts[index].header.get("view", "") if len(parts) > 1 else ""
    return value if isinstance(value, str) else ""


def _view_of(parts: Sequence[Part], index: int, channel: str) -> tuple[str, str]:
    """(view, name without it) of a channel; what names no view belongs to the default one."""
    named = _multi_view(parts)
    if not named:
        return _part_view(parts, index) or views(parts)[0], channel
    *layer, view, suffix = ["", *channel.split(".")] if "." in channel else ["", named[0], channel]
    if view not in named:
        return named[0], channel
    return view, ".".join([*filter(None, layer), suffix])


def _without(name: str, view: str) -> str:
    """`rgba_left.R` and `left.R` are `rgba.R` and `R` of the view `left`."""
    if not view:
        return name
    *layer, suffix = name.split(".")
    kept = [re.sub(rf"[-_ ]{re.escape(view)}$", "", each, flags=re.I) for each in layer if each.lower() != view.lower()]
    return ".".join([*kept, suffix])


def _find(parts: Sequence[Part], table: Table, layer: str) -> Place | None:
    """By full names; or by the names within a part of several, where no other layer owns them."""
    found = _find_in(table, layer)
    if found is not None or len(parts) == 1:
        return found
    return next(_unclaimed(table, layer), None)


def _find_in(table: Table, layer: str) -> Place | None:
    return _place(table, find_layer(table, layer))


def _unclaimed(table: Table, layer: str) -> Iterator[Place]:
    """Plain `R G B` of a part whose name says nothing: those of a part called `albedo` are no color."""
    for index in dict.fromkeys(part for part, _ in table.values()):
        own = {name: channel for name, (part, channel) in table.items() if part == index}
        names = find_layer(own.values(), layer)
        others = (find_layer(own, other) or () for other in LAYERS if other != layer)
        if names is not None and not any(own[name] in names for other in others for name in other):
            yield Place(index, names)


def _named(table: Table, name: str) -> Place | None:
    return _place(table, find_named(table, name))


def _place(table: Table, names: tuple[str, ...] | None) -> Place | None:
    if names is None or len({table[name][0] for name in names}) > 1:
        return None
    return Place(table[names[0]][0], tuple(table[name][1] for name in names))


def _names(table: Table, place: Place) -> list[str]:
    names = {where: name for name, where in table.items()}
    return [names[place.part, channel] for channel in place.channels]


def _prefix(table: Table, color: Place) -> str:
    """The view layer of the color: `ViewLayer.` of `ViewLayer.Combined.R`; empty for plain names."""
    layer = _names(table, color)[0].rpartition(".")[0]
    return layer[: layer.rfind(".") + 1]


def _cycles_result(table: Table, color: Place) -> Place | None:
    lower = {name.lower(): name for name in table}
    wanted = [name.lower().replace("noisy image", "combined") for name in _names(table, color)]
    if any(name not in lower for name in wanted):
        return None
    return _place(table, tuple(lower[name] for name in wanted))


def _alpha(table: Table, color: Place) -> Place | None:
    name = find_alpha(table, _names(table, color)[0])
    return None if name is None else Place(table[name][0], (table[name][1],))
