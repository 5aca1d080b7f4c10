"""Shapes of Mitsuba 0.5 and 0.6: what Mitsuba 3 has no plugin for, and materials that are assigned by name."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import Scene, means, parents, plugin

GONE = ("hair", "heightfield", "deformable")


def translate_shape(scene: Scene, element: ET.Element) -> None:
    """One material a shape, the first; what only bounds a medium has none, and 0.6 let light pass it."""
    materials = [child for child in element if means(scene, child, "bsdf") is not None]
    for extra in materials[1:]:
        element.remove(extra)
        scene.tell("of several materials of one mesh the first is used: Mitsuba 3 takes one", element)
    bounds = any(means(scene, child, "medium") is not None for child in element)
    if scene.old and bounds and not materials and all(child.tag != "emitter" for child in element):
        element.append(plugin("bsdf", "null"))


def without_gone_shapes(scene: Scene) -> None:
    """Leave out the shapes that Mitsuba 3 cannot read."""
    above = parents(scene.root)
    for element in [each for each in scene.root.iter("shape") if each.get("type") in GONE]:
        above[element].remove(element)
        scene.tell(f"shape {element.get('type')!r} is no plugin of Mitsuba 3 and was left out", element)


def without_gone_emitters(scene: Scene) -> None:
    """Leave out the lights that Mitsuba 3 has nothing like."""
    above = parents(scene.root)
    for element in [each for each in scene.root.iter("emitter") if each.get("type") == "collimated"]:
        above[element].remove(element)
        scene.tell("emitter 'collimated' is no plugin of Mitsuba 3 and was left out", element)
