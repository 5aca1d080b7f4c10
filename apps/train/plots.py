"""The pictures in a run folder: loss.png and validation.png."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from denoiser.training.checkpoint import LOG
from denoiser.training.validation import Validation
from denoiser.transforms import to_image, to_nchw, tone_map
from renderer_bridge.atomic import atomic_path
from renderer_bridge.frame import Image

SMOOTHED = 100
"""Points of the loss curve: the loss is averaged over so many equal stretches of the run."""
STRIP_PICTURES = 5
STRIP_SIDE = 256


def plot_log(run_dir: Path) -> None:
    """Draw loss.png from log.csv: the loss, and the error of the held-out views against the step, both logarithmic."""
    log = np.atleast_1d(np.genfromtxt(run_dir / LOG, delimiter=",", names=True))
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.add_subplot(xlabel="step", ylabel="training loss", yscale="log")
    axis.plot(log["step"], log["loss"], color="0.85", linewidth=0.5)
    pieces = [piece for piece in np.array_split(log, min(SMOOTHED, len(log))) if len(piece)]
    axis.plot([p["step"].mean() for p in pieces], [p["loss"].mean() for p in pieces], label="loss, averaged")
    scored = log[np.isfinite(log["pair_mse"])]
    if len(scored):
        other = axis.twinx()
        other.set_ylabel("held-out views: squared error from pairs", color="C1")
        other.errorbar(scored["step"], scored["pair_mse"], scored["standard_error"], color="C1", marker=".", capsize=2)
    axis.legend()
    save_figure(figure, run_dir / "loss.png")


@dataclass
class Strip:
    """The first held-out view over time: noisy, denoised after a few numbers of steps, reference if there is one."""

    pictures: list[tuple[int, Image]] = field(default_factory=list)
    ends: Validation | None = None

    def add(self, step: int, validation: Validation) -> None:
        """Take in one validation; of many, every second is forgotten: the rest cover the whole session."""
        self.ends = validation
        self.pictures.append((step, validation.denoised))
        if len(self.pictures) > 2 * STRIP_PICTURES:
            del self.pictures[1:-1:2]

    def save(self, path: Path) -> None:
        """Write the strip as PNG, tone-mapped."""
        assert self.ends is not None
        chosen = np.unique(np.linspace(0, len(self.pictures) - 1, STRIP_PICTURES).astype(int))
        parts = [("noisy", self.ends.noisy)]
        parts += [(f"step {self.pictures[index][0]}", self.pictures[index][1]) for index in chosen]
        if self.ends.reference is not None:
            parts.append(("reference", self.ends.reference))
        figure = Figure(figsize=(2.6 * len(parts), 2.9), layout="constrained", dpi=100)
        for axis, (title, image) in zip(np.atleast_1d(figure.subplots(1, len(parts))), parts, strict=True):
            axis.imshow(_display(image), interpolation="nearest")
            axis.set_title(title)
            axis.axis("off")
        save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as PNG, atomically and without a window system."""
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _display(image: Image) -> NDArray[np.float32]:
    """The middle of the image, tone-mapped to [0, 1]."""
    top, left = ((extent - STRIP_SIDE) // 2 if extent > STRIP_SIDE else 0 for extent in image.shape[:2])
    window = np.ascontiguousarray(image[top : top + STRIP_SIDE, left : left + STRIP_SIDE])
    return to_image(tone_map(to_nchw(window)))
