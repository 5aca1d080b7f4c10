"""Materials made of others: `coating`, `roughcoating`, `mixturebsdf`."""

from __future__ import annotations

import copy
import math
import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import (
    RGB,
    Scene,
    become,
    color,
    means,
    named,
    number,
    numbers,
    objects,
    plugin,
    prop,
    take,
    value,
    word,
)
from renderer_bridge.legacy.lobes import AIR, BK7, LEAST_ALPHA, fresnel_diffuse, index_of_refraction

BLACK: RGB = (0.0, 0.0, 0.0)


def coating(scene: Scene, element: ET.Element) -> str:
    """Lost: refraction of the directions inside. The coat's reflection and absorption stay.

    Over a diffuse base this is `plastic`; over anything else a mirror is blended in, as strong as the coat is in the
    mean over directions.
    """
    inside, outside = take(element, "int_ior"), take(element, "ext_ior")
    index = max(1.0, index_of_refraction(inside, BK7) / index_of_refraction(outside, AIR))
    finish = _finish(element)
    specular = take(element, "specular_reflectance")
    shine = [] if specular is None else [named(specular, "specular_reflectance")]
    nested = next((child for child in objects(element, "bsdf") if means(scene, child, "bsdf") is not None), None)
    base = plugin("bsdf", "diffuse") if nested is None else means(scene, nested, "bsdf")
    if nested is None or base is None or base.get("type") == "diffuse":
        diffuse = _under_plastic(prop(base, "reflectance") if base is not None else None, _transmitted(element), index)
        indices = [value("float", "int_ior", index), value("float", "ext_ior", 1.0)]
        kind = "roughplastic" if finish else "plastic"
        become(element, kind, *indices, value("boolean", "nonlinear", True), *finish, diffuse, *shine)
        return f"{kind!r} of the same index of refraction and color is used instead"
    mirror = plugin("bsdf", "roughconductor" if finish else "conductor", value("string", "material", "none"), *finish)
    mirror.extend(shine)
    become(element, *_blended(nested, mirror, fresnel_diffuse(index)))
    return "its reflection, of constant strength, is blended over the nested material"


def _finish(element: ET.Element) -> list[ET.Element]:
    """Distribution and alpha of a rough coat; nothing for a smooth one."""
    alpha, distribution = number(take(element, "alpha"), 0.1), word(element, "distribution", "beckmann")
    if element.get("type") != "roughcoating":
        return []
    known = distribution.strip().lower() if distribution.strip().lower() in ("ggx", "beckmann") else "beckmann"
    return [value("string", "distribution", known), value("float", "alpha", max(LEAST_ALPHA, alpha))]


def _under_plastic(reflectance: ET.Element | None, through: RGB, index: float) -> ET.Element:
    """The `diffuse_reflectance` of a plastic that reflects what a coated `reflectance` did in 0.6.

    Plastic adds the light that its surface sends back inside, a factor 1 / (1 - r F); 0.6's coat leaves it out, so r is
    taken as r / (1 + r F). A texture stays as it is.
    """
    shown = color(reflectance, 0.5)
    if shown is None:
        texture = copy.deepcopy(reflectance)
        assert texture is not None
        if texture.tag != "ref":
            texture.attrib.pop("id", None)
        return named(texture, "diffuse_reflectance")
    back = fresnel_diffuse(1 / index)
    dimmed = [each * share for each, share in zip(shown, through, strict=True)]
    return value("rgb", "diffuse_reflectance", [each / (1 + each * back) for each in dimmed])


def _transmitted(element: ET.Element) -> RGB:
    """What a coat of `thickness` and `sigma_a` lets through on the way in and out, straight on."""
    thickness = number(take(element, "thickness"), 1.0)
    absorbed = color(take(element, "sigma_a"), 0.0) or BLACK
    kept = [math.exp(-2 * max(0.0, thickness * each)) for each in absorbed]
    return (kept[0], kept[1], kept[2])


def mixture(scene: Scene, element: ET.Element) -> str:
    """Lost: nothing. Where the weights stay below 1, black takes the rest."""
    given = prop(element, "weights")
    weights = [max(0.0, each) for each in numbers(given.get("value", "") if given is not None else "")]
    parts = [child for child in objects(element, "bsdf") if means(scene, child, "bsdf") is not None]
    weights = (weights + [1.0] * len(parts))[: len(parts)]
    while len(parts) < 2 or 0 < sum(weights) < 0.999:
        parts.append(plugin("bsdf", "diffuse", value("rgb", "reflectance", BLACK)))
        weights.append(max(0.0, 1 - sum(weights)))
    mixed, share = parts[0], weights[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        share += weight
        mixed = plugin("bsdf", *_blended(mixed, part, weight / share if share > 0 else 0.0))
    become(element, "blendbsdf", *mixed)
    return "its parts are blended two by two"


def _blended(first: ET.Element, second: ET.Element, weight: float) -> tuple[str, ET.Element, ET.Element, ET.Element]:
    """Type and content of a blend of both, the second of that weight."""
    share = value("float", "weight", min(1.0, max(0.0, weight)))
    return "blendbsdf", share, named(first, "bsdf_0"), named(second, "bsdf_1")
