"""A scene file as one tree: included files in their places, `$name` parameters filled in.

Rules of Mitsuba, all versions: a value given from outside wins over `<default>`, longer names are replaced before
shorter ones, `\\$` is a plain dollar sign. An included `<scene>` gives its content.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

from renderer_bridge.errors import SceneError
from renderer_bridge.legacy.files import find_file

DEEPEST_INCLUDE = 15  # Mitsuba's own limit
HOW_TO_RENDER = ("integrator", "sampler", "film")  # pairs are rendered in our own way
UNDEFINED = "\0"  # before the name of a parameter without value; no XML can hold it
PARAMETER = re.compile(r"\\\$|\$(\w+)")


def read_document(path: Path, defines: Mapping[str, str], skip_missing: bool) -> tuple[ET.Element, list[str]]:
    """The `<scene>` of `path`, and what was left out of it: how to render, where that has a parameter without value,
    and, with `skip_missing`, included files that are not there.

    Raises `SceneError` for malformed XML, other included files not found, and other parameters without value.
    """
    reader = _Reader(path, dict(defines), skip_missing)
    root = reader.parse(path)
    for element in _expanded(reader, root, 0):
        root = element
    unused = sorted(set(defines) - reader.used)
    if unused:
        raise SceneError(f"{path}: cannot be loaded: unused parameters {', '.join('$' + name for name in unused)}")
    undefined = _undefined(root)
    if undefined:
        names = ", ".join(f"${name}" for name in undefined)
        raise SceneError(f"{path}: cannot be loaded: undefined parameter: {names}; give it with -D name=value")
    return root, [*reader.left_out, *_without_undefined(root)]


class _Reader:
    """The parameters known so far, those that were used, and what was left out of the file at `path`."""

    def __init__(self, path: Path, defines: dict[str, str], skip_missing: bool) -> None:
        self.path = path
        self.values = defines
        self.skip_missing = skip_missing
        self.used: set[str] = set()
        self.left_out: list[str] = []

    def parse(self, path: Path) -> ET.Element:
        try:
            return ET.fromstring(path.read_bytes(), ET.XMLParser())
        except (ET.ParseError, ValueError, LookupError) as error:
            raise SceneError(f"{self.path}: cannot be loaded: XML of {path.name} is malformed: {error}") from error
        except OSError as error:
            raise SceneError(f"{self.path}: cannot be loaded: {path}: {error.strerror}") from error

    def filled_in(self, text: str) -> str:
        """`text` with its parameters replaced by their values."""

        def value(found: re.Match[str]) -> str:
            if found[1] is None:
                return "$"
            names = [found[1][:length] for length in range(len(found[1]), 0, -1)]
            name = next((name for name in names if name in self.values), None)
            if name is None:
                return f"{UNDEFINED}{found[1]}"
            self.used.add(name)
            return self.values[name] + found[1][len(name) :]

        return PARAMETER.sub(value, text)


def _expanded(reader: _Reader, element: ET.Element, depth: int) -> list[ET.Element]:
    """What stands in the place of `element`: itself, the content of an included file, or nothing."""
    element.attrib = {key: reader.filled_in(value) for key, value in element.attrib.items()}
    if element.tag == "default":
        reader.values.setdefault(element.get("name", ""), element.get("value", ""))
        return []
    if element.tag == "include":
        return _included(reader, element, depth)
    element[:] = [inside for child in list(element) for inside in _expanded(reader, child, depth)]
    return [element]


def _included(reader: _Reader, element: ET.Element, depth: int) -> list[ET.Element]:
    name = element.get("filename", "")
    if depth >= DEEPEST_INCLUDE:
        raise SceneError(f"{reader.path}: cannot be loaded: <include> is nested more than {DEEPEST_INCLUDE} deep")
    found = find_file(name, [reader.path.parent])
    if found is None and reader.skip_missing:
        reader.left_out.append(f"the included file {name!r} was not found and was left out")
        return []
    if found is None:
        raise SceneError(
            f"{reader.path}: cannot be loaded: the included file {name!r} was not found; n2n-render-pairs --missing "
            "skip goes on without it"
        )
    root = reader.parse(found)
    if root.tag != "scene":
        if element.get("name") is not None:
            root.set("name", element.get("name", ""))
        return _expanded(reader, root, depth + 1)
    return [inside for child in list(root) for inside in _expanded(reader, child, depth + 1)]


def _without_value(element: ET.Element) -> list[str]:
    return [name for text in element.attrib.values() for name in re.findall(f"{UNDEFINED}(\\w+)", text)]


def _undefined(element: ET.Element) -> list[str]:
    """Names of the parameters without value in `element`, but for those of how to render."""
    if element.tag in HOW_TO_RENDER:
        return []
    here = _without_value(element)
    return list(dict.fromkeys([*here, *(name for child in element for name in _undefined(child))]))


def _without_undefined(root: ET.Element) -> list[str]:
    """Remove the properties that have no value, and tell of them."""
    left_out: list[str] = []
    for parent in root.iter():
        for child in list(parent):
            names = _without_value(child)
            if names and child.tag not in HOW_TO_RENDER:
                parent.remove(child)
            child.attrib = {key: text.replace(UNDEFINED, "$") for key, text in child.attrib.items()}
            left_out += names
    told = ", ".join(f"${name}" for name in dict.fromkeys(left_out))
    return [f"parameters of how to render that have no value were left out: {told}"] if told else []
