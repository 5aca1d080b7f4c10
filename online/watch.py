"""Watching an online network: is it better than its noisy input, and has it been lost?

The scores watched are relative: squared errors are weighted by 1 / (brightness + 0.01)^2 of the smoothed mean of both
halves, else a lamp would outvote the picture. That costs the estimate its freedom from bias, and matters little for a
comparison in which both sides carry the same weights.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from denoiser.paper import LOSS_EPSILON
from online.reprojection import Mask
from renderer_bridge.frame import Image

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


def runaway(denoised: Image, own: Image, other: Image) -> Mask:
    """Where a denoised half (H, W, 3) has run away from what both noisy halves show, (H, W), in cells of `CELL` pixels.

    `denoised` was made of `own`. A cell counts when its squared distance from the other half is more than twice that of
    `own`, and by more than the picture's own brightness.
    """
    far, noise = (_cell_means(distance) for distance in _distances(denoised, own, other))
    cells = ndimage.binary_dilation(far > RUNAWAY * noise + 1)
    height, width = denoised.shape[:2]
    return np.asarray(cells.repeat(CELL, axis=0).repeat(CELL, axis=1)[:height, :width])


def better_elsewhere(denoised: Image, own: Image, other: Image, away: Mask) -> bool:
    """Whether the denoised half is nearer to the other half than `own` is, in what is left of the picture."""
    far, noise = (distance[~away] for distance in _distances(denoised, own, other))
    return bool(far.size and far.mean() < noise.mean())


def _distances(denoised: Image, own: Image, other: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Squared distances of `denoised` and `own` from the other half, over squared brightness, (H, W)."""
    brightness = ndimage.gaussian_filter((own + other).mean(axis=2) / 2, SMOOTHING)
    weight = 1 / np.square(brightness + LOSS_EPSILON)
    return weight * np.square(denoised - other).mean(axis=2), weight * np.square(own - other).mean(axis=2)


def _cell_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (-(-extent // CELL) * CELL for extent in values.shape)
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])), mode="edge")
    return np.asarray(padded.reshape(height // CELL, CELL, width // CELL, CELL).mean(axis=(1, 3)))


def relative_errors(denoised_a: Image, a: Image, b: Image) -> tuple[float, float]:
    """Relative squared error of f(A) and of A, both estimated from the pair; all (H, W, 3) linear radiance."""
    far, noise = _distances(denoised_a, a, b)
    variance = float(noise.mean()) / 2
    return float(far.mean()) - variance, variance
