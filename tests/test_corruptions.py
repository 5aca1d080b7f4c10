"""Each corruption against its analytic mean, variance and correlation; each a function of (image, generator)."""

from collections.abc import Callable

import numpy as np
import pytest

from apps.reproduce import corruptions
from denoiser import paper
from renderer_bridge.frame import Image

RANDOM = np.random.default_rng


def ramp(height: int = 96, width: int = 128) -> Image:
    """A smooth color picture, not square, in [0.1, 0.9]."""
    y, x = np.mgrid[:height, :width]
    return np.stack([0.1 + 0.8 * x / width, 0.1 + 0.8 * y / height, np.full((height, width), 0.4)], -1).astype(
        np.float32
    )


def correlation(noise: np.ndarray, shift: tuple[int, int]) -> float:
    """Correlation of noise (H, W, C) with itself, moved around by (rows, columns)."""
    return float(np.mean(noise * np.roll(noise, shift, (0, 1))) / np.mean(noise**2))


def draws(corrupt: Callable[[Image, np.random.Generator], Image], image: Image, count: int) -> np.ndarray:
    return np.stack([corrupt(image, RANDOM((7, index))) for index in range(count)]).astype(np.float64)


@pytest.mark.parametrize(
    "corrupt",
    [
        corruptions.gaussian, corruptions.poisson, corruptions.impulse, corruptions.text,
        lambda image, random: corruptions.brown(image, random, 3.0),
        lambda image, random: corruptions.bernoulli(image, random)[0],
        lambda image, random: corruptions.undersampled(image[..., :1], random)[0],
    ],
)  # fmt: skip
def test_each_is_a_pure_function_of_image_and_generator(corrupt: Callable[[Image, np.random.Generator], Image]) -> None:
    image = ramp(48, 64)
    before = image.copy()
    one, two, other = corrupt(image, RANDOM(1)), corrupt(image, RANDOM(1)), corrupt(image, RANDOM(2))
    assert np.array_equal(one, two) and not np.array_equal(one, other) and np.array_equal(image, before)
    assert one.dtype == np.float32 and one.shape[:2] == image.shape[:2]


# 36 864 values each; a mean's standard deviation is sigma / 192, a variance's share sqrt(2) / 192 = 0.7 %; 4 of them.


def test_gaussian_has_mean_zero_its_variance_and_no_correlation() -> None:
    noise = corruptions.gaussian(ramp(), RANDOM(0), 0.2) - ramp()
    assert abs(noise.mean()) < 4 * 0.2 / 192 and noise.std() == pytest.approx(0.2, rel=0.015)
    assert abs(correlation(noise, (0, 1))) < 4 / 192 and abs(correlation(noise, (1, 0))) < 4 / 192


def test_gaussian_draws_sigma_evenly_up_to_the_papers() -> None:
    flat = np.zeros((64, 64, 3), np.float32)
    sigmas = np.array([corruptions.gaussian(flat, RANDOM(index)).std() for index in range(300)])
    assert sigmas.max() < paper.GAUSSIAN_LARGEST_SIGMA * 1.03
    assert sigmas.mean() == pytest.approx(
        25 / 255, rel=4 / np.sqrt(3 * 300)
    )  # of a uniform law, sd / mean = 1 / sqrt 3


@pytest.mark.parametrize("bandwidth", [0.0, 1.0, 3.0])
def test_brown_keeps_the_variance_and_correlates_as_a_blur_does(bandwidth: float) -> None:
    image = ramp()
    noise = np.concatenate([corruptions.brown(image, RANDOM(index), bandwidth, 0.1) - image for index in range(8)], 2)
    # Blurred by s, noise has the autocorrelation exp(-d^2 / (4 s^2)); n values count as n / (4 pi s^2) of white noise.
    independent = noise.size / max(4 * np.pi * bandwidth**2, 1)
    assert noise.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * independent))
    for distance in (1, 2, 4):
        expected = np.exp(-(distance**2) / (4 * bandwidth**2)) if bandwidth else 0.0
        for shift in ((0, distance), (distance, 0)):
            # 0.004: at s = 1 the Gaussian, cut at the grid's highest frequency, is not quite one
            assert correlation(noise, shift) == pytest.approx(expected, abs=4 / np.sqrt(independent) + 0.004)


def test_brown_keeps_its_variance_even_at_extreme_blur() -> None:
    """Blurred over more than the picture, noise is one offset for all of it: over many draws of the right variance."""
    image = np.zeros((32, 48, 1), np.float32)
    offsets = draws(lambda picture, random: corruptions.brown(picture, random, 200.0, 0.1), image, 400)
    assert offsets.std(axis=(1, 2)).max() < 1e-3
    assert offsets[:, 0, 0, 0].std() == pytest.approx(0.1, rel=4 / np.sqrt(800))


def test_poisson_has_the_mean_of_the_picture_and_variance_over_peak() -> None:
    image, peak = ramp(), 30.0
    noise = (corruptions.poisson(image, RANDOM(0), peak) - image) / np.sqrt(image / peak)
    assert abs(noise.mean()) < 4 / 192 and noise.var() == pytest.approx(
        1.0, abs=4 * 1.5 / 192
    )  # kurtosis a bit above 3
    assert abs(correlation(noise, (0, 1))) < 4 / 192
    assert abs(correlation(noise, (1, 0))) < 4 / 192
    steps = corruptions.poisson(image, RANDOM(0), peak) * peak
    assert np.allclose(steps, np.rint(steps), atol=1e-4)  # float32 multiples of 1 / 30


def test_poisson_draws_peak_evenly_up_to_the_papers() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    peaks = np.array([0.5 / corruptions.poisson(flat, RANDOM(index)).astype(np.float64).var() for index in range(300)])
    # A variance over 12,288 values is right to 1.3 %, and the mean over 300 peaks to 1 / (sqrt 3 sqrt 300) = 3.3 %.
    assert peaks.max() < paper.POISSON_LARGEST_PEAK * 1.06
    assert peaks.mean() == pytest.approx(paper.POISSON_LARGEST_PEAK / 2, rel=4 * 0.034)


def test_bernoulli_keeps_whole_pixels_with_their_probability() -> None:
    noisy, mask = corruptions.bernoulli(ramp(), RANDOM(0), 0.7)
    assert mask.shape == (96, 128, 1) and set(np.unique(mask)) == {0.0, 1.0}
    assert np.array_equal(noisy, ramp() * mask)
    assert mask.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / mask.size))
    assert mask.var() == pytest.approx(0.21, abs=4 * 0.4 * np.sqrt(0.21 / mask.size))  # as m (1 - m) goes with m
    for shift in ((0, 1), (1, 0)):
        assert abs(correlation(mask - mask.mean(), shift)) < 4 / np.sqrt(mask.size)


@pytest.mark.parametrize("replace", [lambda flat, random: corruptions.bernoulli(flat, random)[0], corruptions.impulse])
def test_shares_of_lost_and_replaced_pixels_are_drawn_evenly_up_to_the_papers(
    replace: Callable[[Image, np.random.Generator], Image],
) -> None:
    flat = np.full((64, 64, 3), 0.3, np.float32)
    shares = np.array([(replace(flat, RANDOM(index)) != flat).any(axis=2).mean() for index in range(300)])
    assert shares.max() < paper.REPLACED_LARGEST_SHARE + 4 * np.sqrt(0.05 / 4096)
    assert shares.mean() == pytest.approx(paper.REPLACED_LARGEST_SHARE / 2, rel=4 / np.sqrt(3 * 300))


def test_impulse_has_the_mean_variance_and_mode_of_its_mixture() -> None:
    image, p = np.full((96, 128, 3), 0.2, np.float32), 0.9
    noisy = corruptions.impulse(image, RANDOM(0), p).astype(np.float64)
    replaced = (noisy != image).all(axis=2)
    assert replaced.mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / replaced.size))
    assert np.array_equal(noisy[~replaced], image[~replaced])
    variance = p / 3 + (1 - p) * 0.04 - (p / 2 + (1 - p) * 0.2) ** 2
    assert noisy.mean() == pytest.approx(p / 2 + (1 - p) * 0.2, abs=4 * np.sqrt(variance / noisy.size))
    assert noisy.var() == pytest.approx(variance, rel=0.03)
    counts = np.histogram(noisy, 100, (0, 1))[0]
    assert counts.argmax() == 20 and counts.max() > 5 * np.median(counts)  # 0.1 in one bin against 0.009
    added = noisy - noisy.mean()
    assert abs(correlation(added, (0, 1))) < 4 / 192 and abs(correlation(added, (1, 0))) < 4 / 192
    # A pixel is replaced in all channels or in none, by three independent values: they share p (1 - p) (1/2 - 0.2)^2.
    shared = np.cov(noisy.reshape(-1, 3).T)[0, 1]
    assert shared == pytest.approx(p * (1 - p) * 0.3**2, abs=4 * variance / np.sqrt(replaced.size))


def test_text_covers_what_it_should_in_whole_letters_of_one_color() -> None:
    image = ramp(128, 160)
    noisy = corruptions.text(image, RANDOM(3), 0.25)
    inked = (noisy != image).any(axis=2)
    assert 0.25 <= inked.mean() < 0.35  # the last string may go beyond
    assert len(np.unique(noisy[inked], axis=0)) < 200  # a color a string, not a pixel
    shares = [(corruptions.text(image, RANDOM(index)) != image).any(axis=2).mean() for index in range(40)]
    assert min(shares) < 0.15 and 0.35 < max(shares) < 0.6


def test_ink_has_the_mean_and_variance_of_uniform_colors_and_letters_hang_together() -> None:
    image, count = np.full((48, 64, 3), 2.0, np.float32), 400
    noisy = draws(lambda picture, random: corruptions.text(picture, random, 0.25), image, count)
    inked = (noisy != 2.0).any(axis=-1)  # (count, H, W)
    means = np.array([picture[ink].mean() for picture, ink in zip(noisy, inked, strict=True)])
    # Colors are uniform: mean 1/2, second moment 1/3. Pictures are independent, and their own spread tells the error.
    seconds = np.array([np.square(picture[ink]).mean() for picture, ink in zip(noisy, inked, strict=True)])
    for found, wanted in ((means, 1 / 2), (seconds, 1 / 3)):
        assert found.mean() == pytest.approx(wanted, abs=4 * found.std() / np.sqrt(count))
    # Letters are strokes, at least a pixel wide: beside ink there is more ink than the share of it, far away there is
    # not much more; and beside ink of a color there is mostly ink of that color, where no string crosses another.
    beside, far = inked[:, :, 1:] & inked[:, :, :-1], inked[:, :, 32:] & inked[:, :, :-32]
    assert beside.mean() > 2 * inked.mean() ** 2 and far.mean() < 1.3 * inked.mean() ** 2
    same = (noisy[:, :, 1:] == noisy[:, :, :-1]).all(axis=-1)
    assert (same & beside).sum() > 0.5 * beside.sum()


# Magnetic resonance


def brain(height: int = 32, width: int = 48) -> Image:
    y, x = np.mgrid[:height, :width]
    return np.exp(-((y - 15) ** 2 + (x - 20) ** 2) / 60)[..., None].astype(np.float32) - np.float32(0.5)


@pytest.mark.parametrize("kept", [0.1, 0.3])
def test_k_space_is_sampled_as_often_as_asked_and_falls_off_exponentially(kept: float) -> None:
    probability = corruptions.sampling_probability((32, 48), kept)
    assert probability.mean() == pytest.approx(kept, rel=1e-6) and probability[0, 0] == 1.0
    radius = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(48)[None, :])
    rates = -np.log(probability[radius > 0]) / radius[radius > 0]
    assert np.ptp(rates) < 1e-6 * rates.mean()
    masks = np.stack([corruptions.undersampled(brain(), RANDOM(index), kept)[2][..., 0] for index in range(400)])
    # Each of 1536 frequencies within 4.5 standard deviations: of all, one fails in a hundred draws of the seed.
    assert np.all(np.abs(masks.mean(0) - probability) < 4.5 * np.sqrt(probability * (1 - probability) / 400) + 1e-9)


def test_the_expectation_of_k_space_is_the_full_spectrum() -> None:
    image, count = brain(), 3000
    pictures = draws(lambda picture, random: corruptions.undersampled(picture, random, 0.3)[0], image, count)[..., 0]
    spectra = np.fft.fft2(pictures)
    full = np.fft.fft2(image[..., 0].astype(np.float64))
    probability = corruptions.sampling_probability((32, 48), 0.3)
    error = np.abs(full) * np.sqrt((1 / probability - 1) / count)  # of the mean, of a weighted coin
    # 4.5 of them for 1536 frequencies, as above; 1e-4 for float32 pictures.
    assert np.all(np.abs(spectra.mean(0) - full) < 4.5 * error + 1e-4)
    # Samples scatter as weighted coins do, whose fourth moment is at most |F|^4 / p^3, and frequencies that are not
    # conjugate scatter independently.
    scatter = spectra - full
    wanted = np.abs(full) ** 2 * (1 / probability - 1)
    spread = np.abs(full) ** 2 * probability**-1.5 / np.sqrt(count)
    assert np.all(np.abs(np.mean(np.abs(scatter) ** 2, axis=0) - wanted) < 4.5 * spread + 1e-4)
    shared = np.mean(scatter[:, 1, 2] * np.conj(scatter[:, 2, 3]))
    assert abs(shared) < 4 * np.sqrt(wanted[1, 2] * wanted[2, 3] / count)


def test_what_was_sampled_is_kept_unweighted_and_the_picture_is_real() -> None:
    image = brain()
    picture, spectrum, mask = corruptions.undersampled(image, RANDOM(5), 0.2)
    full = np.fft.fft2(image[..., 0].astype(np.float64))
    assert np.array_equal(spectrum[mask[..., 0] > 0], full[mask[..., 0] > 0]) and not spectrum[mask[..., 0] == 0].any()
    mirrored = np.roll(mask[::-1, ::-1], (1, 1), (0, 1))
    assert np.array_equal(mask, mirrored)  # k and -k together: nothing imaginary is thrown away
    weighted = spectrum / corruptions.sampling_probability((32, 48), 0.2)
    assert np.allclose(np.fft.ifft2(weighted).imag, 0, atol=1e-12) and picture.shape == image.shape
