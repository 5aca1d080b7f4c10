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
from renderer_bridge.errors import DatasetError, ExrError
from renderer_bridge.exr import ExrImage, read_exr
from renderer_bridge.exr_frame import frame_of, layer_of, pixels_within
from renderer_bridge.frame import Frame, Image, Pair
from renderer_bridge.selection import Place, Selection, find_picture

LARGE_BYTES = 2**28
"""Size of the layers of a picture above which the next is not read ahead, and what is not denoised is read anew when
the result is written: at 1920x1080 color, albedo and normal are 75 MB, at 7680x4320 1.2 GB."""


@dataclass(frozen=True)
class Loaded:
    """A file in memory; `image` is None where it is large and has to be read again."""

    image: ExrImage | None
    selections: Mapping[str, Selection]
    pictures: Mapping[str, Noisy]
    record: FileRecord


def read_job(job: FileJob, options: FileOptions) -> tuple[dict[str, tuple[Frame, ...]], Mapping[str, int]]:
    """What a job would denoise: of each view the frame, or both halves; and the count of mended pixels by layer.

    Raises `WeightsError` when the model cannot be loaded, `ExrError` or `DatasetError` when the files are not usable.
    """
    loaded = load(model_named(options.model), job, options)
    return {view: noisy.frames for view, noisy in loaded.pictures.items()}, loaded.record.repaired


def read_pair_of(job: FileJob, options: FileOptions) -> Pair:
    """Both halves of a job's (first) view, as they would be denoised. Raises `ExrError` or `DatasetError`."""
    loaded = load(model_named(options.model), job, options)
    frames = next(iter(loaded.pictures.values())).frames
    return Pair(frames[0], frames[1])


@functools.lru_cache(maxsize=2)
def model_named(name: str) -> Model:
    """The model that `load_model` gives, loaded once."""
    return load_model(name)


def load(model: Model, job: FileJob, options: FileOptions) -> Loaded:
    """Read a job's files. Raises `ExrError` or `DatasetError` when they are not usable."""
    image = read_exr(job.source)
    halves = [image] + ([read_exr(job.other)] if job.other is not None else [])
    repaired: dict[str, int] = {}
    pictures, selections = {}, {}
    for view in image.views():
        selections[view] = image.select(view, options.layer)
        if "color" in selections[view].layers or len(image.views()) == 1:
            pictures[view] = _noisy(job, halves, view, options, repaired)
            if options.select or find_pilot(options.pilot, options.sampler) is None:
                _require_layers(model, image, pictures[view].frames[0])
    if not pictures:
        raise ExrError(f"{job.source}: none of its views {', '.join(image.views())} has a color layer; one is needed")
    record = FileRecord(job, next(iter(pictures.values())).frames[0].size, repaired=repaired)
    layers = (layer for noisy in pictures.values() for frame in noisy.frames for layer in frame.layers().values())
    large = sum(layer.nbytes for layer in layers) > LARGE_BYTES
    return Loaded(None if large else image, selections, pictures, record)


def _noisy(job: FileJob, halves: list[ExrImage], view: str, options: FileOptions, repaired: dict[str, int]) -> Noisy:
    beside = {name: path for name, path in (("albedo", job.albedo), ("normal", job.normal)) if path is not None}
    layers = {name: layer_of(read_exr(path), name) for name, path in beside.items()}
    frames, alpha = [], []
    passes: dict[str, list[Image]] = {name: [] for name in options.also}
    for half in halves:
        selection = _selection(half, view, options)
        frame, counts = frame_of(half, options.temporal, options.temporal, selection)
        for name, count in counts.items():
            repaired[name] = repaired.get(name, 0) + count
        frames.append(_with_layers(half, frame, layers))
        color = selection.layers["color"]
        if options.alpha and "alpha" in selection.layers:
            alpha.append(pixels_within(half, selection.layers["alpha"], color))
        for name in options.also:
            passes[name].append(_finite(pixels_within(half, pass_place(half, name, view), color)))
    _check_pair(job, frames)
    motion = _motion(halves[0], view, options) if options.temporal else None
    return Noisy(tuple(frames), tuple(alpha), {name: tuple(each) for name, each in passes.items()}, motion)


def _motion(image: ExrImage, view: str, options: FileOptions) -> Image | None:
    layers = image.select(view, options.layer).layers
    return _finite(pixels_within(image, layers["motion"], layers["color"])) if "motion" in layers else None


def _check_pair(job: FileJob, frames: list[Frame]) -> None:
    if len(frames) == 2:
        try:
            Pair(frames[0], frames[1])
        except ValueError as error:
            raise DatasetError(f"{job.source} and {job.other}: {error}") from error


def _selection(image: ExrImage, view: str, options: FileOptions) -> Selection:
    selection = image.select(view, options.layer)
    if "color" not in selection.layers and options.layer is not None:
        raise ExrError(
            f"{image.path}: has no layer {options.layer!r} with three colors; found {', '.join(image.channel_names())}"
        )
    return selection


def pass_place(image: ExrImage, name: str, view: str) -> Place:
    """Where a picture to denoise along with the color lies. Raises `ExrError` where there is none."""
    place = find_picture(image.parts, name, view)
    if place is None:
        found = ", ".join(image.channel_names())
        raise ExrError(f"{image.path}: has no layer {name!r} to denoise along with its color; found {found}")
    return place


def _with_layers(image: ExrImage, frame: Frame, layers: Mapping[str, Image]) -> Frame:
    try:
        return replace(frame, albedo=layers.get("albedo", frame.albedo), normal=layers.get("normal", frame.normal))
    except ValueError as error:
        raise DatasetError(f"{image.path} and the layers beside it: {error}") from error


def _finite(pixels: Image) -> Image:
    return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _require_layers(model: Model, image: ExrImage, frame: Frame) -> None:
    missing = [name for name in model.input.needed if name not in frame.layers()]
    if missing:
        found = ", ".join(image.channel_names())
        raise ExrError(
            f"{image.path}: has no {' and no '.join(missing)} layer, which these weights need; found {found}; "
            f"render it with {' and '.join(model.input.needed[1:])} passes"
        )
