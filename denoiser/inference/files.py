"""Denoise EXR files of any renderer: read, denoise, write; all that is not denoised comes back as it was.

`denoise_files` is a generator of records: while a picture is denoised the next is read and the last is written, so that
three are in memory at most; large ones are taken one at a time. A file that fails gives a record that says why, and the
others are done. To stop is to cease iterating; a file is complete or absent.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from denoiser.inference.needs import unmet_needs
from denoiser.inference.picture import Cleaned, Noisy, denoise_picture
from denoiser.inference.piloted import find_pilot
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from denoiser.model import Model, load_model
from renderer_bridge.errors import DatasetError, ExrError, N2NError
from renderer_bridge.exr import ExrImage, read_exr, write_exr
from renderer_bridge.exr_frame import frame_of, layer_of, pixels_within
from renderer_bridge.frame import Denoised, Frame, Image, Pair
from renderer_bridge.selection import Place, Selection, find_picture

LARGE_BYTES = 2**28
"""Size of the layers of a picture above which the next is not read ahead, and what is not denoised is read anew when
the result is written: at 1920x1080 color, albedo and normal are 75 MB, at 7680x4320 1.2 GB."""

ERROR_LAYER = "n2n.error"
"""The layer in which the estimated standard error of a pair's picture is kept."""

Inspect = Callable[[Model, tuple[Frame, ...]], tuple[str, ...]]
"""Looks at the frame, or at both halves, of a picture and gives sentences about what is not as a denoiser needs it."""


@dataclass(frozen=True)
class _Loaded:
    """A file in memory; `image` is None where it is large and has to be read again."""

    image: ExrImage | None
    selections: Mapping[str, Selection]
    pictures: Mapping[str, Noisy]
    record: FileRecord


@dataclass(frozen=True)
class _Finished:
    loaded: _Loaded
    pictures: Mapping[str, Cleaned]
    record: FileRecord


Steady = Callable[[str, Frame, Image | None, Denoised], Image]
"""Takes the results of a sequence in their order - view, frame, motion, result - and gives each a steadier color."""


def denoise_files(
    jobs: Sequence[FileJob], options: FileOptions, inspect: Inspect = unmet_needs, steady: Steady | None = None
) -> Iterator[FileRecord]:
    """Do `jobs` in their order and yield a record of each as soon as its file is written.

    `steady` is given each result in turn, as `options.temporal` asks for.

    Raises `WeightsError` before the first file when the model cannot be loaded; what is wrong with a file is told in
    its record.
    """
    model = _model(options.model)
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "write") as writer:
        try:
            yield from _overlapped(model, jobs, options, inspect, steady, reader, writer)
        finally:
            reader.shutdown(cancel_futures=True)


def denoise_file(job: FileJob, options: FileOptions, inspect: Inspect = unmet_needs) -> FileRecord:
    """Do one job, as a worker does. Raises `WeightsError` when the model cannot be loaded."""
    model = _model(options.model)
    return _written(job, _denoised(model, job, _read(model, job, options), options, inspect, None), options)


def read_job(job: FileJob, options: FileOptions) -> tuple[dict[str, tuple[Frame, ...]], Mapping[str, int]]:
    """What a job would denoise: of each view the frame, or both halves; and the count of mended pixels by layer.

    Raises `WeightsError` when the model cannot be loaded, `ExrError` or `DatasetError` when the files are not usable.
    """
    loaded = _load(_model(options.model), job, options)
    return {view: noisy.frames for view, noisy in loaded.pictures.items()}, loaded.record.repaired


def read_pair_of(job: FileJob, options: FileOptions) -> Pair:
    """Both halves of a job's (first) view, as they would be denoised. Raises `ExrError` or `DatasetError`."""
    loaded = _load(_model(options.model), job, options)
    frames = next(iter(loaded.pictures.values())).frames
    return Pair(frames[0], frames[1])


@functools.lru_cache(maxsize=2)
def _model(name: str) -> Model:
    return load_model(name)


def _overlapped(
    model: Model,
    jobs: Sequence[FileJob],
    options: FileOptions,
    inspect: Inspect,
    steady: Steady | None,
    reader: ThreadPoolExecutor,
    writer: ThreadPoolExecutor,
) -> Iterator[FileRecord]:
    ahead: Future[_Loaded | FileRecord] | None = None
    behind: Future[FileRecord] | None = None
    for index, job in enumerate(jobs):
        loaded = _read(model, job, options) if ahead is None else ahead.result()
        large = isinstance(loaded, _Loaded) and loaded.image is None
        following = jobs[index + 1 : index + 2]
        ahead = reader.submit(_read, model, following[0], options) if following and not large else None
        finished = _denoised(model, job, loaded, options, inspect, steady)
        del loaded
        if behind is not None:
            yield behind.result()
        behind = writer.submit(_written, job, finished, options)
        del finished
        if large:
            yield behind.result()
            behind = None
    if behind is not None:
        yield behind.result()


# ---------------------------------------------------------------------------------------------------------------------
# Read


def _read(model: Model, job: FileJob, options: FileOptions) -> _Loaded | FileRecord:
    start = time.perf_counter()
    try:
        loaded = _load(model, job, options)
    except (N2NError, MemoryError) as error:
        return _failed(job, error)
    return replace(loaded, record=replace(loaded.record, read_s=time.perf_counter() - start))


def _load(model: Model, job: FileJob, options: FileOptions) -> _Loaded:
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
    return _Loaded(None if large else image, selections, pictures, record)


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
            passes[name].append(_finite(pixels_within(half, _pass(half, name, view), color)))
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


def _pass(image: ExrImage, name: str, view: str) -> Place:
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


# ---------------------------------------------------------------------------------------------------------------------
# Denoise, write


def _denoised(
    model: Model,
    job: FileJob,
    loaded: _Loaded | FileRecord,
    options: FileOptions,
    inspect: Inspect,
    steady: Steady | None,
) -> _Finished | FileRecord:
    if isinstance(loaded, FileRecord):
        return loaded
    start = time.perf_counter()
    try:
        warnings = [sentence for noisy in loaded.pictures.values() for sentence in inspect(model, noisy.frames)]
        pictures = {
            view: denoise_picture(model, noisy, options, None if steady is None else functools.partial(steady, view))
            for view, noisy in loaded.pictures.items()
        }
    except (N2NError, MemoryError) as error:
        return _failed(job, error)
    every = list(pictures.values())
    errors = [float(np.mean(each.error)) for each in every if each.error is not None]
    record = replace(
        loaded.record,
        denoise_s=time.perf_counter() - start,
        error=_mean(errors) if errors else None,
        radiance=_mean([float(np.mean(each.color)) for each in every]),
        fireflies=sum(each.fireflies for each in every),
        taken=_mean([each.taken for each in every]),
        shares={name: _mean([each.shares[name] for each in every]) for name in every[0].shares},
        warnings=tuple(dict.fromkeys(warnings)),
    )
    return _Finished(loaded, pictures, record)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _require_layers(model: Model, image: ExrImage, frame: Frame) -> None:
    missing = [name for name in model.input.needed if name not in frame.layers()]
    if missing:
        found = ", ".join(image.channel_names())
        raise ExrError(
            f"{image.path}: has no {' and no '.join(missing)} layer, which these weights need; found {found}; "
            f"render it with {' and '.join(model.input.needed[1:])} passes"
        )


def _written(job: FileJob, finished: _Finished | FileRecord, options: FileOptions) -> FileRecord:
    if isinstance(finished, FileRecord):
        return finished
    start = time.perf_counter()
    try:
        image = finished.loaded.image or read_exr(job.source)
        for view, cleaned in finished.pictures.items():
            image = _replaced(image, finished.loaded.selections[view], cleaned)
        write_exr(job.output, image)
    except (N2NError, MemoryError) as error:
        return _failed(job, error)
    return replace(finished.record, write_s=time.perf_counter() - start)


def _replaced(image: ExrImage, selection: Selection, cleaned: Cleaned) -> ExrImage:
    assert selection.result is not None
    image = image.with_pixels(selection.result, cleaned.color)
    if cleaned.alpha is not None:
        image = image.with_pixels(selection.layers["alpha"], cleaned.alpha)
    for name, pixels in cleaned.passes.items():
        image = image.with_pixels(_pass(image, name, selection.view), pixels)
    if cleaned.error is None:
        return image
    in_name = selection.view if len(image.parts) == 1 else ""  # of several parts each has a view of its own
    layer = f"{ERROR_LAYER}.{in_name}" if in_name else ERROR_LAYER
    channels = {f"{layer}.{c}": np.ascontiguousarray(cleaned.error[..., i]) for i, c in enumerate("RGB")}
    return image.with_new_channels(selection.result.part, channels)


def _failed(job: FileJob, error: Exception) -> FileRecord:
    reason = f"{job.source}: not enough memory" if isinstance(error, MemoryError) else str(error)
    return FileRecord(job, failure=reason)
