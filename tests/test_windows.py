"""Windows cover a picture once, begin at multiples, and are seen with what lies around them."""

import numpy as np
import pytest

from denoiser.windows import coarser, windows, with_margin


@pytest.mark.parametrize(("height", "width"), [(1, 1), (203, 135), (64, 200), (31, 33)])
def test_windows_cover_every_pixel_once(height: int, width: int) -> None:
    seen = np.zeros((height, width), int)
    for rows, columns in windows(height, width, 64, 32):
        assert rows.start % 32 == columns.start % 32 == 0
        assert rows.stop - rows.start <= 64 + 32 and columns.stop - columns.start <= 64 + 32
        seen[rows, columns] += 1
    assert (seen == 1).all()


def test_a_margin_ends_at_the_border() -> None:
    picture = np.arange(40 * 50).reshape(40, 50)
    window = slice(0, 20), slice(30, 45)
    seen, inner = with_margin(window, 8, 40, 50)
    assert picture[seen].shape == (28, 28)
    np.testing.assert_array_equal(picture[seen][inner], picture[window])


def test_a_coarser_window_holds_every_sample_that_is_touched() -> None:
    assert coarser((slice(32, 64), slice(0, 45)), 8) == (slice(4, 8), slice(0, 6))
