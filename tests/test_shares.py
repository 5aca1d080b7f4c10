"""Passes denoised with their beauty: they sum to it, keep their place, and lose their noise."""

import numpy as np

from denoiser.inference import shares
from denoiser.inference.shares import share_out
from renderer_bridge.frame import Frame, Image

HEIGHT, WIDTH = 40, 56


def passes(seed: int = 0) -> tuple[Image, Image]:
    """Two lights with noise of their own: one falls on the left half, one everywhere."""
    random = np.random.default_rng(seed)
    left = random.gamma(0.5, 2, (HEIGHT, WIDTH, 3)).astype(np.float32) * 3
    left[:, WIDTH // 2 :] = 0
    return left, random.gamma(0.5, 2, (HEIGHT, WIDTH, 3)).astype(np.float32)


def clean() -> tuple[Image, Image]:
    left = np.full((HEIGHT, WIDTH, 3), 3, np.float32)
    left[:, WIDTH // 2 :] = 0
    return left, np.ones((HEIGHT, WIDTH, 3), np.float32)


def test_they_sum_to_the_denoised_beauty() -> None:
    key, fill = passes()
    noisy, denoised = key + fill, sum(clean())
    assert isinstance(denoised, np.ndarray)
    found = share_out(denoised, noisy, (key, fill), Frame(noisy))
    # Quotients and products of float32: a few roundings of the sum.
    np.testing.assert_allclose(found[0] + found[1], denoised, rtol=1e-5)
    assert all(each.shape == noisy.shape and each.dtype == np.float32 for each in found)


def test_noise_goes_and_edges_stay() -> None:
    key, fill = passes()
    denoised = clean()[0] + clean()[1]
    found = share_out(denoised, key + fill, (key, fill), Frame(key + fill))
    for noisy, result, truth in zip((key, fill), found, clean(), strict=True):
        before, after = (np.sqrt(np.mean((each - truth) ** 2)) for each in (noisy, result))
        assert after < before / 4  # 0.11 to 0.14 of it here: a mean over some 100 pixels
    assert found[0][:, WIDTH // 2 :].max() < 3e-3  # a thousandth of the light on the other side


def test_bands_are_no_seams(monkeypatch: object) -> None:
    key, fill = passes()
    noisy, denoised = key + fill, clean()[0] + clean()[1]
    whole = share_out(denoised, noisy, (key,), Frame(noisy, albedo=fill.clip(0, 1)))
    monkeypatch.setattr(shares, "_ROWS", 8)  # type: ignore[attr-defined]
    banded = share_out(denoised, noisy, (key,), Frame(noisy, albedo=fill.clip(0, 1)))
    np.testing.assert_allclose(banded[0], whole[0], rtol=1e-5, atol=1e-6)


def test_they_sum_to_it_where_the_noisy_beauty_is_black_too() -> None:
    key, fill = passes()
    key[:8], fill[:8] = 0, 0
    denoised = clean()[0] + clean()[1]
    found = share_out(denoised, key + fill, (key, fill), Frame(key + fill, albedo=(denoised * 7).clip(0, 1)))
    np.testing.assert_allclose(found[0] + found[1], denoised, rtol=1e-5)


def test_black_stays_black() -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    (found,) = share_out(black, black, (black,), Frame(black))
    assert found.max() == 0
