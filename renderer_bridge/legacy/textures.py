"""Textures of Mitsuba 0.5 and 0.6, and volumes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import (
    SCALED_BY,
    Scene,
    become,
    color,
    means,
    number,
    of,
    parents,
    plugin,
    prop,
    take,
    value,
)

WRAP_MODES = {
    "repeat": "repeat",
    "mirror": "mirror",
    "clamp": "clamp",
    "zero": "clamp",
    "one": "clamp",
    "black": "clamp",
}


def translate_texture(scene: Scene, element: ET.Element) -> None:
    """Turn a texture that Mitsuba 3 lacks into one it has, and offsets and scales of `uv` into a transform."""
    kind = element.get("type", "")
    if kind == "ldrtexture" or kind == "exrtexture":
        element.set("type", "bitmap")
    _to_uv(element)
    if element.get("type") == "bitmap":
        _bitmap(element)
    elif kind == "vertexcolors":
        become(element, "mesh_attribute", value("string", "name", "vertex_color"))
        scene.tell("texture 'vertexcolors' was replaced by 'mesh_attribute'", element)
    elif kind == "gridtexture":
        width = min(0.5, max(0.0, number(take(element, "line_width"), 0.01)))
        _mean_color(scene, element, "color0", 0.2, "color1", 0.4, 1 - (1 - 2 * width) ** 2)
    elif kind == "wireframe":
        _mean_color(scene, element, "interior_color", 0.5, "edge_color", 0.1, 0.0)
    elif kind == "curvature":
        _mean_color(scene, element, "", 0.5, "", 0.5, 0.0)


def _to_uv(element: ET.Element) -> None:
    """Mitsuba 0.6 looks a texture up at uv times scale, plus offset."""
    both = take(element, "uvscale")
    scales = [number(take(element, name), number(both, 1.0)) for name in ("uscale", "vscale")]
    offsets = [number(take(element, name), 0.0) for name in ("uoffset", "voffset")]
    if scales == [1.0, 1.0] and offsets == [0.0, 0.0]:
        return
    steps = ET.Element("transform", {"name": "to_uv"})
    ET.SubElement(steps, "scale", {"x": of(scales[0]), "y": of(scales[1])})
    ET.SubElement(steps, "translate", {"x": of(offsets[0]), "y": of(offsets[1])})
    element.append(steps)


def _bitmap(element: ET.Element) -> None:
    """Filters and gamma: anything but `nearest` is bilinear; a gamma of 1 says that values are linear."""
    found = take(element, "filter_type")
    if found is not None:
        nearest = found.get("value", "").strip().lower() == "nearest"
        element.append(value("string", "filter_type", "nearest" if nearest else "bilinear"))
    mode = take(element, "wrap_mode_u", "wrap_mode", "wrap_mode_v")
    if mode is not None:
        element.append(value("string", "wrap_mode", WRAP_MODES.get(mode.get("value", "").strip().lower(), "repeat")))
    if prop(element, "raw") is None and abs(number(prop(element, "gamma"), 0.0) - 1) < 1e-6:
        element.append(value("boolean", "raw", True))


def _mean_color(
    scene: Scene, element: ET.Element, most: str, gray: float, rest: str, other: float, share: float
) -> None:
    """The mean of a pattern that Mitsuba 3 does not have, as a checkerboard of one color."""
    kind = element.get("type", "")
    first, second = color(prop(element, most), gray), color(prop(element, rest), other)
    mean = [(1 - share) * a + share * b for a, b in zip(first or (gray,) * 3, second or (other,) * 3, strict=True)]
    kept = prop(element, "to_uv")
    become(element, "checkerboard", value("rgb", "color0", mean), value("rgb", "color1", mean), kept)
    scene.tell(f"texture {kind!r} is no plugin of Mitsuba 3: its mean color is used instead", element)


def unscale(scene: Scene) -> None:
    """`scale` textures give way to what they scale: a constant is multiplied, a picture stays as it is.

    A bump map above takes the factor as its own scale: it is left at the texture.
    """
    above = parents(scene.root)
    for element in [each for each in scene.root.iter("texture") if each.get("type") == "scale"]:
        factor = number(prop(element, "scale"), 1.0)
        inner = next((child for child in element if means(scene, child, "texture") is not None), None)
        constant = color(prop(element, "value"), 0.5)
        if inner is None:
            mean = [each * factor for each in constant or (0.5, 0.5, 0.5)]
            become(element, "checkerboard", value("rgb", "color0", mean), value("rgb", "color1", mean))
            continue
        target = means(scene, inner, "texture")
        assert target is not None
        copy = plugin("texture", target.get("type", ""), *list(target))
        copy.attrib.update({key: text for key, text in element.attrib.items() if key in ("id", "name")})
        copy.set(SCALED_BY, str(factor * float(target.get(SCALED_BY, "1"))))
        parent = above[element]
        parent[list(parent).index(element)] = copy
        above[copy] = parent
        if parent.get("type") != "bumpmap" and abs(factor - 1) > 1e-6:
            scene.tell("a 'scale' texture was left out: Mitsuba 3 does not scale textures", parent)


def translate_volume(scene: Scene, element: ET.Element) -> None:
    """Volumes: `volcache` gives way to what it caches; a grid lies where its file says, its values are linear."""
    if element.get("type") == "volcache":
        inner = next((child for child in element if child.tag == "volume"), None)
        if inner is not None:
            become(element, inner.get("type", ""), *list(inner))
    if scene.old and element.get("type") == "gridvolume" and prop(element, "use_grid_bbox") is None:
        element.append(value("boolean", "use_grid_bbox", True))
        element.append(value("boolean", "raw", True))
