"""The files of a scene: each found and written with its absolute path; what is missing told, or done without."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from renderer_bridge.cache_folder import cache_folder
from renderer_bridge.errors import SceneError
from renderer_bridge.legacy.elements import Scene, become, parents, value
from renderer_bridge.legacy.files import find_file, is_pointer
from renderer_bridge.legacy.meshes import readable_mesh

GRAY, WHITE = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)  # instead of a texture; of an environment
NAMED_AT_MOST = 5  # files that are done without; those that are an error are all named


def find_assets(scene: Scene, path: Path, skip_missing: bool, absolute_paths: bool) -> None:
    """Write the place of every file that the scene names, unless it is just where it says, beside the scene.

    Raises `SceneError` with all that are missing; with `skip_missing` shapes go without the mesh, and
    materials and lights without the picture.
    """
    folders = _folders(scene, path)
    above = parents(scene.root)
    missing: dict[str, list[ET.Element]] = {}
    pointers: set[str] = set()
    for element in list(scene.root.iter()):
        named = _file_of(element, above[element]) if element in above else None
        if named is None:
            continue
        attribute, name = named
        found = find_file(name, folders)
        if found is None or is_pointer(found):
            missing.setdefault(name, []).append(element)
            pointers |= {name} if found is not None else set()
            continue
        readable = readable_mesh(found, cache_folder())
        if absolute_paths or readable != path.resolve().parent / name:
            element.set(attribute, str(readable.resolve()))
    if missing and not skip_missing:
        told = _told(list(missing), len(missing), pointers)
        raise SceneError(f"{path}: cannot be loaded: {told}; n2n-render-pairs --missing skip goes on without them")
    for element in (element for elements in missing.values() for element in elements):
        _do_without(above, element)
    if missing:
        scene.tell(
            f"{_told(list(missing), NAMED_AT_MOST, pointers)}; left out (textures are gray, an environment white)"
        )


def _told(names: list[str], at_most: int, pointers: set[str]) -> str:
    more = len(names) - at_most
    listed = ", ".join(names[:at_most]) + (f" and {more} more" if more > 0 else "")
    lfs = (
        f" ({len(pointers)} there as Git LFS pointers, for which `git lfs pull` fetches the files)" if pointers else ""
    )
    return f"{len(names)} file{'s' if len(names) > 1 else ''} missing: {listed}{lfs}"


def _folders(scene: Scene, path: Path) -> list[Path]:
    """Where files are looked for: `<path>` elements, then the scene's own folder."""
    own = path.resolve().parent
    extra = [own / child.get("value", "") for child in scene.root if child.tag == "path"]
    scene.root[:] = [child for child in scene.root if child.tag != "path"]
    return [*extra[::-1], own]


def _file_of(element: ET.Element, owner: ET.Element) -> tuple[str, str] | None:
    """The attribute of `element` that holds the name of a file to read, and the name."""
    if element.tag == "string" and element.get("name") == "filename" and owner.tag != "film":
        return "value", element.get("value", "")
    if element.tag == "spectrum" and element.get("filename") is not None:
        return "filename", element.get("filename", "")
    return None


def _do_without(above: dict[ET.Element, ET.Element], element: ET.Element) -> None:
    """Remove what needs the file; a texture, by name or not, becomes gray, an environment white."""
    owner = above[element]
    holder = above.get(owner)
    if owner.tag == "texture":
        become(owner, "checkerboard", value("rgb", "color0", GRAY), value("rgb", "color1", GRAY))
    elif owner.tag == "emitter" and owner.get("type") == "envmap":
        become(owner, "constant", value("rgb", "radiance", WHITE))
    elif element.tag == "spectrum" or owner.tag == "bsdf":
        owner.remove(element)
    elif holder is not None and owner in list(holder):
        holder.remove(owner)
