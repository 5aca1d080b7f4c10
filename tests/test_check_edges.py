"""Pixels that two surfaces share: albedo mixes there as light does, whatever length normals have."""

from dataclasses import replace

import numpy as np
import pytest

from renderer_bridge.check.edges import LEAST_EDGES, check_bent, shared_pixels
from renderer_bridge.frame import Frame, Image

SIZE, ACROSS = (40, 64), 20.3


def encoded(linear: Image) -> Image:
    return np.asarray(linear ** (1 / 2.2), dtype=np.float32)


def slanted(transposed: bool = False, length: float = 1.0) -> Frame:
    """Two walls that meet at a slanted edge, each pixel the mean of what it shows of both."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    share = np.clip(ACROSS + 0.37 * y - x, 0, 1)[..., None]
    albedo = share * (0.8, 0.7, 0.6) + (1 - share) * (0.1, 0.2, 0.3)
    normal = share * (1, 0, 0) + (1 - share) * (0, 0.6, 0.8)
    if length != 1.0:  # as renderers have it that normalise the mean, or scale it
        normal *= length / np.linalg.norm(normal, axis=2, keepdims=True)
    layers = [layer.astype(np.float32) for layer in (albedo, normal)]
    if transposed:
        layers = [np.ascontiguousarray(layer.swapaxes(0, 1)) for layer in layers]
    return Frame(np.ones_like(layers[0]), *layers)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("length", [1.0, 0.9])
def test_linear_albedo_is_not_bent_and_encoded_is(transposed: bool, length: float) -> None:
    frame = slanted(transposed, length)
    assert frame.albedo is not None
    linear = shared_pixels(frame)
    assert linear.size >= LEAST_EDGES
    # Normalised, the share is told from the direction: exact for the mean of unit vectors of any length after it.
    np.testing.assert_allclose(linear, 0, atol=1e-4)
    shown = check_bent(replace(frame, albedo=encoded(frame.albedo)), "text")
    assert shown is not None and shown.alarm and shown.statistic == 1.0
    sound = check_bent(frame, "text")
    assert sound is not None and not sound.alarm


def test_half_floats_do() -> None:
    frame = slanted()
    assert frame.albedo is not None and frame.normal is not None
    half = replace(frame, albedo=frame.albedo.astype(np.float16), normal=frame.normal.astype(np.float16))
    np.testing.assert_allclose(shared_pixels(half), 0, atol=0.05)  # 2^-11 of albedo, over a bend of 0.03 and more


def test_nothing_is_told_where_too_few_pixels_are_shared() -> None:
    frame = slanted()
    assert frame.albedo is not None
    flat = replace(frame, normal=np.zeros_like(frame.color) + np.float32([0, 0, 1]))
    small = Frame(frame.color[:3, :3], frame.albedo[:3, :3], frame.color[:3, :3])
    black = replace(frame, albedo=frame.albedo * 0)
    assert check_bent(flat, "") is None and check_bent(small, "") is None and check_bent(black, "") is None
