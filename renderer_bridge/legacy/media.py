"""Participating media and what lies under surfaces: coefficients, presets, and the color a dipole reflects."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from renderer_bridge.legacy.elements import RGB, Scene, become, color, number, numbers, plugin, prop, take, value, word
from renderer_bridge.legacy.lobes import fresnel_diffuse, index_of_refraction

# Per millimetre: scattering, absorption, mean cosine; index of refraction. Jensen, Marschner, Levoy, Hanrahan 2001,
# figure 5 (reduced scattering, hence cosine 0); Narasimhan et al. 2006, table 2.
PRESETS: dict[str, tuple[RGB, RGB, RGB, float]] = {
    "apple": ((2.29, 2.39, 1.97), (0.0030, 0.0034, 0.046), (0, 0, 0), 1.3),
    "chicken1": ((0.15, 0.21, 0.38), (0.0015, 0.077, 0.19), (0, 0, 0), 1.3),
    "chicken2": ((0.19, 0.25, 0.32), (0.0018, 0.088, 0.20), (0, 0, 0), 1.3),
    "cream": ((7.38, 5.47, 3.15), (0.0002, 0.0028, 0.0163), (0, 0, 0), 1.3),
    "ketchup": ((0.18, 0.07, 0.03), (0.061, 0.97, 1.45), (0, 0, 0), 1.3),
    "marble": ((2.19, 2.62, 3.00), (0.0021, 0.0041, 0.0071), (0, 0, 0), 1.5),
    "potato": ((0.68, 0.70, 0.55), (0.0024, 0.0090, 0.12), (0, 0, 0), 1.3),
    "skimmilk": ((0.70, 1.22, 1.90), (0.0014, 0.0025, 0.0142), (0, 0, 0), 1.3),
    "skin1": ((0.74, 0.88, 1.01), (0.032, 0.17, 0.48), (0, 0, 0), 1.3),
    "skin2": ((1.09, 1.59, 1.79), (0.013, 0.070, 0.145), (0, 0, 0), 1.3),
    "spectralon": ((11.6, 20.4, 14.9), (0, 0, 0), (0, 0, 0), 1.3),
    "wholemilk": ((2.55, 3.21, 3.77), (0.0011, 0.0024, 0.014), (0, 0, 0), 1.3),
    "lowfat milk": ((13.1157, 15.4445, 17.9572), (0.00287, 0.00575, 0.0115), (0.932, 0.902, 0.859), 1.33),
    "reduced milk": ((13.7335, 15.6003, 17.8007), (0.00256, 0.00511, 0.01278), (0.819, 0.797, 0.746), 1.33),
    "regular milk": ((18.2052, 20.3826, 22.3698), (0.00153, 0.0046, 0.01993), (0.75, 0.714, 0.681), 1.33),
    "espresso": ((7.78262, 8.1305, 8.53875), (4.79838, 6.57512, 8.84925), (0.907, 0.896, 0.88), 1.33),
    "lowfat soy milk": ((2.03838, 2.32875, 3.90281), (0.00144, 0.00719, 0.03594), (0.85, 0.853, 0.842), 1.33),
    "regular soy milk": ((4.66325, 5.20183, 8.74575), (0.00192, 0.00958, 0.06517), (0.873, 0.858, 0.832), 1.33),
    "lowfat chocolate milk": ((9.8371, 11.4954, 13.1629), (0.0115, 0.0368, 0.1564), (0.934, 0.927, 0.916), 1.33),
    "regular chocolate milk": ((10.5685, 13.1416, 15.2202), (0.01006, 0.04313, 0.14375), (0.862, 0.838, 0.806), 1.33),
    "coke": ((0.00254, 0.00299, 0), (0.10014, 0.16503, 0.2468), (0.965, 0.972, 0), 1.33),
    "sprite": ((0.00011, 0.00014, 0.00014), (0.00189, 0.00183, 0.002), (0.943, 0.953, 0.952), 1.33),
    "chardonnay": ((0.00021, 0.00033, 0.00048), (0.01078, 0.01186, 0.024), (0.914, 0.958, 0.975), 1.33),
    "merlot": ((0.00081, 0, 0), (0.11632, 0.25191, 0.29434), (0.974, 0, 0), 1.33),
    "apple juice": ((0.00257, 0.00311, 0.00413), (0.01296, 0.02374, 0.05218), (0.947, 0.949, 0.945), 1.33),
    "cranberry juice": ((0.00196, 0.00238, 0.00301), (0.03944, 0.09422, 0.12426), (0.947, 0.951, 0.974), 1.33),
    "shampoo": ((0.00797, 0.00874, 0.01127), (0.01411, 0.04569, 0.06172), (0.91, 0.905, 0.92), 1.33),
    "pacific ocean surface water": (
        (0.0018, 0.00183, 0.00228),
        (0.03184, 0.03132, 0.03015),
        (0.902, 0.825, 0.914),
        1.33,
    ),
}
DEFAULT_PRESET = "skin1"
PER_UNIT = 100.0  # what Mitsuba 0.6 multiplies its presets by, for scenes in metres (though tables are per millimetre)


@dataclass(frozen=True)
class Scattering:
    """Extinction and single-scattering albedo per channel, mean cosine, index of refraction."""

    sigma_t: RGB
    albedo: RGB
    cosine: float
    index: float


def scattering(element: ET.Element) -> Scattering:
    """What the properties of a medium, or of what lies under a surface, mean; they stay where they are."""
    preset = word(element, "material", DEFAULT_PRESET).strip().lower()
    scattered, absorbed, cosines, index = PRESETS.get(preset, PRESETS[DEFAULT_PRESET])
    s, a = [each * PER_UNIT for each in scattered], [each * PER_UNIT for each in absorbed]
    if prop(element, "sigma_s", "sigma_a") is not None:
        s = list(color(prop(element, "sigma_s"), 0.0) or s) if prop(element, "sigma_s") is not None else s
        a = list(color(prop(element, "sigma_a"), 0.0) or a) if prop(element, "sigma_a") is not None else a
    elif prop(element, "sigma_t", "albedo") is not None:
        total = color(prop(element, "sigma_t"), 0.0) if prop(element, "sigma_t") is not None else None
        share = color(prop(element, "albedo"), 0.0) if prop(element, "albedo") is not None else None
        total = total or (s[0] + a[0], s[1] + a[1], s[2] + a[2])
        share = share or _albedo(s, a)
        s = [t * w for t, w in zip(total, share, strict=True)]
        a = [t - each for t, each in zip(total, s, strict=True)]
    scale = number(prop(element, "scale"), 1.0)
    sigma_t = [(one + other) * scale for one, other in zip(s, a, strict=True)]
    cosine = number(prop(element, "g"), sum(cosines) / 3)
    inside = index_of_refraction(prop(element, "int_ior"), index)
    return Scattering((sigma_t[0], sigma_t[1], sigma_t[2]), _albedo(s, a), min(0.99, max(-0.99, cosine)), inside)


def _albedo(scattered: list[float], absorbed: list[float]) -> RGB:
    found = [s / (s + a) if s + a > 0 else 0.0 for s, a in zip(scattered, absorbed, strict=True)]
    return (min(1.0, max(0.0, found[0])), min(1.0, max(0.0, found[1])), min(1.0, max(0.0, found[2])))


def diffuse_albedo(inside: Scattering) -> list[float]:
    """Total diffuse reflectance of a half-space by the dipole approximation, without its boundary's first reflection.

    Jensen et al. 2001, equation 15: a'/2 (1 + exp(-4/3 A r)) exp(-r), r = sqrt(3 (1 - a')), a' the reduced albedo.
    """
    found = []
    boundary = fresnel_diffuse(1 / inside.index)
    mismatch = (1 + boundary) / (1 - boundary)
    for total, share in zip(inside.sigma_t, inside.albedo, strict=True):
        reduced = total * share * (1 - inside.cosine)
        absorbed = total * (1 - share)
        albedo = reduced / (reduced + absorbed) if reduced + absorbed > 0 else 0.0
        root = math.sqrt(3 * max(0.0, 1 - albedo))
        found.append(albedo / 2 * (1 + math.exp(-4 / 3 * mismatch * root)) * math.exp(-root))
    return found


def translate_medium(scene: Scene, element: ET.Element) -> None:
    """Coefficients as Mitsuba 3 takes them: extinction and albedo, with `scale` multiplied in; media of volumes."""
    if element.get("type") == "heterogeneous":
        _heterogeneous(element)
        return
    if element.get("type") != "homogeneous":
        return
    if not scene.old and prop(element, "sigma_s", "sigma_a", "material") is None:
        return
    inside = scattering(element)
    phase = next((child for child in element if child.tag in ("phase", "ref")), None)
    if phase is None and abs(inside.cosine) > 1e-6:
        phase = plugin("phase", "hg", value("float", "g", inside.cosine))
    most = max(*inside.sigma_t, 1e-12)  # Mitsuba 3 refuses colors above 1, but not a scale
    sigma_t = value("rgb", "sigma_t", [each / most for each in inside.sigma_t])
    albedo = value("rgb", "albedo", inside.albedo)
    become(element, "homogeneous", sigma_t, albedo, value("float", "scale", most), phase)


def _heterogeneous(element: ET.Element) -> None:
    """The `density` volume of 0.6 is `sigma_t`."""
    density = prop(element, "density")
    if density is not None:
        density.set("name", "sigma_t")


def translate_phase(scene: Scene, element: ET.Element) -> None:
    """Phase functions that are gone: scattering alike in all directions."""
    kind = element.get("type", "")
    if kind in ("kkay", "microflake"):
        become(element, "isotropic")
        scene.tell(f"phase function {kind!r} is no plugin of Mitsuba 3: 'isotropic' is used instead", element)
    elif kind == "mixturephase":
        weights = numbers(word(element, "weights", "0.5, 0.5")) or [0.5, 0.5]
        parts = [child for child in element if child.tag in ("phase", "ref")]
        total = sum(weights[:2])
        share = value("float", "weight", weights[1] / total if len(weights) > 1 and total > 0 else 0.5)
        scene.tell("phase function 'mixturephase' is no plugin of Mitsuba 3: its first two parts are blended", element)
        take(element, "weights")
        become(element, "blendphase", share, *parts[:2])
