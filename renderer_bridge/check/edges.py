"""Whether albedo is averaged as light is: seen in the pixels that two surfaces share.

Such a pixel's normal is the mean of both surfaces' normals, by the share that each has in it, and linear albedo is the
mean of both albedos by the same shares, without noise. Albedo that was encoded for a screen after that is brighter:
(c x + (1 - c) y)^(1/2.2) lies above c x^(1/2.2) + (1 - c) y^(1/2.2). Normals of any length tell the shares, by the
direction that theirs has between those of the surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.check.finding import Finding, sign_test
from renderer_bridge.frame import Frame

Samples = NDArray[np.float64]
"""(5, N, 3): two pixels of one surface, one that may be shared, two of the other surface."""

MOST_PIXELS = 200_000
"""Pixels, along rows and again along columns, among which edges are looked for: HD has thousands in a tenth of it."""

TURN = 0.1
"""Difference of a component of the normals beside a pixel from which it is looked at."""

SAME_NORMAL, SAME_ALBEDO = 0.03, 0.015
"""Largest difference, of a component, between the two pixels of one surface."""

LEAST_ANGLE = 0.1
"""Square of the sine of the angle between the surfaces, times their squared lengths: less tells no shares."""

SHARES, OFF_PLANE = (0.15, 0.85), 0.05
"""Share of the first surface, and how far the normal may lie from all mixtures: a third surface is in it then."""

LEAST_BEND = 0.015
"""How much brighter encoded albedo would be, in the channel where it would be most."""

WHITE = 0.995
"""Albedo from here on may have been cut off at 1."""

SCREEN = 2.2

BENT, LEAST_EDGES = 0.5, 8
"""Share of the shared pixels that are nearer to encoded albedo than to linear. Of 160 sound pictures of 100 scenes at
most 0.44, of 16 pixels (0.3 else); the same with albedo encoded: 0.6 and more for nine of ten."""

BENT_BY_CHANCE = 0.2
"""That share by chance: few sound pictures have more."""


def check_bent(frame: Frame, text: str) -> Finding | None:
    """Whether shared pixels show encoded albedo; None where too few tell. Albedo and normal are needed."""
    bends = shared_pixels(frame)
    if bends.size < LEAST_EDGES:
        return None
    bent = int((bends > BENT).sum())
    p_value = sign_test(bent, bends.size, BENT_BY_CHANCE)
    return Finding("display albedo", bent / bends.size, BENT, "above", p_value, text)


def shared_pixels(frame: Frame) -> NDArray[np.float64]:
    """Of the pixels that two surfaces share, where albedo lies: 0 as linear, 1 as encoded for a screen, (N,)."""
    found = [_bends(_looked_at(frame, axis)) for axis in (0, 1)]
    return np.concatenate(found)


@dataclass(frozen=True)
class _Rows:
    albedo: Samples
    normal: Samples


def _looked_at(frame: Frame, axis: int) -> _Rows:
    """Five pixels in a row, or in a column, where normals turn."""
    albedo, normal = (np.asarray(layer).swapaxes(0, axis) for layer in (frame.albedo, frame.normal))
    step = max(1, -(-albedo.shape[0] * albedo.shape[1] // MOST_PIXELS))
    albedo, normal = albedo[step // 2 :: step], normal[step // 2 :: step]
    if albedo.shape[1] < 5:
        return _Rows(np.zeros((5, 0, 3)), np.zeros((5, 0, 3)))
    turns = (np.abs(normal[:, 1:-3] - normal[:, 3:-1]) > TURN).any(axis=2)
    rows, columns = np.nonzero(turns)
    around = columns + np.arange(5)[:, None]  # (5, N)
    return _Rows(albedo[rows, around].astype(np.float64), normal[rows, around].astype(np.float64))


def _bends(rows: _Rows) -> NDArray[np.float64]:
    share, usable = _shares(rows.normal)
    for layer, most in ((rows.normal, SAME_NORMAL), (rows.albedo, SAME_ALBEDO)):
        for one, other in ((0, 1), (3, 4)):
            usable &= (np.abs(layer[one] - layer[other]) <= most).all(axis=1)
    first, shared, second = rows.albedo[1, usable], rows.albedo[2, usable], rows.albedo[3, usable]
    c = share[usable, None]
    linear = c * first + (1 - c) * second
    bend = (c * first**SCREEN + (1 - c) * second**SCREEN) ** (1 / SCREEN) - linear
    bend = np.where(np.maximum.reduce([first, shared, second]) < WHITE, bend, 0)
    channel = bend.argmax(axis=1)[:, None]
    gap, above = (np.take_along_axis(each, channel, axis=1)[:, 0] for each in (bend, shared - linear))
    told = gap > LEAST_BEND
    return np.asarray(above[told] / gap[told])


def _shares(normal: Samples) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Share of the first surface in the middle pixel, (N,), and where normals tell it."""
    first, shared, second = normal[1], normal[2], normal[3]
    products = [(one * other).sum(axis=1) for one, other in ((first, first), (second, second), (first, second))]
    along = [(shared * each).sum(axis=1) for each in (first, second)]
    angle = products[0] * products[1] - products[2] ** 2
    told = angle > LEAST_ANGLE
    angle = np.where(told, angle, 1)
    a = (along[0] * products[1] - along[1] * products[2]) / angle
    b = (along[1] * products[0] - along[0] * products[2]) / angle
    off = np.linalg.norm(shared - a[:, None] * first - b[:, None] * second, axis=1)
    share = a / np.where(told & (a + b > 0), a + b, 1)
    low, high = SHARES
    return share, told & (a > 0) & (b > 0) & (share > low) & (share < high) & (off < OFF_PLANE)
