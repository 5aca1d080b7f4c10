"""`<integrator type="n2n">` in scene files and dictionaries: what it renders, keeps, and refuses."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_scenes import HEIGHT, WIDTH, room, sensor, use_variant, write

from denoiser.inference.denoise import denoise_pair
from denoiser.model import Model, load_model
from denoiser.training.adapt import AdaptConfig, AdaptRecord
from online import mitsuba_plugin
from online.mitsuba_plugin import Settings, register, wrap
from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.frame import Image, Pair
from renderer_bridge.mitsuba_film import as_filtered
from renderer_bridge.mitsuba_halves import View, _renders_media, pair_of
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.seeds import pair_seeds


@pytest.fixture(scope="module", params=["fastest", "scalar_rgb"])
def mi(request: pytest.FixtureRequest) -> Any:
    if request.param == "fastest":
        use_variant()
    else:
        set_variant(request.param)
    import mitsuba

    register()
    return mitsuba


@pytest.fixture(scope="module")
def scene_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The noisy room, its path tracer within n2n."""
    path, *rest = room()
    return write(tmp_path_factory.mktemp("room") / "scene.xml", f'<integrator type="n2n">{path}</integrator>', *rest)


@pytest.fixture(scope="module")
def scene(mi: Any, scene_file: Path) -> Any:
    return mi.load_file(str(scene_file))


def path_tracer(mi: Any) -> Any:
    return mi.load_dict({"type": "path", "max_depth": 6})


def test_a_scene_file_is_denoised_as_it_is_rendered(mi: Any, tmp_path: Path) -> None:
    path, _, *rest = room()
    parts = (f'<integrator type="n2n">{path}</integrator>', sensor(64, 40), *rest)
    scene = mi.load_file(str(write(tmp_path / "scene.xml", *parts)))
    denoised = np.array(mi.render(scene, spp=4, seed=1))
    assert denoised.shape == (40, 64, 3) and np.isfinite(denoised).all()
    reference, noisy = (np.array(path_tracer(mi).render(scene, seed=7, spp=spp)) for spp in (256, 4))
    errors = [np.mean(np.abs(picture - reference) / (reference + 0.1)) for picture in (denoised, noisy)]
    assert errors[0] < 0.75 * errors[1]  # 0.5 against 4096 samples, for three seeds


def test_it_is_the_denoised_pair_of_the_halves(mi: Any, scene: Any) -> None:
    found = np.array(mi.render(scene, spp=6, seed=3))
    seeds = pair_seeds(3, 0)
    view = View(scene, scene.sensors()[0])
    halves = view.half(path_tracer(mi), 3, seeds[0]), view.half(path_tracer(mi), 3, seeds[1])
    color = denoise_pair(
        load_model(Settings().model), pair_of(halves, view.guides(path_tracer(mi), 8, 3), 3, seeds)
    ).color
    # threads add up a pixel's samples in any order: once in some runs the last bits differ
    np.testing.assert_allclose(found, as_filtered(color, scene.sensors()[0].film()), rtol=1e-3, atol=1e-5)


def test_the_film_holds_the_picture_and_what_was_asked_for_besides(mi: Any, scene: Any) -> None:
    integrator = wrap(path_tracer(mi), aovs="noisy, albedo normal,error", aov_spp=4)
    picture = np.array(integrator.render(scene, 0, seed=2, spp=4))
    film = scene.sensors()[0].film()
    assert picture.shape == (HEIGHT, WIDTH, 15)
    np.testing.assert_array_equal(np.array(film.bitmap()), picture)
    names = [
        f"{layer}.{c}"
        for layer, cs in (("noisy", "RGB"), ("albedo", "RGB"), ("normal", "XYZ"), ("error", "RGB"))
        for c in cs
    ]
    assert [field.name for field in film.bitmap().struct_()][3:] == names == integrator.aov_names()
    noisy, albedo, normal, error = (picture[..., start : start + 3] for start in (3, 6, 9, 12))
    assert noisy.min() >= 0 and noisy.std() > picture[..., :3].std() / 2
    assert albedo.min() >= 0 and albedo.max() <= 1 and (error >= 0).all()
    assert np.linalg.norm(normal, axis=-1).max() <= 1 + 1e-5  # unit length, in float32, less where the filter blurs


def test_the_same_seed_is_the_same_picture(mi: Any, scene: Any) -> None:
    first, again, other = (np.array(mi.render(scene, spp=2, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_develop_can_wait(mi: Any, scene: Any) -> None:
    integrator, film = scene.integrator(), scene.sensors()[0].film()
    at_once = np.array(integrator.render(scene, seed=4, spp=2))
    later = integrator.render(scene, seed=4, spp=2, develop=False)
    assert np.array(later).size == 0
    np.testing.assert_array_equal(np.array(film.develop()), at_once)


def test_alpha_is_kept(mi: Any) -> None:
    film = {"type": "hdrfilm", "width": 20, "height": 12, "pixel_format": "rgba"}
    scene = mi.load_dict({
        "type": "scene", "integrator": {"type": "n2n", "nested": {"type": "path"}, "aovs": "albedo"},
        "sensor": {"type": "perspective", "film": film, "sampler": {"type": "independent", "sample_count": 4}},
        "ball": {"type": "sphere", "center": [0, 0, 5]}, "lamp": {"type": "point", "position": [5, 5, 0]},
    })  # fmt: skip
    picture = np.array(mi.render(scene))
    assert picture.shape == (12, 20, 3 + 1 + 3)
    assert scene.integrator().aov_names() == ["albedo.R", "albedo.G", "albedo.B"]
    alpha = picture[..., 3]
    assert alpha[6, 10] == pytest.approx(1, abs=1e-5) and alpha[0, 0] == 0  # in the middle of the ball, and beside it


def test_parameters_of_the_scene_are_found_through_it(mi: Any, scene: Any) -> None:
    assert any(name.endswith("radiance.value") for name in mi.traverse(scene).keys())  # noqa: SIM118 - not a dict
    assert "nested" in str(scene.integrator())


def test_training_on_the_pair_uses_all_samples_of_both_halves(
    mi: Any, scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the weights that training comes to are those that denoise, here another network's."""
    seen = []
    other = load_model("kernel" if Settings().model == "unet" else "unet")

    def trained(_: Model, pairs: list[Pair], config: AdaptConfig) -> Generator[AdaptRecord, None, Model]:
        seen.append((pairs[0].a.spp, len(pairs), config.steps, config.seed))
        yield AdaptRecord(7, 0.1, 0.5, 0.1, 0.5)
        return other

    monkeypatch.setattr(mitsuba_plugin, "adapt", trained)
    picture = np.array(wrap(path_tracer(mi), adapt_steps=7).render(scene, seed=1, spp=8))
    assert seen == [(4, 1, 7, 1)]
    expected = np.array(wrap(path_tracer(mi), model=other.info["architecture"]).render(scene, seed=1, spp=8))
    np.testing.assert_allclose(picture, expected, rtol=1e-3, atol=1e-5)  # as above


def test_albedo_shows_what_a_mirror_shows_or_the_mirror(mi: Any) -> None:
    """A mirror fills the view; behind the camera lies a wall of albedo 0.4."""
    look = mi.ScalarTransform4f().look_at([0, 0, 0], [0, 0, 1], [0, 1, 0])
    film = {"type": "hdrfilm", "width": 6, "height": 4, "rfilter": {"type": "box"}}
    wall = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.4}}
    scene = mi.load_dict({
        "type": "scene", "sensor": {"type": "perspective", "film": film, "to_world": look},
        "mirror": {"type": "rectangle", "bsdf": {"type": "conductor"},
                   "to_world": mi.ScalarTransform4f().translate([0, 0, 5]).rotate([0, 1, 0], 180).scale(50)},
        "wall": {"type": "rectangle", "bsdf": wall,
                 "to_world": mi.ScalarTransform4f().translate([0, 0, -5]).scale(500)},
        "lamp": {"type": "point", "position": [0, 0, -2]},
    })  # fmt: skip

    def albedo(kind: str) -> Image:
        picture = wrap(path_tracer(mi), aovs="albedo", aov_kind=kind).render(scene, spp=2)
        return np.array(picture)[..., 3:]

    np.testing.assert_allclose(albedo("first-diffuse"), 0.4, atol=1e-4)  # a perfect mirror, in float32
    np.testing.assert_array_equal(albedo("first-hit"), 0)
    suits = "first-hit" if mi.variant().startswith("scalar") else "first-diffuse"
    np.testing.assert_array_equal(albedo("auto"), albedo(suits))


@pytest.mark.parametrize(("name", "media"), [("path", False), ("volpath", True), ("volpathmis", True), ("prb", False)])
def test_whether_an_integrator_renders_media(mi: Any, name: str, media: bool) -> None:
    if name == "prb" and mi.variant().startswith("scalar"):
        pytest.skip("scalar variants have no prb")
    assert _renders_media(mi.load_dict({"type": name})) is media


@pytest.mark.slow
def test_derivatives_reach_the_scene() -> None:
    """With respect to the radiance of the lamp, against central differences with the same seed."""
    if use_variant().startswith("scalar"):
        pytest.skip("scalar variants have no derivatives")
    import drjit as dr
    import mitsuba as mi

    register()
    lamp = {"type": "point", "position": [2, 3, 0], "intensity": {"type": "rgb", "value": [20.0, 20.0, 20.0]}}
    film = {"type": "hdrfilm", "width": 24, "height": 16}
    scene = mi.load_dict({
        "type": "scene", "sensor": {"type": "perspective", "film": film}, "lamp": lamp,
        "ball": {"type": "sphere", "center": [0, 0, 5]},
        "integrator": {"type": "n2n", "residual": False, "nested": {"type": "prb", "max_depth": 3}},
    })  # fmt: skip
    parameters = mi.traverse(scene)
    weights = np.random.default_rng(0).random((16, 24, 3), dtype=np.float32)
    scale = mi.Float(1.0)
    dr.enable_grad(scale)
    parameters["lamp.intensity.value"] = mi.Color3f(20.0) * scale
    parameters.update()
    image = mi.render(scene, parameters, spp=16, seed=1, seed_grad=2)
    dr.backward(dr.sum(image * mi.TensorXf(weights), axis=None))

    def value(factor: float) -> float:
        parameters["lamp.intensity.value"] = mi.Color3f(20.0 * factor)
        parameters.update()
        return float((np.array(scene.integrator().render(scene, seed=2, spp=16), np.float64) * weights).sum())

    with dr.suspend_grad():
        expected = (value(1.1) - value(0.9)) / 0.2
    assert dr.grad(scale)[0] == pytest.approx(expected, rel=0.05)  # bfloat16, and kinks of the network


def test_forward_mode_is_refused(mi: Any, scene: Any) -> None:
    with pytest.raises(UsageError, match="no forward-mode derivatives"):
        scene.integrator().render_forward(scene, None)


def test_invalid_samples_are_left_out() -> None:
    use_variant()
    import mitsuba as mi

    class Poisoned:
        """Gives 1, and in every third render NaN somewhere."""

        calls = 0

        def aov_names(self) -> list[str]:
            return []

        def render(self, scene: Any, sensor: Any, seed: int, spp: int) -> Any:
            self.calls += 1
            image = np.ones((4, 6, 3))
            if spp > 1 or self.calls % 3 == 0:
                image[1, 2] = np.nan
            return image

    film = {"type": "hdrfilm", "width": 6, "height": 4}
    scene = mi.load_dict({"type": "scene", "sensor": {"type": "perspective", "film": film}})
    half = View(scene, scene.sensors()[0]).half(Poisoned(), 5, 0)
    np.testing.assert_array_equal(half.color, np.ones((4, 6, 3), np.float32))


@pytest.mark.parametrize(
    ("integrator", "words"),
    [
        ({"type": "n2n"}, "0 integrators are nested in it"),
        ({"type": "n2n", "a": {"type": "path"}, "b": {"type": "path"}}, "2 integrators are nested"),
        ({"type": "n2n", "a": {"type": "path"}, "aovs": "albdo"}, "aovs names albdo; accepted: noisy"),
        ({"type": "n2n", "a": {"type": "path"}, "aov_spp": 0}, "aov_spp is 0; at least 1"),
        ({"type": "n2n", "a": {"type": "path"}, "aov_kind": "both"}, "aov_kind is both; accepted: auto, first-diffuse"),
        ({"type": "n2n", "a": {"type": "path"}, "model": "nosuch"}, "no weights of that name"),
        ({"type": "n2n", "a": {"type": "path"}, "modle": "unet"}, "no parameter modle; accepted: model"),
    ],
)
def test_what_is_wrong_is_said_while_loading(mi: Any, integrator: dict[str, Any], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        mi.load_dict({"type": "scene", "integrator": integrator})


def test_an_integrator_without_color_is_refused(mi: Any, scene: Any) -> None:
    with pytest.raises(SceneError, match="one that renders color itself is needed"):
        wrap(mi.load_dict({"type": "aov", "aovs": "a:albedo"})).render(scene, spp=2)


def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="accepted: noisy, albedo, normal, error"):
        Settings(aovs=("error", "depth"))
    with pytest.raises(UsageError, match="adapt_steps is -1"):
        Settings(adapt_steps=-1)
