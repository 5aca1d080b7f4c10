"""Watching an online network: is it better than its noisy input, and has it been lost?

The scores watched are relative: squared errors are weighted by 1 / (brightness + 0.01)^2 of the smoothed mean of both
halves, else a lamp would outvote the picture. That costs the estimate its freedom from bias, and matters little for a
comparison in which both sides carry the same weights.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser import devices
from denoiser.filters import gaussian
from denoiser.paper import LOSS_EPSILON

PATIENCE = 12
"""Frames in a row that may be worse than their input before the weights go back."""

GOOD_WITHIN = 1.25
"""Weights are worth keeping when their score, over that of the input, is within this factor of the best seen lately."""

FORGET = 1.02
"""The best ratio grows by this factor a frame: views differ, and an easy one must not set the mark for ever."""

CELL = 16
"""Side, in pixels, of the cells in which a picture is checked for having run away."""

RUNAWAY = 2.0
"""Squared distances from the other half, over those of the noisy half itself: a good picture has half of them."""

SMOOTHING = 3.0
"""Pixels, standard deviation, over which brightness is smoothed."""


@dataclass
class Watch:
    """What has been seen so far; a few numbers."""

    best: float = float("inf")
    worse_in_row: int = 0
    was_good: bool = False
    trusted: bool = False

    def observe(self, score: float, noisy_score: float) -> Literal["good", "fair", "lost"]:
        """Judge one frame by its relative squared errors."""
        self.trusted = score < noisy_score
        if not self.trusted:
            self.worse_in_row += 1
            return "lost" if self.was_good and self.worse_in_row >= PATIENCE else "fair"
        self.worse_in_row, self.was_good = 0, True
        ratio = max(score, 0.0) / max(noisy_score, 1e-12)
        self.best = min(self.best * FORGET, ratio)
        return "good" if ratio <= self.best * GOOD_WITHIN else "fair"

    def forgive(self) -> None:
        """Begin counting anew after a roll-back."""
        self.worse_in_row = 0

    def state(self) -> dict[str, float | None]:
        """The numbers, for JSON, where infinity is None."""
        return {name: None if value == float("inf") else value for name, value in asdict(self).items()}

    def set_state(self, state: dict[str, float | None]) -> None:
        """Take up what `state` gave."""
        self.best = float("inf") if state["best"] is None else float(state["best"])
        self.worse_in_row = int(state["worse_in_row"] or 0)
        self.was_good, self.trusted = bool(state["was_good"]), bool(state["trusted"])


def runaway(denoised: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Where a denoised half (1, 3, H, W) has run away from what both noisy halves show, (1, 1, H, W), in cells of
    `CELL` pixels.

    `denoised` was made of `own`. A cell counts when its squared distance from the other half is more than twice that of
    `own`, and by more than the picture's own brightness; so do the cells at its four sides.
    """
    far, noise = (_cell_means(distance) for distance in _distances(denoised, own, other))
    cells = far > RUNAWAY * noise + 1
    framed = F.pad(cells, (1, 1, 1, 1))
    for side in (framed[..., :-2, 1:-1], framed[..., 2:, 1:-1], framed[..., 1:-1, :-2], framed[..., 1:-1, 2:]):
        cells = cells | side
    height, width = denoised.shape[2:]
    return cells.repeat_interleave(CELL, dim=2).repeat_interleave(CELL, dim=3)[..., :height, :width]


def better_elsewhere(denoised: Tensor, own: Tensor, other: Tensor, away: Tensor) -> bool:
    """Whether the denoised half is nearer to the other half than `own` is, in what is left of the picture."""
    far, noise = devices.read(*(torch.where(away, 0, each).sum() for each in _distances(denoised, own, other)))
    return far < noise


def relative_errors(denoised_a: Tensor, denoised_b: Tensor, a: Tensor, b: Tensor) -> tuple[float, float]:
    """Relative squared error of f(A) and f(B), and of A and B, told from the pair as in `denoiser.score`; all
    (1, 3, H, W) linear radiance."""
    (far_a, noise), (far_b, _) = _distances(denoised_a, a, b), _distances(denoised_b, b, a)
    error, noise_mean = devices.read((far_a + far_b - noise).mean() / 2, noise.mean())
    return error, noise_mean / 2


def _distances(denoised: Tensor, own: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances of `denoised` and `own` from the other half, over squared brightness, (1, 1, H, W)."""
    brightness = gaussian((own + other).mean(dim=1, keepdim=True) / 2, SMOOTHING)
    weight = (brightness + LOSS_EPSILON).square_().reciprocal_()
    return _mean_square(denoised - other).mul_(weight), _mean_square(own - other).mul_(weight)


def _mean_square(difference: Tensor) -> Tensor:
    return difference.square_().mean(dim=1, keepdim=True)


def _cell_means(values: Tensor) -> Tensor:
    height, width = values.shape[2:]
    padded = F.pad(values, (0, -width % CELL, 0, -height % CELL), mode="replicate")
    return F.avg_pool2d(padded, CELL)
