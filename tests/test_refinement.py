"""The refinement: nothing at first, then moves of the logarithm, large where it is dark and small at lamps."""

import torch

from denoiser.networks.pixels import FLOOR, MOST
from denoiser.networks.refinement import Refinement

CHANNELS = 8


def refinement(move: float = 0.0) -> Refinement:
    """One that moves every pixel by `move`, before brightness counts."""
    torch.manual_seed(0)
    network = Refinement(CHANNELS).eval().requires_grad_(False)
    network.head.bias.fill_(move)  # type: ignore[union-attr]
    return network


def refined(radiance: float, move: float) -> float:
    picture = torch.full((1, 3, 16, 24), radiance)
    result = refinement(move)(picture, torch.rand(1, CHANNELS, 8, 12))
    assert result.shape == picture.shape and torch.equal(result, result[:, :1, :1, :1].expand_as(result))
    return float(result[0, 0, 0, 0])


def test_an_untrained_one_changes_nothing() -> None:
    picture = torch.rand(1, 3, 16, 24) * 100
    assert torch.equal(refinement()(picture, torch.rand(1, CHANNELS, 8, 12)), picture)


def test_black_can_be_lit_and_nothing_becomes_negative() -> None:
    assert refined(0.0, 2.0) > 5 * FLOOR
    assert refined(0.0, -2.0) == 0
    assert 0 < refined(0.2, -MOST) < 0.02


def test_the_move_has_an_end() -> None:
    assert refined(0.2, 100.0) == refined(0.2, MOST)


def test_lamps_move_little() -> None:
    """A move by which a room of radiance 0.2 changes by a tenth changes a lamp of 50 by a hundredth or two."""
    assert abs(refined(0.2, 0.1) / 0.2 - 1) > 0.09
    assert abs(refined(50.0, 0.1) / 50 - 1) < 0.02


def test_a_gradient_passes_through_black() -> None:
    network = refinement(0.1).requires_grad_(True)
    picture = torch.zeros(1, 3, 16, 24, requires_grad=True)
    network(picture, torch.rand(1, CHANNELS, 8, 12)).sum().backward()
    assert picture.grad is not None and picture.grad.isfinite().all()
    assert network.head.bias.grad is not None and network.head.bias.grad.abs().sum() > 0


def test_negative_radiance_gives_numbers() -> None:
    """Some renderers' filters leave samples far below zero."""
    assert refined(-30.0, 1.0) < 0
