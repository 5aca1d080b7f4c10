"""Scores over samples per pixel, as points of the small line plots on the page of `n2n-eval`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.eval.views import NOISY, Result

WIDTH, HEIGHT = 320, 200
"""Size of a plot in its own units; its margins are the template's."""

PLOTTED = {"psnr": "PSNR, dB", "relmse_trimmed": "trimmed relMSE", "flip": "FLIP"}
LOGARITHMIC = ("relmse_trimmed",)


@dataclass(frozen=True)
class Plot:
    """One score of one scene over samples per pixel: ticks as (place, text), lines as (method, points of SVG)."""

    scene: str
    title: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[tuple[str, str], ...]


def plots(results: Sequence[Result]) -> list[Plot]:
    """A plot for each scene, then the mean of all, and each of the plotted scores; none for fewer than two counts.

    The noisy picture is left out where there are others, which would lie close together beside it.
    """
    results = [result for result in results if result.method != NOISY] or results
    scenes = list(dict.fromkeys(result.scene for result in results))
    groups = {scene: [result for result in results if result.scene == scene] for scene in scenes}
    if len(scenes) > 1:
        groups["all scenes"] = list(results)
    return [
        _plot(scene, score, group)
        for scene, group in groups.items()
        for score in PLOTTED
        if len({result.spp for result in group if result.spp}) > 1
    ]


def _plot(scene: str, score: str, results: Sequence[Result]) -> Plot:
    values: dict[str, dict[int, list[float]]] = {}
    for result in results:
        value = getattr(result.scores, score)
        if result.spp and math.isfinite(value):
            values.setdefault(result.method, {}).setdefault(result.spp, []).append(value)
    means = {method: {spp: statistics.fmean(v) for spp, v in sorted(by.items())} for method, by in values.items()}
    counts = sorted({spp for by in means.values() for spp in by})
    first, octaves = counts[0], math.log2(counts[-1] / counts[0])
    at_x = {spp: WIDTH * math.log2(spp / first) / octaves for spp in counts}
    flat = [value for by in means.values() for value in by.values()]
    low, high = min(flat), max(flat)
    scale = math.log10 if score in LOGARITHMIC and low > 0 else float

    def at_y(value: float) -> float:
        return HEIGHT * (1 - (scale(value) - scale(low)) / ((scale(high) - scale(low)) or 1))

    lines = tuple(
        (method, " ".join(f"{at_x[spp]:.1f},{at_y(value):.1f}" for spp, value in by.items()))
        for method, by in means.items()
    )
    ticks = np.geomspace(low, high, 4) if scale is math.log10 else np.linspace(low, high, 4)
    digits = ".1f" if score == "psnr" else ".2g"
    y_ticks = tuple((at_y(float(tick)), format(float(tick), digits)) for tick in ticks)
    return Plot(scene, PLOTTED[score], tuple((at_x[spp], str(spp)) for spp in counts), y_ticks, lines)
