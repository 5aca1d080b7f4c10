"""A training set from many scenes: some views of each, one pair folder a scene, as far as the time reaches.

Scenes are rendered in a child process that is replaced after some of them, since the renderer keeps kernels and
textures; a crash costs that scene, not the set. Running it again leaves alone what is complete.
"""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from renderer_bridge.atomic import sole_writer, write_text
from renderer_bridge.errors import DatasetError, N2NError, N2NWarning, SceneError
from renderer_bridge.mitsuba_pairs import PairRequest, render_pairs
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.pair_folder import list_pairs
from renderer_bridge.seeds import derive_seed

LEFT_OUT = ".left_out.txt"  # after the name of a pair folder that there is none of, and why
SCENES_PER_PROCESS = 8
LARGEST_SHIFT = 1.3  # of the picture's area against the one asked for, before the scene is loaded in another size
PROBE_SPP, PROBE_STREAM = 16, 21  # derive_seed
LEAST_MEAN = 1e-5  # radiance: darker pictures are black in any exposure
LEAST_LIT = 0.3  # share of pixels with any light
LEAST_CONTRAST = 0.02  # standard deviation over mean: an even picture teaches nothing


@dataclass(frozen=True)
class SceneJob:
    """One scene of the set: rendered into `folder` as `request` says, at about `pixels` pixels a picture."""

    scene: Path
    folder: Path
    request: PairRequest
    pixels: int
    variant: str = "auto"


@dataclass(frozen=True)
class SceneRecord:
    """One scene is done: `views` are complete in its folder, or none and the `reason`; `seconds` of work for it now.

    `warnings` are sentences of the renderer, such as what it replaced.
    """

    scene: Path
    folder: Path
    views: int
    seconds: float
    reason: str = ""
    warnings: tuple[str, ...] = ()


def scene_jobs(
    scenes: Sequence[Path], folder: Path, prefix: str, request: PairRequest, pixels: int, variant: str
) -> list[SceneJob]:
    """A job for every scene file; its folder is named after the scene's, with `prefix`; its seed follows from the name.

    Raises `DatasetError` when two scenes would share a folder.
    """
    names = [prefix + (scene.resolve().parent.name if scene.name == "scene.xml" else scene.stem) for scene in scenes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"{folder}: several scenes are called {', '.join(twice)}; each needs a name of its own")
    seeds = [derive_seed(request.seed, zlib.crc32(name.encode())) for name in names]
    return [
        SceneJob(scene, folder / name, replace(request, seed=seed), pixels, variant)
        for scene, name, seed in zip(scenes, names, seeds, strict=True)
    ]


def render_set(jobs: Sequence[SceneJob], budget_s: float) -> Iterator[SceneRecord]:
    """Work through `jobs` in order, and yield one record a scene; none is begun after `budget_s` seconds."""
    end = time.monotonic() + budget_s
    pool = _pool()
    try:
        for job in jobs:
            if time.monotonic() > end:
                return
            done = _finished(job)
            if done is None:
                try:
                    done = pool.submit(render_scene, job).result()
                except BrokenProcessPool:
                    pool.shutdown()
                    pool = _pool()
                    reason = "the renderer's process died"
                    _leave_out(job, reason)
                    done = SceneRecord(job.scene, job.folder, 0, 0.0, reason)
            yield done
    finally:
        pool.shutdown(cancel_futures=True)


def render_scene(job: SceneJob) -> SceneRecord:
    """Render one scene in this process; what cannot be rendered, or shows nothing, is left out with the reason.

    Where no free place is found for further views, the scene's own remains.
    """
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", N2NWarning)
        views, reason = _views_or_reason(job)
    said = tuple(dict.fromkeys(str(each.message) for each in caught if issubclass(each.category, N2NWarning)))
    return SceneRecord(job.scene, job.folder, views, time.perf_counter() - start, reason, said)


def _views_or_reason(job: SceneJob) -> tuple[int, str]:
    """Number of views rendered; or 0, and why the scene is left out from now on."""
    try:
        with sole_writer(job.folder):
            set_variant(job.variant)
            scene = _loaded(job)
            reason = _nothing_to_see(scene, job.request.seed)
            if not reason:
                return _render_views(scene, job), ""
            _leave_out(job, reason)
    except SceneError as error:
        reason = str(error)
        _leave_out(job, reason)
    except N2NError as error:  # of this run, such as a full disk: the scene may be tried again
        reason = str(error)
    return 0, reason


def _render_views(scene: MitsubaScene, job: SceneJob) -> int:
    try:
        return sum(1 for _ in render_pairs(scene, job.request, job.folder))
    except SceneError:
        if job.request.views == 1:
            raise
        return sum(1 for _ in render_pairs(scene, replace(job.request, views=1), job.folder))


def _loaded(job: SceneJob) -> MitsubaScene:
    """The scene at a size of about `job.pixels` pixels, in its own aspect ratio."""
    width = round((job.pixels * 4 / 3) ** 0.5)
    scene = load_scene(job.scene, width=width)
    found_width, found_height = scene.camera(job.request.sensor).resolution
    shift = found_width * found_height / job.pixels
    if max(shift, 1 / shift) <= LARGEST_SHIFT:
        return scene
    return load_scene(job.scene, width=max(16, round(width / shift**0.5)))


def _nothing_to_see(scene: MitsubaScene, seed: int) -> str:
    """Why a scene's own view is of no use, from a small render of it; empty where it is."""
    camera = scene.camera()
    small = replace(camera, resolution=(48, max(1, round(48 * camera.resolution[1] / camera.resolution[0]))))
    color, _ = render_color(scene, small, spp=PROBE_SPP, seed=derive_seed(seed, PROBE_STREAM))
    mean, lit = float(color.mean()), float((color.max(axis=-1) > 0).mean())
    if mean < LEAST_MEAN or lit < LEAST_LIT:
        return f"its view is black (mean radiance {mean:.2g}, light in {lit:.0%} of the pixels)"
    contrast = float(np.log1p(color / mean).std(axis=(0, 1)).mean())
    return f"its view is even (contrast {contrast:.2g})" if contrast < LEAST_CONTRAST else ""


def _finished(job: SceneJob) -> SceneRecord | None:
    """The record of a scene that an earlier run completed or left out, None where there is work."""
    told = _told(job)
    if told.is_file():
        return SceneRecord(job.scene, job.folder, 0, 0.0, told.read_text(encoding="utf-8").strip())
    try:
        pairs = list_pairs(job.folder)
    except DatasetError:
        return None
    whole = all(pair.target is not None for pair in pairs) or not job.request.target_spp
    enough = whole and len(pairs) >= job.request.views
    return SceneRecord(job.scene, job.folder, len(pairs), 0.0) if enough else None


def _leave_out(job: SceneJob, reason: str) -> None:
    """Say beside the folder why the scene is not in the set, so that it is not tried again."""
    write_text(_told(job), reason + "\n")


def _told(job: SceneJob) -> Path:
    return job.folder.with_name(job.folder.name + LEFT_OUT)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=SCENES_PER_PROCESS)
