"""How far a picture is from its reference: PSNR, relMSE, SSIM and FLIP, each with its conventions written down.

SSIM and FLIP need the extra `eval` and raise `MissingPackageError` without it; the others need numpy alone.
All take linear radiance, float32 (H, W, 3), and a converged reference of the same shape. Every convention below was
found by reproducing the figures of the noisy inputs that came with the development images, to all their six digits.

| score | on | convention |
|---|---|---|
| `psnr` | T(image) | T(v) = (v / (1 + v))^(1/2.2), negatives to 0; peak 1; mean over pixels and channels |
| `psnr_corrected` | T(image) | the same after the reference's own error is taken off the squared error |
| `..._corrected` of halves a, b | as above | (image - a)(image - b) in place of the square: no noise floor |
| `relmse` | radiance | (image - reference)^2 / (reference^2 + 0.01), mean over pixels and channels |
| `relmse_trimmed` | radiance | the same, mean over the channels first, without the worst 0.1 % of the pixels |
| `ssim` | T(image) | Gaussian window, sigma 1.5, 11x11, population covariance, per channel, border left out |
| `flip` | T(image) | LDR-FLIP, T(image) taken as sRGB, 67 pixels per degree, mean of the map |

Measuring: Lehtinen et al. 2018, sec. 3.3 (PSNR on tone-mapped pictures).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from denoiser import paper
from renderer_bridge.errors import MissingPackageError
from renderer_bridge.frame import Image

RELMSE_EPSILON = 0.01  # the usual one; it is what reproduces the development figures, 0.001 does not
TRIMMED_SHARE = 0.001  # fireflies: one pixel in a thousand may hold most of a squared error
LIGHTS_SHARE = 0.005  # of the pixels: lamps and windows fill about as much of the development images
SSIM_SIGMA = 1.5  # Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004
ERROR_SIGMA = 3.0
COVERED_ERRORS = 2.0
SSIM_WINDOW = 11  # pixels, of the same source


@dataclass(frozen=True)
class Scores:
    """One picture measured against one reference.

    `psnr` and `psnr_corrected` in dB, higher is better; `ssim` in [-1, 1], higher is better; `relmse`, `relmse_trimmed`
    and `flip` (in [0, 1]) and `mse`, of linear radiance, lower is better; `lights`, 1 is best. What is `corrected` is
    None where the reference's own noise is not known, `lights` where the reference is black.
    """

    psnr: float
    psnr_corrected: float | None
    relmse: float
    relmse_trimmed: float
    ssim: float
    flip: float
    mse: float
    lights: float | None
    relmse_corrected: float | None = None
    mse_corrected: float | None = None


def error_ratio(image: Image, error: Image, reference: Image, halves: tuple[Image, Image] | None = None) -> float:
    """True error over the estimated one, the median over the picture: above 1 the estimate is too small.

    `error` is an estimated standard error (H, W, 3) in linear radiance. Both are root mean squares over the channels
    and a Gaussian of `ERROR_SIGMA` pixels, since one pixel's own error says little of its deviation. With two
    independent `halves` of the reference the true square is the product of the deviations from each, which the
    reference's noise adds nothing to; without, that noise counts as error.
    """
    one, other = halves or (reference, reference)
    squares = (((image - one) * (image - other)).mean(axis=2), np.square(error).mean(axis=2))
    true, told = (ndimage.gaussian_filter(each.astype(np.float64), ERROR_SIGMA) for each in squares)
    return float(np.sqrt(max(np.median(true / np.maximum(told, np.finfo(np.float32).tiny)), 0.0)))


def error_coverage(image: Image, error: Image, reference: Image) -> float:
    """Share of the pixels, channel by channel, whose deviation is at most two estimated standard errors.

    0.954 where deviations are normal and `error` (H, W, 3) is right everywhere. Deviations of the reference count too.
    """
    return float(np.mean(np.abs(image - reference) <= COVERED_ERRORS * error))


def measure(image: Image, reference: Image, halves: tuple[Image, Image] | None = None) -> Scores:
    """All scores of `image`, linear radiance (H, W, 3), against `reference` of the same shape.

    `halves` are two independent renders whose mean the reference is, or None. Raises ValueError when the shapes differ,
    a value is not finite, or the picture is smaller than SSIM's 11x11 window.
    """
    return Scores(
        psnr=psnr(image, reference),
        psnr_corrected=None if halves is None else psnr_of_halves(image, *halves),
        relmse=relmse(image, reference),
        relmse_trimmed=relmse_trimmed(image, reference),
        ssim=ssim(image, reference),
        flip=flip(image, reference),
        mse=mse(image, reference),
        lights=lights(image, reference),
        relmse_corrected=None if halves is None else relmse_of_halves(image, *halves),
        mse_corrected=None if halves is None else mse_of_halves(image, *halves),
    )


def tone_map(radiance: Image) -> Image:
    """T(v) = (v / (1 + v))^(1/2.2), radiance to [0, 1), negatives to 0; Lehtinen et al. 2018, sec. 3.3."""
    v = np.maximum(radiance, 0.0, dtype=np.float32)
    mapped = (v / (1.0 + v)) ** np.float32(1.0 / paper.TONE_MAP_GAMMA)
    return cast(Image, mapped.astype(np.float32, copy=False))


def psnr(image: Image, reference: Image) -> float:
    """Peak signal-to-noise ratio in dB of the tone-mapped pictures, peak 1; infinite for equal pictures.

    Raises ValueError when the shapes differ or a value is not finite. Source: Lehtinen et al. 2018, sec. 3.3.
    """
    return _decibel(_tone_mapped_mse(image, reference))


def psnr_corrected(image: Image, reference: Image, reference_mse: float) -> float:
    """PSNR in dB against the noise-free truth, estimated by taking the reference's own error off the squared error.

    The reference's noise is independent of the image's, so E[(image - reference)^2] is the sum of both. `reference_mse`
    comes from `reference_noise`. Infinite where the reference is too noisy to tell. Raises ValueError as `psnr` does.
    """
    return _decibel(max(_tone_mapped_mse(image, reference) - reference_mse, 0.0))


def reference_noise(half_a: Image, half_b: Image) -> float:
    """Mean squared error, on tone-mapped values, of a reference that is the mean of two independent halves.

    mean[(T(a) - T(b))^2] / 4: half of it is the variance of one half, a quarter that of their mean. Both are linear
    radiance (H, W, 3). Raises ValueError when the shapes differ or a value is not finite.
    """
    return _tone_mapped_mse(half_a, half_b) / 4.0


def mse_of_halves(image: Image, half_a: Image, half_b: Image) -> float:
    """Mean squared error of linear radiance against the truth, mean[(image - a)(image - b)], without bias.

    The halves' noise is independent of each other and of the image's, so it leaves no floor; the estimate may come out
    negative for a picture as good as they are. Raises ValueError as `psnr` does.
    """
    return float(_product(image, half_a, half_b).mean())


def relmse_of_halves(image: Image, half_a: Image, half_b: Image) -> float:
    """`relmse` with the product of `mse_of_halves` over the halves' squared mean.

    That holds the halves' own noise: with 20 % of noise in each half the estimate is off by 0.003, with 5 % by 1e-5.
    """
    truth = (half_a.astype(np.float64) + half_b) / 2
    return float((_product(image, half_a, half_b) / (truth**2 + RELMSE_EPSILON)).mean())


def psnr_of_halves(image: Image, half_a: Image, half_b: Image) -> float:
    """`psnr` in dB with the product of `mse_of_halves` on tone-mapped values; infinite where it is not above 0."""
    return _decibel(max(float(_product(tone_map(image), tone_map(half_a), tone_map(half_b)).mean()), 0.0))


def relmse(image: Image, reference: Image) -> float:
    """Relative mean squared error of linear radiance: mean of (image - reference)^2 / (reference^2 + 0.01).

    Raises ValueError when the shapes differ or a value is not finite. The form is that of Rousselle et al.,
    "Adaptive Sampling and Reconstruction using Greedy Error Minimization", 2011.
    """
    return float(_relative_squared_error(image, reference).mean())


def relmse_trimmed(image: Image, reference: Image) -> float:
    """`relmse` without the worst 0.1 % of the pixels, so that a few fireflies do not decide a comparison.

    A pixel's error is the mean over its channels; floor(0.999 n) of n pixels are kept, at least one. Biased downward:
    for comparisons only. Raises ValueError when the shapes differ or a value is not finite.
    """
    errors = np.sort(_relative_squared_error(image, reference).mean(axis=2), axis=None)  # (H * W,)
    kept = max(int(errors.size * (1.0 - TRIMMED_SHARE)), 1)
    return float(errors[:kept].mean())


def mse(image: Image, reference: Image) -> float:
    """Mean squared error of linear radiance: lights and fireflies rule it. Raises ValueError as `psnr` does."""
    _check(image, reference)
    return float(np.mean((image.astype(np.float64) - reference) ** 2))


def lights(image: Image, reference: Image) -> float | None:
    """Mean radiance of the pixels that are the brightest `LIGHTS_SHARE` of the reference, over the reference's own.

    1 where light sources keep their brightness, which a tone map hides. None where the reference is black there. Raises
    ValueError as `psnr` does.
    """
    _check(image, reference)
    brightness = reference.mean(axis=2)
    brightest = brightness >= np.quantile(brightness, 1 - LIGHTS_SHARE)
    there = float(reference[brightest].mean(dtype=np.float64))
    return float(image[brightest].mean(dtype=np.float64)) / there if there > 0 else None


def ssim(image: Image, reference: Image) -> float:
    """Structural similarity of the tone-mapped pictures in [-1, 1], mean over pixels and channels.

    Gaussian window of sigma 1.5 (11x11), population covariance, data range 1, as Wang et al. 2004. Raises ValueError
    when the shapes differ, a value is not finite, or a side is shorter than 11 pixels.
    """
    similarity: Callable[..., float] = _optional("skimage.metrics").structural_similarity
    _check(image, reference)
    if min(image.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels, not {image.shape[1]}x{image.shape[0]}"
        )
    window = {"gaussian_weights": True, "sigma": SSIM_SIGMA, "use_sample_covariance": False}
    return float(similarity(tone_map(reference), tone_map(image), data_range=1.0, channel_axis=2, **window))


def flip(image: Image, reference: Image) -> float:
    """Mean of `flip_map` in [0, 1] as the FLIP tool itself sums it up; lower is better. Raises ValueError likewise."""
    return _flip(image, reference)[1]


def flip_map(image: Image, reference: Image) -> Image:
    """Perceived difference per pixel, float32 (H, W) in [0, 1], of the tone-mapped pictures flipped back and forth.

    LDR-FLIP (Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", 2020) at 67 pixels per degree,
    the tone-mapped values taken as sRGB. Raises ValueError when the shapes differ or a value is not finite.
    """
    return _flip(image, reference)[0]


def _flip(image: Image, reference: Image) -> tuple[Image, float]:
    """The error map (H, W) and its mean; the default of the tool is 67 pixels per degree."""
    flip_tool = _optional("flip_evaluator")
    _check(image, reference)
    error_map, mean, _ = flip_tool.evaluate(
        tone_map(reference), tone_map(image), "LDR", inputsRGB=True, applyMagma=False
    )
    return np.asarray(error_map, dtype=np.float32).reshape(image.shape[:2]), float(mean)


def _optional(package: str) -> Any:
    """Import a package that only SSIM and FLIP need; slow to load, and not there without the extra `eval`."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"{package}: cannot be loaded ({error}); install it with `pip install n2n-denoiser[eval]`"
        ) from error


def _tone_mapped_mse(image: Image, reference: Image) -> float:
    _check(image, reference)
    difference = tone_map(image).astype(np.float64) - tone_map(reference)
    return float(np.mean(difference**2))


def _product(image: Image, half_a: Image, half_b: Image) -> NDArray[np.float64]:
    """(image - a)(image - b) per value, (H, W, 3), in double precision."""
    _check(image, half_a)
    _check(image, half_b)
    picture = image.astype(np.float64)
    return (picture - half_a) * (picture - half_b)


def _relative_squared_error(image: Image, reference: Image) -> NDArray[np.float64]:
    """Per value, (H, W, 3); in double precision, as float32 squares of fireflies overflow."""
    _check(image, reference)
    truth = reference.astype(np.float64)
    return (image - truth) ** 2 / (truth**2 + RELMSE_EPSILON)


def _decibel(mse: float) -> float:
    return float("inf") if mse == 0.0 else float(-10.0 * np.log10(mse))


def _check(image: Image, reference: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.shape != reference.shape:
        raise ValueError(f"both pictures must have one shape (H, W, 3), not {image.shape} and {reference.shape}")
    if not (np.isfinite(image).all() and np.isfinite(reference).all()):
        raise ValueError("a picture has infinite or NaN values; repair it before measuring")
