"""What --temporal does again where results of an earlier run are there, and what it says of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from denoiser.inference.records import FileJob

FRAMES_BEFORE = 8
"""Frames done again for the history of the next. Each holds at most two thirds of the last one (`online.reprojection`),
so that at most 4 % of a picture's history is what came before them. From the first frame on it is the very same."""

ASTRAY = (
    "frames have motion vectors that lead to nothing like them in the last frame, and took it along as if nothing "
    "moved; vectors to or from the last frame in pixels are needed (Blender: pass Vector; V-Ray: velocity, not clamped)"
)


@dataclass(frozen=True)
class Stretch:
    """Frames of a sequence one after another; `known` are those whose results are there already."""

    jobs: tuple[FileJob, ...]
    known: frozenset[FileJob]


def stretches(jobs: Sequence[FileJob], todo: Sequence[FileJob]) -> list[Stretch]:
    """What is to be done of a sequence `jobs`, so that each of `todo` comes after the frames before it."""
    missing = set(todo)
    found: list[list[FileJob]] = []
    last = -2
    for index, job in enumerate(jobs):
        if missing.isdisjoint(jobs[index : index + FRAMES_BEFORE + 1]):
            continue
        if index != last + 1:
            found.append([])
        found[-1].append(job)
        last = index
    return [Stretch(tuple(each), frozenset(each) - missing) for each in found]


def done_again(found: Sequence[Stretch], jobs: Sequence[FileJob]) -> str | None:
    """Says what is done again, and where the sequence may not be what one run would have made; None for nothing."""
    again = sum(len(each.known) for each in found)
    if not again:
        return None
    inexact = [each for each in found if each.known and each.jobs[0] != jobs[0]]
    differs = "" if not inexact else ", which may differ a little from what one run makes; --overwrite does all in one"
    return f"--temporal: {again} frames that are there are denoised again for the history of those after them{differs}"
