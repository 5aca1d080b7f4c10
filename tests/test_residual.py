"""The residual of a pair: shared error is returned, noise is not, and the limit is the render itself."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from denoiser.devices import TensorFrame, TensorPair, pair_on
from denoiser.inference.residual import return_residual
from denoiser.transforms import to_image, to_nchw
from renderer_bridge.frame import Frame, Image, Pair

HEIGHT, WIDTH = 60, 88


def scene() -> tuple[Image, Image]:
    """Truth and albedo of a wall with a picture on it, not square."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = ((x > 30) & (x < 60) & (y > 15) & (y < 40))[..., None]
    albedo = np.where(inside, [0.8, 0.2, 0.2], [0.3, 0.3, 0.7])
    light = 0.5 + 0.5 * (x / WIDTH)[..., None]
    return (albedo * light).astype(np.float32), albedo.astype(np.float32)


def pair(spp: int, seed: int = 0) -> Pair:
    truth, albedo = scene()
    return Pair(*(Frame(noisy(truth, spp, 2 * seed + half), albedo, seed=half) for half in (0, 1)))


def noisy(truth: Image, spp: int, seed: int) -> Image:
    return np.asarray(truth * np.random.default_rng(seed).gamma(spp, 1 / spp, truth.shape), dtype=np.float32)


def returned(halves: Pair, denoised_a: Image, denoised_b: Image) -> Image:
    return with_what_is_left(halves, denoised_a, denoised_b)[0]


def with_what_is_left(halves: Pair, denoised_a: Image, denoised_b: Image) -> tuple[Image, Image]:
    color, left = return_residual(pair_on(halves), to_nchw(denoised_a), to_nchw(denoised_b))
    return to_image(color), to_image(left)


def error(picture: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(picture - scene()[0]))))


def test_a_color_that_both_halves_get_wrong_comes_back() -> None:
    tinted = scene()[0] * np.float32([1.2, 1.0, 0.8])
    result = returned(pair(4), tinted, tinted)
    assert error(result) < error(tinted) / 4  # noise of 0.35 relative, averaged over some 64x64 pixels, is 0.01


def test_a_right_picture_stays_right() -> None:
    """Nothing is shared but the truth: what comes back is the doubt of the estimate."""
    truth = scene()[0]
    noise = error((pair(4).a.color + pair(4).b.color) / 2)
    assert error(returned(pair(4), truth, truth)) < noise / 8


def test_more_samples_bring_it_to_the_render_whatever_the_denoiser_says() -> None:
    wrong = np.full_like(scene()[0], 0.3)
    errors = [error(returned(pair(spp), wrong, wrong)) for spp in (4, 64, 1024)]
    noise = [error((pair(spp).a.color + pair(spp).b.color) / 2) for spp in (4, 64, 1024)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < noise[0] and errors[2] < 1.1 * noise[2]


def test_residuals_of_zero_change_nothing() -> None:
    halves = pair(4)
    result = returned(halves, halves.a.color, halves.b.color)
    np.testing.assert_allclose(result, (halves.a.color + halves.b.color) / 2, rtol=1e-6)


@pytest.mark.parametrize("spp", [1, 16, 256])
def test_what_is_left_is_told(spp: int) -> None:
    """Of a blur and a tint that both halves share: the estimate against the truth, root mean squares, 8 seeds."""
    wrong = ndimage.gaussian_filter(scene()[0] * np.float32([1.15, 1.0, 0.85]), (3, 3, 0))
    estimated, true = [], []
    for seed in range(8):
        color, left = with_what_is_left(pair(spp, seed), wrong, wrong)
        assert left.shape == (HEIGHT, WIDTH, 1)
        estimated.append(float(np.square(left).mean()))
        true.append(error(color) ** 2)
    assert 0.8 < np.sqrt(np.mean(estimated) / np.mean(true)) < 1.25  # 0.92 to 1.06 from 1 to 1024 spp


def test_nothing_is_left_where_both_halves_show_the_truth_without_noise() -> None:
    truth, albedo = scene()
    halves = Pair(Frame(truth, albedo, seed=1), Frame(truth * np.float32(1 + 1e-6), albedo, seed=2))
    color, left = with_what_is_left(halves, truth, truth)
    assert float(left.max()) < 1e-5 and np.abs(color - truth).max() < 1e-5


def sky_pair(background: Image) -> Pair:
    """A noisy wall left of a background without surface; halves of equal `background` (H, W, 3) where there is none."""
    halves = pair(4)
    for half in (halves.a, halves.b):
        half.color[:, WIDTH // 2 :] = background[:, WIDTH // 2 :]
        normal = np.zeros_like(half.color)
        normal[:, : WIDTH // 2] = (0, 0, 1)
        object.__setattr__(half, "normal", normal)
    return halves


def test_a_background_without_noise_is_what_the_render_shows() -> None:
    background = np.full((HEIGHT, WIDTH, 3), np.float32(0.25))
    halves = sky_pair(background)
    result = returned(halves, *(np.full_like(background, 0.3) for _ in range(2)))
    np.testing.assert_array_equal(result[:, WIDTH // 2 + 1 :], background[:, WIDTH // 2 + 1 :])  # its edge may
    assert not np.array_equal(result[:, : WIDTH // 2], (halves.a.color + halves.b.color)[:, : WIDTH // 2] / 2)


def test_a_pixel_beside_a_surface_may_hold_what_no_sample_met() -> None:
    """Of single samples none proves little; where a surface is seen to cover an eighth of a pixel, there are eight.

    Beyond its neighbours the sky is what the render shows.
    """
    says = scene()[0].copy()
    says[:, WIDTH // 2 :] = 0.03
    beside = []
    for coverage in (1.0, 0.125):
        halves = sky_pair(np.zeros((HEIGHT, WIDTH, 3), np.float32))
        for half in (halves.a, halves.b):
            assert half.normal is not None
            half.normal[10, WIDTH // 2 - 1] = (0, 0, coverage)
        result = returned(halves, says, says)
        assert not result[:, WIDTH // 2 + 1 :].any()
        beside.append(result[40:, WIDTH // 2])  # far from that normal, which guides
    assert beside[0].min() > 0
    np.testing.assert_allclose(beside[1], beside[0] / 8, rtol=1e-3)  # the guide reaches a little


def test_fog_before_a_black_background_is_denoised_where_no_sample_met_it() -> None:
    random = np.random.default_rng(3)
    halves = sky_pair(np.zeros((HEIGHT, WIDTH, 3), np.float32))
    for half in (halves.a, halves.b):
        half.color[:, WIDTH // 2 :] = (random.uniform(size=(HEIGHT, WIDTH // 2, 1)) < 0.1) * np.float32(1)
    result = returned(halves, *(np.full((HEIGHT, WIDTH, 3), np.float32(0.1)) for _ in range(2)))
    assert result[:, WIDTH // 2 + 8 :].min() > 0.01


@pytest.mark.parametrize("kept", [0, 10**6])
def test_windows_change_nothing(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    random = np.random.default_rng(5)
    a, b, fa, fb = (random.gamma(2, 0.5, (203, 135, 3)).astype(np.float32) for _ in range(4))
    fa[:, 100:] = fb[:, 100:] = 0  # sky
    halves = Pair(Frame(a, fa / 8, fa / 4, seed=1), Frame(b, fb / 8, fb / 4, seed=2))
    whole = with_what_is_left(halves, fa, fb)
    monkeypatch.setattr("denoiser.inference.residual.SIDE", 64)
    monkeypatch.setattr("denoiser.inference.residual.KEEP_PIXELS", kept)
    for cut, uncut in zip(with_what_is_left(halves, fa, fb), whole, strict=True):
        np.testing.assert_allclose(cut, uncut, rtol=1e-4, atol=1e-5)  # order of float32 sums


def test_layers_may_be_half_floats() -> None:
    """As long as they hold what float32 does, the picture is the same."""
    truth, albedo = scene()
    noisy_halves = [noisy(truth, 4, seed) for seed in (0, 1)]
    albedo = albedo.astype(np.float16).astype(np.float32)
    normal = np.zeros_like(albedo)
    normal[..., :50, 2] = 1
    pairs = [
        Pair(*(Frame(half, albedo.astype(kind), normal.astype(kind), seed=i) for i, half in enumerate(noisy_halves)))
        for kind in (np.float32, np.float16)
    ]
    whole, compact = (with_what_is_left(each, truth * 0.9, truth * 0.9) for each in pairs)
    for one, other in zip(whole, compact, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_firefly_stays_out() -> None:
    truth = scene()[0]
    halves = pair(64)
    halves.a.color[20, 10] = 1e4
    result = returned(halves, truth, truth)
    assert abs(result - truth).max() < 0.2  # its share of 1e4 / 2 would be 5000


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (33, 17)])
def test_any_size(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    a, b = (random.uniform(0, 1, (*size, 3)).astype(np.float32) for _ in range(2))
    result = returned(Pair(Frame(a, seed=1), Frame(b, seed=2)), a * 0, b * 0)
    assert result.shape == (*size, 3) and np.isfinite(result).all() and result.min() >= 0


def test_a_black_picture_stays_black() -> None:
    black = np.zeros((20, 30, 3), np.float32)
    assert not returned(Pair(Frame(black, seed=1), Frame(black, seed=2)), black, black).any()


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives


def result(a: Tensor, b: Tensor) -> Tensor:
    """Of halves (1, 3, H, W) and a denoiser that averages 7x7 pixels."""
    means = (F.avg_pool2d(F.pad(half, (3,) * 4, mode="replicate"), 7, 1) for half in (a, b))
    return return_residual(TensorPair(TensorFrame(a), TensorFrame(b)), *means)[0]


@pytest.mark.parametrize("direction", ["noise", "scale"])
def test_derivatives_are_those_of_differences(direction: str) -> None:
    """Gains follow too: along the noise of the halves themselves they halved the derivative when taken as constant."""
    truth = to_nchw(scene()[0])
    a, b = (to_nchw(half.color).double().requires_grad_() for half in (pair(4).a, pair(4).b))
    ways = [(half - truth if direction == "noise" else half).detach() for half in (a, b)]
    weights = torch.rand(a.shape, generator=torch.Generator().manual_seed(0)).double()
    slopes = torch.autograd.grad((result(a, b) * weights).sum(), [a, b])
    found = sum(float((slope * way).sum()) for slope, way in zip(slopes, ways, strict=True))
    step = 1e-5
    with torch.no_grad():
        above, below = (result(a + sign * ways[0], b + sign * ways[1]) for sign in (step, -step))
        expected = float(((above - below) * weights).sum()) / (2 * step)
    assert found == pytest.approx(expected, rel=1e-3)  # kinks that lie within a step


def test_black_and_noiseless_places_have_derivatives() -> None:
    a, b = (to_nchw(half.color) for half in (pair(4).a, pair(4).b))
    for half in (a, b):
        half[..., :20, :], half[..., 20:40, :] = 0, 0.3
    halves = [half.requires_grad_() for half in (a, b)]
    assert all(slope.isfinite().all() for slope in torch.autograd.grad(result(a, b).sum(), halves))
