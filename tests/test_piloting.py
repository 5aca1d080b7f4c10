"""A pilot beside the network: of the network is taken what the pair proves it to be worth, place by place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from denoiser.devices import TensorFrame, TensorPair
from online.piloting import Piloted

SIZE = (96, 160)  # not square
NOISE = 0.2


def truth() -> Tensor:
    x = torch.linspace(0.2, 1.0, SIZE[1])
    return x.expand(1, 3, *SIZE).clone()


def pair(seed: int = 0) -> TensorPair:
    random = torch.Generator().manual_seed(seed)
    halves = [TensorFrame(truth() + NOISE * torch.randn(truth().shape, generator=random)) for _ in range(2)]
    return TensorPair(halves[0], halves[1])


def wrong(seed: int, size: float = 0.05) -> Tensor:
    """The truth with an error of 8x8 pixels' grain: what a denoiser gets wrong in both halves alike."""
    grain = torch.randn((1, 3, SIZE[0] // 8, SIZE[1] // 8), generator=torch.Generator().manual_seed(seed))
    return truth() + size * grain.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)


def mse(picture: Tensor) -> float:
    return float((picture - truth()).square().mean())


def test_a_perfect_network_takes_over_and_a_bad_one_is_left_out() -> None:
    start = Piloted((wrong(1), wrong(1)), wrong(1))
    assert start.share((truth(), truth()), pair()).mean() > 0.9
    worse = wrong(1) + 5 * (wrong(2) - truth())
    assert start.share((worse, worse), pair()).mean() < 0.1


def test_two_that_are_equally_wrong_in_different_ways_are_averaged() -> None:
    start = Piloted((wrong(1), wrong(1)), wrong(1))
    share = start.share((wrong(2), wrong(2)), pair())
    assert share.mean().item() == pytest.approx(0.5, abs=0.1)
    assert mse(torch.lerp(wrong(1), wrong(2), share)) < 0.6 * mse(wrong(1))  # half, but for chance


def test_the_share_follows_the_place() -> None:
    """The network is right on the left, the pilot on the right."""
    left = torch.arange(SIZE[1]) < SIZE[1] // 2
    network, own = torch.where(left, truth(), wrong(1)), torch.where(left, wrong(2), truth())
    share = Piloted((own, own), own).share((network, network), pair())
    assert share[..., :48].mean() > 0.8 and share[..., -48:].mean() < 0.2


def test_over_many_pairs_nothing_is_lost_where_the_network_is_worthless() -> None:
    """Worthless: the pilot's picture with an error of its own. Chance may cost a few per cent of the pilot's error."""
    start = Piloted((wrong(1), wrong(1)), wrong(1))
    worse = wrong(1) + 0.5 * (wrong(2) - truth())
    costs = [mse(torch.lerp(wrong(1), worse, start.share((worse, worse), pair(seed)))) for seed in range(8)]
    assert sum(costs) / len(costs) < 1.02 * mse(wrong(1))


def test_without_a_share_it_is_the_pilots_picture_of_the_mean_with_the_residual() -> None:
    """A pilot that loses nothing, whose picture of the mean is off by 0.1: held to the halves that is corrected."""
    start = Piloted((truth(), truth()), truth() + 0.1)
    nothing = torch.zeros(1, 1, *SIZE)
    alone = start.combined(pair(), (wrong(1), wrong(1)), nothing)
    color, noise, left = alone.color, alone.noise, alone.left
    assert float((color - truth()).mean()) == pytest.approx(0.0, abs=0.01)
    assert noise.shape == color.shape and not noise.any() and left.shape == nothing.shape
    everything = start.combined(pair(), (truth(), truth()), nothing + 1).color
    assert float((everything - truth()).mean()) == pytest.approx(0.0, abs=0.01)
