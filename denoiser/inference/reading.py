"""Read the files of a job: of each view the frame, or both halves, and what lies beside them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from denoiser.inference.picture import Noisy
from denoiser.inference.piloted import find_pilot
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from denoiser.model import Model, load_model
from renderer_bridge.check import Finding, check_compression
from renderer_bridge.errors import DatasetError, ExrError
from renderer_bridge.exr import ExrImage, read_exr
from renderer_bridge.exr_frame import as_half, frame_of, layer_of, pixels_within
from renderer_bridge.frame import Frame, Image, Motion, Pair
from renderer_bridge.layers import is_camera_space, motion_signs
from renderer_bridge.selection import Place, Selection, find_color_of, find_picture

LARGE_PIXELS = 7_500_000
"""Pixels of a file, twice as many for a pair, above which the next is not read ahead, albedo and normal are kept as
half floats, and what is not denoised is read anew when the result is written: 7680x4320 are 33 million."""


@dataclass(frozen=True)
class Loaded:
    """A file in memory; `image` is None where it is large and has to be read again.

    `findings` are those of the files themselves, whatever their pictures hold.
    """

    image: ExrImage | None
    selections: Mapping[str, Selection]
    pictures: Mapping[str, Noisy]
    record: FileRecord
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Given:
    """What a job would denoise: of each view the frame, or both halves; the count of mended pixels by layer; what there
    is to say of the files themselves; and whether normals are in camera space because that is what this pass is."""

    frames: Mapping[str, tuple[Frame, ...]]
    repaired: Mapping[str, int]
    findings: tuple[Finding, ...]
    camera_space: bool = False


def read_job(job: FileJob, options: FileOptions) -> Given:
    """What a job would denoise.

    Raises `WeightsError` when the model cannot be loaded, `ExrError` or `DatasetError` when the files are not usable.
    """
    loaded = load(model_named(options.model), job, options)
    frames = {view: noisy.frames for view, noisy in loaded.pictures.items()}
    normals = [each.layers["normal"] for each in loaded.selections.values() if "normal" in each.layers]
    camera_space = job.normal is None and any(is_camera_space(place.channels) for place in normals)
    return Given(frames, loaded.record.repaired, loaded.findings, camera_space)


def read_pair_of(job: FileJob, options: FileOptions) -> Pair:
    """Both halves of a job's (first) view, as they would be denoised. Raises `ExrError` or `DatasetError`."""
    loaded = load(model_named(options.model), job, options, compact=False)
    frames = next(iter(loaded.pictures.values())).frames
    return Pair(frames[0], frames[1])


@functools.lru_cache(maxsize=2)
def model_named(name: str) -> Model:
    """The model that `load_model` gives, loaded once."""
    return load_model(name)


def load(model: Model, job: FileJob, options: FileOptions, compact: bool = True) -> Loaded:
    """Read a job's files. Raises `ExrError` or `DatasetError` when they are not usable.

    `compact` lets albedo and normal of large pictures be half floats.
    """
    image = read_exr(job.source)
    every = image.views()
    selections = {view: image.select(view, options.layer) for view in every}
    usable = [view for view in every if "color" in selections[view].layers or len(every) == 1]
    if not usable:
        raise ExrError(f"{job.source}: none of its views {', '.join(every)} has a color layer; one is needed")
    large = _is_large(image, job)
    compact = compact and large and not (options.temporal or options.views)
    repaired: dict[str, int] = {}
    pictures = {view: _half(job, image, view, options, compact, repaired) for view in usable}
    for noisy in pictures.values():
        if options.select or find_pilot(options.pilot, options.sampler) is None:
            _require_layers(model, image, noisy.frames[0])
    findings = _lossy(image, [selections[view] for view in usable])
    kept, header = None if large else image, image.parts[0].header
    del image  # of a large pair, only one file is in memory at a time
    if job.other is not None:
        other = read_exr(job.other)
        _require_one_frame(job, header, other.parts[0].header)
        findings += _lossy(other, [other.select(view, options.layer) for view in usable])
        alone = replace(job, albedo=None, normal=None)
        for view, a in pictures.items():
            pictures[view] = _paired(job, a, _half(alone, other, view, options, compact, repaired))
    record = FileRecord(job, pictures[usable[0]].frames[0].size, repaired=repaired)
    return Loaded(kept, selections, pictures, record, tuple({each.sentence: each for each in findings}.values()))


def _lossy(image: ExrImage, selections: list[Selection]) -> list[Finding]:
    return [finding for selection in selections for finding in check_compression(image, selection)]


def _is_large(image: ExrImage, job: FileJob) -> bool:
    height, width = max(part.size for part in image.parts)
    return height * width * len(image.views()) * (1 if job.other is None else 2) > LARGE_PIXELS


def _half(
    job: FileJob, image: ExrImage, view: str, options: FileOptions, compact: bool, repaired: dict[str, int]
) -> Noisy:
    """What one file holds of a view: a frame, or one half of a pair."""
    selection = _selection(image, view, options)
    geometry = options.temporal or options.views
    frame, counts = frame_of(image, geometry, geometry, selection, compact)
    for name, count in counts.items():
        repaired[name] = repaired.get(name, 0) + count
    color = selection.layers["color"]
    alpha: tuple[Image, ...] = ()
    if options.alpha and "alpha" in selection.layers:
        alpha = (pixels_within(image, selection.layers["alpha"], color),)
    passes = {name: (_light(image, name, view, color),) for name in options.also}
    motion = None
    if options.temporal and "motion" in selection.layers:
        place = selection.layers["motion"]
        motion = Motion(_finite(pixels_within(image, place, color)), motion_signs(place.channels))
    return Noisy((_with_layers(job, frame, compact),), alpha, passes, motion)


def _paired(job: FileJob, a: Noisy, b: Noisy) -> Noisy:
    """Both halves as one; what lies beside them is the same. Raises `DatasetError` when they are no pair."""
    first, second = a.frames[0], b.frames[0]
    try:
        Pair(first, second)
    except ValueError as error:
        raise DatasetError(f"{job.source} and {job.other}: {error}") from error
    if job.albedo is not None:
        second = replace(second, albedo=first.albedo)
    if job.normal is not None:
        second = replace(second, normal=first.normal)
    passes = {name: a.passes[name] + b.passes[name] for name in a.passes}
    return Noisy((first, second), a.alpha + b.alpha, passes, a.motion)


def _require_one_frame(job: FileJob, a: Mapping[str, object], b: Mapping[str, object]) -> None:
    """Blender writes the number of the frame into its files."""
    blender = all(str(header.get("Software", "")).startswith("Blender") for header in (a, b))
    frames = a.get("Frame"), b.get("Frame")
    if blender and None not in frames and frames[0] != frames[1]:
        raise DatasetError(
            f"{job.source} and {job.other}: are frames {frames[0]} and {frames[1]} of a Blender scene; a pair is one "
            "frame rendered twice"
        )


def _selection(image: ExrImage, view: str, options: FileOptions) -> Selection:
    selection = image.select(view, options.layer)
    if "color" not in selection.layers and options.layer is not None:
        raise ExrError(f"{image.path}: has no layer {options.layer!r} with three colors; found {image.pictures()}")
    return selection


def pass_place(image: ExrImage, name: str, view: str) -> Place:
    """Where a picture to denoise along with the color lies. Raises `ExrError` where there is none."""
    place = find_picture(image.parts, name, view)
    if place is None:
        raise ExrError(f"{image.path}: has no layer {name!r} to denoise along with its color; found {image.pictures()}")
    return place


def _light(image: ExrImage, name: str, view: str, color: Place) -> Image:
    """A pass as light that sums to the color: what Cycles divided by a surface's color times that again."""
    light = _finite(pixels_within(image, pass_place(image, name, view), color))
    surface = find_color_of(image.parts, name, view)
    return light if surface is None else light * _finite(pixels_within(image, surface, color))


def with_light(image: ExrImage, name: str, view: str, light: Image) -> ExrImage:
    """The image with that light as its pass `name`, divided by the surface's color where Cycles does so.

    Where that color is black the pass is, as in Cycles. Raises `ExrError` as `pass_place` does.
    """
    surface = find_color_of(image.parts, name, view)
    if surface is not None:
        divisor = _finite(image.pixels(surface))
        light = np.divide(light, divisor, out=np.zeros_like(light), where=divisor > 0)
    return image.with_pixels(pass_place(image, name, view), light)


def _with_layers(job: FileJob, frame: Frame, compact: bool) -> Frame:
    """The frame with the albedo and the normal that lie beside it."""
    beside = {name: path for name, path in (("albedo", job.albedo), ("normal", job.normal)) if path is not None}
    layers = {name: layer_of(read_exr(path), name) for name, path in beside.items()}
    if compact:
        layers = {name: as_half(layer) for name, layer in layers.items()}
    try:
        return replace(frame, albedo=layers.get("albedo", frame.albedo), normal=layers.get("normal", frame.normal))
    except ValueError as error:
        raise DatasetError(f"{job.source} and the layers beside it: {error}") from error


def _finite(pixels: Image) -> Image:
    return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _require_layers(model: Model, image: ExrImage, frame: Frame) -> None:
    missing = [name for name in model.input.needed if name not in frame.layers()]
    if missing:
        found = image.described()
        raise ExrError(
            f"{image.path}: has no {' and no '.join(missing)} layer, which these weights need; found {found}; "
            f"render it with {' and '.join(model.input.needed[1:])} passes"
        )
