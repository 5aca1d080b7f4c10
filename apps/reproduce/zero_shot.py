"""The figure zero-shot: one noisy photograph alone, under every sampler, beside the published table.

Source: Mansour and Heckel, "Zero-Shot Noise2Noise", CVPR 2023; the variants of its sampler and the table of PSNR were
published later, on one sample image. `plus-normalised` is not among them: it is `plus` divided by what its weights
sum to. Each photograph counts as one trial of the interval.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import spearmanr

from apps.reproduce import corruptions, photographs, plots
from apps.reproduce.figure import Bench, Estimate, Figure, Finding, Progress, Row, estimate, within
from apps.reproduce.measures import brenner_gradient, display_psnr, sobel_energy
from apps.reproduce.restore import TEST_SEED, keep_pictures, load_photographs
from denoiser import paper
from denoiser.inference.samplers import SAMPLER_NAMES
from denoiser.inference.zero_shot import ZeroShotConfig, zero_shot
from renderer_bridge.frame import Image

SIGMAS = tuple(paper.ZERO_SHOT_PSNR_DB)
POISSON = "Poisson"
EXTRA = "plus-normalised"
ORDER_AT_LEAST = 0.7
"""Spearman's rank correlation from which the published order counts as held, on each photograph alone: on means over
five of them it is higher."""

NEAR_DB = 1.0
"""How far the normalised sampler may be behind the original for the sum of its weights to be all its fault."""

LABELS, VALUES = (
    ("noise", "image", "sampler"),
    ("psnr", "input_psnr", "sobel", "brenner", "clean_sobel", "clean_brenner"),
)


def _measure(bench: Bench) -> Iterator[Progress]:
    """Every sampler on every photograph; shorter runs take fewer steps on smaller pictures, quick
    ones leave out sigma 50 and 100.
    """
    sigmas = bench.pick(SIGMAS[:1], SIGMAS, SIGMAS)
    side, steps, crop = bench.pick((128, 300, 48), (256, 600, 64), (512, 3000, 128))
    testing = {name: photographs.middle(image, side) for name, image in load_photographs(bench)[1].items()}
    noises = [f"sigma {sigma}" for sigma in sigmas] + [POISSON]
    samplers = (*SAMPLER_NAMES, EXTRA)
    for noise, (index, (name, clean)), sampler in itertools.product(noises, enumerate(testing.items()), samplers):
        if bench.results.has(noise=noise, image=name, sampler=sampler):
            continue
        noisy = _noisy(clean, noise, index)
        found = clean
        for record in zero_shot(noisy, False, ZeroShotConfig(sampler, steps, crop)):
            yield Progress(f"{noise}, {name}, {sampler}", record.step, steps)
            found = found if record.picture is None else record.picture
        bench.results.add([_row(noise, name, sampler, clean, noisy, found)])
        if index == 0:
            keep_pictures(bench.folder / "pictures" / noise, {"clean": clean, "input": noisy, sampler: found})


def _noisy(clean: Image, noise: str, index: int) -> Image:
    random = np.random.default_rng((TEST_SEED, index))
    if noise == POISSON:
        return corruptions.poisson(clean, random, paper.POISSON_TEST_PEAK)
    return corruptions.gaussian(clean, random, float(noise.removeprefix("sigma ")) / 255)


def _row(noise: str, name: str, sampler: str, clean: Image, noisy: Image, found: Image) -> Row:
    return {
        "noise": noise, "image": name, "sampler": sampler,
        "psnr": display_psnr(found, clean), "input_psnr": display_psnr(noisy, clean),
        "sobel": sobel_energy(found), "brenner": brenner_gradient(found),
        "clean_sobel": sobel_energy(clean), "clean_brenner": brenner_gradient(clean),
    }  # fmt: skip


def _mean(rows: Sequence[Row], noise: str, sampler: str, value: str = "psnr") -> Estimate:
    """Over the photographs."""
    return estimate([row[value] for row in rows if row["noise"] == noise and row["sampler"] == sampler])


def _judge(rows: Sequence[Row]) -> list[Finding]:
    findings = []
    for noise in dict.fromkeys(row["noise"] for row in rows):
        found = {sampler: _mean(rows, noise, sampler) for sampler in (*SAMPLER_NAMES, EXTRA)}
        listed = ", ".join(f"{sampler} {each.text(2)}" for sampler, each in found.items())
        published = paper.ZERO_SHOT_PSNR_DB.get(int(noise.removeprefix("sigma "))) if noise != POISSON else None
        findings.append(_order(rows, noise, found, published, listed))
        findings.append(_normalised(rows, noise))
        findings.append(_sharpness(rows, noise))
    return findings


def _order(
    rows: Sequence[Row], noise: str, found: dict[str, Estimate], published: tuple[float, ...] | None, listed: str
) -> Finding:
    """Are the samplers in the published order? On Poisson noise nothing but that it works as well was published."""
    if published is None:
        best = max(SAMPLER_NAMES, key=lambda name: found[name].mean)
        claim = "One picture alone, Poisson noise (lambda 30): the original sampler is best here too"
        return Finding(claim, "does as well", listed, "holds" if best == "original" else "does not hold")
    by_image = [_by_sampler(rows, noise, image) for image in dict.fromkeys(row["image"] for row in rows)]
    correlation = estimate([float(spearmanr(published, psnr).statistic) for psnr in by_image])
    table = ", ".join(f"{name} {value}" for name, value in zip(SAMPLER_NAMES, published, strict=True))
    ours = f"{listed}; rank correlation with the published order {correlation}"
    return Finding(
        f"One picture alone, {noise}: the samplers come in this order", table, ours,
        within(correlation, ORDER_AT_LEAST, np.inf),
    )  # fmt: skip


def _by_sampler(rows: Sequence[Row], noise: str, image: str) -> list[float]:
    """PSNR of a photograph under each sampler, in the order of `SAMPLER_NAMES`."""
    psnr = {row["sampler"]: row["psnr"] for row in rows if row["noise"] == noise and row["image"] == image}
    return [psnr[name] for name in SAMPLER_NAMES]


def _normalised(rows: Sequence[Row], noise: str) -> Finding:
    """Is the sum of its weights all that is wrong with `plus`?"""
    gaps = _paired(rows, noise, EXTRA, "original")
    as_published = _paired(rows, noise, "plus", "original")
    return Finding(
        f"{noise}: the +0.1 sampler, divided by the 1.2 that its weights sum to, is near the original (ours)", "-",
        f"{gaps.text(2, sign=True)} dB; as published, by 1.1, {as_published.text(2, sign=True)}",
        within(gaps, -NEAR_DB, float("inf")),
    )  # fmt: skip


def _paired(rows: Sequence[Row], noise: str, one: str, other: str) -> Estimate:
    """PSNR under one sampler less that under another, photograph by photograph."""
    first, second = (
        {row["image"]: row["psnr"] for row in rows if row["noise"] == noise and row["sampler"] == sampler}
        for sampler in (one, other)
    )
    return estimate([first[image] - second[image] for image in first])


def _sharpness(rows: Sequence[Row], noise: str) -> Finding:
    """Sobel energy and Brenner gradient beside PSNR: do these measures without reference tell the same order?"""
    psnr = [_mean(rows, noise, sampler).mean for sampler in SAMPLER_NAMES]
    parts, agree = [], []
    for value in ("sobel", "brenner"):
        energy = [_mean(rows, noise, sampler, value).mean for sampler in SAMPLER_NAMES]
        agree.append(float(spearmanr(psnr, energy).statistic))
        clean = float(np.mean([row[f"clean_{value}"] for row in rows if row["noise"] == noise]))
        shares = ", ".join(f"{n} {each / clean:.2f}" for n, each in zip(SAMPLER_NAMES, energy, strict=True))
        parts.append(f"{value} over the clean picture's: {shares} (rank correlation with PSNR {agree[-1]:.2f})")
    return Finding(
        f"{noise}: sharpness without a reference tells the better sampler", "-", "; ".join(parts),
        "holds" if min(agree) >= ORDER_AT_LEAST else "does not hold",
    )  # fmt: skip


def _draw(rows: Sequence[Row], axes: Axes) -> None:
    """Mean PSNR of each sampler, ours and published, per noise."""
    samplers = [*SAMPLER_NAMES, EXTRA]
    for noise in dict.fromkeys(row["noise"] for row in rows):
        plots.line(axes, range(len(samplers)), [_mean(rows, noise, sampler) for sampler in samplers], f"ours, {noise}")
        if noise != POISSON:
            published = paper.ZERO_SHOT_PSNR_DB[int(noise.removeprefix("sigma "))]
            color = axes.lines[-1].get_color()  # that of ours: four noises would run out of colors
            axes.plot(range(len(published)), published, "--", marker="x", color=color, label=f"published, {noise}")
    axes.set(xticks=range(len(samplers)), ylabel="PSNR, dB")
    axes.set_xticklabels(samplers, rotation=25, ha="right")
    plots.legend(axes)


ZERO_SHOT = Figure(
    title="One picture alone",
    claim="a network learns from two halves of one noisy picture; how they are made matters",
    labels=LABELS,
    values=VALUES,
    measure=_measure,
    judge=_judge,
    draw=_draw,
    trial="image",
)
