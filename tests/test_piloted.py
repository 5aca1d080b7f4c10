"""Another denoiser as pilot: what it gets wrong in both halves alike comes back, and noise does not."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
import pytest

from denoiser.inference import piloted
from denoiser.inference.piloted import denoise_frame_with, denoise_pair_with, find_pilot
from denoiser.inference.zero_shot import ZeroShotConfig
from renderer_bridge.errors import MissingPackageError
from renderer_bridge.frame import Frame, Image, Pair

HEIGHT, WIDTH = 96, 128  # not square


def truth() -> Image:
    """Broad stripes on a wall, in the picture alone: neither albedo nor normal knows of them."""
    x = np.arange(WIDTH)
    stripes = 0.5 + 0.25 * np.sign(np.sin(2 * np.pi * x / 32))
    return np.broadcast_to(stripes[None, :, None], (HEIGHT, WIDTH, 3)).astype(np.float32)


def pair(sigma: float = 0.05) -> Pair:
    flat = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    normal = np.tile(np.float32([0, 0, 1]), (HEIGHT, WIDTH, 1))
    halves = [
        Frame(
            (truth() + sigma * np.random.default_rng(seed).standard_normal(flat.shape)).astype(np.float32), flat, normal
        )
        for seed in (1, 2)
    ]
    return Pair(*halves)


def blurring(colors: Sequence[Image], albedo: Image | None, normal: Image | None) -> list[Image]:
    """A pilot that loses all texture."""
    return [np.broadcast_to(color.mean(axis=(0, 1)), color.shape).astype(np.float32) for color in colors]


def perfect(colors: Sequence[Image], albedo: Image | None, normal: Image | None) -> list[Image]:
    return [truth().copy() for _ in colors]


def rms(image: Image) -> float:
    return float(np.sqrt(np.mean((image - truth()) ** 2)))


def test_a_texture_that_the_pilot_loses_comes_back() -> None:
    result = denoise_pair_with(blurring, pair())
    noisy = rms((pair().a.color + pair().b.color) / 2)
    assert rms(blurring([truth()], None, None)[0]) == pytest.approx(0.25, rel=0.01)
    assert rms(result.color) < 0.05 and rms(result.color) < 1.2 * noisy
    assert result.error is not None and 0.3 < np.sqrt(np.mean(result.error**2)) / rms(result.color) < 3


def test_a_perfect_pilot_gets_little_noise_back() -> None:
    """The noise of the mean is 0.035; a tenth of it may pass for shared error."""
    assert rms(denoise_pair_with(perfect, pair()).color) < 0.0035


def test_the_pilot_sees_both_halves_and_their_mean_with_the_mean_of_their_layers() -> None:
    seen: list[Image] = []

    def watched(colors: Sequence[Image], albedo: Image | None, normal: Image | None) -> list[Image]:
        seen.extend(colors)
        assert albedo is not None and normal is None
        assert np.allclose(albedo, 0.4)
        return list(colors)

    a, b = (Frame(np.full((16, 24, 3), v, np.float32), np.full((16, 24, 3), v / 5, np.float32)) for v in (1, 3))
    denoise_pair_with(watched, Pair(a, b))
    assert [float(color.mean()) for color in seen] == [1.0, 3.0, 2.0]


def test_without_the_residual_it_is_the_pilots_picture_of_the_mean() -> None:
    result = denoise_pair_with(blurring, pair(), residual=False)
    mean = (pair().a.color + pair().b.color) / 2
    assert np.allclose(result.color, mean.mean(axis=(0, 1)), atol=1e-6) and result.error is not None


def test_of_one_frame_it_is_the_pilots_picture() -> None:
    result = denoise_frame_with(blurring, pair().a)
    assert np.allclose(result.color, pair().a.color.mean(axis=(0, 1))) and result.error is None


def test_pilots_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    find_pilot.cache_clear()
    assert find_pilot("none") is None
    assert (find_pilot("auto") is None) == (importlib.util.find_spec("pyoidn") is None)
    find_pilot.cache_clear()

    def absent(**options: object) -> None:
        raise MissingPackageError("Open Image Denoise: not installed")

    monkeypatch.setattr(piloted, "OpenImageDenoise", absent)
    with pytest.raises(MissingPackageError):
        find_pilot("oidn")
    monkeypatch.setattr(piloted.importlib.util, "find_spec", lambda name: None)
    assert find_pilot("auto") is None


def test_zero_shot_is_a_pilot_that_looks_at_color_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def alone(picture: Image, linear: bool, config: ZeroShotConfig) -> Image:
        asked.append((linear, config.sampler))
        return picture / 2

    monkeypatch.setattr(piloted, "denoise_alone", alone)
    pilot = find_pilot("zero-shot", "stripe")
    assert pilot is not None and np.all(pilot([np.ones((4, 4, 3), np.float32)], None, None)[0] == 0.5)
    assert asked == [(True, "stripe")]
