"""Elements of a scene: reading their properties, building and replacing them; and what is told of replacements."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field

RGB = tuple[float, float, float]
OBJECTS = (
    *("scene", "shape", "bsdf", "texture", "emitter", "sensor", "sampler", "film", "rfilter", "integrator"),
    *("medium", "phase", "volume", "subsurface"),
)
SCALED_BY = "scaled_by"  # attribute of a texture that was scaled, for a bump map above; gone in the end


@dataclass
class Scene:
    """The scene under translation: its root, whether its version is below 2, and what to tell, each thing once."""

    root: ET.Element
    old: bool = True
    told: dict[str, list[str]] = field(default_factory=dict)

    def tell(self, sentence: str, element: ET.Element | None = None) -> None:
        """Note `sentence`; of the elements that it is true of the first is named and the number told."""
        name = "" if element is None else element.get("id") or element.get("name") or ""
        self.told.setdefault(sentence, []).append(name)

    def notes(self) -> list[str]:
        """Everything told, one sentence each."""
        return [sentence + _of(names) for sentence, names in self.told.items()]

    def by_id(self, name: str | None) -> ET.Element | None:
        """The object of that id."""
        return next((e for e in self.root.iter() if e.get("id") == name and e.tag != "ref"), None) if name else None


def _of(names: list[str]) -> str:
    first = next((name for name in names if name), "")
    if len(names) == 1:
        return f" ({first!r})" if first else ""
    return f" ({len(names)} times{f', first {first!r}' if first else ''})"


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def prop(element: ET.Element, *names: str) -> ET.Element | None:
    """The first child of one of these names, in the order of the names."""
    return next((child for name in names for child in element if child.get("name") == name), None)


def take(element: ET.Element, *names: str) -> ET.Element | None:
    """As `prop`, and removed from `element`, with all others of these names."""
    found = prop(element, *names)
    element[:] = [child for child in element if child.get("name") not in names]
    return found


def numbers(text: str) -> list[float]:
    """The numbers of "1, 2 3"; empty where anything in it is no number."""
    try:
        return [float(word) for word in re.split(r"[,\s;]+", text.strip()) if word]
    except ValueError:
        return []


def number(element: ET.Element | None, default: float) -> float:
    """The value of a float, integer or color property (then its mean); `default` for anything else."""
    found = numbers(element.get("value", "")) if element is not None else []
    return sum(found) / len(found) if found else default


def color(element: ET.Element | None, default: float) -> RGB | None:
    """The value of a constant color property; None for a texture."""
    if element is None:
        return (default, default, default)
    if element.tag not in ("rgb", "float", "integer"):
        return None
    found = numbers(element.get("value", ""))
    if len(found) == 3:
        return (found[0], found[1], found[2])
    value = found[0] if found else default
    return (value, value, value)


def word(element: ET.Element, name: str, default: str) -> str:
    """The value of a string property."""
    found = prop(element, name)
    return default if found is None else found.get("value", default)


def objects(element: ET.Element, tag: str) -> list[ET.Element]:
    """Children that are objects of that tag, or references."""
    return [child for child in element if child.tag == tag or child.tag == "ref"]


def means(scene: Scene, child: ET.Element, tag: str) -> ET.Element | None:
    """The object of that tag that `child` is or refers to."""
    for _ in range(10):
        if child.tag != "ref":
            break
        target = scene.by_id(child.get("id"))
        if target is None:
            return None
        child = target
    return child if child.tag == tag else None


# ---------------------------------------------------------------------------------------------------------------------
# Building


def of(value: float) -> str:
    """A number as text, with the digits a renderer of single precision needs."""
    return f"{value:.7g}"


def value(tag: str, name: str, content: float | int | bool | str | Iterable[float]) -> ET.Element:
    """A property: `value("float", "alpha", 0.1)`."""
    if isinstance(content, bool):
        text = "true" if content else "false"
    elif isinstance(content, str):
        text = content
    elif isinstance(content, int):
        text = str(content)
    elif isinstance(content, float):
        text = of(content)
    else:
        text = ", ".join(of(each) for each in content)
    return ET.Element(tag, {"name": name, "value": text})


def named(element: ET.Element, name: str) -> ET.Element:
    """`element` under another name: what it is to its parent."""
    element.set("name", name)
    return element


def plugin(tag: str, kind: str, *children: ET.Element | None) -> ET.Element:
    """A new object."""
    element = ET.Element(tag, {"type": kind})
    element.extend(child for child in children if child is not None)
    return element


def become(element: ET.Element, kind: str, *children: ET.Element | None) -> None:
    """Turn `element` into another plugin with these children; its id and name stay."""
    element.set("type", kind)
    element[:] = [child for child in children if child is not None]


def parents(root: ET.Element) -> dict[ET.Element, ET.Element]:
    """The parent of every element."""
    return {child: parent for parent in root.iter() for child in parent}
