"""Whether color is linear radiance, all of it: neither clamped nor made for a screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.check.albedo import LEAST_SLOPES, LINEAR
from renderer_bridge.check.finding import Finding, poisson_tail, sign_test
from renderer_bridge.check.patches import patches, power
from renderer_bridge.frame import Frame

AT_THE_TOP = 1e-6
"""Relative distance from the largest value of a picture within which a value counts as equal to it."""

BY_CHANCE, CLAMPED = 1e-5, 3e-5
"""Share of the pixels that reach the largest value of the picture in one channel and not in another that does so
elsewhere. A lamp reaches it in one channel, or in the same pixels in all. Sound pictures: at most 1e-5; clamped at 1:
1e-4 and more."""

FOLLOWS_LESS, FOLLOWS_HARDLY = 0.6, 0.28
"""Median power of albedo that color follows. Sound: 0.74 to 1.1; encoded for a screen: 0.29 to 0.52. Less still, 0.16
of one sound scene, is gloss that hides a texture, and no encoding."""

SCREEN_WHITE = 1.001
"""Largest value on a screen. Glossy shoes of radiance up to 30 had a power of 0.28 to 0.84, sound as they are."""

ENCODED, ALL_BELOW, LEAST_ALIKE = (0.4, 0.55), 0.6, 20
"""Above that, color is encoded where the median is near 1/2.2, and four of five patches lie below `ALL_BELOW`: gloss
hides textures in some places more than in others. Of 160 sound pictures of 100 scenes none is so; rubber tires, whose
median is 0.36 to 0.38, come nearest. The same encoded: one of four where textures tell."""

BOUND, NEAR, MOSTLY_NEAR = (0.9, 1.001), 0.8, 1e-3
"""Where the largest value of a tone-mapped picture lies, and the share of the noisy pixels that come near it, above
that many times its value. Fireflies leave all else far behind them: of 485 sound renders of 1 to 64 spp one of ten has
so many near its largest value, of the same tone-mapped three of four."""

GRAIN, LEAST_NOISE = 0.01, 0.04
"""Relative difference of neighbours from which on a pixel is noisy and no lamp, and the relative amplitude of the
finest details, median over patches, without which light tails say nothing."""

TOP, MIDDLE, QUIETER = 0.85, (0.3, 0.6), 0.5
"""Differences of neighbours above that share of the largest value, over those in the middle, medians: a tone map is
flat at its end. Of the 485 sound renders ten had less with a light tail, none of them one that ends at 1; of the same
tone-mapped with T(v) of the paper 176 had both, with 1 - exp(-v) 196, at twice the exposure 239."""

LEAST_TOP, LEAST_MIDDLE = 20, 200

LINEAR_TEXT = (
    "write linear radiance (Blender: OpenEXR is linear whatever the view transform, unless Output > Color Management "
    "is Override with another color space or the compositor changes it; Mitsuba: hdrfilm; Arnold, V-Ray: EXR without "
    "view transform, clamp or gamma)"
)

DISPLAY_TEXT = "color changes less than albedo does, as if it was tone-mapped or encoded for a screen: " + LINEAR_TEXT

RANGE_TEXT = (
    "color ends at {top:.3g}, and many pixels are just below, as after a tone map (Filmic, AgX, ACES): " + LINEAR_TEXT
)

CLAMPED_TEXT = "color is clamped, pixels stop at exactly {top:g} in some channels: " + LINEAR_TEXT


def check_clamped(frame: Frame) -> Finding:
    """Whether values stop at one limit in all channels. Gray pictures, and limits per sample, are not told apart."""
    color = np.ascontiguousarray(frame.color)
    top = float(color.max())
    reached, channels = np.divmod(np.flatnonzero(color >= top * (1 - AT_THE_TOP)), color.shape[2])
    if frame.normal is not None:  # a backdrop, clamped or not, is no noise
        normal = np.asarray(frame.normal)
        surface = normal.reshape(-1, normal.shape[2])[reached].any(axis=1)
        reached, channels = reached[surface], channels[surface]
    _, times = np.unique(reached, return_counts=True)
    ragged = int((times < np.unique(channels).size).sum())
    pixels = color.shape[0] * color.shape[1]
    text = CLAMPED_TEXT.format(top=top)
    return Finding("clamped", ragged / pixels, CLAMPED, "above", poisson_tail(ragged, BY_CHANCE * pixels), text)


def check_display_color(frame: Frame, slopes: NDArray[np.float64]) -> Finding:
    """Whether color follows albedo less than it should, as after a tone map; above 1, as after a gamma encoding.

    `slopes` are those of `albedo.follows`.
    """
    median = float(np.median(slopes)) if slopes.size >= LEAST_SLOPES else 1.0
    if float(np.asarray(frame.color).max()) <= SCREEN_WHITE:
        possible = median > FOLLOWS_HARDLY
    else:
        alike = slopes.size >= LEAST_ALIKE and float(np.quantile(slopes, 0.8)) < ALL_BELOW
        possible = alike and ENCODED[0] < median < ENCODED[1]
    p_value = sign_test(int((slopes < LINEAR[0]).sum()), slopes.size) if possible else 1.0
    return Finding("display color", median, FOLLOWS_LESS, "below", p_value, DISPLAY_TEXT)


def check_limits(frame: Frame) -> list[Finding]:
    """Whether color is clamped, and, where it is not, whether it ends as tone-mapped color does."""
    clamped = check_clamped(frame)
    ends = None if clamped.alarm else check_display_range(frame)
    return [clamped] if ends is None else [clamped, ends]


def check_display_range(frame: Frame) -> Finding | None:
    """Whether color ends at 1, with many pixels and little noise just below, as after a tone map; None where it ends
    elsewhere, or without noise.

    Gamma alone does not show so, nor does a tone map of a picture that is dark everywhere.
    """
    top = float(np.asarray(frame.color).max())
    values = patches(frame.color)
    if not BOUND[0] < top <= BOUND[1] or _grain(values.sum(axis=3)) < LEAST_NOISE:
        return None
    brightest = values.max(axis=3)
    left, right = brightest[:, :, :-1], brightest[:, :, 1:]
    steps, level = np.abs(right - left), (right + left) / 2
    seen = steps > 0
    if frame.normal is not None:  # a backdrop has no noise
        seen &= np.asarray(patches(frame.normal).any(axis=3))[:, :, :-1]
    noisy = seen & (steps > GRAIN * left)
    light = (noisy & (left > NEAR * top)).sum() > MOSTLY_NEAR * noisy.sum()
    high = steps[seen & (level > TOP * top)]
    middle = steps[seen & (level > MIDDLE[0] * top) & (level < MIDDLE[1] * top)]
    if not light or high.size < LEAST_TOP or middle.size < LEAST_MIDDLE:
        return None
    usual = float(np.median(middle))
    p_value = sign_test(int((high < usual).sum()), high.size)
    text = RANGE_TEXT.format(top=top)
    return Finding("display range", float(np.median(high)) / usual, QUIETER, "below", p_value, text)


def _grain(values: NDArray[np.float64]) -> float:
    """Amplitude of the finest details of patches (N, 16, 16) over their mean, the median; 0 in the dark."""
    mean, finest = values.mean(axis=(1, 2)), power(values, 1)
    lit = (mean > 0) & (finest > 0)
    return float(np.median(np.sqrt(finest[lit]) / mean[lit])) if lit.any() else 0.0
