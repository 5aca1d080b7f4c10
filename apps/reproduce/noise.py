"""The figures gaussian, poisson, bernoulli and brown: noise of zero mean, where L2 on noisy targets finds the mean.

Source: Lehtinen et al. 2018, section 3.1, tables 1 and figure 1, and section 3.2 (Bernoulli).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from apps.reproduce import corruptions, fit, plots
from apps.reproduce.figure import Bench, Figure, Finding, Progress, Row, difference, estimate, per_seed, within
from apps.reproduce.restore import LABELS, VALUES, Corrupted, Corruption, Variant, size, train_variants
from denoiser import paper
from denoiser.loss import loss_l2_masked
from renderer_bridge.frame import Image

NOISY, CLEAN = "noisy targets", "clean targets"

MARGIN_DB = 0.3
"""Trainings count as equal when the interval of their difference lies within this: seeds differ by about as much."""

BANDWIDTHS = (0.0, 1.0, 4.0, 16.0)
"""Standard deviations, in pixels, of the blur in figure brown."""

Random = corruptions.Random


def unmasked(corrupt: Callable[[Image, Random], Image]) -> Corruption:
    """A corruption in which all values count."""
    return lambda image, random: (corrupt(image, random), None)


def masked_l2(prediction: Tensor, batch: fit.Batch, done: float) -> Tensor:
    """Squared difference to the target where it was not masked."""
    return loss_l2_masked(prediction, batch["target"], batch["mask"])


def measure_noisy_and_clean(
    bench: Bench, train: Corruption, test: Corruption, loss: Callable[[Tensor, fit.Batch, float], Tensor] | None = None
) -> Iterator[Progress]:
    """Train on noisy and on clean targets and test on one strength of the noise."""
    noisy = Variant(NOISY, train) if loss is None else Variant(NOISY, train, loss=loss)
    return train_variants(bench, size(bench), [noisy, Variant(CLEAN, train, clean=True)], {"test": test})


def judge_noisy_and_clean(rows: Sequence[Row], claim: str, noisy_db: float, clean_db: float) -> list[Finding]:
    """Are noisy targets as good as clean ones, or better?"""
    noisy, clean = (estimate(list(per_seed(rows, "psnr", variant=name).values())) for name in (NOISY, CLEAN))
    apart = difference(rows, "psnr", "variant", NOISY, CLEAN)
    published = f"{noisy_db:.2f} against {clean_db:.2f} dB"
    given = float(np.mean([row["input_psnr"] for row in rows]))
    ours = f"{noisy} against {clean} dB, difference {apart.text(2, sign=True)} (input {given:.2f})"
    return [Finding(claim, published, ours, within(apart, -MARGIN_DB, np.inf))]


def draw_noisy_and_clean(rows: Sequence[Row], axes: Axes) -> None:
    """PSNR of each photograph under both trainings."""
    plots.bars_by_image(rows, axes, [NOISY, CLEAN])


# ---------------------------------------------------------------------------------------------------------------------
# gaussian, poisson, bernoulli


def gaussian_test(image: Image, random: Random) -> Corrupted:
    """The noise that figures gaussian and red30 are tested on."""
    return corruptions.gaussian(image, random, paper.GAUSSIAN_TEST_SIGMA), None


def _poisson_test(image: Image, random: Random) -> Corrupted:
    return corruptions.poisson(image, random, paper.POISSON_TEST_PEAK), None


def _bernoulli_test(image: Image, random: Random) -> Corrupted:
    return corruptions.bernoulli(image, random, paper.BERNOULLI_TEST_SHARE)


GAUSSIAN = Figure(
    title="Additive Gaussian noise",
    claim="noisy targets train as well as clean ones",
    labels=LABELS,
    values=VALUES,
    measure=lambda bench: measure_noisy_and_clean(bench, unmasked(corruptions.gaussian), gaussian_test),
    judge=lambda rows: judge_noisy_and_clean(
        rows,
        "Gaussian noise, sigma in [0, 50], tested at 25: noisy targets equal clean ones "
        f"(BM3D, published: {paper.GAUSSIAN_BM3D_DB} dB)",
        paper.GAUSSIAN_NOISY_DB,
        paper.GAUSSIAN_CLEAN_DB,
    ),
    draw=draw_noisy_and_clean,
)

POISSON = Figure(
    title="Poisson noise",
    claim="noisy targets train as well as clean ones",
    labels=LABELS,
    values=VALUES,
    measure=lambda bench: measure_noisy_and_clean(bench, unmasked(corruptions.poisson), _poisson_test),
    judge=lambda rows: judge_noisy_and_clean(
        rows,
        "Poisson noise, lambda in [0, 50], tested at 30: noisy targets equal clean ones",
        paper.POISSON_NOISY_DB,
        paper.POISSON_CLEAN_DB,
    ),
    draw=draw_noisy_and_clean,
)

BERNOULLI = Figure(
    title="Multiplicative Bernoulli noise",
    claim="noisy targets train at least as well as clean ones",
    labels=LABELS,
    values=VALUES,
    measure=lambda bench: measure_noisy_and_clean(bench, corruptions.bernoulli, _bernoulli_test, masked_l2),
    judge=lambda rows: judge_noisy_and_clean(
        rows,
        "Pixels lost with p in [0, 0.95] and left out of the loss, tested at 0.5: noisy targets slightly better",
        paper.BERNOULLI_NOISY_DB,
        paper.BERNOULLI_CLEAN_DB,
    ),
    draw=draw_noisy_and_clean,
)


# ---------------------------------------------------------------------------------------------------------------------
# brown


def _bandwidth_name(bandwidth: float) -> str:
    return f"blur {bandwidth:g} px"


def _measure_brown(bench: Bench) -> Iterator[Progress]:
    """One training on noisy targets for each bandwidth, each tested on noise of its own bandwidth on the way."""
    for bandwidth in BANDWIDTHS:

        def corrupt(image: Image, random: Random, bandwidth: float = bandwidth) -> Corrupted:
            return corruptions.brown(image, random, bandwidth), None

        name = _bandwidth_name(bandwidth)
        variants = [Variant(name, corrupt), Variant(f"{name}, clean targets", corrupt, clean=True)]
        yield from train_variants(bench, size(bench, (50, 150, 20_000), curve=8), variants, {name: corrupt})


def _judge_brown(rows: Sequence[Row]) -> list[Finding]:
    """At the end noisy targets are where clean ones are, whatever the blur; half-way they are further behind."""
    findings = []
    steps = sorted({int(row["step"]) for row in rows})
    for bandwidth in BANDWIDTHS:
        name = _bandwidth_name(bandwidth)
        end, early = (
            difference(rows, "psnr", "variant", name, f"{name}, clean targets", step=str(step))
            for step in (steps[-1], steps[len(steps) // 4])
        )
        claim = f"Noise blurred by {bandwidth:g} pixels, its variance restored: noisy targets end where clean ones do"
        ours = f"{end.text(2, sign=True)} dB at the end, {early.text(2, sign=True)} at step {steps[len(steps) // 4]}"
        findings.append(Finding(claim, "slower, same end", ours, within(end, -MARGIN_DB, MARGIN_DB)))
    return findings


BROWN = Figure(
    title="Brown Gaussian noise",
    claim="noise that is correlated between pixels is learned from too, only more slowly",
    labels=LABELS,
    values=VALUES,
    measure=_measure_brown,
    judge=_judge_brown,
    draw=lambda rows, axes: plots.curves(rows, axes, [_bandwidth_name(bandwidth) for bandwidth in BANDWIDTHS]),
)
