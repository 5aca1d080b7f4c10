"""Scores: known values by hand, identities, and invariances."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from denoiser import metrics
from renderer_bridge.errors import MissingPackageError
from renderer_bridge.frame import Image

METRICS = {
    "psnr": metrics.psnr,
    "relmse": metrics.relmse,
    "relmse_trimmed": metrics.relmse_trimmed,
    "ssim": metrics.ssim,
    "flip": metrics.flip,
}


def picture(height: int = 24, width: int = 40, seed: int = 0) -> Image:
    """Radiance with bright and dark values, not square."""
    return np.random.default_rng(seed).exponential(0.5, (height, width, 3)).astype(np.float32)


def constant(value: float, height: int = 20, width: int = 30) -> Image:
    return np.full((height, width, 3), value, np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Exact


@pytest.mark.parametrize(("name", "best"), [("psnr", math.inf), ("relmse", 0), ("relmse_trimmed", 0), ("flip", 0)])
def test_equal_pictures_have_the_best_score(name: str, best: float) -> None:
    assert METRICS[name](picture(), picture()) == best


def test_equal_pictures_have_ssim_one() -> None:
    assert metrics.ssim(picture(), picture()) == pytest.approx(1.0, abs=1e-6)  # float32 sums


def test_tone_map_of_one_is_half_to_the_power_of_one_over_gamma() -> None:
    assert metrics.tone_map(constant(1.0))[0, 0, 0] == pytest.approx(0.5 ** (1 / 2.2), rel=1e-6)  # float32


def test_tone_map_takes_negative_radiance_as_black() -> None:
    assert not metrics.tone_map(constant(-3.0)).any()


def test_psnr_by_hand() -> None:
    # T(1/15) = (1/16)^(1/2.2) against T(0) = 0: the error is T itself, everywhere.
    expected = -20 * math.log10((1 / 16) ** (1 / 2.2))
    assert metrics.psnr(constant(1 / 15), constant(0.0)) == pytest.approx(expected, abs=1e-4)  # float32


def test_relmse_by_hand() -> None:
    image = constant(0.5)
    image[0, 0] = 2.5  # one of 600 pixels is off by 2
    assert metrics.relmse(image, constant(0.5)) == pytest.approx(2.0**2 / (0.25 + 0.01) / 600, rel=1e-9)


def test_relmse_divides_by_the_reference_not_by_the_image() -> None:
    assert metrics.relmse(constant(0.0), constant(1.0)) == pytest.approx(1 / 1.01)
    assert metrics.relmse(constant(1.0), constant(0.0)) == pytest.approx(100.0)


def test_relmse_of_a_huge_firefly_is_finite() -> None:
    image = constant(0.0)
    image[3, 4, 1] = 1e30  # its square overflows float32
    assert math.isfinite(metrics.relmse(image, constant(0.0)))


def test_trimming_drops_one_pixel_in_a_thousand() -> None:
    image, reference = constant(0.1, 40, 50), constant(0.0, 40, 50)  # 2000 pixels: the worst 2 are dropped
    image[7, 3], image[30, 49] = 5.0, 9.0
    assert metrics.relmse_trimmed(image, reference) == pytest.approx(1.0, rel=1e-6)  # 0.1^2 / 0.01
    image[0, 0] = 7.0  # a third one stays, the smallest
    assert metrics.relmse_trimmed(image, reference) == pytest.approx((1997 + 25 / 0.01) / 1998, rel=1e-6)


def test_trimming_ranks_whole_pixels_not_single_values() -> None:
    image, reference = constant(0.0, 25, 40), constant(0.0, 25, 40)  # 1000 pixels: one is dropped
    image[0, 0, 0] = 1.0  # 100 / 3 as a pixel
    image[1, 1] = 0.9  # 81 as a pixel, though no single value is the largest
    assert metrics.relmse_trimmed(image, reference) == pytest.approx(100 / 3 / 999, rel=1e-6)


def test_trimming_keeps_a_pixel_of_the_smallest_picture() -> None:
    assert metrics.relmse_trimmed(constant(0.1, 1, 1), constant(0.0, 1, 1)) == pytest.approx(1.0, rel=1e-6)


def test_flip_of_black_and_white_is_nearly_one() -> None:
    # White is T -> 1; LDR-FLIP of black against white is 1 up to its color difference compression (Andersson 2020).
    assert metrics.flip(constant(1e6), constant(0.0)) > 0.9


def test_flip_map_has_the_shape_of_the_picture_and_points_at_the_error() -> None:
    image = constant(0.3)
    image[4:7, 20:23] = 3.0
    error = metrics.flip_map(image, constant(0.3))
    assert error.shape == (20, 30) and error.dtype == np.float32
    row, column = np.unravel_index(error.argmax(), error.shape)
    assert 4 <= row < 7 and 20 <= column < 23


def test_flip_is_the_mean_of_its_map() -> None:
    a, b = picture(seed=1), picture(seed=2)
    mean = metrics.flip_map(a, b).mean(dtype=np.float64)
    assert metrics.flip(a, b) == pytest.approx(mean, rel=1e-4)  # the tool sums in float32


# ---------------------------------------------------------------------------------------------------------------------
# The reference's own noise


def test_reference_noise_by_hand() -> None:
    low, high = constant(0.0), constant(1.0)  # T: 0 and 0.5^(1/2.2)
    assert metrics.reference_noise(low, high) == pytest.approx(0.5 ** (2 / 2.2) / 4, rel=1e-6)


def test_corrected_psnr_finds_the_truth_behind_a_noisy_reference() -> None:
    rng = np.random.default_rng(0)
    truth = constant(1.0, 200, 300)

    def noisy(sigma: float) -> Image:
        return (truth + sigma * rng.standard_normal(truth.shape)).astype(np.float32)

    image, half_a, half_b = noisy(0.05), noisy(0.05), noisy(0.05)
    floor = metrics.reference_noise(half_a, half_b)
    corrected = metrics.psnr_corrected(image, (half_a + half_b) / 2, floor)
    # 180000 values: the mean of squares is known to sqrt(2 / 180000) = 0.3 %, 0.015 dB; five times that is allowed.
    assert corrected == pytest.approx(metrics.psnr(image, truth), abs=0.08)
    assert corrected > metrics.psnr(image, (half_a + half_b) / 2) + 1.0  # 10 log10(3 / 2) = 1.76 dB


def test_the_product_over_two_halves_has_no_floor() -> None:
    rng = np.random.default_rng(0)
    truth = constant(1.0, 200, 300)
    image, half_a, half_b = (
        (truth + s * rng.standard_normal(truth.shape)).astype(np.float32) for s in (0.05, 0.2, 0.2)
    )
    # 180000 products of standard deviation 0.2^2: the mean is known to 1e-4, and 2.5e-3 is what it should be.
    assert metrics.mse_of_halves(image, half_a, half_b) == pytest.approx(0.05**2, abs=4e-4)
    little = (truth + (half_a - truth) / 5, truth + (half_b - truth) / 5)
    assert metrics.relmse_of_halves(image, *little) == pytest.approx(0.05**2 / 1.01, abs=1e-4)
    assert metrics.mse(image, (half_a + half_b) / 2) > 0.02
    tiny = (image + half_a) / 2, half_b
    assert metrics.psnr_of_halves(half_a, *tiny) > metrics.psnr(half_a, half_b)


def test_corrected_psnr_is_infinite_when_the_reference_is_too_noisy_to_tell() -> None:
    assert metrics.psnr_corrected(constant(0.5), constant(0.6), reference_mse=1.0) == math.inf


# ---------------------------------------------------------------------------------------------------------------------
# Properties


@pytest.mark.parametrize("name", METRICS)
def test_more_noise_scores_worse(name: str) -> None:
    reference, noise = picture(seed=3), np.random.default_rng(4).standard_normal((24, 40, 3)).astype(np.float32)
    little, much = METRICS[name](reference + 0.05 * noise, reference), METRICS[name](reference + 0.5 * noise, reference)
    assert little > much if name in ("psnr", "ssim") else little < much


@pytest.mark.parametrize("name", ["psnr", "relmse", "relmse_trimmed", "ssim"])
def test_turning_both_pictures_changes_nothing(name: str) -> None:
    image, reference = picture(seed=5), picture(seed=6)
    turned = METRICS[name](np.ascontiguousarray(image.swapaxes(0, 1)), np.ascontiguousarray(reference.swapaxes(0, 1)))
    assert turned == pytest.approx(METRICS[name](image, reference), rel=1e-5)  # order of float32 sums


@pytest.mark.parametrize("name", METRICS)
def test_inputs_stay_as_they_were(name: str) -> None:
    image, reference = picture(seed=7) - 0.1, picture(seed=8)
    copies = image.copy(), reference.copy()
    METRICS[name](image, reference)
    assert np.array_equal(image, copies[0]) and np.array_equal(reference, copies[1])


def test_measure_gives_every_score() -> None:
    image, reference = picture(seed=9), picture(seed=10)
    halves = picture(seed=11), picture(seed=12)
    scores = metrics.measure(image, reference, halves)
    assert all(getattr(scores, name) == METRICS[name](image, reference) for name in METRICS)
    assert scores.psnr_corrected == metrics.psnr_of_halves(image, *halves)
    assert scores.mse_corrected == metrics.mse_of_halves(image, *halves)
    assert scores.relmse_corrected == metrics.relmse_of_halves(image, *halves)
    assert metrics.measure(image, reference).psnr_corrected is None


@pytest.mark.parametrize("name", METRICS)
def test_other_shapes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one shape"):
        METRICS[name](picture(24, 40), picture(40, 24))


@pytest.mark.parametrize("name", METRICS)
def test_values_that_are_not_finite_are_refused(name: str) -> None:
    broken = picture()
    broken[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        METRICS[name](broken, picture())


@pytest.mark.parametrize(("name", "package"), [("ssim", "skimage.metrics"), ("flip", "flip_evaluator")])
def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"{package}.*n2n-denoiser\[eval\]"):
        METRICS[name](picture(), picture())


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="11x11 pixels, not 30x10"):
        metrics.ssim(constant(0.5, 10, 30), constant(0.5, 10, 30))


def test_lights_are_the_brightest_half_percent() -> None:
    reference = constant(0.1, 20, 40)
    reference[3, 5:9] = 50.0  # four of 800 pixels
    dimmed = reference.copy()
    dimmed[3, 5:9] = 30.0
    dimmed[10] = 7.0  # elsewhere: does not count
    assert metrics.lights(dimmed, reference) == pytest.approx(0.6)
    assert metrics.lights(reference, reference) == 1.0
    assert metrics.lights(reference, constant(0.0, 20, 40)) is None


def test_mse_is_linear() -> None:
    reference = constant(2.0, 20, 40)
    image = reference.copy()
    image[0, 0, 0] += 24.0
    assert metrics.mse(image, reference) == pytest.approx(24**2 / 2400)


def test_coverage_of_normal_errors() -> None:
    """2 standard errors hold 95.4 % of them; 5 standard deviations of 60,000 draws are 0.4 %."""
    random = np.random.default_rng(0)
    truth, error = np.ones((100, 200, 3), np.float32), np.full((100, 200, 3), 0.1, np.float32)
    image = truth + error * random.standard_normal(truth.shape).astype(np.float32)
    assert metrics.error_coverage(image, error, truth) == pytest.approx(0.954, abs=0.004)
    assert metrics.error_coverage(image, error * 0, truth) == 0


def test_the_noise_of_the_reference_is_no_error_where_its_halves_are_there() -> None:
    """Of the median of 800 independent places 5 standard deviations are 0.05; with the noise it is the root of 1.5."""
    random = np.random.default_rng(0)
    noises = (0.1 * random.standard_normal((3, 120, 200, 3))).astype(np.float32)
    image, a, b = 1 + noises
    error = np.full(image.shape, 0.1, np.float32)
    assert metrics.error_ratio(image, error, (a + b) / 2, (a, b)) == pytest.approx(1.0, abs=0.05)
    assert metrics.error_ratio(image, error, (a + b) / 2) == pytest.approx(1.5**0.5, abs=0.05)
