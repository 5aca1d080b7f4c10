"""n2n-eval: measure our denoiser, and others beside it, against references.

    n2n-eval images/staircase images/classroom -o report/      folders with <view>.a.exr, <view>.b.exr and reference.exr
    n2n-eval images/ -o report/ --model run/model.safetensors  a folder of such folders, and weights of one's own
    n2n-eval images/ -o report/ --no-oidn --only "8spp*"       without Open Image Denoise, and only some of the pairs
    n2n-eval images/ -o report/ --methods noisy,n2n,oidn       these and no others

Every method gets the same samples. The report is `index.html` with pictures, and `scores.csv`, which is also printed to
standard output where that is no terminal. Pairs without a reference are scored by their halves alone, without bias:
methods then see one half, and are held to the other.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.command import DONE, FAILED, progress_console, run
from apps.eval.calibration import calibrations
from apps.eval.choosing import NETWORK, OIDN, OIDN_PREFILTER, OPTIX, OURS, PILOTED, SINGLE, Sources, choose
from apps.eval.report import Strip, write_pictures, write_report, write_unreferenced
from apps.eval.tables import comparison_table, print_tables
from apps.eval.unreferenced import Comparison, compare, overall
from apps.eval.views import (
    NOISY,
    Failure,
    Method,
    Result,
    Scene,
    Unreferenced,
    evaluate,
    find_scenes,
    gains,
    mean_psnr,
)
from denoiser.model import DEFAULT_NAME
from renderer_bridge.errors import DatasetError, MissingPackageError, UsageError

PACKAGES = ("skimage", "flip_evaluator", "jinja2")
"""Of the extra `eval`: SSIM, FLIP, and the page."""


@dataclass(frozen=True)
class Command:
    """Measure denoisers against references: PSNR, relMSE, SSIM, FLIP and seconds, as a table and as a page."""

    images: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of pairs with a reference, or folders of such folders."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """Folder for the report."""
    model: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Weights file, or name of shipped weights; may be given several times. Without it: the shipped default."""
    methods: str = ""
    """Only these, in this order, with commas between: noisy, n2n, n2n-network, oidn, oidn_prefilter, n2n+oidn,
    zero-shot (slow), optix (where Mitsuba has CUDA), and .tza files, weights of n2n-export --to oidn that Open Image
    Denoise then runs. With -single behind it a method sees half A alone. Without it: all that the options below ask
    for."""
    network_alone: bool = False
    """Also measure the mean of the denoised halves alone, without the residual of the pair."""
    single: bool = False
    """Also denoise half A alone, by ours and by Open Image Denoise."""
    oidn: bool = True
    """Put Intel Open Image Denoise beside ours, plain and with prefiltered albedo and normal, and as pilot of ours."""
    only: str = "*"
    """Measure only the pairs whose name fits this pattern, such as "8spp*"."""
    repeats: int = 3
    """How often each method denoises a pair; the median of the seconds counts."""
    threads: int = 0
    """Threads of every method; 0 takes as many as torch does by itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; gives the exit code: 0 done, 1 some input failed, 2 wrong usage, 130 interrupted."""
    return run(lambda: _eval(tyro.cli(Command, prog="n2n-eval", description=__doc__, args=argv)))


def _eval(command: Command) -> int:
    if not command.images or command.repeats < 1 or command.threads < 0:
        raise UsageError("n2n-eval: at least one folder, repeats of 1 or more and threads of 0 or more are needed")
    _require_packages()
    scenes, failures = find_scenes(command.images)
    scenes = _only(scenes, command.only)
    strips: list[Strip] = []
    comparisons: list[Comparison] = []
    with contextlib.ExitStack() as stack:
        threads = stack.enter_context(_torch_threads(command.threads))
        sources = Sources(model_names(command.model), command.threads, stack)
        methods, alone = choose(_names(command), sources)
        facts = _facts(command, methods, threads)
        progress = stack.enter_context(_progress())
        task = progress.add_task("measuring", total=sum(len(scene.pairs) for scene in scenes))
        for outcome in evaluate(scenes, methods, command.repeats):
            if isinstance(outcome, Failure):
                failures.append(outcome)
                continue
            if isinstance(outcome, Unreferenced):
                comparison, pictures = compare(outcome.scene, outcome.name, outcome.pair, alone)
                comparisons.append(comparison)
                strips.append(write_unreferenced(comparison, pictures, command.output))
            else:
                strips.append(write_pictures(outcome, command.output))
            facts["comparisons"] = comparisons
            _write(command.output, strips, failures, facts)  # after every pair: an interrupted run leaves a report
            progress.update(task, advance=1, description=f"{strips[-1].scene} {strips[-1].pair}")
    return _conclude(command, strips, failures, facts)


def _conclude(command: Command, strips: Sequence[Strip], failures: Sequence[Failure], facts: dict[str, Any]) -> int:
    for failure in failures:
        print(f"error: {failure.message}", file=sys.stderr)
    if not strips:
        raise DatasetError("n2n-eval: nothing was measured; folders with pairs are needed")
    _write(command.output, strips, failures, facts)
    print_tables(_results(strips), facts)
    if facts["comparisons"]:
        progress_console.print(comparison_table(overall(facts["comparisons"])))
    for name, calibration in calibrations(_results(strips)).items():
        progress_console.print(calibration.sentence(name))
    progress_console.print(f"report: {command.output / 'index.html'}")
    return FAILED if failures else DONE


def _require_packages() -> None:
    """Say what is missing before anything is measured, not after."""
    missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise MissingPackageError(
            f"n2n-eval: {', '.join(missing)} not installed; `pip install n2n-denoiser[eval]` brings what it needs"
        )


def _only(scenes: Sequence[Scene], pattern: str) -> list[Scene]:
    chosen = [replace(s, pairs=tuple(p for p in s.pairs if fnmatch(p.name, pattern))) for s in scenes]
    if scenes and not any(scene.pairs for scene in chosen):
        names = ", ".join(sorted({pair.name for scene in scenes for pair in scene.pairs})[:10])
        raise UsageError(f"--only: no pair fits {pattern!r}; found {names}")
    return [scene for scene in chosen if scene.pairs]


# ---------------------------------------------------------------------------------------------------------------------
# Methods


def _names(command: Command) -> list[str]:
    """The methods asked for: by name, or by the other options."""
    if command.methods:
        return [name.strip() for name in command.methods.split(",") if name.strip()]
    names = [NOISY, OURS] + [OURS + NETWORK] * command.network_alone + [OURS + SINGLE] * command.single
    if command.oidn:
        names += [OIDN, OIDN_PREFILTER, PILOTED] + [OIDN_PREFILTER + SINGLE] * command.single
    return names


def model_names(models: Sequence[str]) -> dict[str, str]:
    """Weights by their name in the table: "ours", or where there are several, "ours-" and the file or run folder."""
    if len(models) < 2:
        return {OURS: models[0] if models else DEFAULT_NAME}
    named: dict[str, str] = {}
    for model in models:
        path = Path(model)
        plain = f"{OURS}-{path.resolve().parent.name if path.stem == 'model' else path.stem}"
        tries = (plain, *(f"{plain}-{number}" for number in range(2, len(models) + 1)))
        named[next(name for name in tries if name not in named)] = model
    return named


@contextlib.contextmanager
def _torch_threads(wanted: int) -> Iterator[int]:
    """Give torch `wanted` threads (0: as it is) for the time being; yields how many it has."""
    before = torch.get_num_threads()
    torch.set_num_threads(wanted or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


# ---------------------------------------------------------------------------------------------------------------------
# Output


def _facts(command: Command, methods: Mapping[str, Method], threads: int) -> dict[str, Any]:
    """What the page says of the measurement itself, and which methods are ours and which are not."""
    arguments = [*map(str, command.images), "-o", str(command.output)]
    arguments += [word for model in command.model for word in ("--model", model)]
    arguments += ["--methods", command.methods] * bool(command.methods)
    arguments += ["--network-alone"] * command.network_alone + ["--single"] * command.single
    arguments += ["--only", command.only] * (command.only != "*") + ["--no-oidn"] * (not command.oidn)
    arguments += ["--repeats", str(command.repeats), "--threads", str(threads)]
    return {
        "command": shlex.join(["n2n-eval", *arguments]),
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": importlib.metadata.version("n2n-denoiser"),
        "machine": _machine(any(OIDN in name for name in methods)),
        "threads": threads,
        "repeats": command.repeats,
        "methods": list(methods),
        "mine": [name for name in methods if name.startswith(OURS)],
        "peers": [name for name in methods if name in (OIDN, OIDN_PREFILTER, OPTIX)],
        "comparisons": [],
    }


def _machine(oidn: bool) -> str:
    """What the seconds were measured on; ours takes a GPU where there is one, Open Image Denoise here never does."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
    if torch.cuda.is_available():
        machine += f", ours on {torch.cuda.get_device_name()}" + ", oidn on the CPU" * oidn
    return machine


def _write(output: Path, strips: Sequence[Strip], failures: Sequence[Failure], facts: dict[str, Any]) -> None:
    results, messages = _results(strips), [failure.message for failure in failures]
    summary: dict[str, Any] = {"means": mean_psnr(results), "gains": gains(results, facts["mine"], facts["peers"])}
    write_report(output, strips, failures=messages, **summary, **facts)


def _results(strips: Sequence[Strip]) -> list[Result]:
    return [picture.result for strip in strips for picture in strip.pictures if picture.result is not None]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=progress_console)
