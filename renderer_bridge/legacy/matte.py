"""Materials without a highlight: rough diffuse ones, sheets that let light through, cloth."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import Scene, become, named, number, numbers, take, value
from renderer_bridge.legacy.media import scattering


def rough_diffuse(scene: Scene, element: ET.Element) -> str:
    """Lost: the retro-reflection of Oren and Nayar's model."""
    reflectance = take(element, "reflectance", "diffuse_reflectance")
    shown = None if reflectance is None else named(reflectance, "reflectance")
    become(element, "diffuse", shown)
    return "'diffuse' of the same color is used instead"


def diffuse_transmitter(scene: Scene, element: ET.Element) -> str:
    """Lost: nothing; `principledthin` of `diff_trans` 2 and an index of refraction near 1 only transmits diffusely."""
    found = take(element, "transmittance", "reflectance")
    shade = value("rgb", "base_color", (0.5, 0.5, 0.5)) if found is None else named(found, "base_color")
    become(element, "principledthin", shade, value("float", "diff_trans", 2.0), *_no_highlight())
    return "'principledthin' that transmits diffusely is used instead"


def _no_highlight() -> list[ET.Element]:
    return [value("float", "eta", 1.001), value("float", "roughness", 1.0)]


def hanrahan_krueger(scene: Scene, element: ET.Element) -> str:
    """Lost: the phase function, and the light that passes unscattered."""
    inside = scattering(element)
    thickness = number(take(element, "thickness"), 1.0)
    optical = sum(inside.sigma_t) / 3 * thickness
    scattered = 1 - math.exp(-2 * min(optical, 50.0)) if optical >= 0 else 0.0
    shade = value("rgb", "base_color", [each * scattered / 2 for each in inside.albedo])
    become(element, "principledthin", shade, value("float", "diff_trans", 1.0), *_no_highlight())
    return "a thin sheet that reflects and transmits diffusely is used instead"


def woven(scene: Scene, element: ET.Element) -> str:
    """Lost: the weave. Its yarns' color stays where it is given by name."""
    shade = next((numbers(child.get("value", "")) for child in element if "kd" in child.get("name", "")), [])
    become(element, "diffuse", value("rgb", "reflectance", (shade * 3)[:3] if shade else (0.5, 0.5, 0.5)))
    return "'diffuse' is used instead"
