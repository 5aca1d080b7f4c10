"""Mitsuba XML as strings, with numbers that are the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike


def plugin(tag: str, kind: str, *content: str, name: str = "", id: str = "") -> str:
    """`<tag type="kind">content</tag>`, with a name where it fills a slot of its parent."""
    named = f' name="{name}"' if name else ""
    known = f' id="{id}"' if id else ""
    return f'<{tag} type="{kind}"{named}{known}>{"".join(content)}</{tag}>'


def number(name: str, value: float) -> str:
    """A `<float>`, five significant digits."""
    return f'<float name="{name}" value="{value:.5g}"/>'


def whole(name: str, value: int) -> str:
    """An `<integer>`."""
    return f'<integer name="{name}" value="{value}"/>'


def flag(name: str, value: bool) -> str:
    """A `<boolean>`."""
    return f'<boolean name="{name}" value="{str(value).lower()}"/>'


def text(name: str, value: str) -> str:
    """A `<string>`."""
    return f'<string name="{name}" value="{value}"/>'


def rgb(name: str, color: ArrayLike) -> str:
    """A color (3,), linear."""
    return f'<rgb name="{name}" value="{numbers(np.asarray(color, dtype=np.float64))}"/>'


def point(name: str, at: ArrayLike) -> str:
    """A `<point>` (3,)."""
    x, y, z = np.asarray(at, dtype=np.float64)
    return f'<point name="{name}" x="{x:.5g}" y="{y:.5g}" z="{z:.5g}"/>'


def to_world(*steps: str) -> str:
    """Where a thing stands: transforms, the first applied first."""
    return f'<transform name="to_world">{"".join(steps)}</transform>'


def look_at(origin: ArrayLike, target: ArrayLike) -> str:
    """Looking from `origin` to `target`, y up."""
    places = f'origin="{numbers(np.asarray(origin))}" target="{numbers(np.asarray(target))}"'
    return f'<lookat {places} up="0, 1, 0"/>'


def numbers(values: Iterable[float]) -> str:
    """Comma-separated, five significant digits."""
    return ", ".join(f"{float(value):.5g}" for value in values)
