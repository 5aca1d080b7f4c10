"""Luminance and chroma: exact where nothing is subsampled, close where color varies smoothly."""

import numpy as np
import pytest

from renderer_bridge.luminance import REC709, from_rgb, luminance_weights, subsampled, to_rgb, upsampled

HEIGHT, WIDTH = 7, 10


def test_weights_of_rec709_are_those_of_the_standard() -> None:
    # The standard gives four digits: 0.2126, 0.7152, 0.0722.
    np.testing.assert_allclose(luminance_weights(), [0.2126, 0.7152, 0.0722], atol=6e-5)


@pytest.mark.parametrize("bad", [(0.0,) * 8, (0.3, 0.3) * 4, (float("nan"), *REC709[1:])])
def test_chromaticities_that_are_no_colors_are_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="chromaticities"):
        luminance_weights(bad)


def test_colors_come_back() -> None:
    color = np.random.default_rng(0).gamma(1, 2, (HEIGHT, WIDTH, 3)).astype(np.float32)
    color[0, 0] = 0
    weights = luminance_weights()
    # Green is a difference divided by its weight: a few float32 roundings of the largest component.
    np.testing.assert_allclose(to_rgb(*from_rgb(color, weights), weights), color, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sampling", [(1, 1), (2, 2), (1, 2), (3, 2)])
def test_sampling_keeps_size_constants_and_slopes(sampling: tuple[int, int]) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    plane = 1 + rows + 2 * columns
    small = subsampled(plane, sampling)
    assert small.shape == (-(-HEIGHT // sampling[0]), -(-WIDTH // sampling[1]))
    back = upsampled(small, plane.shape, sampling)
    assert back.shape == plane.shape and back.dtype == np.float32
    inner = (slice(sampling[0], -2 * sampling[0]), slice(sampling[1], -2 * sampling[1]))  # the edge repeats itself
    np.testing.assert_allclose(back[inner], plane[inner], rtol=1e-6)
    ones = np.ones_like(plane)
    np.testing.assert_allclose(upsampled(subsampled(ones, sampling), plane.shape, sampling), ones, rtol=1e-6)
