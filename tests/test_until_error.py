"""Samples a denoised picture needs: the law through what was seen, and where to look next."""

import numpy as np
import pytest
import torch

from denoiser.devices import pair_on
from denoiser.inference.select import Candidate, noisy_candidate
from denoiser.inference.until_error import (
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
    """Of gray pictures a twentieth too bright; 5 %: the tone map bends, and LOSS_EPSILON is a fiftieth of 0.5."""
    truth = np.random.default_rng(0).uniform(0.5, 4, (80, 120, 1)).repeat(3, axis=2).astype(np.float32)
    wrong = truth * np.float32(1.05)
    true = np.sqrt(np.mean((tone_map(wrong) - tone_map(truth)) ** 2))
    assert told_error(to_nchw(wrong), to_nchw(wrong - truth)) == pytest.approx(true, rel=0.05)


def test_the_told_error_of_a_lit_wall_is_not_that_of_the_lamp_beside_it() -> None:
    """The mean of both halves shows nothing but its own noise, a tenth of the radiance; 10 %: it is that of few pixels,
    and at the lamp's edge a window holds both."""
    random = np.random.default_rng(0)
    truth = np.full((80, 120, 3), 0.5, np.float32)
    truth[:, 60:] = 50
    halves = [(truth * random.gamma(100, 1 / 100, truth.shape)).astype(np.float32) for _ in "ab"]
    pair = pair_on(Pair(*(Frame(half, seed=seed) for seed, half in enumerate(halves))))
    true = np.sqrt(np.mean((tone_map((halves[0] + halves[1]) / 2) - tone_map(truth)) ** 2))
    picture = noisy_candidate(pair)
    assert told_error(picture.color, picture.error) == pytest.approx(true, rel=0.1)


def test_squares_to_expect_are_of_half_the_difference() -> None:
    """0.05 of 2, a half of what the halves differ by, times the tone map's slope."""
    one = torch.full((1, 3, 4, 5), 2.0)
    found = expected_squares(Candidate("scout", one, 0.95 * one, 1.05 * one, one))
    slope = (tone_map(np.array(2.001)) - tone_map(np.array(1.999))) / 0.002
    assert found.shape == (4, 5) and found == pytest.approx((0.1 * slope) ** 2, rel=0.02)  # the slope is at 2.01
