"""Plugins of forks in a scene below version 2, which nothing else here knows: the simplest of their kind instead.

A scene of Mitsuba 3 may name the user's own plugins, and keeps them.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import Scene, become, means, named, parents, prop, value

KNOWN = {  # what Mitsuba 3.9 has
    "bsdf": (
        "blendbsdf bumpmap circular conductor dielectric diffuse hair mask measured measured_polarized normalmap null "
        "plastic polarizer pplastic principled principledthin retarder roughconductor roughdielectric roughplastic "
        "thindielectric twosided"
    ),
    "emitter": "area constant directional directionalarea envmap point projector spot sunsky timed_sunsky",
    "film": "hdrfilm specfilm",
    "phase": "blendphase hg isotropic rayleigh sggx tabphase",
    "rfilter": "box catmullrom gaussian lanczos mitchell tent",
    "sampler": "independent ldsampler multijitter orthogonal stratified",
    "sensor": "batch distant irradiancemeter orthographic perspective radiancemeter thinlens",
    "shape": (
        "bsplinecurve cube cylinder disk ellipsoids ellipsoidsmesh instance linearcurve merge obj ply rectangle "
        "sdfgrid serialized shapegroup sphere"
    ),
    "texture": "bitmap checkerboard mesh_attribute volume",
}
SIMPLEST = {  # instead; of shapes and lights nothing
    **{"bsdf": "diffuse", "film": "hdrfilm", "phase": "isotropic", "rfilter": "box", "sampler": "independent"},
    **{"sensor": "perspective", "texture": "checkerboard"},
}
COLORS = ("reflectance", "diffuse_reflectance", "base_color", "specular_reflectance")


def without_unknown(scene: Scene) -> None:
    """Replace in place the plugins that neither Mitsuba 3 nor this package knows, or leave them out; tell of each."""
    above = parents(scene.root)
    for element in list(scene.root.iter()) if scene.old else []:
        tag, kind = element.tag, element.get("type", "")
        if tag not in KNOWN or kind in KNOWN[tag].split():
            continue
        if element not in above or element not in list(above[element]):  # it went with what it was in
            continue
        if tag in SIMPLEST:
            _simplify(scene, element)
            done = f"{element.get('type')!r} is used instead"
        else:
            above[element].remove(element)
            done = "it was left out"
        scene.tell(f"{tag} {kind!r} is a plugin that is not known: {done}", element)


def _simplify(scene: Scene, element: ET.Element) -> None:
    """The simplest plugin of the kind: of materials the one that is nested, or a diffuse one of the same color."""
    nested = next((child for child in element if child.tag == "bsdf"), None)
    if element.tag == "bsdf" and nested is not None and nested.get("type") in KNOWN["bsdf"].split():
        become(element, nested.get("type", ""), *list(nested))
    elif element.tag == "bsdf":
        shade = prop(element, *COLORS)
        fits = shade is not None and (shade.tag in ("rgb", "spectrum") or means(scene, shade, "texture") is not None)
        become(element, "diffuse", named(shade, "reflectance") if fits and shade is not None else None)
    elif element.tag == "texture":
        gray = (0.5, 0.5, 0.5)
        become(element, "checkerboard", value("rgb", "color0", gray), value("rgb", "color1", gray))
    else:
        parallel = element.tag == "sensor" and "ortho" in element.get("type", "").lower()
        element.set("type", "orthographic" if parallel else SIMPLEST[element.tag])
