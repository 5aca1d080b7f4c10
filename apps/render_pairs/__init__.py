"""n2n-render-pairs: render pairs of noisy frames, with albedo and normal, from a Mitsuba scene.

    n2n-render-pairs scene.xml
    n2n-render-pairs scene.xml -o pairs/ --views 32 --spp 8
    n2n-render-pairs scene.xml -o pairs/ --path camera_path.json --frames 100 --spp 1..32
    n2n-render-pairs scene.xml -o pairs/ --until-error 0.02       until the denoised picture is that good
    n2n-render-pairs scene.xml -o pairs/ --until-error 0.02 --adaptive      the same, samples where they are needed

The same command again completes a folder; with more --views, --target-spp or --reference-spp it adds to it.
A scene of Mitsuba 0.5 or 0.6 is written for Mitsuba 3 first, as --print-scene shows.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apps.command import defines, progress_console, run
from apps.jobs import RenderJob, SceneSource, WorkersDied, spread
from apps.render_pairs.until import CSV, PNG, grow
from denoiser.inference.piloted import GenericPilotName, find_pilot
from denoiser.inference.select import network_candidate, pilot_candidate
from denoiser.inference.until_error import Goal
from denoiser.model import load_model
from renderer_bridge.atomic import remove_remains, sole_writer
from renderer_bridge.errors import N2NWarning, SceneError, UsageError
from renderer_bridge.legacy import translate
from renderer_bridge.mitsuba_aovs import AovKind
from renderer_bridge.mitsuba_pairs import PairRequest, ViewRecord, begin_dataset, render_view
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import SEED_BITS, SppRange

VIEWS = 8  # without -o: the scene's camera and a few around it


@dataclass(frozen=True)
class RenderPairsConfig:
    """Render pairs of noisy frames (A and B, different seeds) with albedo and normal, ready for n2n-train."""

    scene: tyro.conf.Positional[Path]
    """Mitsuba scene, XML of version 0.5 to 3.x."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for the pairs, by default <scene's folder>-pairs; running the same command again completes it."""
    views: int | None = None
    """Number of views: the scene's camera first, then seeded cameras around it; 8, or with -o 1, unless given."""
    near: bool = False
    """Views a few steps aside that see what the scene's camera sees, for n2n-denoise --views."""
    path: Path | None = None
    """Camera path (JSON) to follow instead."""
    frames: int | None = None
    """Frames along the path; by default its duration times its fps."""
    spp: str = "8"
    """Samples per pixel of each half: a number, or a range such as 1..32 drawn per view."""
    aov_spp: str = "auto"
    """Samples per pixel of albedo and normal: a number, auto (at least 8), or same (as the color)."""
    until_error: float | None = None
    """Add samples until the told error of the denoised picture is below this: the root mean square error of the
    tone-mapped picture, in (0, 1); 0.01 is a PSNR of 40 dB. --spp is what it begins with."""
    adaptive: bool = False
    """With --until-error: samples go where the denoised picture is expected to be wrong, in squares of 32 pixels;
    --spp and --most-spp are means over the picture then. Not with the scalar variant."""
    most_spp: int = 1024
    """With --until-error: samples per pixel of each half at most."""
    pilot: GenericPilotName = "none"
    """With --until-error: denoise with oidn (Open Image Denoise), or auto, which takes it if it is there."""
    target_spp: int = 0
    """Also render a third picture with so many samples per pixel, as the target of both halves in training."""
    aovs: AovKind | Literal["auto"] = "auto"
    """Albedo and normal of the first-hit or, through glass and in mirrors, of the first-diffuse surface; auto: what the
    folder began with, else first-diffuse, and first-hit with the scalar variant, which is slow at following."""
    reference_spp: int = 0
    """Also render a reference with so many samples per pixel; for measuring only."""
    width: int | None = None
    """Picture width in pixels; by default the scene's."""
    height: int | None = None
    """Picture height in pixels; by default the scene's."""
    seed: int = 0
    """All randomness is a function of this, the view and the half."""
    sensor: int = 0
    """Which of the scene's sensors, from 0."""
    position: bool = False
    """Also write world-space positions."""
    depth: bool = False
    """Also write distances from the camera."""
    variant: str = "auto"
    """auto, cuda, llvm or scalar."""
    define: Annotated[list[str], tyro.conf.arg(aliases=["-D"]), tyro.conf.UseAppendAction] = field(default_factory=list)
    """Value of a $name parameter of the scene, as name=value; may be given several times."""
    missing: Literal["error", "skip"] = "error"
    """When meshes or textures are missing: name them all and end, or go on without them."""
    dask: str | None = None
    """Spread views over the workers of a Dask scheduler, tcp://host:8786, or of this machine, local or local:4."""
    print_scene: bool = False
    """Print the scene as Mitsuba 3 loads it, and render nothing."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-render-pairs; returns the exit code."""
    config = tyro.cli(RenderPairsConfig, args=argv, prog="n2n-render-pairs", description=__doc__)
    return run(lambda: render(config))


def render(config: RenderPairsConfig) -> None:
    """Check the options, load the scene, and show the progress of `render_pairs`."""
    if config.print_scene:
        _print_scene(config)
        return
    request, folder = _request(config), config.output or _default_folder(config.scene)
    source = _source(config)
    scene = source.load()
    if config.until_error is not None:
        _until(config, scene, request, folder)
        return
    if config.output is None:
        _say_next(f"{config.scene}: pairs are rendered into {folder}{os.sep}", folder)
    records = []
    with sole_writer(folder), _progress_bar() as progress:
        task = progress.add_task("rendering", total=None, speed="")
        try:
            for record in _rendered(config, source, scene, request, folder):
                records.append(record)
                progress.update(task, completed=len(records), total=record.views, speed=_speed(records))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{len(records)} views are complete; run the same command again to go on") from None
    _report(records, folder)
    if config.output is None:
        _say_next(f"{folder}{os.sep} is complete", folder)


def _source(config: RenderPairsConfig) -> SceneSource:
    return SceneSource(
        config.scene.absolute(),
        config.variant,
        tuple(defines(config.define).items()),
        config.width,
        config.height,
        config.missing == "skip",
    )


def _rendered(
    config: RenderPairsConfig, source: SceneSource, scene: MitsubaScene, request: PairRequest, folder: Path
) -> Iterator[ViewRecord]:
    """The records of all views; of the scene's camera alone where a number of views was not asked for, and no place
    for others is found."""
    try:
        request, cameras = begin_dataset(scene, request, folder)
    except SceneError as error:
        if config.views is not None or request.views == 1:
            raise
        warnings.warn(f"only the scene's own camera is rendered: {error}", N2NWarning, stacklevel=1)
        request, cameras = begin_dataset(scene, replace(request, views=1), folder)
    jobs = [RenderJob(source, request, folder.absolute(), camera, i, len(cameras)) for i, camera in enumerate(cameras)]
    if config.dask is None:
        for job in jobs:
            yield render_view(scene, request, folder, job.camera, job.index, job.views)
        return
    try:
        for index, record in spread(jobs, config.dask):
            if isinstance(record, WorkersDied):
                raise WorkersDied(f"{source.path}, view {index}: {record}")
            yield record
    finally:
        for file in folder.glob("*.exr"):
            remove_remains(file)


def _until(config: RenderPairsConfig, scene: MitsubaScene, request: PairRequest, folder: Path) -> None:
    """Grow the views, and say of each what came of it."""
    assert config.until_error is not None
    pilot, model = find_pilot(config.pilot), load_model()
    denoise = partial(network_candidate, model=model) if pilot is None else partial(pilot_candidate, pilot=pilot)
    with sole_writer(folder), _progress_bar() as progress:
        task = progress.add_task("rendering", total=None, speed="")
        request, cameras = begin_dataset(scene, request, folder)
        goal = Goal(config.until_error, config.most_spp)
        for look in grow(scene, request, folder, cameras, goal, denoise, config.adaptive):
            last = look.points[-1]
            told = f"{last.spp:g} spp, error {last.error:.3g}"
            progress.update(task, completed=look.index + look.done, total=look.views, speed=told)
            if look.done:
                progress_console.print(look.sentence(), highlight=False, soft_wrap=True)
    print(f"{folder}: {folder / CSV} and {folder / PNG} show error against samples", file=sys.stderr)


def _default_folder(scene: Path) -> Path:
    """`<scene's folder>-pairs` in the current folder."""
    return Path(f"{scene.resolve().parent.name or scene.stem}-pairs")


def _say_next(sentence: str, folder: Path) -> None:
    """Say where the pairs are, and what to type next."""
    stem = folder.name.removesuffix("-pairs")
    pairs, run_folder, pictures = (shlex.quote(str(each)) for each in (folder, f"{stem}-run", f"{stem}-denoised"))
    print(f"{sentence}; next: n2n-train {pairs} -o {run_folder}, or n2n-denoise {pairs} -o {pictures}", file=sys.stderr)


def _print_scene(config: RenderPairsConfig) -> None:
    translation = translate(
        config.scene, defines(config.define), skip_missing=config.missing == "skip", absolute_paths=True
    )
    for note in translation.notes:
        warnings.warn(f"{config.scene}: {note}", N2NWarning, stacklevel=1)
    print(translation.text, end="")


def _request(config: RenderPairsConfig) -> PairRequest:
    sizes = {"views": config.views, "width": config.width, "height": config.height, "frames": config.frames}
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: at least 1 is needed")
    if min(config.target_spp, config.reference_spp, config.sensor) < 0:
        raise UsageError("--target-spp, --reference-spp and --sensor must not be negative")
    if config.until_error is not None:
        _check_until(config)
    elif config.adaptive:
        raise UsageError("--adaptive: only together with --until-error")
    if not 0 <= config.seed < 2**SEED_BITS:
        raise UsageError(f"--seed {config.seed}: 0 to {2**SEED_BITS - 1} is accepted")
    if config.near and config.path is not None:
        raise UsageError("--near with --path: one of them is accepted; a path has cameras of its own")
    if config.path is None and config.frames is not None:
        raise UsageError("--frames: only together with --path; --views sets the number of views around the camera")
    return PairRequest(
        spp=SppRange.parse(config.spp),
        views=config.views or (VIEWS if config.output is None and config.path is None else 1),
        near=config.near,
        path=config.path,
        frames=config.frames,
        target_spp=config.target_spp,
        reference_spp=config.reference_spp,
        seed=config.seed,
        sensor=config.sensor,
        aov_spp=_aov_spp(config.aov_spp),
        aovs=None if config.aovs == "auto" else config.aovs,
        position=config.position,
        depth=config.depth,
    )


def _check_until(config: RenderPairsConfig) -> None:
    assert config.until_error is not None
    if not 0 < config.until_error < 1:
        raise UsageError(f"--until-error {config.until_error:g}: more than 0 and less than 1 is accepted")
    if config.dask is not None or config.target_spp or config.reference_spp:
        raise UsageError("--until-error: --dask, --target-spp and --reference-spp are not accepted with it")


def _aov_spp(text: str) -> int | None:
    """Samples per pixel as `PairRequest` takes them."""
    if text in ("auto", "same"):
        return {"auto": None, "same": 0}[text]
    if re.fullmatch("[0-9]{1,9}", text) and int(text) > 0:
        return int(text)
    raise UsageError(f"--aov-spp {text}: a positive number, auto or same is accepted")


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    return Progress(*columns, TimeRemainingColumn(), console=progress_console)


def _speed(records: list[ViewRecord]) -> str:
    seconds = sum(record.seconds for record in records if record.samples)
    samples = sum(record.samples for record in records)
    return f"{samples / seconds / 1e6:.3g} Msamples/s" if seconds else ""


def _report(records: list[ViewRecord], folder: Path) -> None:
    new = sum(record.samples > 0 for record in records)
    invalid = sum(record.invalid_samples for record in records)
    left_out = f"; {invalid} infinite or NaN samples were left out" if invalid else ""
    print(
        f"{folder}: {len(records)} views, {new} rendered now, {_speed(records) or 'nothing to do'}{left_out}",
        file=sys.stderr,
    )
