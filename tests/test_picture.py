"""One picture: what is blended, guarded, shared out, and what alpha becomes."""

from typing import Any

import numpy as np
import pytest
import torch
from fake_denoising import MODEL, halve

from denoiser.inference.denoise import denoise_frame, denoise_passes
from denoiser.inference.picture import Noisy, denoise_picture
from denoiser.inference.records import FileOptions
from denoiser.model import Model
from denoiser.networks.kernel import KernelNetwork
from denoiser.transforms import NetworkInput
from renderer_bridge.frame import Frame, Image

HEIGHT, WIDTH = 9, 14


def values(seed: int, channels: int = 3) -> Image:
    return np.random.default_rng(seed).uniform(0.2, 1, (HEIGHT, WIDTH, channels)).astype(np.float32)


@pytest.fixture(autouse=True)
def halving(monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch)


def cleaned(noisy: Noisy, **options: Any) -> Any:
    return denoise_picture(MODEL, noisy, FileOptions(**options))  # type: ignore[arg-type]


def test_a_frame_and_a_pair() -> None:
    a, b = Frame(values(0)), Frame(values(1))
    one, two = cleaned(Noisy((a,))), cleaned(Noisy((a, b)))
    np.testing.assert_array_equal(one.color, a.color / 2)
    assert one.error is None and one.alpha is None and one.passes == {} and one.fireflies == 0
    np.testing.assert_allclose(two.color, (a.color + b.color) / 4, rtol=1e-6)
    assert two.error.max() == 0.25


def test_a_blend_is_of_the_noisy_mean_and_the_result() -> None:
    a, b = Frame(values(0)), Frame(values(1))
    mean = (a.color + b.color) / 2
    np.testing.assert_allclose(cleaned(Noisy((a, b)), blend=0.25).color, 0.875 * mean, rtol=1e-6)
    np.testing.assert_allclose(cleaned(Noisy((a, b)), blend=0.0).color, mean, rtol=1e-6)


def test_fireflies_are_held_back_and_counted() -> None:
    color = values(0)
    color[4, 5] = 1e4
    result = cleaned(Noisy((Frame(color),)), fireflies=True)
    assert result.fireflies == 1 and result.taken > 0.9 and result.color.max() < 5
    pair = cleaned(Noisy((Frame(color), Frame(values(1)))), fireflies=True)
    assert pair.fireflies == 1 and pair.color.max() < 5


def test_alpha_is_denoised_as_gray_and_held_to_its_range() -> None:
    alpha = values(3, 1) * 3
    result = cleaned(Noisy((Frame(values(0)),), alpha=(alpha,)))
    np.testing.assert_allclose(result.alpha, (alpha / 2).clip(0, 1), rtol=1e-6)
    equal = cleaned(Noisy((Frame(values(0)), Frame(values(1))), alpha=(alpha, alpha)))
    np.testing.assert_array_equal(equal.alpha, result.alpha)


def test_passes_sum_to_the_denoised_beauty() -> None:
    key, fill = values(4), values(5)
    noisy = Noisy((Frame(key + fill),), passes={"key": (key,), "fill": (fill,)})
    for blend in (1.0, 0.5):
        result = cleaned(noisy, blend=blend)
        np.testing.assert_allclose(result.passes["key"] + result.passes["fill"], result.color, rtol=1e-5)


def test_passes_are_the_kernels_own() -> None:
    torch.manual_seed(1)
    model = Model(
        KernelNetwork().eval(), NetworkInput(("color", "albedo", "normal"), ("albedo", "normal"), "keyed"), "kernels"
    )
    key, fill = values(4), values(5)
    frame = Frame(key + fill, albedo=values(6))
    result = denoise_passes(model, frame, [frame.color, key, fill], precision="fp32").numpy()
    # Kernels are linear, and the first is the beauty itself; float32 rounds weights and sums.
    np.testing.assert_allclose(result[1] + result[2], result[0], rtol=1e-4)
    whole = denoise_frame(model, frame, precision="fp32").color
    np.testing.assert_allclose(result[0], whole.transpose(2, 0, 1), rtol=1e-4)
    shared = denoise_picture(model, Noisy((frame,), passes={"key": (key,)}), FileOptions(precision="fp32"))
    expected = (frame.color / 2).transpose(2, 0, 1) * result[1] / result[0]  # what is denoised is halved here
    np.testing.assert_allclose(shared.passes["key"].transpose(2, 0, 1), expected, rtol=1e-4)
