"""Microfacets: distributions that Mitsuba 3 does not have, and the GGX and Disney plugins of forks."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import Scene, become, named, number, prop, take, value


def microfacets(scene: Scene, element: ET.Element) -> None:
    """Distributions and roughnesses that Mitsuba 3 does not have."""
    found = prop(element, "distribution")
    if found is not None and found.get("value", "").strip().lower() not in ("beckmann", "ggx"):
        scene.tell(
            f"microfacet distribution {found.get('value')!r} was replaced by 'beckmann' of the same alpha", element
        )
        found.set("value", "beckmann")
    elif found is not None:
        found.set("value", found.get("value", "").strip().lower())
    each = [prop(element, name) for name in ("alpha_u", "alpha_v")]
    if any(one is not None for one in each):
        alpha = take(element, "alpha")
        for name, one in zip(("alpha_u", "alpha_v"), each, strict=True):
            if one is None:
                element.append(value("float", name, number(alpha, 0.1)))
    if element.get("type") == "roughplastic":
        _one_number(scene, element)


def _one_number(scene: Scene, element: ET.Element) -> None:
    """Rough plastic has one alpha, and no texture for it."""
    found = [take(element, "alpha_u"), take(element, "alpha_v")]
    alpha = prop(element, "alpha")
    if found[0] is not None:
        mean = math.sqrt(max(0.0, number(found[0], 0.1) * number(found[1], 0.1)))
        element.append(value("float", "alpha", mean))
    elif alpha is not None and alpha.tag not in ("float", "integer"):
        take(element, "alpha")
        element.append(value("float", "alpha", 0.1))
        scene.tell("a texture for the roughness of plastic was replaced by alpha 0.1", element)


def forked_metal(scene: Scene, element: ET.Element) -> str:
    """Lost: light scattered more than once between facets. `R0` is the color seen straight on."""
    straight = take(element, "r0", "R0", "specular_reflectance", "reflectance")
    kept = [child for child in element if child.get("name") in ("alpha", "alpha_u", "alpha_v", "material", "eta", "k")]
    optics = [child for child in kept if child.get("name") in ("material", "eta", "k")]
    none = [] if optics else [value("string", "material", "none")]
    shade = [] if straight is None else [named(straight, "specular_reflectance")]
    become(element, "roughconductor", value("string", "distribution", "ggx"), *none, *kept, *shade)
    microfacets(scene, element)
    return "'roughconductor' with distribution 'ggx' is used instead"


def forked_glass(scene: Scene, element: ET.Element) -> str:
    """Lost: light scattered more than once between facets."""
    kept = [
        child
        for child in element
        if child.get("name") in ("alpha", "alpha_u", "alpha_v", "int_ior", "ext_ior", "specular_reflectance")
    ]
    become(element, "roughdielectric", value("string", "distribution", "ggx"), *kept)
    microfacets(scene, element)
    return "'roughdielectric' with distribution 'ggx' is used instead"


def forked_diffuse(scene: Scene, element: ET.Element) -> str:
    """Lost: the facets."""
    found = take(element, "reflectance", "diffuse_reflectance", "r0", "R0")
    become(element, "diffuse", None if found is None else named(found, "reflectance"))
    return "'diffuse' of the same color is used instead"


DISNEY = {  # names of other implementations of Burley's model, and Mitsuba 3's
    "specular_transmission": "spec_trans",
    "specular_tint": "spec_tint",
    "subsurface": "flatness",
    "reflectance": "base_color",
}
WHOLE = {"disneyglass": ("spec_trans", 1.0), "disneymetal": ("metallic", 1.0), "disneyclearcoat": ("clearcoat", 1.0)}


def disney(scene: Scene, element: ET.Element) -> str:
    """Lost: what implementations of the model differ in."""
    for child in element:
        child.set("name", DISNEY.get(child.get("name", ""), child.get("name", "")))
    if prop(element, "eta") is not None:
        take(element, "specular")  # two ways to say the same
    lobe = WHOLE.get(element.get("type", ""))
    if lobe is not None:
        element.append(value("float", *lobe))
    element.set("type", "principled")
    return "'principled' is used instead"


def mirror(scene: Scene, element: ET.Element) -> str:
    """Lost: nothing."""
    shade = take(element, "specular_reflectance", "reflectance")
    kept = None if shade is None else named(shade, "specular_reflectance")
    become(element, "conductor", value("string", "material", "none"), kept)
    return "'conductor' of material 'none' is used instead"
