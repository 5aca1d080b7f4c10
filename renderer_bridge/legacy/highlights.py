"""Highlights over a diffuse base, `phong` and `ward`: two parts blended, one diffuse and one of rough metal."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import RGB, Scene, become, color, named, number, plugin, take, value
from renderer_bridge.legacy.lobes import LEAST_ALPHA, alpha_of_exponent


def phong(scene: Scene, element: ET.Element) -> str:
    """Lost: the exact shape of the lobe. A cosine to the power n about the mirror direction is as wide as a Beckmann
    distribution of alpha (2 n + 1)^-1/2, since half-vectors turn by half the angle."""
    alpha = alpha_of_exponent(number(take(element, "exponent"), 30.0))
    _diffuse_and_lobe(element, value("float", "alpha", max(LEAST_ALPHA, alpha)))
    return "a diffuse base and a rough metal, of the same reflectances and width of highlight, are blended instead"


def ward(scene: Scene, element: ET.Element) -> str:
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
