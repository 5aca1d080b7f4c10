"""Tone map and layouts: inverse pairs, on pictures that are not square."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from denoiser.transforms import (
    KEY,
    KEYS,
    NetworkInput,
    exposure,
    inverse_tone_map,
    key,
    presence,
    to_image,
    to_nchw,
    tone_map,
    tone_map_slope,
)


@given(st.floats(0, 1e6))
def test_inverse_tone_map_undoes_the_tone_map(radiance: float) -> None:
    value = torch.tensor(radiance, dtype=torch.float64)
    # T' ~ 1 / (2.2 v^2) for large v: an error of one float64 epsilon in T(v) is 2.2 v^2 epsilon in v.
    tolerance = 1e-12 + 20 * radiance * (1 + radiance) * torch.finfo(torch.float64).eps
    assert abs(inverse_tone_map(tone_map(value)).item() - radiance) <= tolerance


@given(st.floats(0, 0.999))
def test_tone_map_undoes_its_inverse(mapped: float) -> None:
    value = torch.tensor(mapped, dtype=torch.float64)
    assert abs(tone_map(inverse_tone_map(value)).item() - mapped) < 1e-12  # a few dozen float64 epsilons


def test_tone_map_is_the_papers_formula_and_clamps_negatives() -> None:
    values = tone_map(torch.tensor([-1.0, 0.0, 1.0, 3.0, 1e30]))
    torch.testing.assert_close(values, torch.tensor([0.0, 0.0, 0.5 ** (1 / 2.2), 0.75 ** (1 / 2.2), 1.0]))


def test_inverse_tone_map_is_finite_for_any_input() -> None:
    assert torch.isfinite(inverse_tone_map(torch.tensor([-5.0, 1.0, 7.0]))).all()


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 9]), st.integers(0, 2**31))
def test_image_to_tensor_and_back(height: int, width: int, channels: int, seed: int) -> None:
    image = np.random.default_rng(seed).standard_normal((height, width, channels)).astype(np.float32)
    tensor = to_nchw(image)
    assert tensor.shape == (1, channels, height, width)
    np.testing.assert_array_equal(to_image(tensor), image)
    np.testing.assert_array_equal(to_image(tensor[0]), image)


def test_rows_stay_rows_and_columns_columns() -> None:
    image = np.zeros((2, 5, 3), np.float32)
    image[1, 4, 2] = 7
    assert to_nchw(image)[0, 2, 1, 4] == 7


def test_a_tensor_shares_its_images_memory() -> None:
    image = np.zeros((4, 6, 3), np.float32)
    tensor = to_nchw(image)
    image[3, 5, 1] = 2
    assert tensor[0, 1, 3, 5] == 2
    assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_read_only_and_half_images_are_copied() -> None:
    image = np.ones((2, 3, 3), np.float16)
    image.flags.writeable = False
    assert to_nchw(image).dtype == torch.float32


class OnAGpu:
    """An array of a GPU, as far as a torch without CUDA can see."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)  # DLPack: CUDA, the first device

    def __dlpack__(self, **options: object) -> object:
        raise AssertionError("torch has no CUDA")

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.image


def test_what_lies_on_a_gpu_that_torch_cannot_use_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    image = np.random.default_rng(0).random((2, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(to_image(to_nchw(OnAGpu(image))), image)


def test_a_batch_keeps_its_order() -> None:
    batch = np.arange(2 * 3 * 4 * 3, dtype=np.float32).reshape(2, 3, 4, 3)
    np.testing.assert_array_equal(to_image(to_nchw(batch)[1]), batch[1])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        to_nchw(np.zeros((4, 6), np.float32))
    with pytest.raises(ValueError, match="one image"):
        to_image(torch.zeros(2, 3, 4, 4))


def test_network_input_follows_the_named_order_and_maps_color_only() -> None:
    layers = {
        name: torch.full((1, 3, 2, 4), value) for name, value in (("color", 3.0), ("albedo", 0.5), ("normal", -1.0))
    }
    taken = NetworkInput(("albedo", "color", "normal"))
    x = taken.stack(layers)
    assert x.shape == (1, taken.channels, 2, 4)
    torch.testing.assert_close(x[0, :, 1, 3], torch.tensor([0.5] * 3 + [0.75 ** (1 / 2.2)] * 3 + [-1.0] * 3))
    assert x.is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(KeyError):
        taken.stack({"color": layers["color"]})


def test_a_keyed_input_is_linear_and_tells_what_is_missing() -> None:
    taken = NetworkInput(optional=("albedo", "normal"), transfer="keyed")
    assert taken.channels == 11 and taken.needed == ("color",)
    color, albedo = torch.full((2, 3, 2, 4), 3.0), torch.full((2, 3, 2, 4), 0.5)
    x = taken.stack({"color": color, "albedo": albedo})
    torch.testing.assert_close(x[1, :, 1, 3], torch.tensor([3.0] * 3 + [0.5] * 3 + [0.0] * 3 + [1.0, 0.0]))
    some = {
        "color": color,
        "albedo": albedo,
        "normal": albedo,
        presence("normal"): torch.tensor([1.0, 0.0])[:, None, None, None],
    }
    assert taken.stack(some)[:, 9:, 0, 0].tolist() == [[1.0, 1.0], [1.0, 0.0]]
    with pytest.raises(KeyError):
        NetworkInput(transfer="keyed").stack({"color": color})


def test_every_keyed_picture_comes_to_one_key() -> None:
    taken, picture = NetworkInput(transfer="keyed"), np.random.default_rng(0).uniform(0.2, 2, (40, 56, 3)).astype("f4")
    for factor in (1.0, 2.0**-9, 2.0**9):
        other = picture * np.float32(factor)
        assert key(other * np.float32(taken.exposure(other))) == pytest.approx(KEY, rel=1e-4)  # float32 rounding
        assert factor * taken.exposure(other) == taken.exposure(picture)  # powers of two are exact


def test_the_slope_of_the_tone_map_is_its_derivative() -> None:
    radiance = torch.tensor([0.01, 0.2, 1.0, 30.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(tone_map(radiance).sum(), radiance)
    torch.testing.assert_close(tone_map_slope(radiance.detach()), slope)


# Exposure


def test_exposure_brings_the_key_into_range_and_leaves_what_lies_there() -> None:
    random = np.random.default_rng(0)
    picture = random.uniform(0.05, 0.2, (37, 53, 3)).astype(np.float32)
    assert KEYS[0] < key(picture) < KEYS[1] and exposure(picture) == 1.0
    for factor, end in ((1e4, KEYS[1]), (1e-5, KEYS[0])):
        other = picture * np.float32(factor)
        assert key(other * np.float32(exposure(other))) == pytest.approx(end, rel=1e-4)  # float32 rounding


def test_a_nearly_black_background_does_not_turn_up_what_is_lit() -> None:
    picture = np.full((64, 64, 3), 1e-9, np.float32)
    picture[:, :24] = 0.2
    assert exposure(picture) == 1.0


def test_black_blocks_do_not_count_and_a_black_picture_keeps_its_exposure() -> None:
    picture = np.zeros((32, 48, 3), np.float32)
    assert exposure(picture) == 1.0
    picture[:8, :8] = 10.0
    assert key(picture) == pytest.approx(10.0) and exposure(picture) == pytest.approx(KEYS[1] / 10)
