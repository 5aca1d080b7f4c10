"""Pairs that grow: passes of further samples are added to both halves of a view until there are enough.

Pass k brings every pixel from `total_spp(first, k - 1)` to `total_spp(first, k)` samples, with a seed of its own: what
a half holds is a function of the number of passes alone, however often the work was interrupted. The first pass is what
`render_view` renders; albedo and normal are those of that pass. After each pass the file is whole.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from renderer_bridge.errors import DatasetError, ExrError
from renderer_bridge.exr import read_exr, write_exr
from renderer_bridge.exr_frame import frame_of
from renderer_bridge.frame import Camera, Image
from renderer_bridge.mitsuba_pairs import PairRequest, is_whole, render_half
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.pair_folder import PairPaths
from renderer_bridge.passes import passes_to, total_spp
from renderer_bridge.seeds import derive_seed, pair_seeds


def add_passes(
    scene: MitsubaScene, request: PairRequest, folder: Path, camera: Camera, index: int, passes: int = 0
) -> tuple[PairPaths, int]:
    """Bring both halves of view `index` to `passes` further passes, or to as many as one of them has; give their paths
    and how many that are.

    `request` and `camera` are those that `begin_dataset` gave. Raises as `render_pairs`, and `DatasetError` when a half
    holds a number of samples that no passes make.
    """
    name = request.view_name(index)
    paths = PairPaths(name, folder / f"{name}.a.exr", folder / f"{name}.b.exr")
    done = [_passes_in(scene, request, folder, camera, index, half) for half in (0, 1)]
    wanted = max(passes, *done)
    first = request.spp.draw(request.seed, index)
    for half, path in enumerate((paths.a, paths.b)):
        for k in range(done[half] + 1, wanted + 1):
            spp = total_spp(first, k) - total_spp(first, k - 1)
            seed = derive_seed(request.seed, index, half, k)
            _add_samples(
                path,
                total_spp(first, k - 1),
                spp,
                *render_color(scene, camera, spp=spp, seed=seed, sensor=request.sensor),
            )
    return paths, wanted


def _passes_in(scene: MitsubaScene, request: PairRequest, folder: Path, camera: Camera, index: int, half: int) -> int:
    """How many passes a half has beyond the first, which is rendered where it is missing or damaged."""
    name, first = request.view_name(index), request.spp.draw(request.seed, index)
    path = folder / f"{name}.{'ab'[half]}.exr"
    found = _spp_in(path) or first
    if not is_whole(path, camera, found, pair_seeds(request.seed, index)[half], request.aovs):
        render_half(scene, request, camera, folder, name, index, half, first)
        return 0
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


def _add_samples(path: Path, before: int, spp: int, color: Image, invalid: int) -> None:
    """Add the mean of further samples to a half; all but its color and the counts in its header stays as it is."""
    image = read_exr(path)
    place = image.select().layers["color"]
    mean = (before * image.pixels(place).astype(np.float64) + spp * color.astype(np.float64)) / (before + spp)
    header = dict(image.parts[0].header)
    header["n2n:spp"] = before + spp
    header["n2n:invalidSamples"] = int(header.get("n2n:invalidSamples", 0)) + invalid
    image = image.with_pixels(place, mean.astype(np.float32))
    write_exr(path, replace(image, parts=(replace(image.parts[0], header=header), *image.parts[1:])))
