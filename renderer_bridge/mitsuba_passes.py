"""Pairs that grow: passes of further samples are added to both halves of a view until there are enough.

Pass k brings every pixel from `total_spp(first, k - 1)` to `total_spp(first, k)` samples, with a seed of its own: what
a half holds is a function of the number of passes alone, however often the work was interrupted. The first pass is what
`render_view` renders; albedo and normal are those of that pass. After each pass the file is whole.

Samples go to all pixels alike, or, by `shares`, to squares where the error is (`adaptive`): then they are those numbers
on average, both halves have as many in a pixel, and a channel of each file tells how many. What decides is a
third and a fourth render (`scouts`), whose samples are in neither half. A half that decided over its own samples would
get more of them where it had a firefly, which then counts less: too dark. And one half cannot decide for the other
for long, for what the other has got by then decides over the one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.adaptive import spread_samples
from renderer_bridge.errors import DatasetError, ExrError
from renderer_bridge.exr import ExrImage, read_exr, write_exr
from renderer_bridge.exr_frame import SPP_CHANNEL, frame_of, samples_in
from renderer_bridge.frame import Camera, Frame, Image, Pair
from renderer_bridge.mitsuba_pairs import PairRequest, is_whole, render_halves
from renderer_bridge.mitsuba_render import render_color, render_color_at
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.pair_folder import PairPaths
from renderer_bridge.passes import passes_to, total_spp
from renderer_bridge.seeds import derive_seed, pair_seeds

SCOUT_STREAM = 14  # derive_seed: apart from those of `mitsuba_pairs`
SCOUTS_PART = 4  # of the first pass's samples each of the two scouts has: with all of them 3 % fewer are needed later

Shares = Callable[[], NDArray[np.float64]]
"""Gives, when samples are to be added, how squares share them (`adaptive.share_of_squares`)."""


def add_passes(
    scene: MitsubaScene,
    request: PairRequest,
    folder: Path,
    camera: Camera,
    index: int,
    passes: int = 0,
    shares: Shares | None = None,
) -> tuple[PairPaths, int]:
    """Bring both halves of view `index` to `passes` further passes, or to as many as one of them has; give their paths
    and how many that are.

    `request` and `camera` are those that `begin_dataset` gave. Raises as `render_pairs`, and `DatasetError` when a half
    holds a number of samples that no passes make, or has them in places where `shares` is not given.
    """
    paths = view_paths(request, folder, index)
    first = request.spp.draw(request.seed, index)
    found = [_passes_in(request, folder, camera, index, half) for half in (0, 1)]
    missing = [half for half in (0, 1) if found[half] is None]
    render_halves(scene, request, camera, folder, index, first, missing)
    done = [each or 0 for each in found]
    wanted = max(passes, *done)
    for half, path in enumerate((paths.a, paths.b)):
        for k in range(done[half] + 1, wanted + 1):
            seed = derive_seed(request.seed, index, half, k)
            image = read_exr(path)
            before = samples_in(image)
            if shares is None:
                _refuse_spread(image)
                spp = total_spp(first, k) - total_spp(first, k - 1)
                color, invalid = render_color(scene, camera, spp=spp, seed=seed, sensor=request.sensor)
                added = np.full_like(before, spp)
            else:
                added = spread_samples(shares(), before, total_spp(first, k)) - before
                color, invalid = render_color_at(scene, camera, spp=added, seed=seed, sensor=request.sensor)
                image = image.with_new_channels(0, {SPP_CHANNEL: (before + added).astype(np.uint32)})
            _write_mean(image, before, added, color, total_spp(first, k), invalid)
    return paths, wanted


def view_paths(request: PairRequest, folder: Path, index: int) -> PairPaths:
    """Where the halves of view `index` are, or will be."""
    name = request.view_name(index)
    return PairPaths(name, folder / f"{name}.a.exr", folder / f"{name}.b.exr")


def scouts(scene: MitsubaScene, request: PairRequest, camera: Camera, index: int, pair: Pair) -> Pair:
    """Two further renders of the view of `pair`, of few samples, with its other layers: they decide, and count nowhere
    else."""
    spp = max(1, request.spp.draw(request.seed, index) // SCOUTS_PART)

    def scout(frame: Frame, half: int) -> Frame:
        seed = derive_seed(request.seed, index, SCOUT_STREAM, half)
        color, _ = render_color(scene, camera, spp=spp, seed=seed, sensor=request.sensor)
        return replace(frame, color=color, spp=spp, seed=seed)

    return Pair(scout(pair.a, 0), scout(pair.b, 1))


def _passes_in(request: PairRequest, folder: Path, camera: Camera, index: int, half: int) -> int | None:
    """How many passes a half has beyond the first; None where it is missing or damaged."""
    name, first = request.view_name(index), request.spp.draw(request.seed, index)
    path = folder / f"{name}.{'ab'[half]}.exr"
    found = _spp_in(path) or first
    if not is_whole(path, camera, found, pair_seeds(request.seed, index)[half], request.aovs):
        return None
    passes = passes_to(first, found)
    if total_spp(first, passes) != found:
        raise DatasetError(
            f"{path}: holds {found} samples per pixel, which passes that begin with {first} do not make; the --spp "
            "that the folder began with, or a new folder, is needed"
        )
    return passes


def _spp_in(path: Path) -> int | None:
    """What a file says of its samples; None where it says nothing, or is missing or damaged."""
    try:
        return frame_of(read_exr(path))[0].spp
    except ExrError:
        return None


def _refuse_spread(image: ExrImage) -> None:
    if SPP_CHANNEL in image.parts[0].channels:
        raise DatasetError(
            f"{image.path}: has more samples in some places than in others; --adaptive or a new folder is needed"
        )


def _write_mean(
    image: ExrImage, before: NDArray[np.int64], added: NDArray[np.int64], color: Image, spp: int, invalid: int
) -> None:
    """Write a half with the mean of its own `before` and `added` samples of each pixel, (H, W); all but its color and
    the counts in its header stays as it is."""
    place = image.select().layers["color"]
    old, new = (each[..., None].astype(np.float64) for each in (before, added))
    mean = (old * image.pixels(place) + new * color) / (old + new)
    header = dict(image.parts[0].header)
    header["n2n:spp"] = spp
    header["n2n:invalidSamples"] = int(header.get("n2n:invalidSamples", 0)) + invalid
    image = image.with_pixels(place, mean.astype(np.float32))
    write_exr(image.path, replace(image, parts=(replace(image.parts[0], header=header), *image.parts[1:])))
