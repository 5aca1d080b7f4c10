"""Render a training set from many scenes: `python -m apps.render_set scenes/*/scene.xml -o pairs/ --minutes 60`.

Every scene gives one pair folder, which n2n-train takes; contact_sheet.png shows the first view of each. Running it
again goes on.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.command import FAILED, run
from apps.contact_sheet import write_sheet
from renderer_bridge.errors import UsageError
from renderer_bridge.mitsuba_pairs import PairRequest
from renderer_bridge.seeds import SppRange
from renderer_bridge.training_set import render_set, scene_jobs

SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class RenderSetConfig:
    """Render some noisy views of each of many Mitsuba scenes."""

    scenes: tyro.conf.Positional[tuple[Path, ...]]
    """Scene files; a folder stands for the scene.xml in it, or in each folder in it."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder that receives one pair folder a scene."""
    prefix: str = ""
    """Put before the scene's name in the name of its pair folder."""
    views: int = 2
    """Views of each scene: its own camera and seeded ones around it."""
    spp: str = "1..64"
    """Samples per pixel of a half: a number, or a range from which each view draws log-uniformly."""
    target_spp: int = 32
    """Samples per pixel of the third render that training takes as target; 0 for none."""
    pixels: int = 49152
    """Pixels of a picture, about, in each scene's own aspect ratio; 49152 is 256x192."""
    minutes: float = 60.0
    """No scene is begun after this time."""
    seed: int = 0
    """Seed of all noise and cameras."""
    variant: str = "auto"
    """auto, cuda, llvm or scalar."""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(RenderSetConfig, args=argv, prog="python -m apps.render_set", description=__doc__)
    return run(lambda: render(config))


def render(config: RenderSetConfig) -> int:
    """Render the scenes, and print one line for each."""
    if min(config.views, config.pixels) < 1 or config.target_spp < 0 or config.minutes <= 0:
        raise UsageError("--views and --pixels must be at least 1, --minutes above 0 and --target-spp not negative")
    request = PairRequest(SppRange.parse(config.spp), config.views, target_spp=config.target_spp, seed=config.seed)
    jobs = scene_jobs(scene_files(config.scenes), config.output, config.prefix, request, config.pixels, config.variant)
    records = []
    for record in render_set(jobs, config.minutes * 60):
        records.append(record)
        for warning in record.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print(f"{record.folder}: {record.views} views, {record.seconds:.0f} s {record.reason}".rstrip(), flush=True)
    write_sheet(config.output / SHEET, [record.folder for record in records if record.views])
    views, out = sum(record.views for record in records), sum(not record.views for record in records)
    left = f"; {len(jobs) - len(records)} to be done by the same command" if len(records) < len(jobs) else ""
    print(f"{len(records) - out} scenes with {views} views; {out} left out{left}", file=sys.stderr)
    return FAILED if records and out == len(records) else 0


def scene_files(given: tuple[Path, ...]) -> list[Path]:
    """The scene files that the arguments stand for. Raises `UsageError` where a folder has none."""
    found: list[Path] = []
    for path in given:
        inside = [path / "scene.xml"] if (path / "scene.xml").is_file() else sorted(path.glob("*/scene.xml"))
        if path.is_dir() and not inside:
            raise UsageError(f"{path}: has neither a scene.xml nor folders with one")
        found += inside if path.is_dir() else [path]
    return found


if __name__ == "__main__":
    sys.exit(main())
