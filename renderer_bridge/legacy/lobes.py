"""The optics that materials are converted by: Fresnel's equations, widths of highlights."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np

from renderer_bridge.legacy.elements import numbers

AIR, BK7 = 1.000277, 1.5046  # indices of refraction: the outside and inside that Mitsuba assumes
LEAST_ALPHA = 1e-3  # a mirror to the eye; microfacets grow inexact below
INDICES = {  # of refraction, at 589 nm: as Mitsuba's documentation lists them
    "vacuum": 1.0,
    "helium": 1.000036,
    "hydrogen": 1.000132,
    "air": 1.000277,
    "carbon dioxide": 1.00045,
    "water": 1.3330,
    "acetone": 1.36,
    "ethanol": 1.361,
    "carbon tetrachloride": 1.461,
    "glycerol": 1.4729,
    "benzene": 1.501,
    "silicone oil": 1.52045,
    "bromine": 1.661,
    "water ice": 1.31,
    "fused quartz": 1.458,
    "pyrex": 1.470,
    "acrylic glass": 1.49,
    "polypropylene": 1.49,
    "bk7": 1.5046,
    "sodium chloride": 1.544,
    "amber": 1.55,
    "pet": 1.5750,
    "diamond": 2.419,
}


def index_of_refraction(element: ET.Element | None, default: float) -> float:
    """The index that a property of a number or of a material's name gives."""
    if element is None:
        return default
    text = element.get("value", "").strip()
    found = numbers(text)
    return found[0] if found and found[0] > 0 else INDICES.get(text.lower(), default)


def alpha_of_exponent(exponent: float) -> float:
    """Beckmann alpha of a highlight as wide as cos^n about the mirror direction.

    Near it cos^n(r) is exp(-n r^2 / 2); a half-vector at angle h turns the reflection by r = 2 h, and Beckmann's
    distribution is exp(-tan^2 h / alpha^2): so alpha^-2 = 2 n; one more keeps n = 0 at alpha = 1.
    """
    return 1 / math.sqrt(2 * max(exponent, 0.0) + 1)


def fresnel(cosine: float, eta: float) -> float:
    """Reflectance of unpolarised light at a smooth dielectric surface, `eta` inside over outside."""
    sine2 = (1 - cosine * cosine) / (eta * eta)
    if sine2 >= 1:
        return 1.0
    inside = math.sqrt(1 - sine2)
    parallel = (cosine * eta - inside) / (cosine * eta + inside)
    across = (cosine - eta * inside) / (cosine + eta * inside)
    return (parallel * parallel + across * across) / 2


def fresnel_diffuse(eta: float) -> float:
    """Share of diffuse light that such a surface reflects: the integral of `fresnel` times 2 cos over its cosine.

    From the dense side it follows by reciprocity, 1 - F(eta) = eta^2 (1 - F(1 / eta)), without the kink at the angle of
    total reflection.
    """
    if eta < 1:
        return 1 - eta * eta * (1 - fresnel_diffuse(1 / eta))
    nodes, weights = np.polynomial.legendre.leggauss(64)
    cosines = (nodes + 1) / 2
    return float(sum(w * c * fresnel(float(c), eta) for c, w in zip(cosines, weights, strict=True)))
