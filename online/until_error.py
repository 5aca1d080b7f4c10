"""Both halves of one picture grow until the error of what they are denoised to is small enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from denoiser.inference.until_error import ErrorPoint, Goal, sentence, wanted_passes
from renderer_bridge.mitsuba_halves import Half
from renderer_bridge.passes import total_spp

Halves = tuple[Half, Half]


@dataclass(frozen=True)
class Grown:
    """Halves of `spp` samples per pixel each, and the told errors on the way to `goal`."""

    halves: Halves
    spp: int
    goal: Goal
    points: tuple[ErrorPoint, ...]

    def sentence(self) -> str:
        """What came of it."""
        return sentence(self.points, self.goal, f"most_spp {2 * self.goal.most_spp:g}")


def grown(
    render: Callable[[int, int, int], Half], told: Callable[[Halves, int], float], first: int, goal: Goal
) -> Grown:
    """Render `first` samples per pixel of each half, and further ones until `goal` is reached or they are too many.

    `render(half, pass, spp)` gives samples of half 0 or 1 whose noise is of that pass alone; `told` the error of the
    picture made of the halves, of so many samples each, see `denoiser.inference.until_error`.
    """
    passes, points = 0, tuple[ErrorPoint, ...]()
    halves = render(0, 0, first), render(1, 0, first)
    while True:
        spp = total_spp(first, passes)
        points = (*points, ErrorPoint(spp, told(halves, spp)))
        wanted = wanted_passes(points, goal, first, passes)
        if wanted == passes:
            return Grown(halves, spp, goal, points)
        more = total_spp(first, wanted) - spp
        a, b = (_joined(half, spp, render(index, wanted, more), more) for index, half in enumerate(halves))
        halves, passes = (a, b), wanted


def _joined(one: Half, spp: int, other: Half, more: int) -> Half:
    """The mean of all samples of two renders."""
    share = np.float32(more / (spp + more))
    color = one.color + (other.color - one.color) * share
    return Half(color, one.further + (other.further - one.further) * share)
