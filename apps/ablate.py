"""What breadth and targets are worth: the same network and steps, other scenes or other targets.

    python -m apps.ablate set/*/ -o out/ --network kernel --steps 1000                a quarter, half and all scenes
    python -m apps.ablate set/*/ -o out/ --targets set-8spp/ halves/ --steps 1000     and the quarter with other targets

Each folder of pairs counts as one scene. The scenes held out, and the order in which shares take the others, follow
from the seed: a smaller share lies within every larger one. Run again, it goes on; at its end it prints the n2n-eval
that measures every training on the scenes that none of them saw.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from apps.command import run
from apps.train import Command as Training
from apps.train import follow
from denoiser.training.checkpoint import MODEL
from denoiser.training.config import TrainConfig
from renderer_bridge.errors import UsageError


@dataclass(frozen=True)
class AblateConfig:
    """Train the same network on shares of the scenes and on other targets, each in a run folder of its own."""

    pairs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PAIRS ...")]
    """Folders of pairs, one a scene."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """Folder that receives one run folder a training."""
    held_out: int = 24
    """Scenes that no training sees."""
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Shares of the other scenes to train on."""
    targets: tuple[Path, ...] = ()
    """Folders that hold folders of the scenes' names with the same pairs and other targets, or none; each is trained on
    with the scenes of the smallest share."""
    config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(default_factory=TrainConfig)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(AblateConfig, args=argv, prog="python -m apps.ablate", description=__doc__)
    return run(lambda: ablate(config))


def ablate(config: AblateConfig) -> None:
    """Train what is not trained yet, one after another, and print how to measure it."""
    held_out, trainings = plan(config)
    for name, folders in trainings.items():
        print(f"{name}: {len(folders)} scenes", file=sys.stderr)
        follow(Training(folders, config.output / name, config=config.config))
    models = [word for name in trainings for word in ("--model", str(config.output / name / MODEL))]
    print(shlex.join(["n2n-eval", *map(str, held_out), "-o", str(config.output / "report"), *models]))


def plan(config: AblateConfig) -> tuple[tuple[Path, ...], Mapping[str, tuple[Path, ...]]]:
    """The scenes held out, and the scenes of each training by its name. Raises `UsageError` where it cannot be done."""
    scenes = sorted(set(config.pairs), key=lambda folder: folder.resolve().name)
    if not 0 < config.held_out < len(scenes):
        raise UsageError(
            f"--held-out is {config.held_out} of {len(scenes)} scenes; at least 1, and not all, is accepted"
        )
    if not config.shares or not all(0 < share <= 1 for share in config.shares):
        raise UsageError(f"--shares {' '.join(map(str, config.shares))}: numbers above 0 and up to 1 are accepted")
    order = [scenes[index] for index in np.random.default_rng(config.config.seed).permutation(len(scenes))]
    held_out, others = tuple(order[: config.held_out]), order[config.held_out :]
    of_share = {share: tuple(others[: math.ceil(share * len(others))]) for share in sorted(config.shares)}
    trainings = {f"share-{share:g}": folders for share, folders in of_share.items()}
    smallest = next(iter(of_share.values()))
    for folder in config.targets:
        trainings[folder.resolve().name] = tuple(folder / scene.resolve().name for scene in smallest)
    return held_out, trainings


if __name__ == "__main__":
    sys.exit(main())
