"""Whether the noise is what a denoiser needs: of its own in every pixel, of its own in each half, and of a known size.

Of a pair the difference D = A - B is noise alone, and swapping the halves turns its sign: whatever the scene, the
signs of D at two pixels agree as often as not. That makes the tests of neighbouring pixels exact. Of a single frame,
and where both halves are held against each other, the picture itself has to be told from the noise: that is done by
comparing the finest details with those of twice the size. White noise has the same power in both; pictures and
filtered noise have less in the finest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.check.finding import Finding, normal_tail, sign_test
from renderer_bridge.check.patches import details, patches, power
from renderer_bridge.frame import Frame, Pair

Signs = NDArray[np.float64]
"""Signs of D in patches, (N, 16, 16): -1, 0 or 1."""

LEAST_PATCHES = 12
"""Fewer patches of use say nothing: no picture is judged by them."""

FAR = 4
"""Distance in pixels beyond every film filter in use: noise that is still alike there was smoothed by a denoiser."""

NEIGHBOURS_ALIKE = 0.08
"""Mean product of the signs of D at neighbouring pixels. Sound pairs: -0.01 to 0.01; tent, Mitchell and Gaussian
filter: 0.16 to 0.26; denoised halves: 0.45 and more."""

FAR_ALIKE = 0.08
"""The same at distance `FAR`. Sound or filtered: -0.01 to 0.01; denoised: 0.18 to 0.56."""

HALVES_UNLIKE = 0.15
"""Mean sign of D. Sound pairs: at most 0.01; denoised ones up to 0.12; half as bright again: 0.3 and more."""

HALVES_ALIKE = 0.3
"""Lower quartile, over patches, of the mean product of the signs of details in A and in B. Sound pairs: up to 0.16
(textures without an albedo that tells of them); halves that share half of the samples: 0.46 and more."""

WHITE = 0.9
"""Amplitude of the finest details over those of twice the size from which a patch shows noise rather than picture."""

LEAST_DETAIL = 5e-4
"""Amplitude of the finest details, over the mean radiance, under which there is no noise to judge: rounding to half
floats makes 1e-4 to 3e-4."""

LEAST_ALBEDO = 0.03
"""Sum of the three channels of an albedo that is more than black."""

TEXTURE = 2.0
"""How many times the relative details of albedo those of color must have to be noise."""

LEAST_DIFFERENT = 0.1
"""Share of the lit patches in which the halves of a pair must differ: a stamp in one of them is no noise."""

LEAST_SHARE = 0.25
"""Share of these patches that must show noise: where a render has none at all, edges are left, which look filtered."""

NOT_WHITE, SMOOTHED = 0.78, 0.5
"""Upper quartile over patches of that ratio of amplitudes in a single frame, and its median. Sound frames: 0.84 to 1.1;
filtered: 0.5 to 0.73, medians 0.5 to 0.7; denoised: 0.4 to 0.65, medians 0.3 to 0.42."""

NOISE_SEEN = (0.02, 5.0)
"""Relative noise of a pixel, median over patches, of what the shipped weights were trained on (1 to 32 spp)."""

FILTERED_TEXT = (
    "the noise of neighbouring pixels is alike, as after a film filter wider than a pixel: render with a box filter of "
    'one pixel (Mitsuba: <rfilter type="box"/>; Arnold: box_filter, width 1; V-Ray: image filter off; Cycles and '
    "pbrt-v4 sample their filter and need no change)"
)
DENOISED_TEXT = (
    "the noise is smooth over many pixels, as a denoiser leaves it: switch off the renderer's denoiser, or give its "
    "noisy layer (Cycles: Denoise off, or the pass Noisy Image; Arnold: no noice and no OptiX imager; V-Ray: the "
    "beauty instead of effectsResult)"
)
SAME_TEXT = (
    "both halves have the same noise: render them with different seeds (Cycles: Sampling > Advanced > Seed; Mitsuba: "
    "-s or the argument seed; pbrt: --seed; Arnold: AA_seed)"
)
UNLIKE_TEXT = (
    "one half is brighter than the other almost everywhere: render both with the same exposure, samples per pixel, "
    "lights and frame, and only the seed different"
)
LOUD_TEXT = (
    "the noise is more than {most:g} times the radiance itself, more than the weights were trained on: render more "
    "samples per pixel"
)
QUIET_TEXT = (
    "the noise is less than {least:.2g} % of the radiance, less than the weights were trained on: there is little to "
    "gain and detail to lose; give both halves of a pair, or keep the render"
)


def check_pair_noise(pair: Pair, seen: tuple[float, float] = NOISE_SEEN) -> list[Finding]:
    """Tests of what the noise of both halves has in common, and of its size."""
    a, b = (patches(half.color).sum(axis=3) for half in (pair.a, pair.b))
    same = _same_noise(a, b, pair.a)
    signs = np.sign(a - b)
    lit = (a + b).any(axis=(1, 2))
    if same.alarm or signs.any(axis=(1, 2)).sum() < max(LEAST_PATCHES, LEAST_DIFFERENT * lit.sum()):
        return [same]
    findings = [same, _unlike(signs), _neighbours("denoised", signs, FAR, FAR_ALIKE, DENOISED_TEXT)]
    if not findings[-1].alarm:
        findings.append(_neighbours("filter", signs, 1, NEIGHBOURS_ALIKE, FILTERED_TEXT))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.sqrt(np.square(a - b).mean(axis=(1, 2)) / 2) / ((a + b).mean(axis=(1, 2)) / 2)
    return [*findings, _level(relative, seen)]


def check_frame_noise(frame: Frame, seen: tuple[float, float] = NOISE_SEEN) -> list[Finding]:
    """Tests of the noise of a single frame, as far as it can be told from the picture."""
    shown = _noise_of(frame)
    if shown is None:
        return []
    smoothed = bool(np.median(shown.ratio) < SMOOTHED)
    name, text = ("denoised", DENOISED_TEXT) if smoothed else ("filter", FILTERED_TEXT)
    p_value = sign_test(int((shown.ratio < NOT_WHITE).sum()), shown.ratio.size)
    spectrum = Finding(name, float(np.quantile(shown.ratio, 0.75)), NOT_WHITE, "below", p_value, text)
    return [spectrum] if spectrum.alarm else [spectrum, _level(shown.relative, seen)]


# ---------------------------------------------------------------------------------------------------------------------
# Of a pair


def _neighbours(name: str, signs: Signs, distance: int, threshold: float, text: str) -> Finding:
    """Mean product of the signs of D at pixels `distance` apart, along rows and columns: uncorrelated coin tosses."""
    products = [signs[:, :, distance:] * signs[:, :, :-distance], signs[:, distance:] * signs[:, :-distance]]
    total = sum(float(each.sum()) for each in products)
    trials = sum(int(np.count_nonzero(each)) for each in products)
    p_value = normal_tail(total / math.sqrt(trials)) if trials else 1.0
    return Finding(name, total / max(trials, 1), threshold, "above", p_value, text)


def _unlike(signs: Signs) -> Finding:
    """How much more often one half is the brighter one."""
    trials = int(np.count_nonzero(signs))
    total = abs(float(signs.sum()))
    p_value = 2 * normal_tail(total / math.sqrt(trials)) if trials else 1.0
    return Finding("halves differ", total / max(trials, 1), HALVES_UNLIKE, "above", p_value, UNLIKE_TEXT)


def _same_noise(a: NDArray[np.float64], b: NDArray[np.float64], frame: Frame) -> Finding:
    """Whether the finest details of B repeat those of A where A shows noise. A alone chooses the patches."""
    shown = _noise_of(frame)
    white = np.zeros(0, np.int64) if shown is None else shown.places[shown.ratio > WHITE]
    alike = (np.sign(details(a[white], 1)) * np.sign(details(b[white], 1))).mean(axis=(1, 2))
    enough = alike.size >= LEAST_PATCHES
    statistic = float(np.quantile(alike, 0.25)) if enough else 0.0
    p_value = sign_test(int((alike > 0).sum()), alike.size) if enough else 1.0
    return Finding("same noise", statistic, HALVES_ALIKE, "above", p_value, SAME_TEXT)


# ---------------------------------------------------------------------------------------------------------------------
# Of one picture


@dataclass(frozen=True)
class _Noise:
    """Patches that show noise: their places among all, the noise over their mean, and the ratio of two scales, (N,)."""

    places: NDArray[np.int64]
    relative: NDArray[np.float64]
    ratio: NDArray[np.float64]


def _noise_of(frame: Frame) -> _Noise | None:
    """The noise of a picture in the patches where surfaces are, or None where most of these show none.

    Where there are albedo and normals, the patches are the half in which these vary least, and those in which albedo
    may be all that is seen are left out.
    """
    values = patches(frame.color).sum(axis=3)
    mean = values.mean(axis=(1, 2))
    finest, double = power(values, 1), power(values, 2)
    usable = (mean > 0) & (finest > 0) & (double > 0)
    surfaces = np.zeros(1, bool) if frame.normal is None else patches(frame.normal).any(axis=(1, 2, 3))
    if surfaces.any():
        usable &= surfaces
    layers = [patches(layer) for layer in (frame.albedo, frame.normal) if layer is not None]
    if layers and usable.any():
        parts = [power(layer[..., i], scale) for layer in layers for i in range(3) for scale in (1, 2, 4)]
        variation = np.sum(parts, axis=0)
        usable &= variation <= np.median(variation[usable])
    noisy = usable & (np.sqrt(finest) > mean * np.maximum(LEAST_DETAIL, TEXTURE * _texture(frame)))
    if noisy.sum() < max(LEAST_PATCHES, LEAST_SHARE * usable.sum()):
        return None
    places = np.flatnonzero(noisy)
    return _Noise(places, np.sqrt(finest[places]) / mean[places], np.sqrt(finest[places] / double[places]))


def _texture(frame: Frame) -> NDArray[np.float64]:
    """Amplitude of the finest details of albedo over its mean, (N,); 0 without albedo."""
    if frame.albedo is None:
        return np.zeros(1)
    albedo = patches(frame.albedo).sum(axis=3)
    return np.asarray(np.sqrt(power(albedo, 1)) / np.maximum(albedo.mean(axis=(1, 2)), LEAST_ALBEDO))


def _level(relative: NDArray[np.float64], seen: tuple[float, float]) -> Finding:
    """The relative noise of a pixel, median over the patches with light, against what the weights have seen."""
    relative = relative[np.isfinite(relative) & (relative > 0)]
    least, most = seen
    if relative.size < LEAST_PATCHES:
        return Finding("noise level", 0.0, most, "above", 1.0, "")
    median = float(np.median(relative))
    if median < least:
        p_value = sign_test(int((relative < least).sum()), relative.size)
        text = QUIET_TEXT.format(least=100 * least)
        return Finding("noise level", median, least, "below", p_value, text, serious=False)
    p_value = sign_test(int((relative > most).sum()), relative.size)
    text = LOUD_TEXT.format(most=most)
    return Finding("noise level", median, most, "above", p_value, text)
