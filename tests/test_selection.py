"""Which channels belong together: parts, views, view layers, and the picture that is asked for."""

from dataclasses import dataclass, field
from typing import Any

from renderer_bridge.selection import Place, channel_table, find_picture, select, views

PLAIN = ("R", "G", "B")


@dataclass
class Part:
    channels: dict[str, None]
    name: str = ""
    header: dict[str, Any] = field(default_factory=dict)


def part(*groups: str, name: str = "", suffixes: str = "RGB", **header: Any) -> Part:
    """A part with the channels of these layers; "" is the layer without a name."""
    names = [f"{group}.{suffix}".lstrip(".") for group in groups for suffix in suffixes]
    return Part(dict.fromkeys(sorted(names)), name, header)


def rgb(group: str) -> tuple[str, ...]:
    return tuple(f"{group}.{suffix}" for suffix in PLAIN)


def test_a_plain_file_has_one_view_without_a_name() -> None:
    parts = [part("", "albedo")]
    assert views(parts) == ("",)
    found = select(parts)
    assert found.layers == {"color": (0, PLAIN), "albedo": (0, rgb("albedo"))}
    assert found.result == Place(0, PLAIN)


def test_views_of_one_part_stand_in_channel_names() -> None:
    parts = [part("", "albedo", "right", "albedo.right", multiView=["left", "right"])]
    assert views(parts) == ("left", "right")
    left, right = (select(parts, view) for view in views(parts))
    assert left.layers == {"color": (0, PLAIN), "albedo": (0, rgb("albedo"))}
    assert right.layers == {"color": (0, rgb("right")), "albedo": (0, rgb("albedo.right"))}


def test_blenders_views_stand_before_the_suffix() -> None:
    parts = [part("V.Combined.left", "V.Combined.right", multiView=["left", "right"])]
    assert select(parts, "right").result == Place(0, rgb("V.Combined.right"))


def test_views_of_several_parts_stand_in_their_headers() -> None:
    names = ("left", "rgba_right", "albedo.right")
    parts = [part("", name=name, view=name.split("_")[-1].split(".")[-1]) for name in names]
    assert views(parts) == ("left", "right")
    assert select(parts, "left").layers == {"color": (0, PLAIN)}
    assert select(parts, "right").layers == {"color": (1, PLAIN), "albedo": (2, PLAIN)}


def test_layers_of_the_same_view_layer_are_preferred() -> None:
    parts = [part("Back.Combined", "Back.DiffCol", "Front.Combined", "Front.DiffCol")]
    assert select(parts).layers["albedo"] == (0, rgb("Back.DiffCol"))
    front = select(parts, beauty="front.combined")
    assert front.layers == {"color": (0, rgb("Front.Combined")), "albedo": (0, rgb("Front.DiffCol"))}


def test_the_picture_asked_for_is_the_one_replaced() -> None:
    parts = [part("V.Combined", "V.Noisy Image", suffixes="RGBA")]
    assert select(parts).layers["color"] == (0, rgb("V.Noisy Image"))
    assert select(parts).result == (0, rgb("V.Combined"))
    assert select(parts).layers["alpha"] == (0, ("V.Combined.A",))
    assert select(parts, beauty="noisy image").result == (0, rgb("V.Noisy Image"))
    assert select(parts, beauty="absent").result is None


def test_layers_are_found_without_a_color() -> None:
    found = select([part("N", suffixes="XYZ")])
    assert found.layers == {"normal": (0, ("N.X", "N.Y", "N.Z"))} and found.result is None


def test_noisy_image_without_combined_is_replaced_itself() -> None:
    parts = [part("V.Noisy Image", name="a"), part("V.Combined", name="b", suffixes="XYZ")]
    assert select(parts).result == (0, rgb("V.Noisy Image"))


def test_a_light_group_is_found_by_its_part_or_layer() -> None:
    parts = [part("", name="beauty"), part("", name="C_key"), part("lights.fill", name="rest")]
    assert find_picture(parts, "c_key") == (1, PLAIN)
    assert find_picture(parts, "fill") == (2, rgb("lights.fill"))
    assert find_picture(parts, "rim") is None
    assert list(channel_table(parts))[:3] == ["beauty.B", "beauty.G", "beauty.R"]
