"""The figure statistics: L2, L1 and the annealed L0 over noisy targets find their mean, median and mode.

First with one number on distributions whose three are known; then through a network that sees constant pictures most of
whose pixels were replaced. Source: Lehtinen et al. 2018, sections 2 and 3.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor, nn

from apps.reproduce import fit, plots
from apps.reproduce.corruptions import Random
from apps.reproduce.figure import Bench, Figure, Finding, Progress, Row, estimate, within
from apps.reproduce.restore import CENTRE, Size, size
from denoiser.loss import annealed_gamma, loss_l0, loss_l1, loss_l2
from denoiser.networks.unet import UNet
from denoiser.transforms import to_nchw

Loss = Callable[[Tensor, Tensor, float], Tensor]
LOSSES: dict[str, Loss] = {
    "L2": lambda prediction, target, done: loss_l2(prediction, target),
    "L1": lambda prediction, target, done: loss_l1(prediction, target),
    "L0": lambda prediction, target, done: loss_l0(prediction, target, annealed_gamma(done)),
}
"""Prediction, target, share of the steps that is done."""

STATISTIC = {"L2": "mean", "L1": "median", "L0": "mode"}
TOLERANCE = 0.03
"""How far from the true one, of a range of 1, still counts as that; mean, median and mode lie 0.05 or more apart."""

STEPS, SAMPLES, RATE = 1500, 1024, 0.01
CLIP = 0.2
"""Largest gradient: those of L0 go as 1 / |f - y|, whose mean over draws does not settle (Cauchy)."""

RAMP_DOWN = 0.05
"""Share of the steps over which the rate falls at the end: L0 leaves the median only when gamma is small."""

KEPT = 0.3
"""Share of the pixels of a constant picture that keep its value; the others are uniform in [0, 1]."""

VALUES_TESTED = (0.1, 0.2, 0.8, 0.9)


@dataclass(frozen=True)
class Distribution:
    """Targets with known mean, median and mode; `draw` gives n of them."""

    draw: Callable[[Random, int], NDArray[np.float64]]
    mean: float
    median: float
    mode: float


DISTRIBUTIONS: dict[str, Distribution] = {
    "three values": Distribution(
        lambda random, n: random.choice([0.1, 0.3, 0.9], p=[0.4, 0.25, 0.35], size=n), 0.43, 0.3, 0.1
    ),
    "impulse": Distribution(
        lambda random, n: np.where(random.random(n) < KEPT, 0.15, random.random(n)), *(0.395, 0.2 / 0.7, 0.15)
    ),
    "impulse at 90 %": Distribution(
        lambda random, n: np.where(random.random(n) < 0.1, 0.1, random.random(n)), *(0.46, 0.4 / 0.9, 0.1)
    ),
    "gamma": Distribution(lambda random, n: random.gamma(2.0, 0.2, n), 0.4, 0.2 * 1.678347, 0.2),
}
"""Of the three values the mean and the median lie nearer to another than the most frequent one. Nine of ten uniform
values make a hollow of their own in the loss at gamma near 0, around 0.41, with a barrier before the mode. The last is
smooth."""

LABELS, VALUES = ("part", "loss", "seed", "case"), ("found", "mean", "median", "mode")


def constant_statistics(value: float) -> tuple[float, float, float]:
    """Mean, median and mode of the pixels of a constant picture of which `KEPT` are kept."""
    lower, upper = (0.5 - KEPT) / (1 - KEPT), 0.5 / (1 - KEPT)
    return KEPT * value + (1 - KEPT) / 2, min(max(value, lower), upper), value


def minimiser(loss: Loss, draw: Callable[[Random, int], NDArray[np.float64]], seed: int, steps: int = STEPS) -> float:
    """One number that minimises `loss` over samples drawn anew each step, as a network would be trained."""
    random = np.random.default_rng(seed)
    f = torch.tensor(0.5, requires_grad=True)
    optimizer = torch.optim.Adam([f], RATE)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (steps - step) / (RAMP_DOWN * steps))
        optimizer.zero_grad()
        samples = torch.from_numpy(draw(random, SAMPLES)).float()
        loss(f.expand(SAMPLES), samples, step / steps).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([f], CLIP)
        optimizer.step()
    return f.item()


def _measure(bench: Bench) -> Iterator[Progress]:
    yield from _measure_numbers(bench)
    yield from _measure_networks(bench)


def _measure_numbers(bench: Bench) -> Iterator[Progress]:
    """Twice the seeds: a number takes seconds, and where it gets stuck is chance."""
    for (case, law), name, seed in itertools.product(DISTRIBUTIONS.items(), LOSSES, range(2 * bench.seeds)):
        cell = {"part": "number", "loss": name, "seed": seed, "case": case}
        if not bench.results.has(**cell):
            found = minimiser(LOSSES[name], law.draw, seed)
            bench.results.add([cell | {"found": found, "mean": law.mean, "median": law.median, "mode": law.mode}])
            yield Progress(f"{case}, {name}, seed {seed}", 1, 1)


def _measure_networks(bench: Bench) -> Iterator[Progress]:
    sizes = size(bench, (300, 800, 4000), correct=False)
    for name, seed in itertools.product(LOSSES, range(bench.seeds)):
        if bench.results.has(part="network", loss=name, seed=seed):
            continue

        def look(step: int, network: nn.Module, name: str = name, seed: int = seed) -> None:
            if step == sizes.steps and not bench.results.has(part="network", loss=name, seed=seed):
                bench.results.add([_network_row(network, name, seed, value) for value in VALUES_TESTED])

        def loss(prediction: Tensor, batch: fit.Batch, done: float, name: str = name) -> Tensor:
            return LOSSES[name](prediction, batch["target"], done)

        task = fit.Task(lambda: UNet(1, 1), lambda random: _constant_batch(random, sizes), loss, f"constants, {name}")
        run_dir = bench.folder / "runs" / f"{name}-{seed}"
        yield from fit.fit(task, sizes.config(seed), run_dir, f"network, {name}, seed {seed}", look)


def _constant_batch(random: Random, sizes: Size) -> fit.Batch:
    shape = (sizes.batch, sizes.crop // 2, sizes.crop // 2, 1)
    value = random.uniform(0.1, 0.9, (sizes.batch, 1, 1, 1))
    noisy = [np.where(random.random(shape) < KEPT, value, random.random(shape)).astype(np.float32) for _ in range(2)]
    return {name: to_nchw(image) - CENTRE for name, image in zip(("input", "target"), noisy, strict=True)}


def _network_row(network: nn.Module, name: str, seed: int, value: float) -> Row:
    random = np.random.default_rng(int(value * 100))
    shape = (64, 64, 1)
    noisy = np.where(random.random(shape) < KEPT, value, random.random(shape)).astype(np.float32)
    found = float(fit.apply(network, to_nchw(noisy) - CENTRE).mean()) + CENTRE
    mean, median, mode = constant_statistics(value)
    case = f"constant {value:g}"
    return {"part": "network", "loss": name, "seed": seed, "case": case,
            "found": found, "mean": mean, "median": median, "mode": mode}  # fmt: skip


def _judge(rows: Sequence[Row]) -> list[Finding]:
    """One finding a loss; for L0, which may stop at another frequent value, one a distribution."""
    laws = tuple(DISTRIBUTIONS)
    groups = [("number", "L2", laws), ("number", "L1", laws), *(("number", "L0", (law,)) for law in laws)]
    findings = [_finding(rows, part, loss, cases, ", ".join(cases)) for part, loss, cases in groups]
    constants = tuple(dict.fromkeys(row["case"] for row in rows if row["part"] == "network"))
    who = "a network, constant pictures, 70 % of the pixels replaced"
    return findings + [_finding(rows, "network", loss, constants, who) for loss in LOSSES]


def _finding(rows: Sequence[Row], part: str, loss: str, cases: Sequence[str], who: str) -> Finding:
    chosen = [row for row in rows if (row["part"], row["loss"]) == (part, loss) and row["case"] in cases]
    off = estimate(_errors(chosen, STATISTIC[loss]))
    name = "the annealed L0" if loss == "L0" else loss
    claim = f"{name} over noisy targets gives their {STATISTIC[loss]} ({who})"
    return Finding(claim, "-", f"{off.text(3)} from it, of a range of 1", within(off, -TOLERANCE, TOLERANCE))


def _errors(rows: Sequence[Row], statistic: str) -> list[float]:
    """Mean distance to the statistic, for each seed."""
    seeds = dict.fromkeys(row["seed"] for row in rows)
    return [
        float(np.mean([abs(row["found"] - row[statistic]) for row in rows if row["seed"] == seed])) for seed in seeds
    ]


def _draw(rows: Sequence[Row], axes: Axes) -> None:
    """What each loss found against mean, median and mode of the targets."""
    cases = list(dict.fromkeys(row["case"] for row in rows))
    ink = axes.xaxis.label.get_color()
    for statistic, marker in (("mean", "_"), ("median", "|"), ("mode", "x")):
        there = [next(row[statistic] for row in rows if row["case"] == case) for case in cases]
        axes.plot(range(len(cases)), there, marker, color=ink, markersize=11, label=f"true {statistic}")
    for index, name in enumerate(LOSSES):
        chosen = [row for row in rows if row["loss"] == name]
        at = [cases.index(row["case"]) + 0.15 * (index + 1) for row in chosen]
        axes.plot(at, [row["found"] for row in chosen], "o", markersize=4, label=f"{name} found")
    axes.set(xticks=range(len(cases)), ylabel="value")
    axes.set_xticklabels(cases, rotation=20)
    plots.legend(axes)


STATISTICS = Figure(
    title="Mean, median, mode",
    claim="what is minimised over noisy targets decides which of their statistics is learned",
    labels=LABELS,
    values=VALUES,
    measure=_measure,
    judge=_judge,
    draw=_draw,
)
