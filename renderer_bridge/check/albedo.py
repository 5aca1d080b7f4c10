"""Whether albedo is one: there at all, and linear reflectance like the color that it explains.

Across the edges of a texture on an even surface the light stays the same, so that color goes with albedo to the power
of one. Albedo encoded for a screen (power 1/2.2) makes that 2.2, color encoded for a screen 1/2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.check.edges import check_bent
from renderer_bridge.check.finding import Finding, sign_test
from renderer_bridge.check.patches import patches
from renderer_bridge.frame import Frame, Pixels

BLACK = 1e-3
"""Albedo up to here is black: a twentieth of the darkest paint."""

ALBEDO_THERE = 0.01
"""Share of the surfaces that must have an albedo. Sound pictures: 0.25 and more, though mirrors and glass have none."""

LINEAR = (0.8, 1.1)
"""Where the median power of albedo that color follows lies by itself: gloss lowers it, light between surfaces raises
it."""

FOLLOWS_MORE = 1.4
"""Median of that power. Sound: 0.75 to 1.1; albedo encoded for a screen: 1.5 to 2.2."""

EDGE_SIDE = 8
"""Side of the patches that show a texture's edge. 16: a third as many patches, on furniture hardly any."""

LEAST_SLOPES = 12
LEAST_RATIO = 1.2
"""Of the brighter to the darker part of a patch's albedo: below, noise of the color drowns it."""
LEAST_PIXELS = 12
LARGEST_SLOPE = 4.0
"""Powers outside 0 to this are lamps and shadows at the edge of a material."""
LEAST_ALBEDO = 0.01
LEVEL = 0.1
"""Largest distance of the mean normals of the two parts: of one surface."""

BLACK_TEXT = (
    "albedo is black: give the renderer's albedo pass (Blender: Passes > Denoising Data; Mitsuba: aov integrator, "
    "albedo:albedo; pbrt: film gbuffer; Arnold: denoise_albedo; V-Ray: VRayDiffuseFilter), or leave the layer out"
)
BENT_TEXT = (
    "albedo at edges is not the mean of both surfaces', as if it was encoded for a screen (sRGB, gamma 2.2): write the "
    "albedo pass linear, without a view transform (in Blender, Arnold and V-Ray alike)"
)
DISPLAY_TEXT = (
    "color changes more than albedo does, as if albedo was encoded for a screen (sRGB, gamma 2.2): write the albedo "
    "pass linear, without a view transform (in Blender, Arnold and V-Ray alike)"
)


def check_black(frame: Frame) -> Finding:
    """Whether albedo is black where surfaces are: where there is a normal, or, without normals, anywhere."""
    lit = np.asarray((patches(frame.albedo) > BLACK).any(axis=3))
    surface = np.ones(lit.shape, bool) if frame.normal is None else np.asarray(patches(frame.normal).any(axis=3))
    pixels, there = int(surface.sum()), int(lit[surface].sum())
    p_value = sign_test(pixels - there, pixels, 1 - ALBEDO_THERE)
    return Finding(
        "black albedo", there / max(pixels, 1), ALBEDO_THERE, "below", p_value if pixels else 1.0, BLACK_TEXT
    )


def check_display_albedo(frame: Frame, slopes: NDArray[np.float64]) -> Finding:
    """Whether albedo is encoded for a screen: told where two surfaces share pixels, or, where these or normals are
    missing, from color that follows albedo more than it should; `slopes` are those of `follows`."""
    bent = None if frame.normal is None else check_bent(frame, BENT_TEXT)
    if bent is not None:
        return bent
    p_value = sign_test(int((slopes > LINEAR[1]).sum()), slopes.size)
    median = float(np.median(slopes)) if slopes.size >= LEAST_SLOPES else 1.0
    return Finding("display albedo", median, FOLLOWS_MORE, "above", p_value, DISPLAY_TEXT)


def follows(frame: Frame, colors: Sequence[Pixels]) -> NDArray[np.float64]:
    """The power of the frame's albedo that the mean of `colors` follows, in patches with a texture's edge, (N,).

    A patch is cut in two at the middle of its albedo; both parts must have pixels enough, one color that differs, and,
    where there are normals, one normal.
    """
    flat = (-1, EDGE_SIDE * EDGE_SIDE)
    albedo = patches(frame.albedo, EDGE_SIDE).mean(axis=3).reshape(flat)
    color = np.mean([patches(each, EDGE_SIDE).mean(axis=3).reshape(flat) for each in colors], axis=0)
    low, high = np.quantile(albedo, (0.1, 0.9), axis=1) if albedo.size else np.zeros((2, 0))
    bright = albedo > np.sqrt(low * high)[:, None]
    parts = bright, ~bright & (albedo > LEAST_ALBEDO)
    counts = [part.sum(axis=1) for part in parts]
    usable = np.minimum(*counts) >= LEAST_PIXELS
    ratios = []
    for layer in (color, albedo):
        up, down = (
            (layer * part).sum(axis=1) / np.maximum(count, 1) for part, count in zip(parts, counts, strict=True)
        )
        usable &= np.minimum(up, down) > 0
        ratios.append(np.log(np.where(usable, up, 1) / np.where(usable, down, 1)))
    usable &= ratios[1] > np.log(LEAST_RATIO)
    if frame.normal is not None:
        normal = patches(frame.normal, EDGE_SIDE).reshape(*flat, 3)
        means = [(normal * part[..., None]).sum(axis=1) / np.maximum(part.sum(axis=1), 1)[:, None] for part in parts]
        usable &= (np.linalg.norm(means[0] - means[1], axis=1) < LEVEL) & (np.linalg.norm(means[0], axis=1) > 1 - LEVEL)
    slopes = ratios[0][usable] / ratios[1][usable]
    return np.asarray(slopes[(slopes > 0) & (slopes < LARGEST_SLOPE)])
