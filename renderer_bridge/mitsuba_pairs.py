"""Render a dataset of noisy pairs: a folder that is complete, or is completed by running the same command again.

pairs/pairs.json             what was asked for, and the cameras
pairs/view_0000.a.exr .b.exr the two halves
pairs/view_0000.t.exr        a third, independent render, on request; the noisy target of both halves in training
pairs/view_0000.ref.exr      a converged render, on request; for measuring only
"""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from renderer_bridge.atomic import write_text
from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.errors import DatasetError, ExrError
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import frame_of, write_frame
from renderer_bridge.frame import Camera, Frame
from renderer_bridge.mitsuba_aovs import KINDS, AovKind, kind_for
from renderer_bridge.mitsuba_cameras import seeded_cameras
from renderer_bridge.mitsuba_render import LEAST_AOV_SPP, Rendered, render_color, render_frame
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import SppRange, derive_seed, pair_seeds

FORMAT = 1
MANIFEST = "pairs.json"
FIRST_KIND: AovKind = "first-hit"  # that of files older than the choice
OLDER = {"defines": {}, "target_spp": 0, "aovs": FIRST_KIND, "near": False}  # what older manifests do not say
REFERENCE_STREAM, TARGET_STREAM = 12, 13  # derive_seed: apart from the seeds of the halves (0 and 1) and `SPP_STREAM`
ADDED_LATER = ("reference_spp", "target_spp")  # of a request: 0 may become any number when a folder is continued


@dataclass(frozen=True)
class PairRequest:
    """What a pair dataset is to hold.

    `aov_spp` None means at least `LEAST_AOV_SPP`; 0 means as many as the color. `aovs` None means what the folder
    began with, and in a new one what suits the variant (`mitsuba_aovs.kind_for`). `near` views see what the first sees.
    """

    spp: SppRange
    views: int = 1
    near: bool = False
    path: Path | None = None
    frames: int | None = None
    target_spp: int = 0
    reference_spp: int = 0
    seed: int = 0
    sensor: int = 0
    aov_spp: int | None = None
    aovs: AovKind | None = None
    position: bool = False
    depth: bool = False

    def view_name(self, index: int) -> str:
        return f"{'frame' if self.path else 'view'}_{index:04d}"


@dataclass(frozen=True)
class ViewRecord:
    """One view is complete. `samples` is what was rendered for it now (0 when it was there already)."""

    name: str
    index: int
    views: int
    spp: int
    samples: int
    invalid_samples: int
    seconds: float


def render_pairs(scene: MitsubaScene, request: PairRequest, folder: str | Path) -> Iterator[ViewRecord]:
    """Render what is missing or damaged in `folder`, and yield one record a view.

    A folder may be given more views, targets or references later. Raises `DatasetError` when it holds a dataset of
    another scene, spp, seed, size or camera, `SceneError` when no cameras can be placed, `OutputError` when a file
    cannot be written.
    """
    request, cameras = begin_dataset(scene, request, folder)
    for index, camera in enumerate(cameras):
        yield render_view(scene, request, folder, camera, index, len(cameras))


def render_view(
    scene: MitsubaScene, request: PairRequest, folder: str | Path, camera: Camera, index: int, views: int
) -> ViewRecord:
    """Render what is missing or damaged of one view: the unit of work of `render_pairs`, on whatever machine.

    `camera` is the one that `begin_dataset` gave for `index`, and `request` the one it gave. Raises as `render_pairs`.
    """
    start = time.perf_counter()
    name, folder = request.view_name(index), Path(folder)
    spp = request.spp.draw(request.seed, index)
    done = render_halves(scene, request, camera, folder, index, spp)
    further = ((".t.exr", request.target_spp, TARGET_STREAM), (".ref.exr", request.reference_spp, REFERENCE_STREAM))
    for ending, more, stream in further:
        if more:
            path, seed = folder / (name + ending), derive_seed(request.seed, index, stream)
            done.append(_render_color(scene, request, camera, path, more, seed))
    samples, invalid = (sum(counts) for counts in zip(*done, strict=True))
    return ViewRecord(name, index, views, spp, samples, invalid, time.perf_counter() - start)


def render_halves(
    scene: MitsubaScene,
    request: PairRequest,
    camera: Camera,
    folder: Path,
    index: int,
    spp: int,
    halves: Sequence[int] = (0, 1),
) -> list[tuple[int, int]]:
    """Render those of `halves`, A (0) and B (1), whose files are not whole, of `spp` samples; gives for each the
    numbers of samples rendered and of invalid ones.

    What is rendered waits under a hidden name until both are there, since a half alone is no dataset; a run that was
    interrupted in between finds it there.
    """
    name, done, waiting = request.view_name(index), [], {}
    for half in halves:
        path, seed = folder / f"{name}.{'ab'[half]}.exr", pair_seeds(request.seed, index)[half]
        there = is_whole(path, camera, spp, seed, request.aovs)
        if not there:
            waiting[path] = path.with_name(f".{path.name}")
        done.append((0, 0) if there else _render_half(scene, request, camera, waiting[path], spp, seed))
    for path, hidden in waiting.items():
        hidden.replace(path)
    return done


def _render_half(
    scene: MitsubaScene, request: PairRequest, camera: Camera, path: Path, spp: int, seed: int
) -> tuple[int, int]:
    """Render a half into `path` unless that is whole; (samples rendered, invalid samples)."""
    if is_whole(path, camera, spp, seed, request.aovs):
        return 0, 0
    aov_spp = spp if request.aov_spp == 0 else request.aov_spp or max(spp, LEAST_AOV_SPP)
    rendered: Rendered = render_frame(
        scene,
        camera,
        spp=spp,
        seed=seed,
        sensor=request.sensor,
        aov_spp=aov_spp,
        aovs=request.aovs,
        position=request.position,
        depth=request.depth,
    )
    attributes = {"n2n:aovs": request.aovs, "n2n:aovSpp": aov_spp, "n2n:invalidSamples": rendered.invalid_samples}
    write_frame(path, rendered.frame, attributes={**attributes, "n2n:scene": scene.path.name})
    return camera.resolution[0] * camera.resolution[1] * spp, rendered.invalid_samples


def _render_color(
    scene: MitsubaScene, request: PairRequest, camera: Camera, path: Path, spp: int, seed: int
) -> tuple[int, int]:
    """Render a picture without AOVs, a target or a reference, unless its file is whole; counts as `render_half`."""
    if is_whole(path, camera, spp, seed):
        return 0, 0
    color, invalid = render_color(scene, camera, spp=spp, seed=seed, sensor=request.sensor)
    write_frame(path, Frame(color=color, camera=camera, spp=spp, seed=seed))
    return camera.resolution[0] * camera.resolution[1] * spp, invalid


def is_whole(path: Path, camera: Camera, spp: int, seed: int, aovs: AovKind | None = None) -> bool:
    """Whether `path` is a readable render of just this camera, spp, seed and kind of AOVs (None: it needs none); False
    where it is missing or damaged.

    Raises `DatasetError` when it is a sound picture of something else, which must not be overwritten.
    """
    if not path.exists():
        return False
    try:
        image = read_exr(path)
        frame, repaired = frame_of(image)
    except ExrError:
        return False
    if repaired:
        return False
    same_camera = frame.camera is not None and _same(frame.camera, camera)
    kind = image.parts[0].header.get("n2n:aovs", FIRST_KIND) if aovs else None
    there = (frame.spp, frame.seed, frame.size, kind)
    if not same_camera or there != (spp, seed, camera.resolution[::-1], aovs):
        raise DatasetError(
            f"{path}: is another picture (spp {frame.spp}, seed {frame.seed}, {frame.size[1]}x{frame.size[0]}, "
            f"{'the same' if same_camera else 'another or no'} camera{f', {kind} AOVs' if aovs else ''}) than the one "
            f"asked for (spp {spp}, seed {seed}, {camera.resolution[0]}x{camera.resolution[1]}"
            f"{f', {aovs} AOVs' if aovs else ''}); move it away, or choose another folder"
        )
    return True


def _same(a: Camera, b: Camera) -> bool:
    """Whether two cameras are the same but for rounding."""
    same_view = np.allclose(a.to_world, b.to_world, rtol=1e-6, atol=1e-9) and np.isclose(a.fov_deg, b.fov_deg)
    return bool(same_view) and a.resolution == b.resolution


# ---------------------------------------------------------------------------------------------------------------------
# The manifest


def begin_dataset(scene: MitsubaScene, request: PairRequest, folder: str | Path) -> tuple[PairRequest, list[Camera]]:
    """The request with its kind of AOVs, and the dataset's cameras: from its manifest when that has enough, else newly
    placed and written to it. Raises as `render_pairs`."""
    folder = Path(folder)
    manifest = folder / MANIFEST
    before, known = _read_manifest(manifest) if manifest.exists() else ({}, [])
    request = replace(request, aovs=request.aovs or before.get("aovs") or kind_for(scene.variant))
    asked = _description(scene, request)
    _refuse_other(manifest, before, asked)
    cameras = _known_or_new(scene, request, known)
    if any(not _same(old, new) for old, new in zip(known, cameras, strict=False)):
        raise DatasetError(
            f"{folder}: holds pairs of other cameras; the scene or the camera path has changed since, and a new folder "
            "is needed"
        )
    for key in ADDED_LATER:
        asked[key] = asked[key] or before.get(key, 0)
    asked["cameras"] = [_camera_json(camera) for camera in max(known, cameras, key=len)]
    if asked != before:
        write_text(manifest, json.dumps(asked, indent=1) + "\n")
    return request, cameras


def _known_or_new(scene: MitsubaScene, request: PairRequest, known: list[Camera]) -> list[Camera]:
    """As many cameras as are asked for; the first is always read from the scene or the path, to notice a change."""
    own = scene.camera(request.sensor)
    if request.path is not None:
        path = load_camera_path(request.path)
        return path.cameras(request.frames or path.frames, own.resolution)
    enough = len(known) >= request.views
    placed = [] if enough else seeded_cameras(scene, request.views, request.seed, request.sensor, request.near)
    return [own, *known[1 : request.views], *placed[max(1, len(known)) :]]


def _description(scene: MitsubaScene, request: PairRequest) -> dict[str, Any]:
    """What must stay the same for a folder to be continued, and what is good to know."""
    kept = {key: value for key, value in asdict(request).items() if key not in ("views", "path", "spp")}
    return {
        "format": FORMAT,
        "tool_version": importlib.metadata.version("n2n-denoiser"),
        "variant": scene.variant,
        "scene": str(scene.path.resolve()),
        "defines": dict(scene.defines),
        "integrator": scene.integrator_name,
        "path": str(request.path.resolve()) if request.path else None,
        "spp": [request.spp.low, request.spp.high],
        "size": list(scene.camera(request.sensor).resolution),
        **kept,
    }


def _read_manifest(manifest: Path) -> tuple[dict[str, Any], list[Camera]]:
    """A manifest and its cameras."""
    try:
        found = {**OLDER, **json.loads(manifest.read_text(encoding="utf-8"))}
        cameras = [_camera_from_json(camera) for camera in found["cameras"]]
        if found["aovs"] not in KINDS:
            raise ValueError(f"aovs {found['aovs']}")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DatasetError(
            f"{manifest}: is damaged ({type(error).__name__}: {error}); remove it, and the same command writes it again"
        ) from error
    return found, cameras


def _refuse_other(manifest: Path, found: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raise when what a manifest has `found` does not fit what is `asked`; it is empty where there is none yet."""
    refused = [key for key in asked if found and not _fits(key, found.get(key), asked[key])]
    if refused:
        told = ", ".join(f"{key} {found.get(key)} there, {asked[key]} asked for" for key in refused)
        raise DatasetError(
            f"{manifest.parent}: holds other pairs ({told}); the same options or a new folder are needed"
        )


def _fits(key: str, found: Any, asked: Any) -> bool:
    """Whether a dataset begun with `found` as its `key` may be continued with `asked`."""
    if found == asked or key in ("tool_version", "variant"):
        return True
    if key in ("scene", "path") and isinstance(found, str) and isinstance(asked, str):
        return Path(found).parts[-2:] == Path(asked).parts[-2:]  # the same file, moved with its folder
    return key in ADDED_LATER and 0 in (found, asked)


def _camera_json(camera: Camera) -> dict[str, Any]:
    return {"to_world": camera.to_world.tolist(), "fov_deg": camera.fov_deg, "resolution": list(camera.resolution)}


def _camera_from_json(found: dict[str, Any]) -> Camera:
    width, height = found["resolution"]
    return Camera(np.array(found["to_world"], dtype=np.float64), float(found["fov_deg"]), (int(width), int(height)))
