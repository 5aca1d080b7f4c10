"""The residual of a pair: shared error is returned, noise is not, and the limit is the render itself."""

import numpy as np
import pytest
from numpy.typing import NDArray

from denoiser.residual import return_residual
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


def error(picture: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(picture - scene()[0]))))


def test_a_color_that_both_halves_get_wrong_comes_back() -> None:
    tinted = scene()[0] * np.float32([1.2, 1.0, 0.8])
    result = return_residual(pair(4), tinted, tinted)
    assert error(result) < error(tinted) / 4  # noise of 0.35 relative, averaged over some 64x64 pixels, is 0.01


def test_a_right_picture_stays_right() -> None:
    """Nothing is shared but the truth: what comes back is the doubt of the estimate."""
    truth = scene()[0]
    noise = error((pair(4).a.color + pair(4).b.color) / 2)
    assert error(return_residual(pair(4), truth, truth)) < noise / 8


def test_more_samples_bring_it_to_the_render_whatever_the_denoiser_says() -> None:
    wrong = np.full_like(scene()[0], 0.3)
    errors = [error(return_residual(pair(spp), wrong, wrong)) for spp in (4, 64, 1024)]
    noise = [error((pair(spp).a.color + pair(spp).b.color) / 2) for spp in (4, 64, 1024)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < noise[0] and errors[2] < 1.1 * noise[2]


def test_equal_halves_and_denoised_halves_change_nothing() -> None:
    truth, albedo = scene()
    equal = Pair(Frame(truth, albedo, seed=1), Frame(truth, albedo, seed=2)) if False else pair(4)
    result = return_residual(equal, equal.a.color, equal.b.color)  # residuals of zero
    np.testing.assert_allclose(result, (equal.a.color + equal.b.color) / 2, rtol=1e-6)


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    a, b, fa, fb = (random.gamma(2, 0.5, (203, 45, 3)).astype(np.float32) for _ in range(4))
    halves = Pair(Frame(a, fa / 8, seed=1), Frame(b, fb / 8, seed=2))
    whole = return_residual(halves, fa, fb)
    monkeypatch.setattr("denoiser.residual.STRIP_PIXELS", 45 * 64)
    np.testing.assert_allclose(return_residual(halves, fa, fb), whole, rtol=1e-4, atol=1e-5)  # order of float32 sums


def test_a_firefly_stays_out() -> None:
    truth = scene()[0]
    halves = pair(64)
    halves.a.color[20, 10] = 1e4
    result = return_residual(halves, truth, truth)
    assert abs(result - truth).max() < 0.2  # its share of 1e4 / 2 would be 5000


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (33, 17)])
def test_any_size(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    a, b = (random.uniform(0, 1, (*size, 3)).astype(np.float32) for _ in range(2))
    result = return_residual(Pair(Frame(a, seed=1), Frame(b, seed=2)), a * 0, b * 0)
    assert result.shape == (*size, 3) and np.isfinite(result).all() and result.min() >= 0


def test_a_black_picture_stays_black() -> None:
    black = np.zeros((20, 30, 3), np.float32)
    assert not return_residual(Pair(Frame(black, seed=1), Frame(black, seed=2)), black, black).any()
