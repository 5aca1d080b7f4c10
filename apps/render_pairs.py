"""n2n-render-pairs: render pairs of noisy frames, with albedo and normal, from a Mitsuba scene.

    n2n-render-pairs scene.xml -o pairs/ --views 32 --spp 8
    n2n-render-pairs scene.xml -o pairs/ --path camera_path.json --frames 100 --spp 1..32

The same command again completes a folder; with more --views, --target-spp or --reference-spp it adds to it.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apps.command import defines, progress_console, run
from renderer_bridge.atomic import sole_writer
from renderer_bridge.errors import UsageError
from renderer_bridge.mitsuba_pairs import PairRequest, SppRange, ViewRecord, render_pairs
from renderer_bridge.mitsuba_scene import load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.seeds import SEED_BITS


@dataclass(frozen=True)
class RenderPairsConfig:
    """Render pairs of noisy frames (A and B, different seeds) with albedo and normal, ready for n2n-train."""

    scene: tyro.conf.Positional[Path]
    """Mitsuba scene, XML of version 0.5 to 3.x."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for the pairs; running the same command again completes it."""
    views: int = 1
    """Number of views: the scene's camera first, then seeded cameras around it."""
    path: Path | None = None
    """Camera path (JSON) to follow instead."""
    frames: int | None = None
    """Frames along the path; by default its duration times its fps."""
    spp: str = "8"
    """Samples per pixel of each half: a number, or a range such as 1..32 drawn per view."""
    aov_spp: str = "auto"
    """Samples per pixel of albedo and normal: a number, auto (at least 8), or same (as the color)."""
    target_spp: int = 0
    """Also render a third picture with so many samples per pixel, as the target of both halves in training."""
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


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-render-pairs; returns the exit code."""
    config = tyro.cli(RenderPairsConfig, args=argv, prog="n2n-render-pairs", description=__doc__)
    return run(lambda: render(config))


def render(config: RenderPairsConfig) -> None:
    """Check the options, load the scene, and show the progress of `render_pairs`."""
    request = _request(config)
    set_variant(config.variant)
    scene = load_scene(config.scene, defines=defines(config.define), width=config.width, height=config.height)
    records = []
    with sole_writer(config.output), _progress_bar() as progress:
        task = progress.add_task("rendering", total=None, speed="")
        try:
            for record in render_pairs(scene, request, config.output):
                records.append(record)
                progress.update(task, completed=len(records), total=record.views, speed=_speed(records))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{len(records)} views are complete; run the same command again to go on") from None
    _report(records, config.output)


def _request(config: RenderPairsConfig) -> PairRequest:
    sizes = {"views": config.views, "width": config.width, "height": config.height, "frames": config.frames}
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: at least 1 is needed")
    if min(config.target_spp, config.reference_spp, config.sensor) < 0:
        raise UsageError("--target-spp, --reference-spp and --sensor must not be negative")
    if not 0 <= config.seed < 2**SEED_BITS:
        raise UsageError(f"--seed {config.seed}: 0 to {2**SEED_BITS - 1} is accepted")
    if config.path is None and config.frames is not None:
        raise UsageError("--frames: only together with --path; --views sets the number of views around the camera")
    return PairRequest(
        spp=SppRange.parse(config.spp),
        views=config.views,
        path=config.path,
        frames=config.frames,
        target_spp=config.target_spp,
        reference_spp=config.reference_spp,
        seed=config.seed,
        sensor=config.sensor,
        aov_spp=_aov_spp(config.aov_spp),
        position=config.position,
        depth=config.depth,
    )


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


if __name__ == "__main__":
    sys.exit(main())
