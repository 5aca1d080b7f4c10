"""Pictures of records: modes, tone curves, exposure, sizes that are not square."""

import numpy as np
import pytest
from fake_viewer import record

from apps.pictures import to_display
from apps.viewer.picture import (
    ERROR_SCALE,
    MODES,
    TONE_MAPS,
    Look,
    error_picture,
    filmic,
    heat_colors,
    noisy_mean,
    normal_picture,
    radiance_picture,
    relative_error,
    shown,
    srgb,
)

ONE_LEVEL = 1  # of 255: a half float has 11 bits, so rounding may go the other way at the border of two levels


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_the_size_of_the_frame(mode) -> None:
    picture = shown(record(resolution=(20, 12)), Look(mode)).flat()
    assert picture.shape == (12, 20, 3)
    assert picture.dtype == np.uint8


def test_the_table_is_the_papers_tone_map() -> None:
    radiance = np.geomspace(1e-4, 1e4, 3000, dtype=np.float32).reshape(50, 20, 3)
    difference = radiance_picture(radiance, Look()).astype(int) - to_display(radiance)
    assert np.abs(difference).max() <= ONE_LEVEL


def test_a_stop_doubles_radiance() -> None:
    radiance = np.geomspace(1e-3, 10, 300, dtype=np.float32).reshape(10, 10, 3)
    for tone_map in TONE_MAPS:
        brighter = radiance_picture(radiance, Look(exposure=1.0, tone_map=tone_map))
        assert np.array_equal(brighter, radiance_picture(radiance * 2, Look(tone_map=tone_map)))


def test_radiance_beyond_half_floats_and_below_zero_is_drawn() -> None:
    radiance = np.array([[[1e9, -5.0, 0.0]]], dtype=np.float32)
    assert radiance_picture(radiance, Look(tone_map="sRGB")).tolist() == [[[255, 0, 0]]]


def test_tone_curves_at_known_values() -> None:
    assert srgb(np.float32([0.0, 0.0031308, 0.5, 1.0, 7.0])) == pytest.approx(
        [0, 0.04045, 0.73536, 1, 1], abs=1e-4
    )  # IEC 61966-2-1
    linear = (0.18 * (2.51 * 0.18 + 0.03)) / (0.18 * (2.43 * 0.18 + 0.59) + 0.14)
    assert filmic(np.float32([0.18]))[0] == pytest.approx(1.055 * linear ** (1 / 2.4) - 0.055, abs=1e-5)


def test_noisy_is_the_mean_of_both_halves() -> None:
    done = record()
    assert noisy_mean(done) == pytest.approx((done.pair.a.color + done.pair.b.color) / 2)


def test_split_shows_noisy_left_and_denoised_right_of_the_divider() -> None:
    done = record(resolution=(20, 12))
    flat = shown(done, Look("split")).flat(divider=0.25)
    assert np.array_equal(flat[:, :5], shown(done, Look("noisy")).picture[:, :5])
    assert np.array_equal(flat[:, 5:], shown(done, Look("denoised")).picture[:, 5:])


def test_error_is_relative_to_brightness_on_a_fixed_scale() -> None:
    done = record(color=np.full((12, 20, 3), 0.99, np.float32))
    assert relative_error(done) == pytest.approx(np.full((12, 20), 0.099), rel=1e-5)
    index = int(0.099 / ERROR_SCALE * 255)
    assert error_picture(done)[5, 7].tolist() == heat_colors()[index].tolist()


def test_heat_colors_grow_brighter() -> None:
    brightness = heat_colors().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness[::8]) > 0).all()


def test_no_surface_is_mid_grey_in_the_normals() -> None:
    done = record()
    assert not done.pair.a.normal[0, 0].any()
    assert normal_picture(done)[0, 0].tolist() == [127, 127, 127]
