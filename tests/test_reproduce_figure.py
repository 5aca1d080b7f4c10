"""Intervals and verdicts, and what the figures that need no training make of numbers known beforehand."""

import numpy as np
import pytest
import torch

from apps.reproduce import finite, statistics
from apps.reproduce.figure import Estimate, difference, estimate, within, worst
from apps.reproduce.measures import brenner_gradient, display_psnr, sobel_energy


def test_an_interval_is_students() -> None:
    found = estimate([1.0, 2.0, 3.0])
    assert found.mean == 2.0 and found.half == pytest.approx(4.302653 / np.sqrt(3))  # t of 2 degrees of freedom
    assert estimate([5.0]).half == float("inf") and str(estimate([5.0])) == "5.00"
    assert found.text(1, sign=True) == "+2.0 ± 2.5"
    assert Estimate(4.76e7, 1.84e8).text(3) == "4.8e+07 ± 1.8e+08"


def test_a_claim_holds_fails_or_stays_open() -> None:
    assert within(Estimate(0.0, 0.1), -0.3, 0.3) == "holds"
    assert within(Estimate(0.5, 0.1), -0.3, 0.3) == "does not hold"
    assert within(Estimate(0.3, 0.1), -0.3, 0.3) == within(Estimate(0.0, float("inf")), -0.3, 0.3) == "open"
    assert worst(["holds", "open"]) == "open" and worst(["open", "does not hold"]) == "does not hold"


def test_differences_are_paired_by_the_seed_and_averaged_over_images() -> None:
    rows = [
        {"variant": variant, "seed": str(seed), "image": image, "psnr": seed * 10.0 + offset + extra}
        for variant, offset in (("a", 1.0), ("b", 0.0))
        for seed in range(3)
        for image, extra in (("x", -2.0), ("y", 2.0))
    ]
    found = difference(rows, "psnr", "variant", "a", "b")
    assert found.mean == pytest.approx(1.0) and found.half == pytest.approx(0.0, abs=1e-9)


def test_known_statistics_are_those_of_many_draws() -> None:
    for law in statistics.DISTRIBUTIONS.values():
        values = law.draw(np.random.default_rng(0), 200_000)
        assert values.mean() == pytest.approx(law.mean, abs=0.004)  # standard deviations under 0.4: 4 of 200 000
        assert np.median(values) == pytest.approx(law.median, abs=0.004)
    for value in statistics.VALUES_TESTED:
        random = np.random.default_rng(0)
        drawn = np.where(random.random(200_000) < statistics.KEPT, value, random.random(200_000))
        mean, median, mode = statistics.constant_statistics(value)
        assert (drawn.mean(), np.median(drawn)) == (pytest.approx(mean, abs=0.004), pytest.approx(median, abs=0.004))
        assert mode == value


@pytest.mark.parametrize(("loss", "statistic"), [("L2", "mean"), ("L1", "median"), ("L0", "mode")])
def test_each_loss_finds_its_statistic(loss: str, statistic: str) -> None:
    torch.manual_seed(0)
    law = statistics.DISTRIBUTIONS["impulse"]
    found = statistics.minimiser(statistics.LOSSES[loss], law.draw, seed=0)
    assert found == pytest.approx(getattr(law, statistic), abs=0.02)  # 1024 samples of sd 0.3 a step


def test_the_error_of_a_finite_fit_is_what_theory_says() -> None:
    random = np.random.default_rng(0)
    patches = np.concatenate([random.standard_normal((2000, 25)), np.ones((2000, 1))], axis=1)
    clean = patches @ random.standard_normal(26)
    best = np.linalg.lstsq(patches, clean)[0]
    rows = [finite._filter(patches, clean, best, count, seed) for count in (1, 16) for seed in range(40)]
    ratios = [row["error"] / row["expected"] for row in rows]
    assert np.mean(ratios) == pytest.approx(1.0, abs=4 * np.sqrt(2 / 26 / 80))  # chi-squared of 26 degrees, 80 times


def test_psnr_and_sharpness_by_hand() -> None:
    clean = np.full((8, 8, 3), 0.5, np.float32)
    assert display_psnr(clean + 0.1, clean) == pytest.approx(20.0, abs=1e-4)
    assert display_psnr(clean + 9.0, clean) == pytest.approx(-20 * np.log10(0.5))  # clipped to 1
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32)[None, :, None], (8, 8, 3))
    assert brenner_gradient(ramp) == 4.0
    # Slope 1 inside; reflected at the edge, Sobel's differences of two pixels apart see half of it: (6 + 2 / 4) / 8.
    assert sobel_energy(ramp) == pytest.approx(6.5 / 8)
