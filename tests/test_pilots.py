"""Open Image Denoise as a peer: it denoises, keeps its filters between pictures, and says what is wrong."""

from __future__ import annotations

import builtins
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from denoiser.inference.pilots import OpenImageDenoise
from renderer_bridge.errors import MissingPackageError, UsageError
from renderer_bridge.frame import Image

needs_oidn = pytest.mark.skipif(importlib.util.find_spec("pyoidn") is None, reason="pyoidn is not installed")

HEIGHT, WIDTH = 48, 80  # not square: rows and columns must not be mixed up


@pytest.fixture
def peer() -> Iterator[Callable[..., OpenImageDenoise]]:
    """Make peers with one thread; close them after the test."""
    opened: list[OpenImageDenoise] = []

    def make(**options: Any) -> OpenImageDenoise:
        opened.append(OpenImageDenoise(threads=1, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def two_walls(height: int = HEIGHT, width: int = WIDTH) -> Image:
    """Radiance: a bright left half, a dark right half."""
    color = np.full((height, width, 3), 2.0, np.float32)
    color[:, width // 2 :] = 0.2
    return color


def noisy(image: Image, sigma: float, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).standard_normal(image.shape)
    return (image * (1 + sigma * noise)).astype(np.float32)


def relative_error(image: Image, truth: Image) -> float:
    return float(np.abs(image / truth - 1).mean())


@needs_oidn
def test_several_renders_share_their_layers(peer: Callable[..., OpenImageDenoise]) -> None:
    truth, one = two_walls(), peer(prefilter=True)
    colors = [noisy(truth, 0.3, seed) for seed in (1, 2, 3)]
    albedo = noisy(np.full_like(truth, 0.5), 0.05)
    together = one.denoise_all(colors, albedo)
    for color, result in zip(colors, together, strict=True):
        assert np.array_equal(one.denoise(color, albedo), result)
    with pytest.raises(ValueError, match="color's shape"):
        one.denoise_all([colors[0], colors[1][:-1]], albedo)


@needs_oidn
@pytest.mark.parametrize("prefilter", [False, True])
def test_noise_shrinks_and_brightness_stays(peer: Callable[..., OpenImageDenoise], prefilter: bool) -> None:
    truth = two_walls()
    albedo = np.full_like(truth, 0.5)
    normal = np.tile(np.float32([0, 0, 1]), (HEIGHT, WIDTH, 1))
    result = peer(prefilter=prefilter).denoise(noisy(truth, 0.3), noisy(albedo, 0.05), normal)
    assert result.shape == truth.shape and result.dtype == np.float32
    assert relative_error(result, truth) < relative_error(noisy(truth, 0.3), truth) / 4  # about 0.03 against 0.24
    assert result.mean() == pytest.approx(truth.mean(), rel=0.03)  # linear radiance out, not tone-mapped


@needs_oidn
def test_radiance_above_one_survives(peer: Callable[..., OpenImageDenoise]) -> None:
    result = peer().denoise(50 * two_walls())
    assert result[:, : WIDTH // 2].mean() == pytest.approx(100.0, rel=0.05)  # HDR: nothing is clipped to 1


@needs_oidn
def test_inputs_stay_and_results_are_independent(peer: Callable[..., OpenImageDenoise]) -> None:
    oidn = peer(prefilter=True)
    color, albedo = noisy(two_walls(), 0.2), noisy(two_walls() / 4, 0.2).clip(0, 1)
    copies = color.copy(), albedo.copy()
    first = oidn.denoise(color, albedo)
    kept = first.copy()
    oidn.denoise(noisy(two_walls(), 0.2, seed=1), albedo)
    assert np.array_equal(first, kept)
    assert np.array_equal(color, copies[0]) and np.array_equal(albedo, copies[1])


@needs_oidn
@pytest.mark.parametrize("prefilter", [False, True])
def test_a_reused_filter_gives_what_a_new_one_gives(peer: Callable[..., OpenImageDenoise], prefilter: bool) -> None:
    color, albedo = noisy(two_walls(), 0.2), noisy(two_walls() / 4, 0.2).clip(0, 1)
    used = peer(prefilter=prefilter)
    used.denoise(two_walls(), albedo)  # same size
    again = used.denoise(color, albedo)
    used.denoise(two_walls(32, 33))  # another size, no albedo: its filters are made anew
    after_another_size = used.denoise(color, albedo)
    fresh = peer(prefilter=prefilter).denoise(color, albedo)
    assert np.array_equal(again, fresh) and np.array_equal(after_another_size, fresh)


@needs_oidn
def test_albedo_and_prefilter_make_a_difference(peer: Callable[..., OpenImageDenoise]) -> None:
    color, albedo = noisy(two_walls(), 0.3), noisy(two_walls() / 4, 0.3).clip(0, 1)
    plain, with_albedo = peer().denoise(color), peer().denoise(color, albedo)
    prefiltered = peer(prefilter=True).denoise(color, albedo)
    assert not np.array_equal(plain, with_albedo) and not np.array_equal(with_albedo, prefiltered)


@needs_oidn
def test_shapes_that_differ_are_refused(peer: Callable[..., OpenImageDenoise]) -> None:
    with pytest.raises(ValueError, match=r"albedo must have the color's shape"):
        peer().denoise(two_walls(48, 80), two_walls(80, 48))


@needs_oidn
@pytest.mark.parametrize(("options", "match"), [({"quality": "best"}, "'best'"), ({"threads": -1}, "-1")])
def test_options_outside_their_range_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        OpenImageDenoise(**options)


@needs_oidn
def test_closing_twice_is_fine() -> None:
    with OpenImageDenoise(threads=1) as oidn:
        oidn.close()


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pyoidn(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pyoidn":
            raise ImportError("No module named 'pyoidn'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyoidn)
    with pytest.raises(MissingPackageError, match=r"pip install n2n-denoiser\[oidn\]"):
        OpenImageDenoise()
