"""A folder of finished pairs as a renderer: a sequence of any renderer, or the same samples again for a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Camera, Pair
from renderer_bridge.pair_folder import PairPaths, list_pairs, read_pair

LAYERS = ("albedo", "normal", "position", "depth")


class PairFolderRenderer:
    """Gives the pairs of a folder in the order of their names; implements `online.records.Renderer`.

    Iterate over `cameras()` and render each before the next. Samples per pixel and seeds are those of the files.
    Raises `DatasetError` when the folder holds no pairs.
    """

    def __init__(self, folder: str | Path) -> None:
        self.views = list_pairs(folder)
        self._current: Pair | None = None

    def cameras(self, first: int = 0) -> Iterator[Camera]:
        """The views' cameras, from view `first`.

        Raises `DatasetError` for a view without camera, albedo, normal, position or depth, `ExrError` for a file that
        cannot be read.
        """
        for view in self.views[first:]:
            self._current = _read(view)
            assert self._current.a.camera is not None
            yield self._current.a.camera

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: object = None) -> Pair:
        """The pair of the view whose camera was given last. Raises `DatasetError` for another camera."""
        del spp, seeds, outdated
        if self._current is None or self._current.a.camera is not camera:
            raise DatasetError("a folder of finished pairs has no view at another camera than its own")
        return self._current


def _read(view: PairPaths) -> Pair:
    pair, _ = read_pair(view, reference=True, geometry=True)
    missing = [name for name in LAYERS if getattr(pair.a, name) is None] + ["camera"] * (pair.a.camera is None)
    if missing:
        raise DatasetError(
            f"{view.a}: has no {' and no '.join(missing)}; a flythrough needs camera, {', '.join(LAYERS)}: "
            "n2n-render-pairs --position --depth writes them"
        )
    return pair
