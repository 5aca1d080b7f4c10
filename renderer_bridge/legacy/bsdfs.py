"""Materials of Mitsuba 0.5 and 0.6, and of forks, that Mitsuba 3 has no plugin for: the nearest that it has.

What is kept, in this order: how much light is reflected, the color, the width of the highlight. Each function turns one
element into another, in place, and its docstring says what is lost.
"""

from __future__ import annotations

import copy
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable

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
    of,
    plugin,
    prop,
    take,
    value,
    word,
)
from renderer_bridge.legacy.lobes import alpha_of_exponent, fresnel_diffuse, index_of_refraction
from renderer_bridge.legacy.media import diffuse_albedo, scattering

LEAST_ALPHA = 1e-3  # a mirror to the eye; Mitsuba's microfacets grow inexact below
WHITE: RGB = (1.0, 1.0, 1.0)


def translate_bsdf(scene: Scene, element: ET.Element) -> None:
    """Turn a material that Mitsuba 3 lacks into one that it has, and tell of it."""
    kind = element.get("type", "")
    replace = REPLACEMENTS.get(kind)
    if replace is not None:
        sentence = replace(scene, element)
        scene.tell(f"bsdf {kind!r} is no plugin of Mitsuba 3: {sentence}", element)
    elif kind in ("roughconductor", "roughdielectric", "roughplastic"):
        _microfacets(scene, element)
    elif kind in ("bumpmap", "normalmap"):
        _nested_texture(scene, element)


# ---------------------------------------------------------------------------------------------------------------------
# Highlights over a diffuse base


def _phong(scene: Scene, element: ET.Element) -> str:
    """Lost: the exact shape of the lobe. A cosine to the power n about the mirror direction is as wide as a Beckmann
    distribution of alpha (2 n + 1)^-1/2, since half-vectors turn by half the angle."""
    alpha = alpha_of_exponent(number(take(element, "exponent"), 30.0))
    _diffuse_and_lobe(element, value("float", "alpha", max(LEAST_ALPHA, alpha)))
    return "a diffuse base and a rough metal, of the same reflectances and width of highlight, are blended instead"


def _ward(scene: Scene, element: ET.Element) -> str:
    """Lost: the normalisation of Ward's variants at grazing angles. His alphas are those of Beckmann."""
    alpha = number(take(element, "alpha"), 0.1)
    along = [number(take(element, f"alpha_{axis}"), alpha) for axis in "uv"]
    lobes = [value("float", f"alpha_{axis}", max(LEAST_ALPHA, each)) for axis, each in zip("uv", along, strict=True)]
    _diffuse_and_lobe(element, *lobes)
    return "a diffuse base and a rough metal, of the same reflectances and alphas, are blended instead"


def _diffuse_and_lobe(element: ET.Element, *roughness: ET.Element) -> None:
    """A blend whose parts add up to `diffuse_reflectance` + `specular_reflectance`, each scaled where both exceed 1.

    Mitsuba 0.6 scaled them down by the sum of their maxima; a texture is taken to reach 1, as photographs do.
    """
    diffuse = take(element, "diffuse_reflectance")
    specular = take(element, "specular_reflectance")
    base, lobe = color(diffuse, 0.5), color(specular, 0.2)
    most = [1.0 if each is None else max(*each, 0.0) for each in (base, lobe)]
    total = most[0] + most[1]
    if most[1] <= 0 or total <= 0:
        become(element, "diffuse", _reflectance("reflectance", diffuse, base, 1.0))
        return
    left = min(1.0, total)
    conductor = plugin(
        "bsdf",
        "roughconductor",
        value("string", "material", "none"),
        *roughness,
        _reflectance("specular_reflectance", specular, lobe, left / most[1]),
    )
    matte = plugin("bsdf", "diffuse", _reflectance("reflectance", diffuse, base, left / most[0] if most[0] else 1.0))
    weight = value("float", "weight", most[1] / total)
    become(element, "blendbsdf", weight, named(matte, "bsdf_0"), named(conductor, "bsdf_1"))


def _reflectance(name: str, texture: ET.Element | None, constant: RGB | None, scale: float) -> ET.Element:
    """A reflectance property: the texture as it is, or the constant times `scale`."""
    if constant is None:
        assert texture is not None
        return named(texture, name)
    return value("rgb", name, [min(1.0, max(0.0, each * scale)) for each in constant])


# ---------------------------------------------------------------------------------------------------------------------
# Layers


def _coating(scene: Scene, element: ET.Element) -> str:
    """Lost: refraction of the directions inside. The coat's reflection and absorption stay.

    Over a diffuse base this is Mitsuba's `plastic`, whose base is darkened so that, with the light that is reflected
    back inside (which 0.6 leaves out), as much comes out. Over anything else a mirror is blended in.
    """
    index = index_of_refraction(take(element, "int_ior"), 1.5046) / index_of_refraction(take(element, "ext_ior"), 1.000277)
    rough = element.get("type") == "roughcoating"
    alpha = number(take(element, "alpha"), 0.1)
    through = _transmitted(element, index)
    specular = take(element, "specular_reflectance")
    nested = next((child for child in objects(element, "bsdf") if means(scene, child, "bsdf") is not None), None)
    if nested is None:
        become(element, "plastic", value("float", "int_ior", index), value("float", "ext_ior", 1.0))
        return "it has no nested material, and became 'plastic'"
    base = means(scene, nested, "bsdf")
    assert base is not None
    coat = [value("string", "distribution", "ggx" if word(element, "distribution", "") == "ggx" else "beckmann")] if rough else []
    coat += [value("float", "alpha", max(LEAST_ALPHA, alpha))] if rough else []
    if base.get("type") == "diffuse" and index > 1:
        indices = [value("float", "int_ior", index), value("float", "ext_ior", 1.0), value("boolean", "nonlinear", True)]
        inside = fresnel_diffuse(1 / index)
        shown = color(prop(base, "reflectance"), 0.5)
        texture = prop(base, "reflectance")
        if shown is None:
            assert texture is not None
            diffuse = copy.deepcopy(texture)
            diffuse.attrib.pop("id", None)
            diffuse = named(diffuse, "diffuse_reflectance")
        else:
            dimmed = [each * share for each, share in zip(shown, through, strict=True)]
            diffuse = value("rgb", "diffuse_reflectance", [each / (1 + each * inside) for each in dimmed])
        kept = None if specular is None else named(specular, "specular_reflectance")
        become(element, "roughplastic" if rough else "plastic", *indices, *coat, diffuse, kept)
        return f"'{element.get('type')}' of the same index of refraction and color is used instead"
    weight = fresnel_diffuse(index) if index > 1 else 0.0
    share = value("float", "weight", weight)
    mirror = plugin("bsdf", "roughconductor" if rough else "conductor", value("string", "material", "none"), *coat)
    if specular is not None:
        mirror.append(named(specular, "specular_reflectance"))
    nested.attrib.pop("name", None)
    become(element, "blendbsdf", share, named(nested, "bsdf_0"), named(mirror, "bsdf_1"))
    return "its reflection, of constant strength, is blended over the nested material"


def _transmitted(element: ET.Element, index: float) -> RGB:
    """What a coat of `thickness` and `sigma_a` lets through on the way in and out, straight on."""
    thickness = number(take(element, "thickness"), 1.0)
    absorbed = color(take(element, "sigma_a"), 0.0) or (0.0, 0.0, 0.0)
    kept = [math.exp(-2 * thickness * max(0.0, each)) for each in absorbed]
    return (kept[0], kept[1], kept[2])


def _mixture(scene: Scene, element: ET.Element) -> str:
    """Lost: nothing but absorption where the weights stay below 1: black takes the rest."""
    given = prop(element, "weights")
    weights = [max(0.0, each) for each in numbers(given.get("value", "") if given is not None else "")]
    parts = [child for child in objects(element, "bsdf") if means(scene, child, "bsdf") is not None]
    weights = (weights + [1.0] * len(parts))[: len(parts)]
    total = sum(weights)
    if 0 < total < 0.999:
        parts.append(plugin("bsdf", "diffuse", value("rgb", "reflectance", (0.0, 0.0, 0.0))))
        weights.append(1 - total)
    while len(parts) < 2:
        parts.append(plugin("bsdf", "diffuse", value("rgb", "reflectance", (0.0, 0.0, 0.0))))
        weights.append(0.0)
    mixed, share = parts[0], weights[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        share += weight
        mixed = _blend(mixed, part, weight / share if share > 0 else 0.0)
    become(element, "blendbsdf", *mixed)
    return "its parts are blended two by two"


def _blend(first: ET.Element, second: ET.Element, weight: float) -> ET.Element:
    share = value("float", "weight", min(1.0, max(0.0, weight)))
    return plugin("bsdf", "blendbsdf", share, named(first, "bsdf_0"), named(second, "bsdf_1"))


# ---------------------------------------------------------------------------------------------------------------------
# Diffuse ones


def _rough_diffuse(scene: Scene, element: ET.Element) -> str:
    """Lost: the retro-reflection of Oren and Nayar's model."""
    reflectance = take(element, "reflectance", "diffuse_reflectance")
    shown = None if reflectance is None else named(reflectance, "reflectance")
    become(element, "diffuse", shown)
    return "'diffuse' of the same color is used instead"


def _diffuse_transmitter(scene: Scene, element: ET.Element) -> str:
    """Lost: nothing; `principledthin` of `diff_trans` 2 and an index of refraction near 1 only transmits diffusely."""
    found = take(element, "transmittance", "reflectance")
    shade = value("rgb", "base_color", (0.5, 0.5, 0.5)) if found is None else named(found, "base_color")
    become(element, "principledthin", shade, value("float", "diff_trans", 2.0), *_no_highlight())
    return "'principledthin' that transmits diffusely is used instead"


def _no_highlight() -> list[ET.Element]:
    return [value("float", "eta", 1.001), value("float", "roughness", 1.0)]


def _hanrahan_krueger(scene: Scene, element: ET.Element) -> str:
    """Lost: the phase function, and the light that passes unscattered."""
    inside = scattering(element)
    thickness = number(take(element, "thickness"), 1.0)
    optical = sum(inside.sigma_t) / 3 * thickness
    scattered = 1 - math.exp(-2 * min(optical, 50.0)) if optical >= 0 else 0.0
    shade = value("rgb", "base_color", [each * scattered / 2 for each in inside.albedo])
    become(element, "principledthin", shade, value("float", "diff_trans", 1.0), *_no_highlight())
    return "a thin sheet that reflects and transmits diffusely is used instead"


def _woven(scene: Scene, element: ET.Element) -> str:
    """Lost: the weave. Its yarns' color stays where it is given by name."""
    shade = next((numbers(child.get("value", "")) for child in element if "kd" in child.get("name", "")), [])
    become(element, "diffuse", value("rgb", "reflectance", (shade * 3)[:3] if shade else (0.5, 0.5, 0.5)))
    return "'diffuse' is used instead"


# ---------------------------------------------------------------------------------------------------------------------
# Microfacets, also those of forks


def _microfacets(scene: Scene, element: ET.Element) -> None:
    """Distributions and roughnesses that Mitsuba 3 does not have."""
    found = prop(element, "distribution")
    if found is not None and found.get("value", "").strip().lower() not in ("beckmann", "ggx"):
        scene.tell(f"microfacet distribution {found.get('value')!r} was replaced by 'beckmann' of the same alpha", element)
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


def _forked_metal(scene: Scene, element: ET.Element) -> str:
    """Lost: light scattered more than once between facets. `R0` is the color seen straight on."""
    straight = take(element, "r0", "R0", "specular_reflectance", "reflectance")
    kept = [child for child in element if child.get("name") in ("alpha", "alpha_u", "alpha_v", "material", "eta", "k")]
    optics = [child for child in kept if child.get("name") in ("material", "eta", "k")]
    none = [] if optics else [value("string", "material", "none")]
    shade = [] if straight is None else [named(straight, "specular_reflectance")]
    become(element, "roughconductor", value("string", "distribution", "ggx"), *none, *kept, *shade)
    _microfacets(scene, element)
    return "'roughconductor' with distribution 'ggx' is used instead"


def _forked_glass(scene: Scene, element: ET.Element) -> str:
    """Lost: light scattered more than once between facets."""
    kept = [
        child
        for child in element
        if child.get("name") in ("alpha", "alpha_u", "alpha_v", "int_ior", "ext_ior", "specular_reflectance")
    ]
    become(element, "roughdielectric", value("string", "distribution", "ggx"), *kept)
    _microfacets(scene, element)
    return "'roughdielectric' with distribution 'ggx' is used instead"


def _forked_diffuse(scene: Scene, element: ET.Element) -> str:
    """Lost: the facets."""
    found = take(element, "reflectance", "diffuse_reflectance", "r0", "R0")
    become(element, "diffuse", None if found is None else named(found, "reflectance"))
    return "'diffuse' of the same color is used instead"


# ---------------------------------------------------------------------------------------------------------------------
# Maps


def _nested_texture(scene: Scene, element: ET.Element) -> None:
    """The one texture of a bump map has no name in Mitsuba 3, that of a normal map is called `normalmap`.

    A bump map's `scale` texture becomes its `scale` property.
    """
    for child in [child for child in element if means(scene, child, "texture") is not None]:
        texture = means(scene, child, "texture")
        assert texture is not None
        child.attrib.pop("name", None)
        if element.get("type") == "normalmap":
            child.set("name", "normalmap")
        factor = texture.get("scaled_by")
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


REPLACEMENTS: dict[str, Callable[[Scene, ET.Element], str]] = {
    "phong": _phong,
    "blinn": _phong,
    "ward": _ward,
    "coating": _coating,
    "roughcoating": _coating,
    "mixturebsdf": _mixture,
    "roughdiffuse": _rough_diffuse,
    "lambertian": _rough_diffuse,
    "difftrans": _diffuse_transmitter,
    "hk": _hanrahan_krueger,
    "irawan": _woven,
    "roughconductorGGX": _forked_metal,
    "roughconductor_ggx": _forked_metal,
    "roughdielectricGGX": _forked_glass,
    "roughdiffuseGGX": _forked_diffuse,
}
