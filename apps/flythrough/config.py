"""The options of n2n-flythrough, which of them go together, and what follows from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from denoiser.inference.piloted import GenericPilotName
from denoiser.model import DEFAULT_NAME
from online.trainer import OnlineConfig
from renderer_bridge.errors import UsageError
from renderer_bridge.seeds import SEED_BITS


@dataclass(frozen=True)
class FlythroughConfig:
    """Fly a camera through a scene with a denoiser that learns from every frame."""

    scene: tyro.conf.Positional[Path]
    """Mitsuba scene (XML), or a folder of finished pairs with positions and depths."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for everything that is written; running the same command again completes it."""
    path: Path | None = None
    """Camera path (JSON); needed with a scene."""
    frames: int | None = None
    """Frames along the path, by default its duration times its fps; of a folder, how many."""
    spp: int = 8
    """Samples per pixel of each half."""
    train_steps: int = 8
    """Training steps a frame."""
    learning_rate: float = OnlineConfig.learning_rate
    """Step size of the training."""
    training: bool = True
    """--no-training denoises with the weights as they are."""
    from_scratch: bool = False
    """Start from random weights instead of --weights."""
    weights: str = DEFAULT_NAME
    """Weights to start from: a .safetensors file or the name of shipped weights."""
    pilot: GenericPilotName = "none"
    """Another denoiser to start from: oidn (Open Image Denoise), or auto, which takes it if it is there. Each frame
    takes of the network what its pair says it is worth."""
    noisy_history: bool = False
    """Denoise each frame with the noisy samples of the frames before it, where they show the same surface."""
    reprojection: bool = True
    """--no-reprojection makes every frame by itself."""
    reference_every: int = 0
    """Render a reference for every so many frames and for the last, and log PSNR against it; 0 for none."""
    clean_targets: bool = False
    """Train on references instead of noisy halves, to compare; needs --reference-every 1."""
    reference_spp: int = 256
    """Samples per pixel of the references."""
    references: Path | None = None
    """Folder of the references, which several flights along one path may share; by default within --output."""
    width: int | None = None
    """Picture width in pixels; by default the scene's."""
    height: int | None = None
    """Picture height in pixels; by default the scene's."""
    fps: float | None = None
    """Frames per second of the video; by default the path's."""
    checkpoint_every: int = 25
    """Frames between states from which the flight can go on."""
    seed: int = 0
    """All randomness is a function of this and the frame."""
    variant: str = "auto"
    """auto, cuda, llvm or scalar."""
    define: Annotated[list[str], tyro.conf.arg(aliases=["-D"]), tyro.conf.UseAppendAction] = field(default_factory=list)
    """Value of a $name parameter of the scene, as name=value; may be given several times."""


def check(config: FlythroughConfig) -> None:
    """Raise `UsageError` for options that make no sense."""
    for name in ("frames", "spp", "width", "height", "checkpoint_every", "reference_spp"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} {value}: at least 1 is needed")
    if config.train_steps < 0 or config.reference_every < 0:
        raise UsageError("--train-steps and --reference-every must not be negative")
    if not 0 <= config.seed < 2**SEED_BITS:
        raise UsageError(f"--seed {config.seed}: 0 to {2**SEED_BITS - 1} is accepted")
    if config.clean_targets and config.reference_every != 1:
        raise UsageError("--clean-targets: needs --reference-every 1, a reference for every frame")
    if config.scene.is_dir() and config.path is not None:
        raise UsageError("--path: a folder of finished pairs has its own cameras")
    if not config.scene.is_dir() and config.path is None:
        raise UsageError("--path is missing: a scene needs a camera path (JSON)")


def online_config(config: FlythroughConfig) -> OnlineConfig:
    """How the flight trains."""
    init = "" if config.from_scratch else config.weights
    return OnlineConfig(
        init=init, learning_rate=config.learning_rate, seed=config.seed, clean_targets=config.clean_targets
    )


def settings(config: FlythroughConfig) -> dict[str, Any]:
    """What makes a flight this flight, fit for JSON."""
    found = dataclasses.asdict(config)
    del found["output"]
    return {name: str(value) if isinstance(value, Path) else value for name, value in found.items()}
