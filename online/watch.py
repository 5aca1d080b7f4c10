"""Watching an online network: is it better than its noisy input, and has it been lost?

The scores watched are relative: squared errors are weighted by 1 / (brightness + 0.01)^2 of the smoothed mean of both
halves, else a lamp would outvote the picture. That costs the estimate its freedom from bias, and matters little for a
comparison in which both sides carry the same weights.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from denoiser.paper import LOSS_EPSILON
from renderer_bridge.frame import Image

PATIENCE = 12
"""Frames in a row that may be worse than their input before the weights go back."""

GOOD_WITHIN = 1.25
"""Weights are worth keeping when their score, over that of the input, is within this factor of the best seen lately."""

FORGET = 1.02
"""The best ratio grows by this factor a frame: views differ, and an easy one must not set the mark for ever."""

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


def relative_errors(denoised_a: Image, a: Image, b: Image) -> tuple[float, float]:
    """Relative squared error of f(A) and of A, both estimated from the pair; all (H, W, 3) linear radiance."""
    brightness = ndimage.gaussian_filter((a + b).mean(axis=2) / 2, SMOOTHING)
    weight = 1 / np.square(brightness + LOSS_EPSILON)
    variance = float((weight * np.square(a - b).mean(axis=2)).mean()) / 2
    return float((weight * np.square(denoised_a - b).mean(axis=2)).mean()) - variance, variance
