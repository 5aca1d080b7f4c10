"""Write seeded procedural scenes, to train generic weights on: `python -m apps.make_scenes -o scenes/ --count 100`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.command import run
from renderer_bridge.errors import UsageError
from renderer_bridge.procedural import Assets, write_scene


@dataclass(frozen=True)
class MakeScenesConfig:
    """Write procedural Mitsuba scenes, each a function of its seed."""

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder that receives <seed>/scene.xml and textures."""
    count: int = 10
    """Number of scenes."""
    first_seed: int = 0
    """Seed of the first; the others follow."""
    assets: Path | None = None
    """Folder with textures/, meshes/ or skies/ of others, to be mixed in; without it all is made by code."""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(MakeScenesConfig, args=argv, prog="python -m apps.make_scenes", description=__doc__)
    return run(lambda: make_scenes(config))


def make_scenes(config: MakeScenesConfig) -> None:
    """Write the scenes and print the path of each."""
    if config.count < 1 or config.first_seed < 0:
        raise UsageError("--count must be at least 1 and --first-seed at least 0")
    assets = Assets.within(config.assets)
    for seed in range(config.first_seed, config.first_seed + config.count):
        print(write_scene(config.output / f"{seed:04d}", seed, assets))


if __name__ == "__main__":
    sys.exit(main())
