"""A folder of pairs, from any renderer: files that share a stem and end in `.a.exr` and `.b.exr`.

kitchen.a.exr  kitchen.b.exr  kitchen.ref.exr      two halves of one view, and its reference
kitchen.t.exr                                      a third, independent render of the view: the target of training
reference.exr                                      the reference of every view without one of its own
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from renderer_bridge.errors import DatasetError
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.frame import Frame, Image, Pair

_HALVES = {"a": ".a.exr", "b": ".b.exr"}
_OWN_REFERENCE = ".ref.exr"
_TARGET = ".t.exr"
_FOLDER_REFERENCE = "reference"


@dataclass(frozen=True)
class PairPaths:
    """The files of one view: `name` is the stem the halves share.

    `target` is a third noisy render, independent of both halves, which training may use as the target of either;
    nothing else may look at it. `reference` is for measuring only.
    """

    name: str
    a: Path
    b: Path
    reference: Path | None = None
    target: Path | None = None


def list_pairs(folder: str | Path) -> list[PairPaths]:
    """The pairs in `folder`, sorted by name.

    Two halves called `reference.a.exr` and `reference.b.exr` beside a `reference.exr` belong to that reference and are
    no pair. Raises `DatasetError` when `folder` is no folder, holds no pair, or holds one half without the other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DatasetError(f"{folder}: {what}; a folder with pairs <view>.a.exr and <view>.b.exr is needed")
    halves = {half: _names(folder, ending) for half, ending in _HALVES.items()}
    if (folder / f"{_FOLDER_REFERENCE}.exr").is_file():
        halves = {half: names - {_FOLDER_REFERENCE} for half, names in halves.items()}
    lone = sorted(halves["a"] ^ halves["b"])
    if lone:
        raise DatasetError(_lone_half(folder, lone, halves))
    if not halves["a"]:
        found = len(list(folder.glob("*.exr")))
        raise DatasetError(
            f"{folder}: holds no pairs ({found} EXR files found); <view>.a.exr and <view>.b.exr are needed"
        )
    return [_paths(folder, name) for name in sorted(halves["a"])]


def read_pair(paths: PairPaths, reference: bool = False, geometry: bool = False) -> tuple[Pair, dict[str, int]]:
    """Read both halves, and the reference's color when asked for and there; also the count of repaired pixels by layer.

    `geometry` reads positions and depths too, where they are.

    Raises `ExrError` when a file cannot be read, `DatasetError` when the two are no noisy pair of one view.
    """
    a, repaired_a = read_frame(paths.a, geometry, geometry)
    b, repaired_b = read_frame(paths.b, geometry, geometry)
    repaired = {name: repaired_a.get(name, 0) + repaired_b.get(name, 0) for name in repaired_a | repaired_b}
    truth: Image | None = None
    if reference and paths.reference is not None:
        frame, mended = read_frame(paths.reference)
        truth = frame.color
        repaired |= {"reference": mended["color"]} if "color" in mended else {}
    try:
        return Pair(a, b, truth), repaired
    except ValueError as error:
        files = [str(paths.a), str(paths.b)] + [str(paths.reference)] * (truth is not None)
        raise DatasetError(f"{' and '.join(files)}: {error}") from error


def read_target(paths: PairPaths, pair: Pair) -> tuple[Frame, dict[str, int]]:
    """Read the third render of a view, to train `pair`, its halves, on; also the count of repaired pixels by layer.

    The frame holds color, linear radiance, and what else is in the file; its spp may be another than the halves'.
    Raises `DatasetError` when the view has no target, or one that is no other noisy render of the same view, `ExrError`
    when the file cannot be read.
    """
    if paths.target is None:
        raise DatasetError(
            f"{paths.a}: has no target; {paths.name}{_TARGET} beside it is needed, rendered with --target-spp"
        )
    target, repaired = read_frame(paths.target)
    for half, file in ((pair.a, paths.a), (pair.b, paths.b)):
        try:
            Pair(replace(half, spp=None), replace(target, spp=None))
        except ValueError as error:
            raise DatasetError(f"{file} and {paths.target}, its target, as A and B: {error}") from error
    return target, repaired


def _names(folder: Path, ending: str) -> set[str]:
    return {file.name.removesuffix(ending) for file in folder.glob(f"*{ending}") if not file.name.startswith(".")}


def _lone_half(folder: Path, lone: list[str], halves: dict[str, set[str]]) -> str:
    name = lone[0]
    there, missing = ("a", "b") if name in halves["a"] else ("b", "a")
    more = f" (and {len(lone) - 1} more such)" if len(lone) > 1 else ""
    present, absent = folder / (name + _HALVES[there]), name + _HALVES[missing]
    return f"{present}: its other half {absent} is missing{more}; a pair needs both"


def _paths(folder: Path, name: str) -> PairPaths:
    candidates = (folder / f"{name}{_OWN_REFERENCE}", folder / f"{_FOLDER_REFERENCE}.exr")
    reference = next((file for file in candidates if file.is_file()), None)
    third = folder / f"{name}{_TARGET}"
    target = third if third.is_file() else None
    return PairPaths(name, folder / f"{name}{_HALVES['a']}", folder / f"{name}{_HALVES['b']}", reference, target)
