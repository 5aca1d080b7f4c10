"""The figures text and impulse: pixels replaced by something else, where the loss must be chosen by what stays.

Source: Lehtinen et al. 2018, section 3.2 and figures 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from apps.reproduce import corruptions, fit, plots
from apps.reproduce.figure import (
    Bench,
    Estimate,
    Figure,
    Finding,
    Holds,
    Progress,
    Row,
    difference,
    estimate,
    per_seed,
    within,
    worst,
)  # fmt: skip
from apps.reproduce.restore import LABELS, VALUES, Corrupted, Variant, size, train_variants
from denoiser import paper
from denoiser.loss import annealed_gamma, loss_l0, loss_l1
from renderer_bridge.frame import Image

Random = corruptions.Random

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of replaced pixels at which figure impulse is tested."""

NEAR_DB, BELOW_DB = 1.0, 1.0
"""`near` clean targets is within so much; `below` is below by at least so much."""

L0, L1, L2, CLEAN = "L0", "L1", "L2", "clean targets"


def l1(prediction: Tensor, batch: fit.Batch, done: float) -> Tensor:
    """Absolute difference: finds the median."""
    return loss_l1(prediction, batch["target"])


def l0(prediction: Tensor, batch: fit.Batch, done: float) -> Tensor:
    """The annealed L0: finds the mode."""
    return loss_l0(prediction, batch["target"], annealed_gamma(done))


# ---------------------------------------------------------------------------------------------------------------------
# text


def _text(image: Image, random: Random) -> Corrupted:
    return corruptions.text(image, random), None


def _text_test(image: Image, random: Random) -> Corrupted:
    return corruptions.text(image, random, paper.TEXT_TEST_COVERAGE), None


def _measure_text(bench: Bench) -> Iterator[Progress]:
    variants = [Variant(L1, _text, loss=l1), Variant(L2, _text), Variant(CLEAN, _text, clean=True)]
    return train_variants(bench, size(bench), variants, {"text": _text_test})


def _judge_text(rows: Sequence[Row]) -> list[Finding]:
    near = difference(rows, "psnr", "variant", L1, CLEAN)
    below = difference(rows, "psnr", "variant", L2, L1)
    found = [estimate(list(per_seed(rows, "psnr", variant=name).values())) for name in (L1, L2, CLEAN)]
    table = f" (L1 {found[0]}, L2 {found[1]}, clean {found[2]} dB)"
    return [
        Finding(
            "Text over up to half of the pixels, tested at a quarter: L1 on such targets comes near clean ones",
            "near", f"{near.text(2, sign=True)} dB{table}", within(near, -NEAR_DB, float("inf")),
        ),
        Finding(
            "L2 goes towards gray: it is below L1",
            "several dB below", f"{below.text(2, sign=True)} dB", within(below, -float("inf"), -BELOW_DB),
        ),
    ]  # fmt: skip


TEXT = Figure(
    title="Text removal",
    claim="where less than half of the pixels are covered, the median is the picture",
    labels=LABELS,
    values=VALUES,
    measure=_measure_text,
    judge=_judge_text,
    draw=lambda rows, axes: plots.bars_by_image(rows, axes, [L1, L2, CLEAN]),
)


# ---------------------------------------------------------------------------------------------------------------------
# impulse


def _impulse(image: Image, random: Random) -> Corrupted:
    return corruptions.impulse(image, random), None


def _impulse_at(share: float) -> Callable[[Image, Random], Corrupted]:
    return lambda image, random: (corruptions.impulse(image, random, share), None)


def _share_name(share: float) -> str:
    return f"p = {share:g}"


def _measure_impulse(bench: Bench) -> Iterator[Progress]:
    variants = [
        Variant(L0, _impulse, loss=l0), Variant(L1, _impulse, loss=l1), Variant(L2, _impulse),
        Variant(CLEAN, _impulse, clean=True),
    ]  # fmt: skip
    return train_variants(bench, size(bench), variants, {_share_name(share): _impulse_at(share) for share in SHARES})


def _behind(rows: Sequence[Row], loss: str, share: float) -> Estimate:
    """PSNR of noisy targets under a loss less that of clean targets."""
    return difference(rows, "psnr", "variant", loss, CLEAN, test=_share_name(share))


def _judge_impulse(rows: Sequence[Row]) -> list[Finding]:
    below_any: list[tuple[str, str, Sequence[float]]] = [
        ("L1 fails past one half", L1, [share for share in SHARES if share > 0.5]), ("L2 goes gray", L2, SHARES[1:]),
    ]  # fmt: skip
    findings = []
    for claim, loss, shares in below_any:
        gaps = [_behind(rows, loss, share) for share in shares]
        verdict: Holds = worst([within(gap, -float("inf"), -BELOW_DB) for gap in gaps])
        findings.append(Finding(f"Impulse noise: {claim}", "noisy over clean, per p", _listed(shares, gaps), verdict))
    bias = [_behind(rows, L0, share) for share in SHARES]
    first = Finding(
        "Pixels replaced by random colors, p in [0, 0.95]: the annealed L0 has little bias, at 90 % too",
        "noisy over clean, per p",
        _listed(SHARES, bias),
        worst([within(each, -NEAR_DB, float("inf")) for each in bias]),
    )  # fmt: skip
    return [first, *findings]


def _listed(shares: Sequence[float], gaps: Sequence[Estimate]) -> str:
    return "; ".join(f"{gap.text(2, sign=True)} dB at {share:g}" for share, gap in zip(shares, gaps, strict=True))


def _draw_impulse(rows: Sequence[Row], axes: Axes) -> None:
    """The paper's axes: PSNR of noisy targets relative to clean ones, against p."""
    for loss in (L0, L1, L2):
        plots.line(axes, SHARES, [_behind(rows, loss, share) for share in SHARES], loss)
    axes.axhline(0, color=axes.xaxis.label.get_color(), linewidth=0.8)
    axes.set(xlabel="share p of replaced pixels", ylabel="PSNR over clean targets, dB")
    plots.legend(axes)


IMPULSE = Figure(
    title="Random-valued impulse noise",
    claim="where most pixels are replaced at random, the mode is still the picture",
    labels=LABELS,
    values=VALUES,
    measure=_measure_impulse,
    judge=_judge_impulse,
    draw=_draw_impulse,
)
