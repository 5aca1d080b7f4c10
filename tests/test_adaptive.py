"""Samples go where the error is, and are as many as were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer_bridge.adaptive import EXPONENT, LEAST, MOST, SIDE, share_of_squares, spread_samples


def test_shares_are_of_the_squares_means() -> None:
    expected = np.zeros((SIDE + 8, 2 * SIDE + 4))
    expected[:SIDE, :SIDE] = 4.0
    expected[SIDE:, 2 * SIDE :] = 2.0  # the square in the corner is 8 x 4 pixels small, and all of it counts
    shares = share_of_squares(expected)
    assert shares.shape == (2, 3)
    assert shares == pytest.approx(np.array([[4.0, 0, 0], [0, 0, 2.0]]) ** EXPONENT)


@given(st.integers(0, 1000), st.integers(1, 16), st.floats(1, 8))
def test_the_mean_is_what_was_asked_for_and_nothing_is_taken_away(seed: int, start: int, growth: float) -> None:
    random = np.random.default_rng(seed)
    shares = random.lognormal(sigma=2, size=(3, 4)) * (random.random((3, 4)) > 0.2)
    held = np.full((3 * SIDE - 5, 4 * SIDE - 9), start, dtype=np.int64)
    spp = start * growth
    for wanted in (spp, 1.2 * spp):
        spread = spread_samples(shares, held, wanted)
        assert (spread >= held).all() and (spread >= int(LEAST * wanted)).all()
        assert (spread <= np.maximum(held, np.ceil(MOST * wanted))).all()
        square = SIDE * SIDE / held.size  # squares change by whole samples, those of equal shares together
        assert (
            wanted - len(shares.ravel()) * square <= spread.mean() <= max(wanted, held.mean(), np.ceil(LEAST * wanted))
        )
        held = spread


def test_samples_are_in_proportion_within_bounds() -> None:
    shares = np.array([[1.0, 2.0, 3.0, 1e-9, 1e9]])
    spread = spread_samples(shares[:, :4], np.full((SIDE, 4 * SIDE), 4), 100)[0, ::SIDE]
    assert spread[3] == LEAST * 100 and spread[1] == pytest.approx(2 * spread[0], abs=1)
    assert spread[2] == pytest.approx(3 * spread[0], abs=2)
    assert spread_samples(shares, np.full((SIDE, 5 * SIDE), 4), 100)[0, -1] == MOST * 100


def test_without_any_error_expected_all_get_the_same() -> None:
    assert (spread_samples(np.zeros((2, 2)), np.ones((40, 50), dtype=np.int64), 7) == 7).all()
