"""Pairs as memory-mapped arrays: an EXR file must be decompressed whole, a crop should cost its own bytes.

A third render, where there is one, is kept beside it as targets (3, H, W, 3), float32: of half A, of half B, and of
their mean. A half's target is the mean of all samples that are not its own, the other half's among them.
Per view one `.npy` of shape (2, H, W), half A first, each pixel a record of color (float32), albedo and normal (half);
24 bytes a pixel. It lies in `<pairs>/.n2n-cache/`, or in a folder given by the caller, beside a small JSON that holds
size and time of the EXR files; when those change, it is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.atomic import atomic_path, write_text
from renderer_bridge.errors import DatasetError, OutputError, UsageError
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.frame import Frame, Image, Pair
from renderer_bridge.pair_folder import PairPaths, list_pairs, read_pair, read_target

PIXEL = np.dtype([("color", "<f4", 3), ("albedo", "<f2", 3), ("normal", "<f2", 3)])
FORMAT = 1
FOLDER_NAME = ".n2n-cache"


@dataclass(frozen=True)
class CachedView:
    """One view: its name in its folder, its EXR files, and where their pixels are kept as arrays."""

    paths: PairPaths
    pixels: Path
    reference: Path | None
    target: Path | None = None

    @property
    def name(self) -> str:
        """The view's name, unique within its folder."""
        return self.paths.name


@dataclass(frozen=True)
class CacheRecord:
    """One view is in the cache: `done` of `total`; `built` is False when it was there already.

    `repaired` counts, by layer, pixels that were infinite, NaN or out of range in the EXR files.
    """

    view: str
    done: int
    total: int
    built: bool
    repaired: dict[str, int]


def find_views(
    folders: Sequence[Path], cache_dir: Path | None = None, fallback: Path | None = None
) -> list[CachedView]:
    """List the views of the pair folders, in the order given, names sorted; no pixel is read or written yet.

    Their arrays lie in `cache_dir` when that is given, else in the folder of pairs itself, else, when that cannot be
    written, in `fallback`.
    Raises `DatasetError` when a folder holds no pairs, `UsageError` when there is no folder.
    """
    if not folders:
        raise UsageError("no folder of pairs is given; at least one is needed")
    views = []
    for folder in folders:
        cache = _cache_folder(Path(folder), cache_dir, fallback)
        views += [_cached_view(paths, cache) for paths in list_pairs(folder)]
    return views


def build_cache(views: Sequence[CachedView], references: bool = False) -> Iterator[CacheRecord]:
    """Bring the cache up to date, one record a view; with `references`, the reference images too.

    Raises `DatasetError` when a half lacks albedo or normal, `ExrError` when a file cannot be read, and `OutputError`
    when the cache cannot be written.
    """
    for index, view in enumerate(views):
        stale = not _is_fresh(view.pixels, (view.paths.a, view.paths.b))
        repaired = _build_pair(view) if stale else {}
        if view.target is not None and view.paths.target is not None:
            _build_target(view, view.paths.target, view.target)
        if references and view.reference is not None and view.paths.reference is not None:
            _build_reference(view.paths.reference, view.reference)
        yield CacheRecord(view.name, index + 1, len(views), stale, repaired)


# ---------------------------------------------------------------------------------------------------------------------
# Where


def _cache_folder(folder: Path, cache_dir: Path | None, fallback: Path | None) -> Path:
    """Where the arrays of one folder of pairs lie; elsewhere than beside it, under a name that tells folders apart."""
    if cache_dir is None and fallback is not None and not _is_writable(folder):
        cache_dir = fallback / FOLDER_NAME
    if cache_dir is None:
        return folder / FOLDER_NAME
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return cache_dir / f"{folder.resolve().name}-{digest}"


def _is_writable(folder: Path) -> bool:
    """Permission bits count even for root, who could ignore them: a read-only data set stays as it is."""
    place = folder / FOLDER_NAME if (folder / FOLDER_NAME).is_dir() else folder
    return not place.is_dir() or (os.access(place, os.W_OK) and bool(place.stat().st_mode & 0o222))


def _cached_view(paths: PairPaths, cache: Path) -> CachedView:
    reference = None if paths.reference is None else cache / "references" / f"{paths.reference.stem}.npy"
    target = None if paths.target is None else cache / "pooled" / f"{paths.name}.npy"
    return CachedView(paths, cache / f"{paths.name}.npy", reference, target)


# ---------------------------------------------------------------------------------------------------------------------
# Fresh or stale: size and time of the sources, kept beside the array and written after it


def _fingerprint(sources: Sequence[Path]) -> str:
    stats = [source.stat() for source in sources]
    return json.dumps({"format": FORMAT, "sources": [[stat.st_size, stat.st_mtime_ns] for stat in stats]})


def _is_fresh(array: Path, sources: Sequence[Path]) -> bool:
    try:
        return array.is_file() and _sidecar(array).read_text(encoding="utf-8") == _fingerprint(sources)
    except (OSError, UnicodeDecodeError):
        return False


def _write_array(array: Path, values: NDArray[np.generic], fingerprint: str) -> None:
    with atomic_path(array) as temporary:
        np.save(temporary, values, allow_pickle=False)
    write_text(_sidecar(array), fingerprint)


def _sidecar(array: Path) -> Path:
    return array.with_name(array.name + ".json")


# ---------------------------------------------------------------------------------------------------------------------
# EXR to array


def _build_pair(view: CachedView) -> dict[str, int]:
    """Decode both halves and write the array; gives the counts of repaired pixels."""
    fingerprint = _fingerprint((view.paths.a, view.paths.b))
    pair, repaired = read_pair(view.paths)
    _refuse_missing_layers(view.paths, pair)
    _write_array(view.pixels, _pair_array(pair), fingerprint)
    return repaired


def _pair_array(pair: Pair) -> NDArray[np.void]:
    """Both halves as an array (2, H, W) of `PIXEL`; the frames must have albedo and normal."""
    values = np.empty((2, *pair.a.size), PIXEL)
    for half, frame in enumerate((pair.a, pair.b)):
        for layer in PIXEL.names or ():
            values[layer][half] = getattr(frame, layer)
    return values


def _refuse_missing_layers(paths: PairPaths, pair: Pair) -> None:
    for path, frame in ((paths.a, pair.a), (paths.b, pair.b)):
        missing = [layer for layer in PIXEL.names or () if getattr(frame, layer) is None]
        if missing:
            raise DatasetError(
                f"{path}: has no {' and no '.join(missing)}; found {', '.join(frame.layers())}; "
                f"training needs {', '.join(PIXEL.names or ())}"
            )


def _build_reference(source: Path, array: Path) -> None:
    if not _is_fresh(array, (source,)):
        fingerprint = _fingerprint((source,))
        frame: Frame = read_frame(source)[0]
        _write_array(array, frame.color.astype("<f4"), fingerprint)


def _build_target(view: CachedView, source: Path, array: Path) -> None:
    sources = (source, view.paths.a, view.paths.b)
    if not _is_fresh(array, sources):
        fingerprint = _fingerprint(sources)
        pair = read_pair(view.paths)[0]
        third: Frame = read_target(view.paths, pair)[0]
        targets = [_pooled(third, pair.b), _pooled(third, pair.a), third.color]
        _write_array(array, np.stack(targets).astype("<f4"), fingerprint)


def _pooled(third: Frame, half: Frame) -> Image:
    """Mean of the samples of both renders; of the third alone where it is not known how many each has."""
    if third.spp is None or half.spp is None:
        return third.color
    share = np.float32(half.spp / (half.spp + third.spp))
    return third.color + share * (half.color - third.color)


def open_array(array: Path) -> NDArray[np.void]:
    """Map an array of the cache; raises `OutputError` when it vanished or was damaged since it was built."""
    try:
        mapped: NDArray[np.void] = np.load(array, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise OutputError(f"{array}: the cache is damaged ({error}); delete its folder and run again") from error
    return mapped
