"""The figure red30: the paper's first network beside the U-Net, on Gaussian noise.

Source: Lehtinen et al. 2018, section 3.1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from apps.reproduce import corruptions, plots
from apps.reproduce.figure import Bench, Figure, Finding, Progress, Row, difference, within
from apps.reproduce.noise import CLEAN, MARGIN_DB, NOISY, gaussian_test, unmasked
from apps.reproduce.restore import LABELS, VALUES, Correction, Size, Variant, train_variants
from denoiser.networks.red30 import Red30
from denoiser.networks.unet import UNet

TIMES_FASTER = 5
"""At least so many times shorter must a step of the U-Net be, which trains for so many times the steps; about 10 was
published."""

RED_NOISY, RED_CLEAN, OURS = f"RED30, {NOISY}", f"RED30, {CLEAN}", f"U-Net, {NOISY}, {TIMES_FASTER} times the steps"

SIMILAR_DB = 0.5
TEST = "sigma 25"


def _measure(bench: Bench) -> Iterator[Progress]:
    """A step of RED30 at the size of other figures takes seconds: shorter runs see crops of 32 and few.

    RED30 adds its input to its output; in shorter runs the U-Net does too, for neither learns the picture in so few.
    """
    short = bench.pick(60, 200, 0)
    size = Size(short, 32, 96, 1e-3) if short else Size(20_000, 64, 256, 3e-4)
    corrupt = unmasked(corruptions.gaussian)
    red = [Variant(RED_NOISY, corrupt, build=Red30), Variant(RED_CLEAN, corrupt, clean=True, build=Red30)]
    yield from train_variants(bench, size, red, {TEST: gaussian_test})
    unet = Variant(OURS, corrupt, build=(lambda: Correction(UNet(3))) if short else lambda: UNet(3))
    longer = dataclasses.replace(size, steps=size.steps * TIMES_FASTER)
    yield from train_variants(bench, longer, [unet], {TEST: gaussian_test})


def _judge(rows: Sequence[Row]) -> list[Finding]:
    same = difference(rows, "psnr", "variant", RED_NOISY, RED_CLEAN)
    similar = difference(rows, "psnr", "variant", OURS, RED_NOISY)
    pace = {name: np.mean([row["step_s"] for row in rows if row["variant"] == name]) for name in (RED_NOISY, OURS)}
    faster = float(pace[RED_NOISY] / pace[OURS])
    equal = Finding(
        "RED30: noisy targets equal clean ones", "equal", f"{same.text(2, sign=True)} dB",
        within(same, -MARGIN_DB, np.inf),
    )  # fmt: skip
    alike = Finding(
        "The U-Net, in no more time, is of similar quality", "similar", f"{similar.text(2, sign=True)} dB",
        within(similar, -SIMILAR_DB, np.inf),
    )  # fmt: skip
    speed = Finding(
        "The U-Net trains about ten times faster", "10x", f"{faster:.1f}x (CPU seconds a step)",
        "holds" if faster >= TIMES_FASTER else "does not hold",
    )  # fmt: skip
    return [equal, alike, speed]


RED30 = Figure(
    title="RED30, the paper's first network",
    claim="the network does not matter: noisy targets equal clean ones in a deep one too",
    labels=LABELS,
    values=VALUES,
    measure=_measure,
    judge=_judge,
    draw=lambda rows, axes: plots.bars_by_image(rows, axes, [RED_NOISY, RED_CLEAN, OURS]),
)
