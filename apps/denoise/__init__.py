"""n2n-denoise: denoise EXR files of any renderer: frames, pairs, folders, sequences.

    n2n-denoise frame.exr                                   writes frame.denoised.exr beside it
    n2n-denoise frame.a.exr frame.b.exr -o clean.exr        both halves of a pair
    n2n-denoise renders/ -o clean/                          a folder; x.a.exr and x.b.exr in it are a pair
    n2n-denoise beauty.####.exr --frames 1-240 -o clean/    a sequence
    n2n-denoise --pair 'a/*.exr' 'b/*.exr' -o clean/        pairs of any name
    n2n-denoise a.exr b.exr --select --pilot oidn           the best of network, pilot and noisy mean, place by place
    n2n-denoise v/0.a.exr v/0.b.exr --views v --pilot oidn  with the samples of the other views in that folder
    n2n-denoise scan.png --zero-shot                        one picture alone, also PNG and JPEG
    n2n-denoise frame.exr --list                            what it holds, and what would be used
    n2n-denoise frame.exr --check                           whether it is what a denoiser needs

A result is its (first) input with the color replaced and all else as it was, bit for bit; of a pair it also holds the
estimated standard error as `n2n.error`. In files of Blender Cycles that hold `Noisy Image` and `Combined`, the first is
read and the second replaced, for that is the one people look at. Several files leave a report.csv beside the results,
and the same command again does what is missing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apps.command import DONE, FAILED, progress_console, run
from apps.denoise.adapting import adapted
from apps.denoise.checking import check
from apps.denoise.config import DenoiseConfig, options_of
from apps.denoise.display import denoise_display, is_display_referred
from apps.denoise.inputs import find_jobs, lone_halves
from apps.denoise.listing import tables
from apps.denoise.report import Report, said, table
from apps.denoise.resuming import ASTRAY, done_again, stretches
from apps.jobs import DenoiseJob, WorkersDied, spread
from apps.pictures import to_display, write_png
from denoiser.inference.files import denoise_files
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from denoiser.inference.until_error import decibels
from online.sequence import Steady
from online.views import ViewsAround
from renderer_bridge.atomic import remove_remains
from renderer_bridge.errors import N2NError, OutputError, UsageError
from renderer_bridge.exr import read_exr


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-denoise; returns the exit code."""
    config = tyro.cli(DenoiseConfig, args=argv, prog="n2n-denoise", description=__doc__)
    return run(lambda: denoise(config))


def denoise(config: DenoiseConfig) -> int:
    """Do what `config` asks; gives the exit code. Raises an `N2NError` where nothing can be begun."""
    if any(is_display_referred(name) for name in config.inputs):
        return denoise_display(config.inputs, config.output, config.zero_shot, config.sampler, config.overwrite)
    jobs = find_jobs(
        config.inputs,
        config.output,
        frames=config.frames,
        pair=config.pair,
        albedo=config.albedo,
        normal=config.normal,
    )
    if config.list:
        return _list(jobs, config.layer)
    options = options_of(config)
    if options.select and all(job.other is None for job in jobs):
        raise UsageError("--select: there is no pair among the inputs; only of pairs can be told what is best where")
    if options.views and all(job.other is None for job in jobs):
        raise UsageError("--views: there is no pair among the inputs; only a pair can tell whether views show the same")
    if config.check:
        return check(jobs, options)
    if config.png is not None and (config.png.suffix.lower() != ".png" or len(jobs) > 1):
        wrong = "its name must end in .png" if len(jobs) == 1 else f"one input is accepted, not {len(jobs)}"
        raise UsageError(f"{config.png}: {wrong}")
    todo = [job for job in jobs if config.overwrite or not job.output.exists()]
    with contextlib.ExitStack() as stack:
        if config.adapt and todo:
            options = stack.enter_context(adapted(jobs, options, config.adapt, config.save_model, config.views))
        return _one(config, jobs[0], todo, options) if len(jobs) == 1 else _many(config, jobs, todo, options)


def _around(config: DenoiseConfig) -> ViewsAround | None:
    return None if config.views is None else ViewsAround(config.views)


def _list(jobs: list[FileJob], layer: str | None) -> int:
    code = DONE
    for path in dict.fromkeys(path for job in jobs for path in (job.source, job.other) if path is not None):
        try:
            for each in tables(path, layer):
                progress_console.print(each)
        except N2NError as error:
            progress_console.print(f"error: {error}")
            code = FAILED
    return code


# ---------------------------------------------------------------------------------------------------------------------
# One picture: a sentence or two; many: a progress bar, a table and a report


def _one(config: DenoiseConfig, job: FileJob, todo: list[FileJob], options: FileOptions) -> int:
    if not todo and not job.output.is_dir():
        raise OutputError(f"{job.output}: is there already; --overwrite replaces it")
    (record,) = denoise_files([job], options, around=_around(config))
    if record.failure is not None:
        return _say(f"error: {record.failure}", FAILED)
    for layer, count in record.repaired.items():
        _say(f"{job.source}: {count} {layer} pixels were infinite, NaN or out of range and were mended")
    for sentence in record.warnings:
        _say(f"{job.source}: {sentence}")
    lone = lone_halves([job])
    if lone is not None:
        _say(lone)
    if record.fireflies:
        _say(f"{job.source}: {record.fireflies} fireflies held back, {100 * record.taken:.3g} % of the light")
    if record.error is not None:
        of_what = "the tone-mapped picture" if options.residual else "the noise left in the tone-mapped picture"
        _say(f"estimated error of {of_what}: {record.error:.4f}, a PSNR of {decibels(record.error):.1f} dB")
    if record.shares:
        shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in record.shares.items())
        _say(f"{job.source}: taken from {shares}")
    written = [str(job.output)]
    if config.png is not None:
        image = read_exr(job.output)
        result = image.select(beauty=options.layer).result
        assert result is not None
        write_png(config.png, to_display(image.pixels(result)))
        written.append(str(config.png))
    return _say(f"{' '.join(written)}: denoised {record.size[1]}x{record.size[0]}")


def _say(sentence: str, code: int = DONE) -> int:
    print(sentence, file=sys.stderr)
    return code


def _many(config: DenoiseConfig, jobs: list[FileJob], todo: list[FileJob], options: FileOptions) -> int:
    if len(todo) < len(jobs):
        _say(f"{len(jobs) - len(todo)} of {len(jobs)} results are there already; --overwrite replaces them")
    if not todo:
        return DONE
    lone = lone_halves(todo)
    if lone is not None:
        _say(lone)
    report, records = Report(jobs), []
    try:
        for record in _followed(_records(config, jobs, todo, options), len(todo)):
            records.append(record)
            report.add(record)
    except KeyboardInterrupt:
        done = sum(record.failure is None for record in records)
        raise KeyboardInterrupt(f"{done} of {len(todo)} are done; the same command does the others") from None
    finally:
        if records:
            report.save()
    progress_console.print(table(records))
    for sentence in said(records):
        _say(sentence)
    failed = [record.failure for record in records if record.failure is not None]
    for reason in failed:
        _say(f"error: {reason}")
    return FAILED if failed else DONE


def _records(
    config: DenoiseConfig, jobs: list[FileJob], todo: list[FileJob], options: FileOptions
) -> Iterator[FileRecord]:
    """Here, in the order of the jobs, or on a cluster, as they end."""
    around = _around(config)
    if config.temporal:
        found = stretches(jobs, todo)
        again = done_again(found, jobs)
        if again is not None:
            _say(again)
        for stretch in found:
            steady = Steady()
            yield from denoise_files(stretch.jobs, options, steady=steady, known=stretch.known, around=around)
            if steady.astray:
                _say(f"--temporal: {steady.astray} {ASTRAY}")
        return
    if config.dask is None:
        yield from denoise_files(todo, options, around=around)
        return
    try:
        for index, record in spread([DenoiseJob(job, options) for job in todo], config.dask):
            reason = f"{todo[index].source}: {record}"
            yield FileRecord(todo[index], failure=reason) if isinstance(record, WorkersDied) else record
    finally:
        for job in todo:
            remove_remains(job.output)


def _followed(records: Iterator[FileRecord], total: int) -> Iterator[FileRecord]:
    """The same records, with a progress bar."""
    columns = (
        TextColumn("denoising"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=progress_console) as progress:
        task = progress.add_task("", total=total, name="")
        for record in records:
            progress.update(task, advance=1, name=record.job.output.name)
            yield record
