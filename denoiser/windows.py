"""Windows of a picture: work on one after another, with as much around each as a filter sees, takes little memory."""

from __future__ import annotations

import itertools
from types import EllipsisType

Window = tuple[slice, slice]
"""Rows and columns."""

Index = tuple[EllipsisType, slice, slice]
"""The same of a tensor (..., H, W)."""


def windows(height: int, width: int, side: int, alignment: int = 1) -> list[Window]:
    """Cut a picture evenly into windows of about `side` pixels a side, at multiples of `alignment`."""
    return list(itertools.product(_cuts(height, side, alignment), _cuts(width, side, alignment)))


def with_margin(window: Window, margin: int, height: int, width: int) -> tuple[Index, Index]:
    """Where a window with `margin` pixels around it lies in its picture, as far as that goes, and it in these."""
    seen = tuple(_grown(part, margin, length) for part, length in zip(window, (height, width), strict=True))
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(window, seen, strict=True)
    )
    return (..., seen[0], seen[1]), (..., inner[0], inner[1])


def coarser(window: Window, step: int) -> Window:
    """The window in a picture of every `step`-th sample; it begins at a multiple of `step`."""
    rows, columns = (slice(part.start // step, -(-part.stop // step)) for part in window)
    return rows, columns


def _cuts(length: int, side: int, alignment: int) -> list[slice]:
    parts = -(-length // side)
    edges = [min(round(length * k / parts / alignment) * alignment, length) for k in range(parts)] + [length]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges) if start < stop]


def _grown(part: slice, margin: int, length: int) -> slice:
    return slice(max(part.start - margin, 0), min(part.stop + margin, length))
