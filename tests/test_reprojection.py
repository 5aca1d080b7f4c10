"""Reprojection: what lands where, what must not be used, and that blending helps without leaving trails."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from fake_renderer import FakeRenderer, camera_at, camera_rays
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from denoiser.devices import frame_on
from denoiser.metrics import tone_map
from denoiser.transforms import to_image, to_nchw
from online import reprojection
from online.reprojection import DEFAULTS, History, ReprojectionConfig, temporal_error
from renderer_bridge.camera_path import look_at
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Camera, Frame, Image

SIZE = (64, 40)  # width, height
TRUTH = FakeRenderer().truth
CURVATURE = 2e-3  # of the smooth patterns below between pixels: what interpolation may miss of values near 1

PANEL, BACK = 3.0, 6.0  # depths of a panel, |x| < HALF, and of the endless wall behind it
HALF = 0.6


def looking(origin: tuple[float, float, float], target: tuple[float, float, float], size: tuple[int, int]) -> Camera:
    return Camera(look_at(np.array(origin), np.array(target), np.array([0.0, 1.0, 0.0])), 60.0, size)


@dataclasses.dataclass(frozen=True)
class Warped:
    """`Reprojected` with arrays of numpy: (H, W, 3) and (H, W)."""

    color: Image
    used: NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Past:
    """`History` with arrays of numpy: (H, W, 3) and (H, W)."""

    color: Image
    age: Image
    frame: Frame


def warp(image: Image, frame: Frame, last: Frame) -> Warped:
    """`reprojection.warp` with arrays of numpy."""
    warped = reprojection.warp(to_nchw(image), frame_on(frame), frame_on(last))
    return Warped(to_image(warped.color), warped.used[0, 0].numpy())


def blend(
    current: Image,
    frame: Frame,
    past: Past | None,
    error: Image | None = None,
    config: ReprojectionConfig = DEFAULTS,
) -> tuple[Image, Past, NDArray[np.bool_]]:
    """`reprojection.blend` with arrays of numpy."""
    history = past and History(to_nchw(past.color), to_nchw(past.age[..., None]), frame_on(past.frame))
    noise = None if error is None else to_nchw(error)
    color, after, used = reprojection.blend(to_nchw(current), frame_on(frame), history, noise, config)
    return to_image(color), Past(to_image(after.color), to_image(after.age)[..., 0], frame), used[0, 0].numpy()


def pattern(frame: Frame) -> Image:
    """A smooth color of the world position, or of the direction where nothing is hit: (H, W, 3) in [0.2, 1.2]."""
    assert frame.camera and frame.position is not None and frame.depth is not None
    directions = camera_rays(frame.camera)[1]
    place = np.where(frame.depth > 0, frame.position, 3 * directions)
    return (0.7 + 0.5 * np.sin(place * [0.9, 1.1, 0.5] + [0, 1, 2])).astype(np.float32)


def panel_scene(camera: Camera) -> Frame:
    """A panel in front of a wall, both facing the camera: occlusion is known exactly."""
    origin, directions = camera_rays(camera)
    to_panel, to_back = ((z - origin[2]) / directions[..., 2] for z in (PANEL, BACK))
    on_panel = np.abs(origin[0] + to_panel * directions[..., 0]) < HALF
    depth = np.where(on_panel, to_panel, to_back)[..., None]
    color = np.where(on_panel[..., None], [5.0, 0.0, 0.0], [0.1, 0.2, 0.3])
    layers = {
        "color": color,
        "position": origin + depth * directions,
        "normal": np.broadcast_to([0.0, 0.0, -1.0], color.shape),
        "depth": depth,
    }
    return Frame(**{name: layer.astype(np.float32) for name, layer in layers.items()}, camera=camera)


def noisy(image: Image, seed: int, amount: float = 0.15) -> Image:
    """What a denoiser leaves: relative errors in blotches of 4x4 pixels."""
    height, width = image.shape[:2]
    blotches = np.random.default_rng(seed).normal(1, amount, (-(-height // 4), -(-width // 4), 3))
    return (image * blotches.repeat(4, 0).repeat(4, 1)[:height, :width]).clip(0).astype(np.float32)


def distance(a: Image, b: Image, where: NDArray[np.bool_] | None = None) -> float:
    difference = np.abs(tone_map(a) - tone_map(b))
    return float((difference if where is None else difference[where]).mean())


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


def test_nothing_of_an_occluder_smears_into_the_picture() -> None:
    history, last = None, None
    for x in np.linspace(0, 0.8, 9):
        frame = panel_scene(looking((x, 0.0, 0.0), (x, 0.0, 6.0), (120, 64)))
        result, history, _ = blend(frame.color, frame, history)
        if last is not None:
            assert np.abs(result - frame.color).max() < 1e-5  # both surfaces are of one color: rounding alone
        last = frame


def test_positions_averaged_with_misses_are_not_used() -> None:
    frame = TRUTH(camera_at(0.4, 0.5, SIZE))
    assert frame.position is not None and frame.depth is not None
    mixed = np.zeros(frame.size, dtype=bool)
    mixed[30:34, 10:20] = True  # half of the samples of these pixels left the scene
    half = np.where(mixed[..., None], np.float32(0.5), np.float32(1.0))
    edge = dataclasses.replace(frame, position=frame.position * half, depth=frame.depth * half)
    assert not warp(frame.color, edge, frame).used[mixed].any()
    assert warp(frame.color, edge, frame).used[~mixed].all()


def test_a_cut_drops_the_history() -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    behind = TRUTH(looking((0.0, 0.2, 0.0), (3.0, -1.0, -4.0), SIZE))
    _, history, _ = blend(behind.color * 9, behind, None)
    result, after, used = blend(frame.color, frame, history)
    assert not used.any()
    assert np.array_equal(result, frame.color)
    assert (after.age == 1).all()


def test_too_little_history_is_a_cut_too() -> None:
    last, frame = (panel_scene(looking((0.0, 0.0, 0.0), (x, 0.0, 6.0), SIZE)) for x in (0.0, 5.0))
    _, history, _ = blend(last.color, last, None)
    share = blend(frame.color, frame, history, config=ReprojectionConfig(least_used=0.0))[2].mean()
    assert 0 < share < 0.5
    assert not blend(frame.color, frame, history, config=ReprojectionConfig(least_used=float(share) + 0.01))[2].any()


# ---------------------------------------------------------------------------------------------------------------------
# Blending


def test_age_counts_frames_up_to_its_limit_and_starts_anew_where_nothing_was() -> None:
    config, history = ReprojectionConfig(max_age=3.0), None
    ages, useds = [], []
    for x in (0.0, 0.0, 0.0, 0.0, 0.4):
        frame = panel_scene(looking((x, 0.0, 0.0), (x, 0.0, 6.0), SIZE))
        _, history, used = blend(frame.color, frame, history, config=config)
        ages.append(history.age)
        useds.append(used)
    assert [float(age.min()) for age in ages[:4]] == [1, 2, 3, 3] == [float(age.max()) for age in ages[:4]]
    assert (ages[4][~useds[4]] == 1).all() and (~useds[4]).any()
    assert np.median(ages[4][useds[4]]) == 3 and ages[4].max() == 3  # less where some taps do not count


def test_blending_at_rest_is_the_mean_of_the_frames() -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    pictures = list(np.random.default_rng(0).exponential(1.0, (4, *frame.color.shape)).astype(np.float32))
    config, history = ReprojectionConfig(max_age=4.0, box_deviations=1e3), None  # no clipping
    for picture in pictures:
        result, history, _ = blend(picture, frame, history, config=config)
    assert np.allclose(result, np.mean(pictures, axis=0), atol=1e-5)  # float32


@pytest.mark.parametrize("with_error", [False, True])
def test_along_a_path_blending_lowers_error_and_flicker(with_error: bool) -> None:
    history, last, figures = None, None, []
    for index in range(16):
        frame = TRUTH(camera_at(0.03 * index, 0.02 * index, (96, 60)))
        smooth = pattern(frame)
        current = noisy(smooth, index)
        error = 0.15 * smooth if with_error else None
        result, history, used = blend(current, frame, history, error)
        if last is not None:
            flicker = (temporal_error(current, frame, last[0], last[2]), temporal_error(result, frame, *last[1:]))
            figures.append((distance(current, smooth), distance(result, smooth), *flicker))
            assert used.mean() > 0.9
        last = current, result, frame
    before, after, flicker_before, flicker_after = np.mean(figures[4:], axis=0)
    # Unclipped, weights of 1/5 leave a third of the error and a fifth of the flicker; without the error estimate the
    # box is as wide as the blotches' own edges allow.
    error_left, flicker_left = (0.75, 0.6) if with_error else (0.9, 0.8)
    assert after < error_left * before
    assert flicker_after < flicker_left * flicker_before


def test_light_that_goes_out_leaves_no_ghost() -> None:
    history, left = None, []
    for index in range(12):
        frame = TRUTH(camera_at(0.02 * index, 0.0, (96, 60)))
        smooth = pattern(frame) * np.float32(1.0 if index < 6 else 0.1)
        result, history, _ = blend(smooth, frame, history, 0.02 * smooth)
        left.append(distance(result, smooth))
    dimmed = distance(pattern(frame), pattern(frame) * np.float32(0.1))
    assert max(left[:6]) < 0.01 * dimmed
    assert left[6] < 0.1 * dimmed  # unclipped, four fifths would stay
    assert left[8] < 0.05 * dimmed


def test_flicker_of_the_truth_is_small_and_of_noise_its_size() -> None:
    last, frame = (TRUTH(camera_at(x, 0.0, SIZE)) for x in (0.0, 0.04))
    assert temporal_error(pattern(frame), frame, pattern(last), last) < CURVATURE
    flicker = temporal_error(noisy(pattern(frame), 1), frame, noisy(pattern(last), 2), last)
    independent = distance(noisy(pattern(frame), 1), noisy(pattern(frame), 2))
    assert 0.6 * independent < flicker < 1.1 * independent  # interpolation between taps averages a little


def test_flicker_without_common_pixels_is_not_a_number() -> None:
    frame, behind = TRUTH(camera_at(0.0, 0.0, SIZE)), TRUTH(looking((0.0, 0.2, 0.0), (3.0, -1.0, -4.0), SIZE))
    assert math.isnan(temporal_error(frame.color, frame, behind.color, behind))


# ---------------------------------------------------------------------------------------------------------------------
# Other sizes, bad values


@pytest.mark.parametrize("size", [(32, 20), (128, 80), (90, 50)])
def test_the_resolution_may_change(size: tuple[int, int]) -> None:
    last, frame = TRUTH(camera_at(0.0, 0.0, size)), TRUTH(camera_at(0.05, 0.05, SIZE))
    warped = warp(pattern(last), frame, last)
    assert warped.color.shape == (*frame.size, 3)
    assert warped.used.mean() > 0.85  # the view of (90, 50) is a tenth less high
    coarser = max(1.0, SIZE[0] / size[0])
    assert np.median(np.abs(warped.color - pattern(frame))[warped.used]) < CURVATURE * coarser**2


def test_a_coarser_history_counts_for_less() -> None:
    small, large = (TRUTH(camera_at(0.0, 0.0, size)) for size in (SIZE, (2 * SIZE[0], 2 * SIZE[1])))
    _, history, _ = blend(small.color, small, None)
    _, grown, used = blend(large.color, large, history)
    assert np.median(grown.age[used]) == 1.25  # one frame of a quarter of the pixels, and the new one
    _, shrunk, used = blend(small.color, small, blend(large.color, large, None)[1])
    assert np.allclose(shrunk.age[used], 2)


@settings(deadline=None, max_examples=25)
@given(
    bad=st.sampled_from([np.nan, np.inf, -np.inf, -5.0, 3e38, 0.0]),
    seed=st.integers(0, 99),
    error_too=st.booleans(),
)
def test_the_result_is_finite_and_not_negative_whatever_comes(bad: float, seed: int, error_too: bool) -> None:
    rng, history = np.random.default_rng(seed), None
    for index in range(4):
        frame = TRUTH(camera_at(0.05 * index, 0.0, (40, 24)))
        current, error = frame.color.copy(), 0.1 * frame.color
        spoiled = rng.random(frame.size) < 0.1
        if index in (0, 2):
            current[spoiled] = bad
            if error_too:
                error[spoiled] = bad
        result, history, _ = blend(current, frame, history, error)
        assert np.isfinite(result).all() and (result >= 0).all() and result.dtype == np.float32
        assert np.isfinite(history.age).all()


def test_a_pixel_that_is_not_a_number_is_taken_from_history() -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    current = frame.color.copy()
    current[7, 11] = np.nan
    black, empty, _ = blend(current, frame, None)
    assert not black[7, 11].any() and empty.age[7, 11] == 0
    assert np.array_equal(blend(frame.color, frame, empty)[0][7, 11], frame.color[7, 11])  # black had no weight
    result, kept, _ = blend(current, frame, blend(frame.color, frame, None)[1])
    assert np.allclose(result[7, 11], frame.color[7, 11], atol=1e-6)
    assert kept.age[7, 11] == 1


@pytest.mark.parametrize("layer", ["camera", "position", "normal", "depth"])
def test_a_frame_that_lacks_a_layer_is_refused(layer: str) -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    lacking = dataclasses.replace(frame, **{layer: None})
    with pytest.raises(DatasetError, match=f"no {layer}"):
        blend(frame.color, lacking, None)
    with pytest.raises(DatasetError, match=f"no {layer}"):
        warp(frame.color, frame, lacking)


def test_blending_changes_none_of_its_inputs() -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    current = noisy(frame.color, 0)
    history = Past(frame.color.copy(), np.ones(frame.size, dtype=np.float32), frame)
    copies = current.copy(), history.color.copy(), history.age.copy()
    blend(current, frame, history, 0.1 * current)
    for now, before in zip((current, history.color, history.age), copies, strict=True):
        assert np.array_equal(now, before)
