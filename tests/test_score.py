"""The pair score: unbiased, and its standard error calibrated, on a known truth with seeded noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from toy_pairs import noisy, shaded, sphere_normals

from denoiser.score import PairScore, mean_score, pair_mse
from renderer_bridge.frame import Image

REPEATS = 300
Z_LIMIT = 3.29  # two-sided significance 0.001


def denoise(image: Image) -> Image:
    """A crude denoiser that is biased on purpose: a box filter, 3 % too bright."""
    return (1.03 * ndimage.uniform_filter(image, (5, 5, 1))).astype(np.float32)


def one_sided(denoised_a: Image, b: Image, a: Image) -> float:
    """The estimate from f(A) alone."""
    return float(np.square(denoised_a - b).mean() - np.square(a - b).mean() / 2)


@pytest.fixture(scope="module")
def experiment() -> NDArray[np.float64]:
    """Score, its standard error, the estimate from f(A) alone, and the true error, of 300 pairs."""
    truth = shaded(sphere_normals(48, 80))
    rows = []
    for seed in range(REPEATS):
        a, b = noisy(truth, 2 * seed), noisy(truth, 2 * seed + 1)
        halves = denoise(a), denoise(b)
        score = pair_mse(*halves, a, b)
        true = np.mean([np.square(half.astype(np.float64) - truth).mean() for half in halves])
        rows.append((score.mse, score.standard_error, one_sided(halves[0], b, a), true))
    return np.array(rows)


def test_the_score_is_an_unbiased_estimate_of_the_squared_error(experiment: NDArray[np.float64]) -> None:
    difference = experiment[:, 0] - experiment[:, 3]
    z = difference.mean() / (difference.std(ddof=1) / np.sqrt(REPEATS))
    assert abs(z) < Z_LIMIT


def test_the_standard_error_is_calibrated(experiment: NDArray[np.float64]) -> None:
    spread = experiment[:, 0].std(ddof=1)
    stated = np.sqrt(np.square(experiment[:, 1]).mean())
    # The spread itself is known to 1 / sqrt(2 * 300) = 4 %. Differences between bright and dark blocks, which are
    # no noise, make the stated error too large rather than too small.
    assert 0.85 < stated / spread < 2.0


def test_both_halves_tell_it_with_less_noise_than_one(experiment: NDArray[np.float64]) -> None:
    assert experiment[:, 0].std() < experiment[:, 2].std()


def test_fireflies_in_one_half_cancel() -> None:
    truth = shaded(sphere_normals(48, 80))
    a, b = noisy(truth, 1), noisy(truth, 2)
    halves = denoise(a), denoise(b)
    before, alone = pair_mse(*halves, a, b).mse, one_sided(halves[0], b, a)
    b[20, 30] += 50.0  # f(B) is left as it was: of a denoiser that knows a firefly
    assert abs(pair_mse(*halves, a, b).mse - before) < 0.1 * abs(one_sided(halves[0], b, a) - alone)


def test_training_on_the_target_cheats_the_score() -> None:
    truth = shaded(sphere_normals(48, 80))
    a, b = noisy(truth, 1), noisy(truth, 2)
    mean = (a + b) / 2
    assert pair_mse(mean, mean, a, b).mse < 0 < np.square(mean - truth).mean()


def test_ragged_blocks_and_a_single_block() -> None:
    random = np.random.default_rng(0)
    a, b = (random.random((17, 33, 3), dtype=np.float32) for _ in range(2))
    assert pair_mse(a, b, a, b).mse == pytest.approx(np.square(a - b).mean() / 2, rel=1e-5)  # float32 sums
    assert pair_mse(a, b, a, b).standard_error > 0
    a, b = a[:9, :9], b[:9, :9]
    assert np.isnan(pair_mse(a, b, a, b).standard_error)


def test_views_are_averaged_with_errors_in_quadrature() -> None:
    assert mean_score([PairScore(1.0, 0.3), PairScore(3.0, 0.4)]) == PairScore(2.0, pytest.approx(0.25))
