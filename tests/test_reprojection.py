"""Reprojection: blending helps without leaving trails, and stands whatever comes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fake_renderer import camera_at
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_camera import SIZE, TRUTH, distance, looking, noisy, panel_scene, pattern
from numpy.typing import NDArray

from denoiser.devices import frame_on
from denoiser.transforms import to_image, to_nchw
from online import reprojection
from online.flicker import temporal_error
from online.reprojection import DEFAULTS, History, ReprojectionConfig
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Frame, Image


@dataclasses.dataclass(frozen=True)
class Past:
    """`History` with arrays of numpy: (H, W, 3) and (H, W)."""

    color: Image
    age: Image
    frame: Frame


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


# ---------------------------------------------------------------------------------------------------------------------
# What must not be used


def test_nothing_of_an_occluder_smears_into_the_picture() -> None:
    history, last = None, None
    for x in np.linspace(0, 0.8, 9):
        frame = panel_scene(looking((x, 0.0, 0.0), (x, 0.0, 6.0), (120, 64)))
        result, history, _ = blend(frame.color, frame, history)
        if last is not None:
            assert np.abs(result - frame.color).max() < 1e-5  # both surfaces are of one color: rounding alone
        last = frame


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


# ---------------------------------------------------------------------------------------------------------------------
# Other sizes, bad values


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


def test_blending_changes_none_of_its_inputs() -> None:
    frame = TRUTH(camera_at(0.0, 0.0, SIZE))
    current = noisy(frame.color, 0)
    history = Past(frame.color.copy(), np.ones(frame.size, dtype=np.float32), frame)
    copies = current.copy(), history.color.copy(), history.age.copy()
    blend(current, frame, history, 0.1 * current)
    for now, before in zip((current, history.color, history.age), copies, strict=True):
        assert np.array_equal(now, before)
