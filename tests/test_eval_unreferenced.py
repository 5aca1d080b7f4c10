"""Scores of pairs without a reference: right on average, and differences between methods told from noise."""

from __future__ import annotations

import numpy as np
import pytest

from apps.eval.unreferenced import Comparison, compare, overall
from renderer_bridge.frame import Denoised, Frame, Image, Pair

HEIGHT, WIDTH, SIGMA = 160, 240, 0.5  # 150 blocks, and not square


def truth() -> Image:
    return np.tile(np.linspace(0.5, 1.5, WIDTH, dtype=np.float32)[None, :, None], (HEIGHT, 1, 3))


def pair(seed: int = 0) -> Pair:
    random = np.random.default_rng(seed)
    halves = [truth() + SIGMA * random.standard_normal(truth().shape).astype(np.float32) for _ in "ab"]
    return Pair(Frame(halves[0], seed=1, spp=1), Frame(halves[1], seed=2, spp=1))


def noisy(given: Pair) -> Denoised:
    return Denoised(given.a.color)


def brighter(by: float, given: Pair) -> Denoised:
    """The truth, a little too bright, and a thousandth of the half's own noise."""
    return Denoised(truth() * np.float32(1 + by) + np.float32(1e-3) * (given.a.color - truth()))


def comparison(seed: int = 0) -> Comparison:
    methods = {"noisy": noisy, "off": lambda p: brighter(0.1, p), "twin": lambda p: brighter(0.1001, p)}
    return compare("room", "1spp", pair(seed), methods)[0]


def test_scores_are_squared_errors_and_their_intervals_hold_them() -> None:
    found, wrong = comparison(), float((0.01 * truth() ** 2).mean())
    for name, expected in (("noisy", SIGMA**2), ("off", wrong)):
        score = found.score(name)
        assert abs(score.value - expected) < 1.5 * score.half  # 3 standard errors, one seed
        assert score.half < 0.2 * SIGMA**2


def test_a_real_difference_is_told_and_none_is_not() -> None:
    found = comparison()
    worse = found.difference("noisy", "off")
    assert worse.p < 1e-6 and worse.value > 0
    assert found.difference("off", "noisy").value == pytest.approx(-worse.value)
    twins = found.difference("twin", "off")
    # Two methods that are nearly one: what they have in common is gone, and the interval is far below each one's own.
    assert twins.half < 0.01 * found.score("off").half


def test_the_mean_over_pairs_is_surer() -> None:
    both = overall([comparison(1), comparison(2)])
    assert both.score("off").half < 0.8 * comparison(1).score("off").half  # 1 / sqrt(2), and their spread
    values = [comparison(seed).scores["off"].mse for seed in (1, 2)]
    assert both.scores["off"].mse == pytest.approx(np.mean(values))


def test_pictures_are_the_mean_of_both_halves() -> None:
    given = pair()
    _, pictures = compare("room", "1spp", given, {"noisy": noisy})
    assert np.array_equal(pictures["noisy"], np.float32(0.5) * (given.a.color + given.b.color))
