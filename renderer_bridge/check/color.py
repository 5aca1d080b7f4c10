"""Whether color is linear radiance, all of it: neither clamped nor made for a screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.check.albedo import LEAST_SLOPES, LINEAR
from renderer_bridge.check.finding import Finding, poisson_tail, sign_test
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

DISPLAY_TEXT = (
    "color changes less than albedo does, as if it was tone-mapped or encoded for a screen: write linear radiance "
    "(Blender: OpenEXR without a view transform; Mitsuba: hdrfilm; Arnold, V-Ray: EXR without view transform or gamma)"
)

CLAMPED_TEXT = (
    "color is clamped, pixels stop at exactly {top:g} in some channels: write linear radiance without a limit "
    "(Blender: OpenEXR without a view transform; Mitsuba: hdrfilm; Arnold, V-Ray: clamp of output and color mapping "
    "off)"
)


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
