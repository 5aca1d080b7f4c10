"""The figure finite: how far N noisy targets can lead astray. Source: Lehtinen et al. 2018, appendix.

The minimiser of L2 over N targets of one input is their mean, whose squared error is the variance of a target over N.
Measured at its plainest - one number and N draws, the minimiser found by the trainer's Adam as in figure statistics -
and on photographs: the least squares fit of a 5x5 filter to N noisy copies, against the fit to clean ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from apps.reproduce import photographs, plots
from apps.reproduce.corruptions import gaussian
from apps.reproduce.figure import Bench, Figure, Finding, Progress, Row, estimate, within
from apps.reproduce.restore import load_photographs
from apps.reproduce.statistics import LOSSES, minimiser

COUNTS = (1, 4, 16, 64)
SIGMA = 0.2
TRIALS = (40, 100, 200)
NUMBER, FILTER = "one number", "5x5 filter"
FACTOR = 2.0
"""The mean error over the expected one may lie within this factor of 1; from N = 1 to 64 the error falls by 64."""

NUMBER_STEPS = 200
REACH = 2
LABELS, VALUES = ("part", "targets", "seed"), ("error", "expected")


def _measure(bench: Bench) -> Iterator[Progress]:
    patches, clean, noise_free_fit = _filter_problem(bench)
    for count, seed in itertools.product(COUNTS, range(bench.pick(*TRIALS))):
        if not bench.results.has(part=NUMBER, targets=count, seed=seed):
            bench.results.add([_number(count, seed), _filter(patches, clean, noise_free_fit, count, seed)])
            yield Progress(f"{count} targets, trial {seed}", seed + 1, bench.pick(*TRIALS))


def _number(count: int, seed: int) -> Row:
    """Squared distance of the L2 minimiser over `count` fixed targets from their expectation, 0.5."""
    targets = 0.5 + SIGMA * np.random.default_rng((seed, count)).standard_normal(count)
    found = minimiser(LOSSES["L2"], lambda random, n: np.resize(targets, n), seed, NUMBER_STEPS)
    return {"part": NUMBER, "targets": count, "seed": seed, "error": (found - 0.5) ** 2, "expected": SIGMA**2 / count}


def _filter_problem(bench: Bench) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Patches (n, 26) of a noisy photograph, the clean pixels (n,), and the filter (26,) that fits them best."""
    image = photographs.middle(next(iter(load_photographs(bench)[1].values())), 128).mean(axis=2, keepdims=True)
    noisy = gaussian(image, np.random.default_rng(0), SIGMA)[..., 0].astype(np.float64)
    side = 2 * REACH + 1
    windows = np.lib.stride_tricks.sliding_window_view(noisy, (side, side)).reshape(-1, side * side)
    patches = np.concatenate([windows, np.ones((len(windows), 1))], axis=1)
    clean = image[REACH:-REACH, REACH:-REACH, 0].astype(np.float64).ravel()
    return patches, clean, np.linalg.lstsq(patches, clean)[0]


def _filter(
    patches: NDArray[np.float64], clean: NDArray[np.float64], best: NDArray[np.float64], count: int, seed: int
) -> Row:
    """Mean squared distance of the outputs of the filter fitted to `count` noisy copies from those of the best one.

    The mean of the copies fits as they do together, and each of the 26 weights costs variance / (N n): the expectation.
    """
    random = np.random.default_rng((seed, count, 1))
    targets = clean + SIGMA * random.standard_normal((count, clean.size)).mean(axis=0)
    fitted = np.linalg.lstsq(patches, targets)[0]
    error = float(np.mean(np.square(patches @ (fitted - best))))
    expected = SIGMA**2 / count * patches.shape[1] / clean.size
    return {"part": FILTER, "targets": count, "seed": seed, "error": error, "expected": expected}


def _exponent(rows: Sequence[Row], part: str) -> float:
    """Slope of the logarithm of the mean error over that of N."""
    means = [np.mean([row["error"] for row in _of(rows, part, count)]) for count in COUNTS]
    return float(np.polyfit(np.log(COUNTS), np.log(means), 1)[0])


def _of(rows: Sequence[Row], part: str, count: int) -> list[Row]:
    return [row for row in rows if row["part"] == part and row["targets"] == str(count)]


def _judge(rows: Sequence[Row]) -> list[Finding]:
    findings = []
    for part in (NUMBER, FILTER):
        ratio = estimate([row["error"] / row["expected"] for row in rows if row["part"] == part])
        claim = f"N noisy targets: the squared error of the L2 minimiser is variance / N ({part})"
        ours = f"N to the power {_exponent(rows, part):.2f}; {ratio.text(2)} times what is expected"
        findings.append(Finding(claim, "variance / N", ours, within(ratio, 1 / FACTOR, FACTOR)))
    return findings


def _draw(rows: Sequence[Row], axes: Axes) -> None:
    for part in (NUMBER, FILTER):
        trials = [_of(rows, part, count) for count in COUNTS]
        plots.line(axes, COUNTS, [estimate([row["error"] for row in each]) for each in trials], part)
        axes.plot(COUNTS, [each[0]["expected"] for each in trials], "--", label=f"expected, {part}")
    axes.set(xscale="log", yscale="log", xlabel="noisy targets N", ylabel="squared error")
    plots.legend(axes)


FINITE = Figure(
    title="Finitely many noisy targets",
    claim="the error of the minimiser falls as variance / N",
    labels=LABELS,
    values=VALUES,
    measure=_measure,
    judge=_judge,
    draw=_draw,
)
