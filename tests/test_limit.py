"""A network that runs away is brought back; one that is right is left alone."""

import numpy as np
import pytest
import torch

from denoiser.inference.limit import CELL, MEANS, limit_radiance


def noisy(height: int = 50, width: int = 70) -> torch.Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.gamma(0.5, 2.0, (1, 3, height, width)).astype(np.float32))


def test_a_picture_as_bright_as_its_samples_is_left_alone() -> None:
    color = noisy()
    for output in (color, torch.ones_like(color), color * 0):
        torch.testing.assert_close(limit_radiance(output, color), output)


def test_a_small_lamp_in_the_dark_keeps_its_brightness() -> None:
    color = torch.full((1, 3, 64, 64), 1e-3)
    color[..., 30, 30] = 100.0
    torch.testing.assert_close(limit_radiance(color, color), color)


@pytest.mark.parametrize("wild", [1e3, 1e20, float("inf")])
def test_what_runs_away_is_brought_down_to_a_few_means_and_keeps_its_hue(wild: float) -> None:
    color = torch.full((1, 3, 64, 64), 0.5)
    output = color.clone()
    output[..., 10:20, 10:20] = torch.tensor([wild, min(wild / 2, 1e30), 0.0])[:, None, None]
    limited = limit_radiance(output, color)
    assert limited.max() <= 0.5 * MEANS + 1e-6 and torch.isfinite(limited).all()
    assert (limited[0, 2, 10:20, 10:20] == 0).all() and (limited[..., 40:, 40:] == 0.5).all()
    if np.isfinite(wild):
        torch.testing.assert_close(limited[0, 1, 15, 15], limited[0, 0, 15, 15] / 2)


def test_black_input_gives_black_and_negative_output_too() -> None:
    assert not limit_radiance(torch.ones(1, 3, 20, 20), torch.zeros(1, 3, 20, 20)).any()
    assert not limit_radiance(-torch.ones(1, 3, 20, 20), torch.ones(1, 3, 20, 20)).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (CELL, CELL), (CELL + 1, 2 * CELL - 1)])
def test_any_size(size: tuple[int, int]) -> None:
    color = noisy(*size)
    assert limit_radiance(color * 2, color).shape == color.shape
