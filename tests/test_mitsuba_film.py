"""Pixels that share no sample through a user's own sensor, and a finished picture in the user's own film."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_scenes import use_variant

from renderer_bridge.errors import SceneError
from renderer_bridge.mitsuba_film import as_filtered, color_channels, film_size, pixel_sensor, put_picture
from renderer_bridge.mitsuba_variant import set_variant

WIDTH, HEIGHT = 24, 14


@pytest.fixture(params=["fastest", "scalar_rgb"])
def mi(request: pytest.FixtureRequest) -> Any:
    if request.param == "fastest":
        use_variant()
    else:
        set_variant(request.param)
    import mitsuba

    return mitsuba


def sensor(mi: Any, kind: str = "perspective", rfilter: str = "gaussian", **film: Any) -> Any:
    plain = {"type": "hdrfilm", "width": WIDTH, "height": HEIGHT, "filter": {"type": rfilter}, "sample_border": False}
    return mi.load_dict({"type": kind, "fov": 60.0, "near_clip": 0.5, "film": {**plain, **film}})


def ball(mi: Any) -> Any:
    """A lit sphere off the middle: no axis of the picture looks like another."""
    shape = {
        "type": "sphere",
        "center": [0.6, -0.3, 4.0],
        "light": {"type": "area", "radiance": {"type": "rgb", "value": [1.0, 2.0, 3.0]}},
    }
    return mi.load_dict({"type": "scene", "ball": shape, "integrator": {"type": "path"}})


def render(mi: Any, scene: Any, seen_by: Any, spp: int) -> Any:
    return np.array(scene.integrator().render(scene, seen_by, seed=1, spp=spp))


@pytest.mark.parametrize("film", [{}, {"crop_width": 11, "crop_height": 9, "crop_offset_x": 8, "crop_offset_y": 3}])
@pytest.mark.parametrize("kind", ["perspective", "thinlens"])
def test_it_sees_what_the_sensor_sees(mi: Any, kind: str, film: dict[str, int]) -> None:
    lens = {"aperture_radius": 0.05, "focus_distance": 4.0} if kind == "thinlens" else {}
    plain = {"type": "hdrfilm", "width": WIDTH, "height": HEIGHT, "filter": {"type": "box"}, **film}
    own = mi.load_dict({"type": kind, "fov": 60.0, **lens, "film": plain})
    scene = ball(mi)
    expected, found = (render(mi, scene, each, 64) for each in (own, pixel_sensor(own)))
    assert found.shape == expected.shape == (*film_size(own)[::-1], 3)
    # Noise is at the rim alone: 1/16 of the light in RMS after 64 samples, and a tenth of the pixels lie there.
    assert abs(found.mean() - expected.mean()) < 0.02 and np.abs(found - expected).mean() < 0.05


def test_the_noise_of_neighbours_is_independent(mi: Any) -> None:
    """Through a Gaussian film it is alike: correlation 0.4. Of 400 pixels 0 is told within 0.05; 5 times that fails."""
    lit = {"type": "constant"}
    gray = {
        "type": "rectangle",
        "to_world": mi.ScalarTransform4f().translate([0, 0, 3]).rotate([0, 1, 0], 180).scale(9),
    }
    scene = mi.load_dict({"type": "scene", "wall": gray, "sky": lit, "integrator": {"type": "path", "max_depth": 2}})
    seen_by = sensor(mi)
    noise = render(mi, scene, pixel_sensor(seen_by), 4)[..., 0]
    own = render(mi, scene, seen_by, 4)[..., 0]
    for picture, low, high in ((noise, -0.25, 0.25), (own, 0.25, 1.0)):
        here, there = picture[:, :-1].ravel(), picture[:, 1:].ravel()
        assert low < np.corrcoef(here, there)[0, 1] < high


def test_a_filter_is_met(mi: Any) -> None:
    """The rim of a ball through a Gaussian and a tent: nearer by far than without their width."""
    scene = ball(mi)
    for rfilter, share in (("gaussian", 0.45), ("tent", 0.7)):  # without noise: 0.31 and 0.54; measured: 0.32 and 0.58
        seen_by = sensor(mi, rfilter=rfilter)
        box = render(mi, scene, pixel_sensor(seen_by), 256)
        expected = render(mi, scene, seen_by, 256)
        ours, without = (np.abs(each - expected).mean() for each in (as_filtered(box, seen_by.film()), box))
        assert ours < share * without


def test_a_box_filter_changes_nothing(mi: Any) -> None:
    picture = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), dtype=np.float32)
    assert as_filtered(picture, sensor(mi, rfilter="box").film()) is picture


@pytest.mark.parametrize("pixel_format", ["rgb", "rgba"])
def test_a_film_gives_back_what_was_put_there(mi: Any, pixel_format: str) -> None:
    film = sensor(mi, pixel_format=pixel_format, component_format="float32").film()
    assert color_channels(film) == len(pixel_format)
    picture = np.random.default_rng(0).random((HEIGHT, WIDTH, len(pixel_format) + 2), dtype=np.float32)
    put_picture(film, picture, ["extra.X", "extra.Y"])
    np.testing.assert_array_equal(np.array(film.develop()), picture)
    np.testing.assert_array_equal(np.array(film.bitmap()), picture)
    assert [field.name for field in film.bitmap().struct_()][-2:] == ["extra.X", "extra.Y"]


def test_a_crop_window_takes_a_picture_of_its_own_size(mi: Any) -> None:
    film = sensor(mi, crop_width=11, crop_height=9, crop_offset_x=8, crop_offset_y=3).film()
    picture = np.random.default_rng(0).random((9, 11, 3), dtype=np.float32)
    put_picture(film, picture, [])
    np.testing.assert_array_equal(np.array(film.develop()), picture)


def test_scalar_variants_refuse_a_sensor_they_cannot_make_again() -> None:
    set_variant("scalar_rgb")
    import mitsuba

    with pytest.raises(SceneError, match=r"OrthographicCamera.*perspective, thinlens"):
        pixel_sensor(mitsuba.load_dict({"type": "orthographic"}))
