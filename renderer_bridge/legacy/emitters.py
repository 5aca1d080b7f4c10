"""Lights of Mitsuba 0.5 and 0.6: the daylight models, and what else changed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import Scene, become, number, prop, take, value

SUN_DEG = 0.5358  # apparent diameter, the same in both versions
LEAST_SUN_DEG = 0.02  # for a radius scale of 0, a directional light in 0.6
# Mitsuba 0.6 looks up along +y, with east at +x; Mitsuba 3 up along +z, mirrored: x is its -y, y its z, z its x.
Y_UP = "0 -1 0 0  0 0 1 0  1 0 0 0  0 0 0 1"
DAYLIGHT = ("sky", "sun", "sunsky")
GROUND = 0.2  # albedo, by default
TIME = (
    *("year", "month", "day", "hour", "minute", "second", "latitude", "longitude", "timezone", "sun_direction"),
    *("turbidity", "sampling_weight"),
)


def translate_emitter(scene: Scene, element: ET.Element) -> None:
    """Daylight in Mitsuba 3's coordinates and parameters; a place given once."""
    kind = element.get("type", "")
    if kind in DAYLIGHT and (scene.old or kind != "sunsky"):
        _daylight(scene, element, kind)
    elif kind in ("point", "directional") and prop(element, "to_world") is not None:
        take(element, "position", "direction")


def _daylight(scene: Scene, element: ET.Element, kind: str) -> None:
    """`sunsky` of Mitsuba 3. Lost: `stretch` and `extend`, light from below the horizon."""
    scale = number(take(element, "scale"), 1.0)
    sun = 0.0 if kind == "sky" else number(take(element, "sun_scale"), scale)
    sky = 0.0 if kind == "sun" else number(take(element, "sky_scale"), scale)
    aperture = max(LEAST_SUN_DEG, SUN_DEG * number(take(element, "sun_radius_scale"), 1.0))
    to_world = take(element, "to_world")
    steps = list(to_world) if to_world is not None else []
    turned = ET.Element("transform", {"name": "to_world"})
    turned.extend([ET.Element("matrix", {"value": Y_UP}), *steps])
    albedo = take(element, "albedo")
    ground = value("rgb", "albedo", (GROUND, GROUND, GROUND)) if albedo is None else albedo
    kept = [child for child in element if child.get("name") in TIME]
    if any(child.get("name") == "sun_direction" for child in kept):
        kept = [child for child in kept if child.get("name") in ("sun_direction", "turbidity", "sampling_weight")]
    scales = [value("float", "sun_scale", sun), value("float", "sky_scale", sky)]
    become(element, "sunsky", *kept, *scales, value("float", "sun_aperture", aperture), ground, turned)
    scene.tell(f"emitter {kind!r} was replaced by Mitsuba 3's 'sunsky', whose sky ends at the horizon", element)


def one_sky(scene: Scene) -> None:
    """Mitsuba 3 has one environment: a sun and a sky become one, of others the first stays."""
    skies = [
        child
        for child in scene.root
        if child.tag == "emitter" and child.get("type") in ("sunsky", "envmap", "constant")
    ]
    if len(skies) < 2:
        return
    first, *others = skies
    for other in others:
        if first.get("type") == other.get("type") == "sunsky":
            for name in ("sun_scale", "sky_scale"):
                mine, theirs = prop(first, name), prop(other, name)
                most = max(number(mine, 1.0), number(theirs, 1.0))
                take(first, name)
                first.append(value("float", name, most))
        else:
            scene.tell(f"a second environment, {other.get('type')!r}, was left out: Mitsuba 3 takes one", other)
        scene.root.remove(other)
