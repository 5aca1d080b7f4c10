"""The plots of the page, each drawn twice: for a light page and for a dark one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from apps.reproduce.figure import Estimate, Row, estimate, per_seed
from renderer_bridge.atomic import atomic_path

LIGHT, DARK = "figure.png", "figure.dark.png"
CYCLE = {
    LIGHT: ("#2563a8", "#c2572b", "#3d8a4f", "#8a5ea6", "#8c7a2f", "#2b8a8a"),
    DARK: ("#7db3e8", "#f0a27a", "#8fce9d", "#c9a6e0", "#dccb80", "#80d0d0"),
}
INK = {LIGHT: ("#24262b", "#d9dade"), DARK: ("#d8dade", "#3a3d44")}
"""Text and frame, and grid."""


LEGEND_ROW, LEGEND_MARK = 84, 8
"""Letters that a row of a legend has room for, and how many of them a mark and its margins take."""


def write_plots(folder: Path, rows: Sequence[Row], draw: Callable[[Sequence[Row], Axes], None]) -> None:
    """Write `figure.png` and `figure.dark.png`, on transparent ground."""
    for name in (LIGHT, DARK):
        with mpl.rc_context(_style(name)):
            figure = Figure(figsize=(7.2, 4.2), layout="constrained", dpi=150)
            FigureCanvasAgg(figure)
            draw(rows, figure.add_subplot())
            with atomic_path(folder / name) as temporary:
                figure.savefig(temporary, format="png", transparent=True)


def _style(name: str) -> dict[Any, Any]:
    ink, grid = INK[name]
    colored = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(colored, ink),
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=CYCLE[name]),
        "grid.color": grid,
        "legend.frameon": False,
        "font.size": 10.5,
    }


def bars_by_image(rows: Sequence[Row], axes: Axes, variants: Sequence[str], test: str | None = None) -> None:
    """PSNR of each image, one bar a variant, with the interval over the seeds; the noisy input as a line."""
    ends = {variant: _last_step([row for row in rows if row["variant"] == variant]) for variant in variants}
    last = [row for row in rows if row["step"] == ends.get(row["variant"]) and test in (None, row["test"])]
    images = list(dict.fromkeys(row["image"] for row in last))
    width = 0.8 / len(variants)
    ink = axes.xaxis.label.get_color()
    inputs = [float(np.mean([row["input_psnr"] for row in last if row["image"] == image])) for image in images]
    lowest = min(inputs)
    for index, variant in enumerate(variants):
        found = [_over_seeds(last, variant=variant, image=image) for image in images]
        at = np.arange(len(images)) + (index - (len(variants) - 1) / 2) * width
        means, whiskers = [each.mean for each in found], {"ecolor": ink, "capsize": 2}
        bars = axes.bar(at, means, width * 0.92, yerr=_halves(found), error_kw=whiskers, label=variant)
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=7)  # above the whiskers
        lowest = min(lowest, *(each.mean for each in found))
    axes.plot(np.arange(len(images)), inputs, "_", markersize=44, color=ink)
    axes.plot([], [], color=ink, label="input")  # a marker of that length would run into the legend's words
    axes.set(xticks=range(len(images)), xticklabels=images, ylabel="PSNR, dB", ylim=(max(lowest - 4, 0), None))
    legend(axes)


def curves(rows: Sequence[Row], axes: Axes, variants: Sequence[str], label: str = "variant") -> None:
    """PSNR against the step, one line a variant, its interval over the seeds as a band."""
    for variant in variants:
        steps = sorted({int(row["step"]) for row in rows if row[label] == variant})
        found = [
            estimate(list(per_seed(rows, "psnr", **{label: variant, "step": str(step)}).values())) for step in steps
        ]
        line(axes, steps, found, variant)
    axes.set(xlabel="training steps", ylabel="PSNR, dB")
    legend(axes)


def line(axes: Axes, at: Sequence[float], found: Sequence[Estimate], label: str) -> None:
    """Estimates against `at` with their interval as a band."""
    mean = np.array([each.mean for each in found])
    half = _halves(found)
    (drawn,) = axes.plot(at, mean, marker="o", markersize=3.5, label=label)
    axes.fill_between(at, mean - half, mean + half, color=drawn.get_color(), alpha=0.18, linewidth=0)


def legend(axes: Axes) -> None:
    """All that is drawn, above the axes, in as many columns as have room."""
    handles, labels = axes.get_legend_handles_labels()
    columns = next((count for count in range(len(labels), 1, -1) if _width(labels, count) <= LEGEND_ROW), 1)
    axes.figure.legend(handles, labels, loc="outside upper center", ncols=columns)


def _width(labels: Sequence[str], columns: int) -> int:
    """Letters that a legend takes; matplotlib fills columns one after another."""
    parts = np.array_split(np.array([len(label) for label in labels]), columns)
    return sum(int(part.max()) + LEGEND_MARK for part in parts)


def _over_seeds(rows: Sequence[Row], **labels: str) -> Estimate:
    return estimate(list(per_seed(rows, "psnr", **labels).values()))


def _halves(found: Sequence[Estimate]) -> NDArray[np.float64]:
    """Half widths of the intervals, 0 where there is but one value."""
    return np.array([each.half if np.isfinite(each.half) else 0.0 for each in found])


def _last_step(rows: Sequence[Row]) -> str:
    return str(max(int(row["step"]) for row in rows))
