"""Integrators, sensors, films and samplers of Mitsuba 0.5 and 0.6: what Mitsuba 3 has instead."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import Scene, become, plugin, prop, take, word

NOISY_INTEGRATORS = ("path", "volpath", "volpathmis", "direct")
KEPT_SETTINGS = ("max_depth", "rr_depth", "hide_emitters")  # of an integrator that is replaced
SAMPLERS = ("independent", "stratified", "multijitter", "orthogonal", "ldsampler")
PIXEL_FORMATS = ("luminance", "luminance_alpha", "rgb", "rgba", "xyz", "xyza")
SENSORS = {"perspective_rdist": "perspective", "telecentric": "orthographic", "spherical": "perspective"}


def translate_integrators(scene: Scene) -> None:
    """Keep a path tracer; put the one nested in a wrapper in its place; replace anything else; add one if none."""
    own = [child for child in scene.root if child.tag == "integrator"]
    fallback = "volpath" if any(element.tag == "medium" for element in scene.root.iter()) else "path"
    if not own:
        scene.root.insert(0, plugin("integrator", fallback))
        scene.tell(f"has no integrator; {fallback!r} is used")
    for element in own[:1]:
        _translate_integrator(scene, element, fallback)


def _translate_integrator(scene: Scene, element: ET.Element, fallback: str) -> None:
    found = element.get("type", "")
    if found in NOISY_INTEGRATORS:
        return
    nested = [inner for inner in element.iter("integrator")]
    usable = next((inner for inner in nested if inner.get("type") in NOISY_INTEGRATORS), None)
    if usable is None:
        settings = [prop(inner, key) for key in KEPT_SETTINGS for inner in nested]
        one_each = {setting.get("name"): setting for setting in reversed(settings) if setting is not None}
        become(element, fallback, *one_each.values())
    else:
        become(element, usable.get("type", ""), *list(usable))
    scene.tell(
        f"integrator {found!r} cannot render noisy pairs and was replaced by {element.get('type')!r}"
        f"{'' if usable is None else ', which it wraps'}; kept as they are: {', '.join(NOISY_INTEGRATORS)}"
    )


def translate_sensor(scene: Scene, element: ET.Element) -> None:
    """Cameras that are gone: the nearest, without what is special in them."""
    kind = element.get("type", "")
    if kind in SENSORS:
        element.set("type", SENSORS[kind])
        scene.tell(f"sensor {kind!r} is no plugin of Mitsuba 3: {SENSORS[kind]!r} is used instead", element)


def translate_film(scene: Scene, element: ET.Element) -> None:
    """Every film keeps linear radiance: `hdrfilm` for `ldrfilm`, `tiledhdrfilm` and `mfilm`."""
    kind = element.get("type", "")
    if kind in ("ldrfilm", "tiledhdrfilm", "mfilm"):
        kept = [child for child in element if child.get("name") not in ("file_format", "component_format", "gamma")]
        become(element, "hdrfilm", *kept)
    form = prop(element, "pixel_format")
    if form is not None and kind != "specfilm":
        first = form.get("value", "").split(",")[0].strip().lower()
        form.set("value", {"luminancealpha": "luminance_alpha"}.get(first, first if first in PIXEL_FORMATS else "rgb"))
    if word(element, "file_format", "openexr").lower() not in ("openexr", "exr", "rgbe", "pfm"):
        take(element, "file_format", "component_format")


def translate_sampler(scene: Scene, element: ET.Element) -> None:
    """Samplers that are gone become independent: pairs are rendered with that in any case."""
    if element.get("type") in ("halton", "hammersley", "sobol", "faure"):
        element.set("type", "independent")
