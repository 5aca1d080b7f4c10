"""`n2n-denoise --adapt`: train on the very pairs that are to be denoised, before they are."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn

from apps.command import progress_console
from denoiser.inference.reading import read_pair_of
from denoiser.inference.records import FileJob, FileOptions
from denoiser.model import Description, Model, architecture_name, load_model, save_weights
from denoiser.training.adapt import AdaptConfig, AdaptRecord, adapt
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Pair
from renderer_bridge.pair_folder import list_pairs, read_pair

MOST_PAIRS = 32
"""Pairs adapted to, at most, spread evenly over all: so many of 1920x1080 take 5 GiB."""


@contextlib.contextmanager
def adapted(
    jobs: Sequence[FileJob], options: FileOptions, seconds: float, save: Path | None, views: Path | None = None
) -> Iterator[FileOptions]:
    """Options whose model, or with `select` or `views` second model, is adapted to the pairs among `jobs`, and to those
    of the folder `views`; kept in `save`, else for the time of the `with` block.

    Raises `UsageError` when there is no pair or another denoiser does the work, and what reading and training raise.
    """
    halves = [job for job in jobs if job.other is not None]
    beside = options.select or options.views
    if not halves or (options.pilot != "none" and not beside):
        what = "--pilot takes the network's place without --select" if halves else "there is no pair among the inputs"
        raise UsageError(f"--adapt: {what}; pairs, and the network, are needed")
    chosen = [halves[index] for index in sorted({len(halves) * k // MOST_PAIRS for k in range(MOST_PAIRS)})]
    before = load_model(options.model)
    pairs = [read_pair_of(job, options) for job in chosen]
    if views is not None:
        pairs += _views(views, chosen, MOST_PAIRS - len(pairs))
    model = _follow(before, pairs, seconds)
    with tempfile.TemporaryDirectory() as scratch:
        path = save or Path(scratch) / "adapted.safetensors"
        taken = before.input
        origin = f"{options.model}, adapted to {len(pairs)} pairs" if model is not before else options.model
        save_weights(
            path, model.network, Description(architecture_name(model), taken.layers, taken.optional, data=origin)
        )
        if beside:
            yield options if model is before else replace(options, adapted=str(path))
        else:
            yield replace(options, model=str(path))


def _views(folder: Path, jobs: Sequence[FileJob], most: int) -> list[Pair]:
    """Pairs of the folder that are not among the jobs, at most so many, spread evenly."""
    own = {job.source.resolve() for job in jobs}
    others = [paths for paths in list_pairs(folder) if paths.a.resolve() not in own]
    return [read_pair(others[index])[0] for index in sorted({len(others) * k // most for k in range(most)})]


def _follow(model: Model, pairs: Sequence[Pair], seconds: float) -> Model:
    """Adapt, with a progress bar and a sentence at the end."""
    columns = (TextColumn("adapting"), BarColumn(), TextColumn("{task.fields[note]}"))
    last: AdaptRecord | None = None
    with Progress(*columns, console=progress_console) as progress:
        task = progress.add_task("", total=seconds, note="")
        looks = adapt(model, pairs, AdaptConfig(seconds=seconds))
        while True:
            try:
                last = next(looks)
            except StopIteration as end:
                model = end.value
                break
            note = f"{last.step} steps, relative error {-last.gain:+.2g} +- {last.standard_error:.1g}"
            progress.update(task, completed=last.seconds, note=note)
    if last is not None:
        kept = f"relative error {-last.best:+.2g}" if last.best else "no proven gain, the weights stay as they were"
        progress_console.print(f"adapted in {last.step} steps and {last.seconds:.0f} s: {kept}")
    return model
