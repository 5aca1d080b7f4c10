"""The configuration of offline training: command line (tyro), `config.json` and documentation at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from denoiser.loss import LOSSES
from denoiser.model import NetworkName
from denoiser.networks.unet import ALIGNMENT
from denoiser.paper import LEARNING_RATE, MINIBATCH
from denoiser.precision import Precision
from renderer_bridge.errors import UsageError

FREE_SETTINGS = ("validation_every", "checkpoint_every")
"""Settings that do not shape the weights and may change within a run."""

LARGEST_EXPOSURE_STOPS = 8.0


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Once a run has begun only the two intervals, validation-every and checkpoint-every, may change."""

    steps: int = 20_000
    """Optimizer steps; the learning rate ramps down towards the last."""
    batch: int = MINIBATCH
    """Crops a step, in each process."""
    crop: int = 128
    """Side of a crop in pixels, a multiple of 32."""
    network: NetworkName = "unet"
    """unet is the paper's; kernel predicts weights of the samples around a pixel (denoiser/networks/kernel.py);
    oidn-shape is for n2n-export --to oidn: Open Image Denoise runs its weights as its own."""
    optimizer: Literal["adam", "muon"] = "adam"
    """adam is the paper's; muon moves the inner convolutions by orthogonal matrices and learns faster."""
    learning_rate: float = LEARNING_RATE
    """Step size before the ramp-down; muon takes about three times adam's."""
    weight_decay: float = 0.0
    """Share of the inner convolutions, times the learning rate, taken off at each step; muon only."""
    ramp_down: float = 0.3
    """Share of the steps, at the end, over which the learning rate falls to 0."""
    loss: Literal["hdr", "l2", "tone-slope", "hdr-undetached", "tonemapped"] = "hdr"
    """hdr is the paper's; l2 works too; tone-slope weighs errors as the tone map shows them; the other two are biased
    and are there for the ablation."""
    gradient_clip: float = 2.0
    """Largest norm of the gradient (median 5 after 500 steps at 1 to 32 spp). Fireflies in the targets make most of
    its noise: with 2, the last 400 steps of a generic training gave 0.2 to 0.5 dB more than with 100 on each of four
    scenes (one run each). Clipping weighs noisy targets down a little; 100 keeps it for accidents."""
    crop_clip: float = 0.0
    """Root of a crop's loss above which the crop weighs less, its pull on the weights no longer growing; 0 for none.
    Where scenes of all kinds meet in a batch the noisiest crop would drown the others: losses of crops at 1 to 64 spp
    have a median of 0.3, and every tenth is above 39."""
    average_half_life: float = 500.0
    """Half-life, in steps, of the running average of the weights, which is what is saved and validated."""
    exposure_stops: float = 2.0
    """Each crop is made brighter or darker by up to so many stops."""
    symmetries: bool = True
    """Mirror and transpose crops, turn the world of their normals, and reorder the color channels; a network for one
    scene alone learns faster without."""
    drop_layers: float = 0.0
    """Share of the crops without normals, half of them without albedo too: the weights then denoise files that lack
    them. For the kernel network."""
    seed: int = 0
    """Seed of the initial weights, the crops, and the choice of held-out views."""
    precision: Precision = "auto"
    """bf16 computes the network's layers in bfloat16; auto does so where the processor has instructions for it."""
    validation_views: int = 4
    """Views held out for validation, at most a fifth of all but at least one; 0 for none."""
    validation_every: int = 500
    """Steps between validations."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    init: str = ""
    """Weights to start from: a .safetensors file or the name of shipped weights; empty for random ones."""
    clean_targets: bool = False
    """Train on reference images instead of noisy ones, to compare; every view needs one."""

    def __post_init__(self) -> None:
        self._need_at_least(1, "steps", "batch", "crop", "validation_every", "checkpoint_every")
        self._need_at_least(0, "seed", "validation_views", "weight_decay", "ramp_down", "exposure_stops", "drop_layers")
        self._need_at_least(0, "crop_clip")
        if self.crop % ALIGNMENT:
            raise UsageError(f"--crop is {self.crop}; a multiple of {ALIGNMENT} is needed")
        for name in ("learning_rate", "gradient_clip", "average_half_life"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"--{_option(name)} is {getattr(self, name)}; a positive number is needed")
        for name, largest in (("ramp_down", 1.0), ("drop_layers", 1.0), ("exposure_stops", LARGEST_EXPOSURE_STOPS)):
            if getattr(self, name) > largest:
                raise UsageError(f"--{_option(name)} is {getattr(self, name)}; at most {largest:g} is accepted")
        if self.drop_layers and self.network != "kernel":
            raise UsageError("--drop-layers: only a kernel network can do without layers; --network kernel is needed")
        if self.loss not in LOSSES:
            raise UsageError(f"--loss is {self.loss}; accepted: {', '.join(LOSSES)}")

    def _need_at_least(self, least: int, *names: str) -> None:
        for name in names:
            if not getattr(self, name) >= least:  # also refuses NaN
                raise UsageError(f"--{_option(name)} is {getattr(self, name)}; at least {least} is needed")


def _option(field: str) -> str:
    return field.replace("_", "-")
