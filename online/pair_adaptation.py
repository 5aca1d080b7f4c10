"""A network that learns from one pair before it denoises it, and is used only if samples it has not seen say so.

Of each half's samples a quarter is held out. The network trains on the rest, from its own weights; then both denoise
the rest, the network as it was and as it has become, and the held-out samples V judge. With weights w that know nothing
of V, mean[w (f - V)^2] is the weighted squared error of f plus what V's noise adds to both alike, so the difference of
two denoisers is told without bias. The new weights must win by more than the difference's standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from denoiser.devices import pair_on
from denoiser.inference.denoise import denoise_pair
from denoiser.model import Model, load_model
from denoiser.paper import LOSS_EPSILON
from denoiser.score import BLOCK
from denoiser.transforms import to_nchw
from online.trainer import OnlineConfig, OnlineTrainer
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Image, Pair

HELD_OUT = 4
"""One sample of so many is held out, at least one."""


@dataclass(frozen=True)
class Adapted:
    """The network to denoise with, and the relative squared error that training took off, with its standard error."""

    model: Model
    gain: float
    gain_error: float

    @property
    def better(self) -> bool:
        """Whether the trained network is the one to use."""
        return self.gain > self.gain_error


def split(spp: int) -> tuple[int, int]:
    """How many samples of a half train, and how many are held out. Raises `UsageError` below 2."""
    if spp < 2:
        raise UsageError(f"training on a pair needs 2 samples per pixel of each half, one to judge by; there are {spp}")
    held = max(1, spp // HELD_OUT)
    return spp - held, held


def adapt(weights: str, pair: Pair, held_out: Image, steps: int, seed: int) -> Adapted:
    """Train the network of `weights` on `pair` for `steps`; `held_out` (H, W, 3) are other samples of the same picture.

    Gives the network that was loaded where the trained one is not better. Raises as `OnlineTrainer` does.
    """
    base = load_model(weights)
    trainer = OnlineTrainer(OnlineConfig(init=weights, seed=seed))
    trainer.memory.add(pair_on(pair, trainer.device))
    trainer.learn(steps)
    before, after = (denoise_pair(model, pair).color for model in (base, trainer.model))
    gain, error = relative_gain(before, after, held_out)
    found = Adapted(trainer.model, gain, error)
    return found if found.better else Adapted(base, gain, error)


def relative_gain(before: Image, after: Image, held_out: Image) -> tuple[float, float]:
    """How much smaller the squared error of `after` is than that of `before`, over squared brightness, and the standard
    error of that; all (H, W, 3) linear radiance, `held_out` independent of both."""
    old, new, judge = (to_nchw(image).double() for image in (before, after, held_out))
    weight = 1 / (old.mean(dim=1, keepdim=True) + LOSS_EPSILON).square()
    gains = (weight * ((old - judge).square() - (new - judge).square())).mean(dim=1, keepdim=True)
    blocks = F.avg_pool2d(gains, BLOCK, ceil_mode=True, count_include_pad=False).flatten()
    spread = blocks.std() / len(blocks) ** 0.5 if len(blocks) > 1 else torch.tensor(torch.inf)
    return float(gains.mean()), float(spread)
