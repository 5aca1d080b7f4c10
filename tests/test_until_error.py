"""Samples a denoised picture needs: the law through what was seen, and where to look next."""

import numpy as np
import pytest

from denoiser.inference.until_error import (
    MOST_AT_ONCE,
    RECENT,
    ErrorPoint,
    fit,
    next_spp,
    told_error,
)
from denoiser.metrics import tone_map
from renderer_bridge.frame import Denoised


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
    """Of errors that are as large as told, and normal: 4 % is 3 standard deviations of 9,600 squares."""
    random = np.random.default_rng(0)
    truth = random.uniform(0.5, 4, (40, 80, 3)).astype(np.float32)
    error = 0.05 * truth
    picture = truth + error * random.standard_normal(truth.shape).astype(np.float32)
    true = np.sqrt(np.mean((tone_map(picture) - tone_map(truth)) ** 2))
    assert told_error(Denoised(picture, error)) == pytest.approx(true, rel=0.04)
    assert told_error(Denoised(np.zeros_like(truth), np.zeros_like(truth))) == 0
