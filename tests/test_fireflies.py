"""Lone bright pixels are held back; edges, textures, lamps and what both halves show are not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from denoiser.inference.fireflies import TIMES, _candidates, _third_brightest, clamp_fireflies
from renderer_bridge.frame import Image

HEIGHT, WIDTH = 24, 33


def flat(value: float = 1.0) -> Image:
    return np.full((HEIGHT, WIDTH, 3), value, np.float32)


@pytest.mark.parametrize("at", [(0, 0), (10, 12), (HEIGHT - 1, 5), (1, WIDTH - 2)])
def test_a_lone_pixel_is_held_to_a_multiple_of_its_neighbours_and_keeps_its_hue(at: tuple[int, int]) -> None:
    color = flat()
    color[at] = [100, 50, 0]
    clamped = clamp_fireflies(color)
    assert clamped.pixels == 1
    np.testing.assert_allclose(clamped.color[at], [TIMES, TIMES / 2, 0], rtol=1e-6)
    # What is left of the pixel is 1.5 TIMES; what was taken is told as a share of all.
    assert clamped.taken == pytest.approx((150 - 1.5 * TIMES) / (150 + 3 * (HEIGHT * WIDTH - 1)), rel=1e-5)
    others = np.ones((HEIGHT, WIDTH), bool)
    others[at] = False
    np.testing.assert_array_equal(clamped.color[others], color[others])


def test_two_fireflies_side_by_side_do_not_excuse_each_other() -> None:
    color = flat()
    color[5, 6], color[5, 7] = 100, 300
    assert clamp_fireflies(color).pixels == 2


def test_edges_lines_and_lamps_stay() -> None:
    color = flat(0.01)
    color[:, 20:] = 5
    color[3:5] = 7  # a line
    color[10:12, 4:6] = 900  # a lamp of four pixels
    clamped = clamp_fireflies(color)
    assert clamped.pixels == 0 and clamped.color is color


def test_what_the_other_half_shows_stays() -> None:
    a, b = flat(), flat()
    a[4, 4] = b[4, 4] = 80  # a star
    a[9, 9] = 80
    clamped = clamp_fireflies(a, b)
    assert clamped.pixels == 1 and clamped.color[4, 4, 0] == 80 and clamped.color[9, 9, 0] == TIMES


def test_black_pictures_are_left_alone() -> None:
    assert clamp_fireflies(flat(0)).pixels == 0


def test_candidates_miss_no_firefly() -> None:
    """The fast test against a plain look at every pixel."""
    bright: NDArray[np.float32] = np.random.default_rng(1).lognormal(0, 2, (HEIGHT, WIDTH)).astype(np.float32)
    rows, columns = np.indices(bright.shape).reshape(2, -1)
    expected = bright[rows, columns] > TIMES * _third_brightest(bright, rows, columns)
    candidates = set(zip(*_candidates(bright, TIMES), strict=True))
    assert expected.sum() > 3
    assert {(y, x) for y, x in zip(rows[expected], columns[expected], strict=True)} <= candidates
    assert len(candidates) < bright.size / 3
