"""The steps of the translation in their order, and what they give."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from renderer_bridge.errors import SceneError
from renderer_bridge.legacy.accepted import only_accepted
from renderer_bridge.legacy.assets import find_assets
from renderer_bridge.legacy.bsdfs import subsurface_albedo, translate_bsdf
from renderer_bridge.legacy.cameras import translate_film, translate_integrators, translate_sampler, translate_sensor
from renderer_bridge.legacy.colors import recolored
from renderer_bridge.legacy.document import read_document
from renderer_bridge.legacy.elements import SCALED_BY, Scene
from renderer_bridge.legacy.emitters import one_sky, translate_emitter
from renderer_bridge.legacy.media import translate_medium, translate_phase
from renderer_bridge.legacy.shapes import translate_shape, without_gone_emitters, without_gone_shapes
from renderer_bridge.legacy.spelling import modernised
from renderer_bridge.legacy.textures import translate_texture, translate_volume, unscale
from renderer_bridge.legacy.unknown import without_unknown

VERSION = "3.0.0"
BY_TAG = {
    "bsdf": translate_bsdf,
    "emitter": translate_emitter,
    "film": translate_film,
    "medium": translate_medium,
    "phase": translate_phase,
    "sampler": translate_sampler,
    "sensor": translate_sensor,
    "shape": translate_shape,
    "volume": translate_volume,
}


@dataclass(frozen=True)
class Translation:
    """A scene as XML for Mitsuba 3, and a sentence for each thing that was changed."""

    text: str
    notes: tuple[str, ...]


def translate(
    path: str | Path,
    defines: Mapping[str, str] | None = None,
    *,
    skip_missing: bool = False,
    absolute_paths: bool = False,
) -> Translation:
    """The scene of `path` for Mitsuba 3, its `$name` parameters filled in from `defines` and its own defaults.

    Raises `SceneError` when there is no such file, when it is no XML, when a parameter has no value, and when meshes or
    textures are missing, all of which are named, or an included file is; with `skip_missing` the scene goes without
    them, and notes say so.
    Names of files that are just where they say, relative to the scene, stay, unless `absolute_paths` are asked for.
    """
    path = Path(path)
    if not path.is_file():
        raise SceneError(f"{path}: no such file; a Mitsuba scene (XML) is needed")
    root, notes = read_document(path, defines or {}, skip_missing)
    scene = Scene(root, old=_is_old(root))
    for note in notes:
        scene.tell(note)
    try:
        _translate(scene, path, skip_missing, absolute_paths)
    except RecursionError as error:
        raise SceneError(f"{path}: cannot be loaded: its elements are nested too deep") from error
    ET.indent(root)
    return Translation(ET.tostring(root, encoding="unicode") + "\n", tuple(scene.notes()))


def _translate(scene: Scene, path: Path, skip_missing: bool, absolute_paths: bool) -> None:
    modernised(scene)
    recolored(scene)
    find_assets(scene, path, skip_missing, absolute_paths)
    without_gone_shapes(scene)
    without_gone_emitters(scene)
    for texture in list(scene.root.iter("texture")):
        translate_texture(scene, texture)
    unscale(scene)
    for element in _innermost_first(scene.root):
        if element.tag == "shape":
            subsurface_albedo(scene, element)
        translated = BY_TAG.get(element.tag)
        if translated is not None:
            translated(scene, element)
    translate_integrators(scene)
    one_sky(scene)
    without_unknown(scene)
    only_accepted(scene)
    for element in scene.root.iter():
        element.attrib.pop(SCALED_BY, None)
    scene.root.set("version", VERSION)


def _is_old(root: ET.Element) -> bool:
    """Whether a scene is of a version below 2, or tells none."""
    major = root.get("version", "0").split(".")[0].strip()
    return not major.isdigit() or int(major) < 2


def _innermost_first(element: ET.Element) -> list[ET.Element]:
    """All elements, each after those within it, so that materials find what they are made of translated."""
    return [*(inner for child in element for inner in _innermost_first(child)), element]
