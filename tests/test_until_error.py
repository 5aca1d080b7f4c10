"""Samples a denoised picture needs: the law through what was seen, and where to look next."""

import numpy as np
import pytest
import torch

from denoiser.devices import pair_on
from denoiser.inference.select import Candidate, noisy_candidate
from denoiser.inference.until_error import (
    HIDDEN,
    MOST_AT_ONCE,
    RECENT,
    ErrorPoint,
    expected_squares,
    fit,
    next_spp,
    told_error,
)
from denoiser.metrics import tone_map
from denoiser.transforms import to_nchw
from renderer_bridge.frame import Frame, Pair


def law(spps: list[float], exponent: float = 0.4) -> list[ErrorPoint]:
    return [ErrorPoint(spp, 0.2 * spp**-exponent) for spp in spps]


def test_a_power_law_is_found() -> None:
    found = fit(law([4, 8, 32]))
    assert found is not None
    assert found.exponent == pytest.approx(0.4) and found.scale == pytest.approx(0.2)
    assert found.spp_for(0.02) == pytest.approx(10**2.5)


def test_only_the_last_points_count() -> None:
    points = [ErrorPoint(1, 100.0), *law([2, 4, 8, 16])]
    assert len(points) == RECENT + 1
    found = fit(points)
    assert found is not None and found.exponent == pytest.approx(0.4)


def test_no_law_without_two_points_and_none_that_rises() -> None:
    assert fit(law([4])) is None and fit([ErrorPoint(4, 0.0), ErrorPoint(8, 0.1)]) is None
    rising = fit([ErrorPoint(4, 0.1), ErrorPoint(8, 0.11)])
    assert rising is not None and rising.exponent > 0


def test_the_next_look_is_where_the_goal_is_expected_but_not_far_away() -> None:
    points = law([4, 8])
    assert next_spp(points, points[-1].error * 2**-0.4) == pytest.approx(16)
    assert next_spp(points, 1e-4) == 8 * MOST_AT_ONCE
    assert next_spp(law([4]), law([4])[0].error / 1.5) == pytest.approx(9)  # noise alone: half the power
    assert next_spp(points, points[-1].error * 2) > 8  # always further


def test_the_told_error_is_that_of_the_tone_mapped_picture() -> None:
    """Of a picture that is the same whatever the noise; 6 %: noise of a tenth, averaged over 9,600 pixels, leaves 2."""
    random = np.random.default_rng(0)
    truth = random.uniform(0.5, 4, (80, 120, 3)).astype(np.float32)
    halves = [(truth * random.gamma(100, 1 / 100, truth.shape)).astype(np.float32) for _ in "ab"]
    wrong = truth * np.float32(1.05)
    true = np.sqrt(np.mean((tone_map(wrong) - tone_map(truth)) ** 2))
    color = to_nchw(wrong)
    pair = pair_on(Pair(*(Frame(half, seed=seed) for seed, half in enumerate(halves))))
    told = told_error(Candidate("steady", color, color, color, torch.zeros_like(color)), pair)
    assert told / HIDDEN == pytest.approx(true, rel=0.06)


def test_the_told_error_is_at_least_the_noise_left() -> None:
    """The mean of both halves shows nothing but its own noise: half their difference."""
    random = np.random.default_rng(0)
    halves = [random.gamma(100, 1 / 100, (80, 120, 3)).astype(np.float32) for _ in "ab"]
    pair = pair_on(Pair(*(Frame(half, seed=seed) for seed, half in enumerate(halves))))
    true = np.sqrt(np.mean((tone_map((halves[0] + halves[1]) / 2) - 0.5 ** (1 / 2.2)) ** 2))
    assert true < told_error(noisy_candidate(pair), pair) < 1.5 * true


def test_squares_to_expect_are_of_half_the_difference() -> None:
    """0.05 of 2, a half of what the halves differ by, times the tone map's slope."""
    one = torch.full((1, 3, 4, 5), 2.0)
    found = expected_squares(Candidate("scout", one, 0.95 * one, 1.05 * one, one))
    slope = (tone_map(np.array(2.001)) - tone_map(np.array(1.999))) / 0.002
    assert found.shape == (4, 5) and found == pytest.approx((0.1 * slope) ** 2, rel=0.02)  # the slope is at 2.01
