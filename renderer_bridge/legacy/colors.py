"""Colors of Mitsuba 0.5 and 0.6 as linear RGB: `<srgb>`, `#rrggbb`, `<blackbody>`, `<xyz>`, spectra of few numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.legacy.elements import RGB, Scene, numbers, of

COLORS = ("rgb", "srgb", "xyz", "spectrum", "blackbody", "color")
BOUNDED = {
    *("reflectance", "diffuse_reflectance", "specular_reflectance", "specular_transmittance", "transmittance"),
    *("opacity", "base_color", "color0", "color1", "albedo", "weight"),
}
PLANCK, LIGHT, BOLTZMANN = 6.62607015e-34, 299792458.0, 1.380649e-23  # SI units
FIRST_NM, LAST_NM = 360.0, 830.0  # what Mitsuba 0.6 integrates over
XYZ_TO_RGB = np.array(  # IEC 61966-2-1, linear sRGB
    [[3.240479, -1.537150, -0.498535], [-0.969256, 1.875991, 0.041556], [0.055648, -0.204043, 1.057311]]
)
MATCHING = (  # Wyman, Sloan, Shirley 2013, table 1: per lobe (height, peak nm, width below, width above)
    ((0.362, 442.0, 16.02, 26.74), (1.056, 599.8, 37.93, 31.06), (-0.065, 501.1, 20.41, 26.18)),
    ((0.821, 568.8, 46.95, 40.52), (0.286, 530.9, 16.31, 31.06)),
    ((1.217, 437.0, 11.83, 35.97), (0.681, 459.0, 25.97, 13.80)),
)


def recolored(scene: Scene) -> None:
    """Write every color in place as `<rgb>` of three linear numbers, or as a spectrum over wavelengths."""
    for parent in scene.root.iter():
        for child in parent:
            if child.tag in COLORS and child.get("type") is None:
                _recolor(child)
                if child.tag == "rgb" and child.get("name") in BOUNDED:
                    _clamp(scene, parent, child)


def _recolor(element: ET.Element) -> None:
    text = element.get("value", "").strip()
    rgb: RGB | None = None
    if element.tag == "blackbody":
        scale = numbers(element.get("scale", "1")) or [1.0]
        kelvin = numbers(element.get("temperature", text).strip().rstrip("kK")) or [5000.0]
        rgb = blackbody(kelvin[0], scale[0])
    elif element.tag == "spectrum":
        rgb = _of_few_numbers(element, text)
    else:
        rgb = _of_text(text)
        if rgb is not None and element.tag == "srgb":
            rgb = (_linear(rgb[0]), _linear(rgb[1]), _linear(rgb[2]))
        elif rgb is not None and element.tag == "xyz":
            rgb = _from_xyz(np.array(rgb))
    if rgb is not None:
        element.tag = "rgb"
        element.attrib = {"name": element.get("name", ""), "value": ", ".join(of(each) for each in rgb)}
    elif element.tag != "spectrum":
        element.tag = "rgb"  # Mitsuba will say what is wrong with it


def _of_few_numbers(element: ET.Element, text: str) -> RGB | None:
    """A spectrum of 1 or 3 numbers is RGB; of other lengths it has equal bins, and is written with wavelengths."""
    if ":" in text or not text:
        return None
    found = numbers(text)
    if len(found) in (0, 1, 3):
        return _of_text(text)
    step = (LAST_NM - FIRST_NM) / len(found)
    pairs = [f"{of(FIRST_NM + (i + 0.5) * step)}:{of(each)}" for i, each in enumerate(found)]
    element.set("value", ", ".join(pairs))
    return None


def _of_text(text: str) -> RGB | None:
    """One number, three, or `#rrggbb` taken as eight bits a channel, without a transfer curve (as 0.6 did)."""
    if re.fullmatch("#[0-9a-fA-F]{6}", text):
        return (int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255)
    found = numbers(text)
    if len(found) == 1:
        return (found[0], found[0], found[0])
    return (found[0], found[1], found[2]) if len(found) == 3 else None


def _linear(encoded: float) -> float:
    """The sRGB transfer curve undone (IEC 61966-2-1)."""
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


def _clamp(scene: Scene, parent: ET.Element, element: ET.Element) -> None:
    """Mitsuba 3 refuses reflectances outside [0, 1]; 0.6 scaled them down to 1."""
    found = numbers(element.get("value", ""))
    if not found or (min(found) >= 0 and max(found) <= 1):
        return
    top = max(1.0, max(found))
    kept = [max(0.0, each) / top for each in found] if np.isfinite(top) else [1.0 for _ in found]
    element.set("value", ", ".join(of(each) for each in kept))
    scene.tell(f"{element.get('name')} outside [0, 1] was scaled to it, as Mitsuba 0.6 did", parent)


# ---------------------------------------------------------------------------------------------------------------------
# Spectra


def matching(wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE 1931 color matching functions (3, N) at wavelengths in nanometres (Wyman, Sloan, Shirley 2013, eq. 4)."""
    rows = []
    for lobes in MATCHING:
        total = np.zeros_like(wavelength_nm)
        for height, peak, below, above in lobes:
            distance = (wavelength_nm - peak) / np.where(wavelength_nm < peak, below, above)
            total += height * np.exp(-0.5 * distance**2)
        rows.append(total)
    return np.array(rows)


def blackbody(kelvin: float, scale: float = 1.0) -> RGB:
    """Linear RGB of a black body's radiance in W / (m^2 sr nm), weighted as Mitsuba 0.6 does: by luminance."""
    nm = np.arange(FIRST_NM, LAST_NM + 1)
    metres = nm * 1e-9
    exponent = PLANCK * LIGHT / (BOLTZMANN * max(kelvin, 1.0) * metres)
    with np.errstate(over="ignore"):
        radiance = 2 * PLANCK * LIGHT**2 / metres**5 / np.expm1(exponent) * 1e-9
    functions = matching(nm)
    xyz = (functions * radiance).sum(axis=1) / functions[1].sum()
    red, green, blue = _from_xyz(xyz)
    return (max(0.0, red) * scale, max(0.0, green) * scale, max(0.0, blue) * scale)


def _from_xyz(xyz: NDArray[np.float64]) -> RGB:
    red, green, blue = (float(each) for each in XYZ_TO_RGB @ xyz)
    return (red, green, blue)
