"""The paper's corruptions of a picture, each a pure function of (image, generator), and how strong it is.

Pictures are float32 (H, W, C), display-referred in [0, 1]; results are not clipped: a clipped target has another mean.
A strength that is not given is drawn for the picture from the paper's range. Source: Lehtinen et al. 2018, sections 3.1
and 3.2, MRI 3.4.
"""

from __future__ import annotations

import functools
import string

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy.optimize import brentq

from denoiser import paper
from renderer_bridge.frame import Image

Random = np.random.Generator
Spectrum = NDArray[np.complex128]

FONT_SIZES = (8, 21)  # pixels; the paper does not say
STRING_LENGTHS = (2, 12)


# ---------------------------------------------------------------------------------------------------------------------
# Added noise   (section 3.1)


def gaussian(image: Image, random: Random, sigma: float | None = None) -> Image:
    """Add white Gaussian noise of standard deviation `sigma`, by default drawn from [0, 50 / 255]."""
    if sigma is None:
        sigma = random.uniform(0.0, paper.GAUSSIAN_LARGEST_SIGMA)
    noisy: Image = (image + sigma * random.standard_normal(image.shape)).astype(np.float32)
    return noisy


def brown(image: Image, random: Random, bandwidth: float, sigma: float = paper.GAUSSIAN_TEST_SIGMA) -> Image:
    """Add Gaussian noise blurred by a Gaussian of `bandwidth` pixels and scaled back to standard deviation `sigma`.

    The blur wraps around. Its variance is exact: the mean of the squared transfer function (Parseval).
    """
    transfer = blur_transfer(image.shape[:2], bandwidth)[..., None]  # (H, W, 1)
    white = np.fft.fft2(random.standard_normal(image.shape), axes=(0, 1))
    noise = np.fft.ifft2(transfer * white, axes=(0, 1)).real / np.sqrt(np.mean(transfer**2))
    noisy: Image = (image + sigma * noise).astype(np.float32)
    return noisy


def blur_transfer(size: tuple[int, ...], bandwidth: float) -> NDArray[np.float64]:
    """Fourier transform (H, W) of a Gaussian of unit sum and standard deviation `bandwidth` that wraps around."""
    y, x = (np.fft.fftfreq(extent) for extent in size)
    return np.exp(-2.0 * (np.pi * bandwidth) ** 2 * (y[:, None] ** 2 + x[None, :] ** 2))


def poisson(image: Image, random: Random, peak: float | None = None) -> Image:
    """Count photons, `peak` on average where the picture is 1, and divide by `peak`; by default from (0, 50]."""
    if peak is None:
        peak = random.uniform(paper.POISSON_SMALLEST_PEAK, paper.POISSON_LARGEST_PEAK)
    return (random.poisson(peak * np.clip(image, 0, None).astype(np.float64)) / peak).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Lost and replaced pixels   (section 3.2 and supplement)


def bernoulli(image: Image, random: Random, p: float | None = None) -> tuple[Image, Image]:
    """Set pixels to 0 with probability `p`, drawn from [0, 0.95] by default; gives picture and mask (H, W, 1)."""
    if p is None:
        p = random.uniform(0.0, paper.REPLACED_LARGEST_SHARE)
    mask = (random.random((*image.shape[:2], 1)) >= p).astype(np.float32)
    return image * mask, mask


def impulse(image: Image, random: Random, p: float | None = None) -> Image:
    """Replace pixels, with probability `p`, by uniformly random colors; by default `p` is drawn from [0, 0.95]."""
    if p is None:
        p = random.uniform(0.0, paper.REPLACED_LARGEST_SHARE)
    replaced = random.random((*image.shape[:2], 1)) < p
    return np.where(replaced, random.random(image.shape, dtype=np.float32), image)


def text(image: Image, random: Random, coverage: float | None = None) -> Image:
    """Write random strings of random size, place and color until `coverage` of the pixels is under ink.

    By default `coverage` is drawn from [0, 0.5]. The last string may go beyond it; ink is not smoothed at its edges.
    """
    if coverage is None:
        coverage = random.uniform(0.0, paper.TEXT_LARGEST_COVERAGE)
    height, width = image.shape[:2]
    result, inked = image.copy(), np.zeros((height, width), bool)
    while inked.mean() < coverage:
        ink = _string_mask(height, width, random)
        result[ink] = random.random(image.shape[2], dtype=np.float32)
        inked |= ink
    return result


def _string_mask(height: int, width: int, random: Random) -> NDArray[np.bool_]:
    letters = list(string.ascii_letters + string.digits)
    words = "".join(random.choice(letters, size=int(random.integers(*STRING_LENGTHS))))
    canvas = Pillow.new("1", (width, height))
    at = (float(random.integers(-width // 4, width)), float(random.integers(-8, height)))
    ImageDraw.Draw(canvas).text(at, words, fill=1, font=_font(int(random.integers(*FONT_SIZES))))
    return np.asarray(canvas)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


# ---------------------------------------------------------------------------------------------------------------------
# Magnetic resonance: few samples of the spectrum   (section 3.4)


def undersampled(image: Image, random: Random, kept: float = paper.MRI_KEPT_SHARE) -> tuple[Image, Spectrum, Image]:
    """Keep a frequency k of a monochrome picture (H, W, 1) with probability p(k) and weigh it with 1 / p(k).

    p(k) = exp(-lambda |k|), with `kept` of all on average. Gives the picture (H, W, 1) of the weighted samples, whose
    expectation is the image; the spectrum (H, W) as sampled, without weights; and the mask (H, W, 1), 1 is sampled.
    Frequencies k and -k, which are conjugate, are kept or lost together.
    """
    spectrum = np.fft.fft2(image[..., 0].astype(np.float64))
    probability = sampling_probability(image.shape[:2], kept)
    mask = _symmetric(random.random(probability.shape)) < probability
    picture = np.fft.ifft2(np.where(mask, spectrum / probability, 0)).real
    return picture[..., None].astype(np.float32), np.where(mask, spectrum, 0), mask[..., None].astype(np.float32)


@functools.lru_cache(maxsize=8)
def sampling_probability(size: tuple[int, int], kept: float) -> NDArray[np.float64]:
    """p(k) = exp(-lambda |k|) (H, W), in the order of the FFT, lambda such that its mean is `kept`."""
    y, x = (np.fft.fftfreq(extent) for extent in size)
    radius = np.hypot(y[:, None], x[None, :])
    falloff = brentq(lambda rate: np.exp(-rate * radius).mean() - kept, 0.0, 1e4)
    return np.asarray(np.exp(-falloff * radius))


def _symmetric(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """One value for k and -k each: that of whichever comes first in memory."""
    mirrored = np.roll(values[::-1, ::-1], (1, 1), axis=(0, 1))
    order = np.arange(values.size).reshape(values.shape)
    return np.where(order <= np.roll(order[::-1, ::-1], (1, 1), axis=(0, 1)), values, mirrored)
