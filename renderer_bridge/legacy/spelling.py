"""Old names of elements, attributes and properties, and values that Mitsuba 3 wants written otherwise.

Mitsuba 0.5 and 0.6 wrote `camelCase` where 3 has `snake_case`; versions before had other elements. Applied whatever
version a file claims, for no name of Mitsuba 3 has capitals in its middle.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from renderer_bridge.legacy.colors import COLORS
from renderer_bridge.legacy.elements import OBJECTS, Scene, numbers, of, prop

TAGS = {"lookAt": "lookat", "luminaire": "emitter", "camera": "sensor", "bool": "boolean", "int": "integer"}
ATTRIBUTES = {
    **{tag: ("type", "id", "name") for tag in OBJECTS},
    **{tag: ("name", "value") for tag in ("float", "integer", "boolean", "string", "rgb")},
    **{tag: ("name", "x", "y", "z", "value") for tag in ("point", "vector")},
    **{tag: ("x", "y", "z", "value") for tag in ("translate", "scale")},
    "spectrum": ("name", "value", "filename", "type", "id"),
    "rotate": ("angle", "x", "y", "z", "value"),
    "lookat": ("origin", "target", "up"),
    "matrix": ("value",),
    "transform": ("name",),
    "ref": ("id", "name"),
    "alias": ("id", "as"),
    "path": ("value",),
}
KNOWN_TAGS = {*ATTRIBUTES, *COLORS, "animation"}
INTEGERS = {
    *("width", "height", "crop_width", "crop_height", "crop_offset_x", "crop_offset_y", "sample_count", "shape_index"),
    *("max_depth", "rr_depth", "emitter_samples", "bsdf_samples", "shading_samples", "year", "month", "day"),
}
FLOATS = {
    *(
        "alpha",
        "alpha_u",
        "alpha_v",
        "scale",
        "sampling_weight",
        "turbidity",
        "sun_scale",
        "sky_scale",
        "g",
        "exponent",
    ),
    *("fov", "near_clip", "far_clip", "aperture_radius", "focus_distance", "cutoff_angle", "beam_width", "radius"),
    *("thickness", "hour", "minute", "second", "latitude", "longitude", "timezone", "sun_radius_scale", "stretch"),
}


def modernised(scene: Scene) -> None:
    """Rename in place: elements, attributes, properties; write integers and booleans as Mitsuba 3 reads them."""
    for element in scene.root.iter():
        element.tag = TAGS.get(element.tag, element.tag)
        _rename_attributes(element)
    for parent in scene.root.iter():
        for unknown in [child for child in parent if child.tag not in KNOWN_TAGS]:
            parent.remove(unknown)
            if unknown.tag != "null":
                scene.tell(f"<{unknown.tag}> is no element of a Mitsuba scene and was left out")
    for element in scene.root.iter():
        if element.tag in OBJECTS:
            _rename_properties(element)
    _first_keyframes(scene)
    for turned in scene.root.iter("transform"):
        turned[:] = [step for step in turned if step.tag != "rotate" or _has_an_axis(step)]


def snake_case(name: str) -> str:
    """`intIOR` is `int_ior`, `toWorld` is `to_world`, `B` stays."""
    return re.sub(r"(?<=[a-z])([A-Z]+)", lambda found: "_" + found[1].lower(), name)


def _rename_attributes(element: ET.Element) -> None:
    known = ATTRIBUTES.get(element.tag)
    if known is None:
        return
    lower = {key if key in known else key.lower(): text for key, text in element.attrib.items()}
    element.attrib = {key: text for key, text in lower.items() if key in known}
    if element.tag in OBJECTS and element.tag != "scene" and "type" in element.attrib:
        element.set("type", element.get("type", "").strip())


def _rename_properties(element: ET.Element) -> None:
    for child in element:
        name = child.get("name")
        if name is not None:
            child.set("name", snake_case(name.strip()))
    _one_of_each_name(element)
    for child in element:
        _retype(child)
    if element.tag == "sensor" and prop(element, "fov") is not None:
        element[:] = [child for child in element if child.get("name") != "focal_length"]
    if element.get("type") == "diffuse" and (old := prop(element, "diffuse_reflectance")) is not None:
        old.set("name", "reflectance")
    lit = element.tag == "emitter" and element.get("type") in ("area", "constant")
    if lit and prop(element, "radiance") is None and (old := prop(element, "intensity")) is not None:
        old.set("name", "radiance")


def _one_of_each_name(element: ET.Element) -> None:
    """Of two values of one name the later counts; of two objects the later loses its name, but stays."""
    seen: dict[str, ET.Element] = {}
    for child in element:
        name = child.get("name") or f"_{len(seen)}"
        if name in seen and child.tag in (*OBJECTS, "ref"):
            del child.attrib["name"]
            name = f"_{len(seen)}"
        seen[name] = child
    element[:] = seen.values()


def _retype(child: ET.Element) -> None:
    """Give a property of a number or a truth value the type and the spelling that Mitsuba 3 asks for."""
    name, text = child.get("name", ""), child.get("value", "").strip()
    found = numbers(text)
    if child.tag == "boolean":
        child.set("value", {"1": "true", "0": "false"}.get(text, text.lower()))
    elif name in INTEGERS and child.tag in ("float", "integer", "string") and len(found) == 1 and abs(found[0]) < 2**62:
        child.tag = "integer"
        child.set("value", str(int(found[0])))
    elif name in FLOATS and child.tag in ("integer", "string", "spectrum", "rgb", "float") and len(found) >= 1:
        child.tag = "float"
        child.set("value", of(sum(found) / len(found)) if len(found) > 1 else text)
    elif name in ("int_ior", "ext_ior") and len(found) == 1:
        child.tag = "float"
    elif name == "focal_length" and child.tag in ("float", "integer"):
        child.tag = "string"
        child.set("value", f"{text}mm")


def _has_an_axis(step: ET.Element) -> bool:
    """Whether a rotation has an axis; Mitsuba 3 refuses one that has none, and does nothing."""
    return any(each != 0 for key in ("x", "y", "z", "value") for each in numbers(step.get(key, "")))


def _first_keyframes(scene: Scene) -> None:
    """A moving `<animation>` stands still at its first keyframe."""
    for parent in list(scene.root.iter()):
        for place, child in enumerate(list(parent)):
            if child.tag == "animation":
                first = next(iter(child), ET.Element("transform"))
                first.attrib = {"name": child.get("name", "to_world")}
                parent[place] = first
                scene.tell("<animation> was replaced by its first keyframe, for a pair shows one moment", parent)
