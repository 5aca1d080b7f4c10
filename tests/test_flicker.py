"""Flicker: none of the truth, all of independent noise, nothing to say of a cut."""

from __future__ import annotations

import math

from fake_renderer import camera_at
from moving_camera import CURVATURE, SIZE, TRUTH, distance, looking, noisy, pattern

from online.flicker import temporal_error


def test_flicker_of_the_truth_is_small_and_of_noise_its_size() -> None:
    last, frame = (TRUTH(camera_at(x, 0.0, SIZE)) for x in (0.0, 0.04))
    assert temporal_error(pattern(frame), frame, pattern(last), last) < CURVATURE
    flicker = temporal_error(noisy(pattern(frame), 1), frame, noisy(pattern(last), 2), last)
    independent = distance(noisy(pattern(frame), 1), noisy(pattern(frame), 2))
    assert 0.6 * independent < flicker < 1.1 * independent  # interpolation between taps averages a little


def test_flicker_without_common_pixels_is_not_a_number() -> None:
    frame, behind = TRUTH(camera_at(0.0, 0.0, SIZE)), TRUTH(looking((0.0, 0.2, 0.0), (3.0, -1.0, -4.0), SIZE))
    assert math.isnan(temporal_error(frame.color, frame, behind.color, behind))
