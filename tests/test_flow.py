"""History by given motion: read where pixels were, kept within what the new picture shows."""

import numpy as np

from online.flow import HISTORY_SHARE, follow_flow

HEIGHT, WIDTH = 20, 33


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), dtype=np.float32)


def still() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH, 2), np.float32)


def test_a_picture_that_moved_is_found_again() -> None:
    """By 3 pixels right and 2 down; where it came from beyond the picture, the new one stays as it is."""
    last = noise(0)
    now = np.roll(last, (2, 3), axis=(0, 1))
    flow = still() + np.array([3, 2], np.float32)
    noisy = now + 0.01 * (noise(1) - 0.5)
    blended = follow_flow(noisy, last, flow)
    inside = np.abs(blended - now)[2:, 3:].mean() / np.abs(noisy - now)[2:, 3:].mean()
    assert abs(inside - (1 - HISTORY_SHARE)) < 0.1  # a third of the noise is left, 0.40 with what is clipped
    np.testing.assert_array_equal(blended[:2], noisy[:2])
    np.testing.assert_array_equal(blended[:, :3], noisy[:, :3])


def test_light_that_has_gone_does_not_stay() -> None:
    now = 0.1 + 0.01 * noise(0)
    bright = np.full_like(now, 5.0)
    assert np.abs(follow_flow(now, bright, still()) - now).max() < 0.03  # two deviations of noise that spans 0.01


def test_nothing_to_follow_changes_nothing() -> None:
    now = noise(0)
    gone = still() + np.float32(1000)
    np.testing.assert_array_equal(follow_flow(now, noise(1), gone), now)
