"""The pair score: unbiased, and its standard error calibrated, on a known truth with seeded noise."""

import numpy as np
import pytest
from scipy import ndimage
from toy_pairs import noisy, shaded, sphere_normals

from denoiser.score import PairScore, mean_score, pair_mse, symmetric_pair_mse
from renderer_bridge.frame import Image

REPEATS = 300
Z_LIMIT = 3.29  # two-sided significance 0.001


def denoise(image: Image) -> Image:
    """A crude denoiser that is biased on purpose: a box filter, 3 % too bright."""
    return (1.03 * ndimage.uniform_filter(image, (5, 5, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def experiment() -> tuple[list[PairScore], list[PairScore], list[float]]:
    truth = shaded(sphere_normals(48, 80))
    one_sided, symmetric, true = [], [], []
    for seed in range(REPEATS):
        a, b = noisy(truth, 2 * seed), noisy(truth, 2 * seed + 1)
        denoised_a, denoised_b = denoise(a), denoise(b)
        one_sided.append(pair_mse(denoised_a, b, a))
        symmetric.append(symmetric_pair_mse(denoised_a, denoised_b, a, b))
        true.append(float(np.square(denoised_a.astype(np.float64) - truth).mean()))
    return one_sided, symmetric, true


@pytest.mark.parametrize("kind", [0, 1])
def test_the_score_is_an_unbiased_estimate_of_the_squared_error(
    experiment: tuple[list[PairScore], list[PairScore], list[float]], kind: int
) -> None:
    difference = np.array([score.mse for score in experiment[kind]]) - np.array(experiment[2])
    z = difference.mean() / (difference.std(ddof=1) / np.sqrt(REPEATS))
    assert abs(z) < Z_LIMIT


def test_the_standard_error_is_calibrated(
    experiment: tuple[list[PairScore], list[PairScore], list[float]],
) -> None:
    for kind in (0, 1):
        spread = np.std([score.mse for score in experiment[kind]], ddof=1)
        stated = np.sqrt(np.mean([score.standard_error**2 for score in experiment[kind]]))
        # The spread itself is known to 1 / sqrt(2 * 300) = 4 %. Differences between bright and dark blocks, which are
        # no noise, make the stated error too large rather than too small.
        assert 0.85 < stated / spread < 2.0


def test_symmetry_lowers_the_noise(experiment: tuple[list[PairScore], list[PairScore], list[float]]) -> None:
    assert np.std([s.mse for s in experiment[1]]) < np.std([s.mse for s in experiment[0]])


def test_training_on_the_target_cheats_the_score() -> None:
    truth = shaded(sphere_normals(48, 80))
    a, b = noisy(truth, 1), noisy(truth, 2)
    assert pair_mse((a + b) / 2, b, a).mse < 0 < np.square((a + b) / 2 - truth).mean()


def test_ragged_blocks_and_a_single_block() -> None:
    random = np.random.default_rng(0)
    a, b = (random.random((17, 33, 3), dtype=np.float32) for _ in range(2))
    expected = np.square(a - b).mean() / 2
    assert pair_mse(a, b, a).mse == pytest.approx(expected, rel=1e-5)  # float32 sums
    assert pair_mse(a, b, a).standard_error > 0
    assert np.isnan(pair_mse(a[:9, :9], b[:9, :9], a[:9, :9]).standard_error)


def test_views_are_averaged_with_errors_in_quadrature() -> None:
    assert mean_score([PairScore(1.0, 0.3), PairScore(3.0, 0.4)]) == PairScore(2.0, pytest.approx(0.25))
