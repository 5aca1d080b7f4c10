"""`Denoiser` in the place of `mi.OptixDenoiser`: its calls, shapes and refusals, and derivatives through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_scenes import use_variant

from denoiser.devices import TensorFrame
from denoiser.inference.denoise import denoise_frame, differentiable
from denoiser.model import load_model
from online.mitsuba_denoiser import Denoiser
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Frame
from renderer_bridge.mitsuba_variant import set_variant

WIDTH, HEIGHT = 40, 24
AOVS = "albedo:albedo,sh_normal:sh_normal"


@pytest.fixture(scope="module", params=["fastest", "scalar_rgb"])
def mi(request: pytest.FixtureRequest) -> Any:
    if request.param == "fastest":
        use_variant()
    else:
        set_variant(request.param)
    import mitsuba

    return mitsuba


def layers(colors: int = 3) -> dict[str, Any]:
    """A noisy picture with albedo and normals, (HEIGHT, WIDTH, C)."""
    random = np.random.default_rng(0)
    albedo = np.tile(np.linspace(0.1, 0.9, WIDTH, dtype=np.float32)[:, None], (HEIGHT, 1, 3))
    noisy = (albedo * random.gamma(2.0, 0.1, (HEIGHT, WIDTH, 3))).astype(np.float32)
    alpha = random.random((HEIGHT, WIDTH, colors - 3), dtype=np.float32)
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    normals[..., 1] = 1
    return {"noisy": np.concatenate([noisy, alpha], axis=-1), "albedo": albedo, "normals": normals}


def test_tensors_are_denoised_as_a_frame_is(mi: Any) -> None:
    given = layers()
    denoised = Denoiser((WIDTH, HEIGHT), True, True)(*(mi.TensorXf(each) for each in given.values()))
    assert isinstance(denoised, mi.TensorXf)
    frame = Frame(given["noisy"], albedo=given["albedo"], normal=given["normals"])
    np.testing.assert_array_equal(np.array(denoised), denoise_frame(load_model(), frame).color)


@pytest.mark.parametrize("denoise_alpha", [False, True])
def test_alpha_is_kept_or_denoised(mi: Any, denoise_alpha: bool) -> None:
    given = layers(colors=4)
    denoised = np.array(Denoiser((WIDTH, HEIGHT), True, True, denoise_alpha=denoise_alpha)(**given))
    assert denoised.shape == (HEIGHT, WIDTH, 4)
    alpha = denoised[..., 3]
    assert np.array_equal(alpha, given["noisy"][..., 3]) is not denoise_alpha
    assert alpha.min() >= 0 and alpha.max() <= 1


def test_a_bitmap_is_denoised_by_the_names_of_its_channels(mi: Any) -> None:
    given = layers()
    names = ["R", "G", "B", *(f"albedo.{c}" for c in "RGB"), *(f"sh_normal.{c}" for c in "XYZ")]
    stacked = np.concatenate(list(given.values()), axis=-1)
    bitmap = mi.Bitmap(stacked, mi.Bitmap.PixelFormat.MultiChannel, names)
    denoiser = Denoiser((WIDTH, HEIGHT), True, True)
    found = denoiser(bitmap, albedo_ch="albedo", normals_ch="sh_normal", to_sensor=mi.ScalarTransform4f())
    assert found.pixel_format() == mi.Bitmap.PixelFormat.RGB and tuple(found.size()) == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(np.array(found), np.array(denoiser(**given)))
    with pytest.raises(UsageError, match=r"no layer alb; it has <root>, albedo, sh_normal"):
        denoiser(bitmap, albedo_ch="alb")


def test_the_last_result_is_followed_and_the_first_picture_has_none(mi: Any) -> None:
    given, still = layers(), np.zeros((HEIGHT, WIDTH, 2), np.float32)
    alone = np.array(Denoiser((WIDTH, HEIGHT), True, True)(**given))
    denoiser = Denoiser((WIDTH, HEIGHT), True, True, temporal=True)
    first = np.array(denoiser(**given, flow=still, previous_denoised=given["noisy"]))
    np.testing.assert_array_equal(first, alone)
    later = np.array(denoiser(**given, flow=still, previous_denoised=alone * np.float32(1.01)))
    assert np.abs(later - alone).max() > 0 and np.abs(later - alone).max() < 0.02 * alone.max()


Spoil = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("options", "spoil", "words"),
    [
        ({}, lambda given: given.pop("albedo"), "albedo is not given"),
        ({}, lambda given: given.pop("normals"), "normals is not given"),
        ({"temporal": True}, lambda given: None, "flow is not given"),
        ({}, lambda given: given.update(noisy=given["noisy"].swapaxes(0, 1)), r"noisy has shape \(40, 24, 3\)"),
        ({}, lambda given: given.update(albedo=given["albedo"][:-1]), r"albedo has shape \(23, 40, 3\)"),
        ({}, lambda given: given.update(noisy=given["noisy"][..., :2]), "noisy has 2 channels; 3 or, with alpha, 4"),
        ({}, lambda given: given.update(albedo=given["albedo"][..., :1]), "albedo has 1 channels; 3 are needed"),
    ],
)
def test_what_does_not_fit_is_refused(mi: Any, options: dict[str, Any], spoil: Spoil, words: str) -> None:
    given = layers()
    spoil(given)
    with pytest.raises(UsageError, match=words):
        Denoiser((WIDTH, HEIGHT), True, True, **options)(**given)


def test_normals_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="normals guide it together with albedo only"):
        Denoiser((WIDTH, HEIGHT), normals=True)


def test_derivatives_reach_the_noisy_picture() -> None:
    """Those of a weighted sum along the picture itself, against central differences of the same function."""
    if use_variant().startswith("scalar"):
        pytest.skip("scalar variants have no derivatives")
    import drjit as dr
    import mitsuba as mi

    given = layers(colors=4)
    weights = np.random.default_rng(1).random((HEIGHT, WIDTH, 4), dtype=np.float32)
    scale = mi.Float(1.0)
    dr.enable_grad(scale)
    denoised = Denoiser((WIDTH, HEIGHT), True, True)(
        mi.TensorXf(given["noisy"]) * scale, mi.TensorXf(given["albedo"]), mi.TensorXf(given["normals"])
    )
    dr.backward(dr.sum(denoised * mi.TensorXf(weights), axis=None))

    def value(factor: float) -> float:
        planes = {name: torch.from_numpy(layer).permute(2, 0, 1)[None] for name, layer in given.items()}
        color = planes["noisy"][:, :3] * factor
        clean = differentiable(load_model(), TensorFrame(color, planes["albedo"], planes["normals"]))
        sums = (clean[0].permute(1, 2, 0).numpy() * weights[..., :3]).sum(dtype=np.float64)
        return float(sums + factor * (given["noisy"][..., 3] * weights[..., 3]).sum(dtype=np.float64))

    step = 0.01  # smaller ones drown in float32, larger ones cross more of the kinks of the network: 0.5 % measured
    assert dr.grad(scale)[0] == pytest.approx((value(1 + step) - value(1 - step)) / (2 * step), rel=0.03)
