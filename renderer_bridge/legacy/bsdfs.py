"""Materials of Mitsuba 0.5 and 0.6, and of forks, that Mitsuba 3 has no plugin for: the nearest that it has.

What is kept, in this order: how much light is reflected, the color, the width of the highlight. Each function turns one
element into another, in place, and its docstring says what is lost.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

from renderer_bridge.legacy.elements import SCALED_BY, Scene, means, plugin, prop, take, value
from renderer_bridge.legacy.facets import disney, forked_diffuse, forked_glass, forked_metal, microfacets, mirror
from renderer_bridge.legacy.highlights import phong, ward
from renderer_bridge.legacy.layers import coating, mixture
from renderer_bridge.legacy.matte import diffuse_transmitter, hanrahan_krueger, rough_diffuse, woven
from renderer_bridge.legacy.media import diffuse_albedo, scattering

REPLACEMENTS: dict[str, Callable[[Scene, ET.Element], str]] = {
    "phong": phong,
    "blinn": phong,
    "ward": ward,
    "coating": coating,
    "roughcoating": coating,
    "mixturebsdf": mixture,
    "roughdiffuse": rough_diffuse,
    "lambertian": rough_diffuse,
    "difftrans": diffuse_transmitter,
    "hk": hanrahan_krueger,
    "irawan": woven,
    "roughconductorGGX": forked_metal,
    "roughconductor_ggx": forked_metal,
    "roughdielectricGGX": forked_glass,
    "roughdiffuseGGX": forked_diffuse,
    **dict.fromkeys(("disney", "disneybsdf", "disneydiffuse", "disneyglass", "disneymetal", "disneysheen"), disney),
    "disneyclearcoat": disney,
    "mirror": mirror,
}


def translate_bsdf(scene: Scene, element: ET.Element) -> None:
    """Turn a material that Mitsuba 3 lacks into one that it has, and tell of it."""
    kind = element.get("type", "")
    replace = REPLACEMENTS.get(kind)
    if replace is not None:
        sentence = replace(scene, element)
        scene.tell(f"bsdf {kind!r} is no plugin of Mitsuba 3: {sentence}", element)
    elif kind in ("roughconductor", "roughdielectric", "roughplastic"):
        microfacets(scene, element)
    elif kind in ("bumpmap", "normalmap"):
        _nested_texture(scene, element)


def _nested_texture(scene: Scene, element: ET.Element) -> None:
    """The one texture of a bump map has no name in Mitsuba 3, that of a normal map is called `normalmap`.

    A bump map's `scale` texture becomes its `scale` property; a normal map of a fork names its picture itself.
    """
    picture = take(element, "filename")
    if picture is not None:
        element.append(plugin("texture", "bitmap", picture, value("boolean", "raw", True)))
    for child in element:
        texture = means(scene, child, "texture")
        if texture is None:
            continue
        child.attrib.pop("name", None)
        if element.get("type") == "normalmap":
            child.set("name", "normalmap")
        factor = texture.get(SCALED_BY)
        if factor is not None and prop(element, "scale") is None:
            element.append(value("float", "scale", float(factor)))


def subsurface_albedo(scene: Scene, shape: ET.Element) -> None:
    """A shape with a dipole under its surface: a plastic of the color that the dipole reflects.

    Lost: light that leaves elsewhere than it enters.
    """
    inner = next((child for child in shape if child.tag == "subsurface"), None)
    if inner is None:
        return
    shape[:] = [child for child in shape if child.tag != "subsurface"]
    shade = value("rgb", "diffuse_reflectance", diffuse_albedo(scattering(inner)))
    index = value("float", "int_ior", scattering(inner).index)
    scene.tell("subsurface scattering was replaced by 'plastic' of the color that it reflects", shape)
    shape[:] = [child for child in shape if means(scene, child, "bsdf") is None]
    shape.append(plugin("bsdf", "plastic", index, shade, value("boolean", "nonlinear", True)))
