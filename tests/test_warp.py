"""Warping: what lands where, and what must not be used."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from fake_renderer import camera_at
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_camera import BACK, CURVATURE, HALF, PANEL, SIZE, TRUTH, distance, looking, panel_scene, pattern
from numpy.typing import NDArray

from denoiser.devices import frame_on
from denoiser.transforms import to_image, to_nchw
from online import warp as module
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Frame, Image


@dataclasses.dataclass(frozen=True)
class WarpedImage:
    """`online.warp.Warped` with arrays of numpy: (H, W, 3) and (H, W)."""

    color: Image
    used: NDArray[np.bool_]


def warp(image: Image, frame: Frame, last: Frame) -> WarpedImage:
    """`online.warp.warp` with arrays of numpy."""
    warped = module.warp(to_nchw(image), frame_on(frame), frame_on(last))
    return WarpedImage(to_image(warped.color), warped.used[0, 0].numpy())


# ---------------------------------------------------------------------------------------------------------------------
# Where things land


def test_the_same_camera_gives_the_history_back_exactly() -> None:
    frame = TRUTH(camera_at(0.3, 0.5, SIZE))
    image = np.random.default_rng(0).exponential(1.0, frame.color.shape).astype(np.float32)
    warped = warp(image, frame, frame)
    assert warped.used.all()
    assert np.array_equal(warped.color, image)


@settings(deadline=None, max_examples=25)
@given(x=st.floats(-0.3, 0.3), z=st.floats(-0.4, 0.4), width=st.integers(48, 80), height=st.integers(32, 48))
def test_what_is_smooth_lands_where_it_belongs(x: float, z: float, width: int, height: int) -> None:
    last, frame = (TRUTH(camera_at(*at, resolution=(width, height))) for at in ((0.0, 0.0), (x, z)))
    warped = warp(pattern(last), frame, last)
    assert warped.used.mean() > 0.7  # a step of 0.3 to the side leaves a seventh of the view behind
    missed = np.abs(warped.color - pattern(frame))[warped.used]
    assert np.median(missed) < CURVATURE
    assert np.quantile(missed, 0.99) < 0.1  # at borders taps on one side only are left: up to a pixel of gradient


def test_the_truth_of_a_moved_camera_is_reproduced_but_for_edges_of_texture() -> None:
    last, frame = (TRUTH(camera_at(x, 0.0, (160, 96))) for x in (0.0, 0.05))
    warped = warp(last.color, frame, last)
    assert np.median(np.abs(warped.color - frame.color)[warped.used]) < CURVATURE
    # The motion is half a pixel, the worst for interpolation: at edges half of what no warp at all gets wrong is left.
    assert distance(warped.color, frame.color, warped.used) < 0.5 * distance(last.color, frame.color, warped.used)


def test_samples_that_do_not_lie_in_the_middle_of_pixels_shift_nothing() -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    assert frame.position is not None and frame.depth is not None and frame.normal is not None
    along = np.random.default_rng(0).uniform(-0.3, 0.3, frame.depth.shape) / 55 * frame.depth  # part of a pixel's width
    sideways = np.cross(frame.normal, [0.0, 0.6, 0.8]).astype(np.float32)  # in the surface
    jittered = dataclasses.replace(frame, position=(frame.position + along * sideways).astype(np.float32))
    image = np.random.default_rng(1).exponential(1.0, frame.color.shape).astype(np.float32)
    assert np.array_equal(warp(image, jittered, frame).color, image)


def test_background_is_followed_by_its_direction_and_matches_background_only() -> None:
    size = (96, 54)
    last = TRUTH(looking((0.0, 0.2, 0.0), (0.0, 0.9, 6.0), size))
    frame = TRUTH(looking((0.0, 0.2, -0.3), (0.4, 1.2, 6.0), size))  # turned, raised and moved
    assert last.depth is not None and frame.depth is not None
    image = np.where(last.depth > 0, np.float32(100.0), pattern(last))
    warped = warp(image, frame, last)
    sky = (frame.depth[..., 0] == 0) & warped.used
    assert sky.mean() > 0.2
    assert np.quantile(np.abs(warped.color - pattern(frame))[sky], 0.95) < 2 * CURVATURE
    assert warped.color[sky].max() < 1.3  # nothing of the wall's 100


@pytest.mark.parametrize("size", [(32, 20), (128, 80), (90, 50)])
def test_the_resolution_may_change(size: tuple[int, int]) -> None:
    last, frame = TRUTH(camera_at(0.0, 0.0, size)), TRUTH(camera_at(0.05, 0.05, SIZE))
    warped = warp(pattern(last), frame, last)
    assert warped.color.shape == (*frame.size, 3)
    assert warped.used.mean() > 0.85  # the view of (90, 50) is a tenth less high
    coarser = max(1.0, SIZE[0] / size[0])
    assert np.median(np.abs(warped.color - pattern(frame))[warped.used]) < CURVATURE * coarser**2


# ---------------------------------------------------------------------------------------------------------------------
# What must not be used


def test_what_an_occluder_hid_is_not_used() -> None:
    step = 0.4
    last = panel_scene(looking((0.0, 0.0, 0.0), (0.0, 0.0, 6.0), (120, 64)))
    frame = panel_scene(looking((step, 0.0, 0.0), (step, 0.0, 6.0), (120, 64)))
    assert frame.position is not None and frame.depth is not None
    on_wall = frame.position[..., 2] > (PANEL + BACK) / 2
    crossing = np.abs(frame.position[..., 0] * PANEL / BACK)  # where its ray to the last camera passes the panel
    pixel = 2 * math.tan(math.radians(30)) * PANEL / 120
    hidden, free = on_wall & (crossing < HALF - pixel), on_wall & (crossing > HALF + pixel)
    used = warp(last.color, frame, last).used
    assert hidden.sum() > 100 and free.sum() > 1000
    assert not used[hidden].any()
    assert used[free & (frame.position[..., 0] < 3.0)].all()  # what the last camera saw, and a margin
    assert used[~on_wall].all()


def test_positions_averaged_with_misses_are_not_used() -> None:
    frame = TRUTH(camera_at(0.4, 0.5, SIZE))
    assert frame.position is not None and frame.depth is not None
    mixed = np.zeros(frame.size, dtype=bool)
    mixed[30:34, 10:20] = True  # half of the samples of these pixels left the scene
    half = np.where(mixed[..., None], np.float32(0.5), np.float32(1.0))
    edge = dataclasses.replace(frame, position=frame.position * half, depth=frame.depth * half)
    assert not warp(frame.color, edge, frame).used[mixed].any()
    assert warp(frame.color, edge, frame).used[~mixed].all()


@pytest.mark.parametrize("layer", ["camera", "position", "normal", "depth"])
def test_a_frame_that_lacks_a_layer_is_refused(layer: str) -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    lacking = dataclasses.replace(frame, **{layer: None})
    with pytest.raises(DatasetError, match=f"no {layer}"):
        warp(frame.color, frame, lacking)
