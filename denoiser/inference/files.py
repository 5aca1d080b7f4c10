"""Denoise EXR files of any renderer: read, denoise, write; all that is not denoised comes back as it was.

`denoise_files` is a generator of records: while a picture is denoised the next is read and the last is written, so that
three are in memory at most; large ones are taken one at a time. A file that fails gives a record that says why, and the
others are done. To stop is to cease iterating; a file is complete or absent.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from denoiser.allocation import keep_freed
from denoiser.inference.needs import unmet_needs
from denoiser.inference.picture import Cleaned, denoise_picture
from denoiser.inference.reading import Loaded, load, model_named, with_light
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from denoiser.inference.until_error import told_error
from denoiser.model import Model
from denoiser.transforms import to_nchw
from renderer_bridge.errors import N2NError
from renderer_bridge.exr import ExrImage, read_exr, write_exr
from renderer_bridge.frame import Denoised, Frame, Image, Motion, Pair
from renderer_bridge.selection import Selection

ERROR_LAYER = "n2n.error"
"""The layer in which the estimated standard error of a pair's picture is kept."""

TOLD_ROWS = 256
"""Rows of a picture whose error is told at once."""

Inspect = Callable[[Model, tuple[Frame, ...]], tuple[str, ...]]
"""Looks at the frame, or at both halves, of a picture and gives sentences about what is not as a denoiser needs it."""


@dataclass(frozen=True)
class _Finished:
    loaded: Loaded
    pictures: Mapping[str, Cleaned]
    record: FileRecord


Around = Callable[[Path, Pair], Pair]
"""A pair that was read from a file, with the samples of the views around it in its colors."""

Steady = Callable[[str, Frame, Motion | None, Denoised], Image]
"""Takes the results of a sequence in their order - view, frame, motion, result - and gives each a steadier color."""


def denoise_files(
    jobs: Sequence[FileJob],
    options: FileOptions,
    inspect: Inspect = unmet_needs,
    steady: Steady | None = None,
    known: Collection[FileJob] = (),
    around: Around | None = None,
) -> Iterator[FileRecord]:
    """Do `jobs` in their order and yield a record of each as soon as its file is written.

    `steady` is given each result in turn, as `options.temporal` asks for; those of the jobs `known` are for it alone,
    neither written nor told of. `around` is given each pair, as `options.views` asks for.

    Raises `WeightsError` before the first file when the model cannot be loaded; what is wrong with a file is told in
    its record.
    """
    model = model_named(options.model)
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "write") as writer:
        try:
            yield from _overlapped(model, jobs, options, inspect, steady, known, around, reader, writer)
        finally:
            reader.shutdown(cancel_futures=True)
            keep_freed(False)


def denoise_file(job: FileJob, options: FileOptions, inspect: Inspect = unmet_needs) -> FileRecord:
    """Do one job, as a worker does. Raises `WeightsError` when the model cannot be loaded."""
    model = model_named(options.model)
    return _written(job, _denoised(model, job, _read(model, job, options, inspect), options, None, None), options)


def _overlapped(
    model: Model,
    jobs: Sequence[FileJob],
    options: FileOptions,
    inspect: Inspect,
    steady: Steady | None,
    known: Collection[FileJob],
    around: Around | None,
    reader: ThreadPoolExecutor,
    writer: ThreadPoolExecutor,
) -> Iterator[FileRecord]:
    ahead: Future[Loaded | FileRecord] | None = None
    behind: Future[FileRecord] | None = None
    for index, job in enumerate(jobs):
        loaded = _read(model, job, options, inspect) if ahead is None else ahead.result()
        large = isinstance(loaded, Loaded) and loaded.image is None
        keep_freed(not large)
        following = jobs[index + 1 : index + 2]
        ahead = reader.submit(_read, model, following[0], options, inspect) if following and not large else None
        finished = _denoised(model, job, loaded, options, steady, around)
        del loaded
        if job in known:
            continue
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


def _read(model: Model, job: FileJob, options: FileOptions, inspect: Inspect) -> Loaded | FileRecord:
    """Read and inspect, which goes on while the picture before is denoised."""
    start = time.perf_counter()
    try:
        loaded = load(model, job, options)
        said = [finding.sentence for finding in loaded.findings if finding.alarm and finding.serious]
        said += [sentence for noisy in loaded.pictures.values() for sentence in inspect(model, noisy.frames)]
    except (N2NError, MemoryError) as error:
        return _failed(job, error)
    warnings = tuple(dict.fromkeys(said))
    return replace(loaded, record=replace(loaded.record, warnings=warnings, read_s=time.perf_counter() - start))


# ---------------------------------------------------------------------------------------------------------------------
# Denoise, write


def _denoised(
    model: Model,
    job: FileJob,
    loaded: Loaded | FileRecord,
    options: FileOptions,
    steady: Steady | None,
    around: Around | None,
) -> _Finished | FileRecord:
    if isinstance(loaded, FileRecord):
        return loaded
    start = time.perf_counter()
    try:
        pictures = {
            view: denoise_picture(
                model,
                noisy,
                options,
                None if steady is None else functools.partial(steady, view),
                None if around is None else functools.partial(around, job.source),
            )
            for view, noisy in loaded.pictures.items()
        }
    except (N2NError, MemoryError) as error:
        return _failed(job, error)
    every = list(pictures.values())
    errors = [told(each.color, each.error) for each in every if each.error is not None]
    record = replace(
        loaded.record,
        denoise_s=time.perf_counter() - start,
        error=_mean(errors) if errors else None,
        fireflies=sum(each.fireflies for each in every),
        taken=_mean([each.taken for each in every]),
        shares={name: _mean([each.shares[name] for each in every]) for name in every[0].shares},
    )
    return _Finished(replace(loaded, pictures={}), pictures, record)  # what is noisy is let go of


def told(color: Image, error: Image) -> float:
    """`told_error` of images (H, W, 3), some rows at a time: of a picture of 8K all at once would take 2 GiB."""
    bands = [slice(top, top + TOLD_ROWS) for top in range(0, len(color), TOLD_ROWS)]
    squares = [told_error(to_nchw(color[rows]), to_nchw(error[rows])) ** 2 * len(color[rows]) for rows in bands]
    return math.sqrt(sum(squares) / len(color))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


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
        image = with_light(image, name, selection.view, pixels)
    if cleaned.error is None:
        return image
    in_name = selection.view if len(image.parts) == 1 else ""  # of several parts each has a view of its own
    layer = f"{ERROR_LAYER}.{in_name}" if in_name else ERROR_LAYER
    channels = {f"{layer}.{c}": np.ascontiguousarray(cleaned.error[..., i]) for i, c in enumerate("RGB")}
    return image.with_new_channels(selection.result.part, channels)


def _failed(job: FileJob, error: Exception) -> FileRecord:
    reason = f"{job.source}: not enough memory" if isinstance(error, MemoryError) else str(error)
    return FileRecord(job, failure=reason)
