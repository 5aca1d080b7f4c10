"""Each sampler against small pictures worked out by hand, and the draws against their probabilities."""

import pytest
import torch

from denoiser.inference.samplers import KERNELS, POOLINGS, SAMPLER_NAMES, block, drawn, rate, reading

FOUR = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [0.0, 0.0, 2.0, 0.0], [0.0, 4.0, 0.0, 0.0]])[
    None, None
]
SIX = torch.arange(36.0).reshape(1, 1, 6, 6)


def both(sampler: str, picture: torch.Tensor) -> list[list[list[float]]]:
    read = reading(sampler, picture, torch.Generator().manual_seed(0))
    return [small[0, 0].tolist() for small in read(picture)]


@pytest.mark.parametrize(
    ("sampler", "first", "second"),
    [
        ("original", [[3.5, 5.5], [0.0, 0.0]], [[3.5, 5.5], [2.0, 1.0]]),
        ("plus", [[4.2 / 1.1, 6.6 / 1.1], [0.4 / 1.1, 0.2 / 1.1]], [[4.2 / 1.1, 6.6 / 1.1], [2.0 / 1.1, 1.0 / 1.1]]),
        ("plus-normalised", [[3.5, 5.5], [1 / 3, 1 / 6]], [[3.5, 5.5], [5 / 3, 5 / 6]]),
        ("minus", [[3.5, 5.5], [-0.5, -0.25]], [[3.5, 5.5], [2.5, 1.25]]),
        ("stripe", [[3.0, 5.0], [0.0, 1.0]], [[4.0, 6.0], [2.0, 0.0]]),
        ("max-average", [[6.0, 8.0], [4.0, 2.0]], [[3.5, 5.5], [1.0, 0.5]]),
    ],
)
def test_a_4x4_worked_out_by_hand(sampler: str, first: list[list[float]], second: list[list[float]]) -> None:
    # In the lower blocks, [0 0; 0 4] and [2 0; 0 0], the two diagonals differ: 0 + 0 and 0 + 4; 0 + 0 and 2 + 0.
    found = both(sampler, FOUR)
    assert found[0] == [pytest.approx(row, rel=1e-6) for row in first]  # float32
    assert found[1] == [pytest.approx(row, rel=1e-6) for row in second]


def test_cross_and_corners_of_a_6x6_worked_out_by_hand() -> None:
    # Block (0, 0) is 0 1 2; 6 7 8; 12 13 14: cross 1 + 6 + 8 + 13 = 28, corners 0 + 2 + 12 + 14 = 28, centre 7.
    first, second = both("cross", SIX)
    value = (0.5 * 28 + 0.01 * 7) / 2.01
    assert first[0][0] == pytest.approx(value, rel=1e-6) and second[0][0] == pytest.approx(value, rel=1e-6)
    spike = torch.zeros(1, 1, 6, 6)
    spike[0, 0, 3, 4] = 2.01  # above the centre of block (1, 1): in its cross alone
    first, second = both("cross", spike)
    assert first == [[0.0, 0.0], [0.0, pytest.approx(0.5)]] and second == [[0.0, 0.0], [0.0, 0.0]]
    corner = torch.zeros(1, 1, 6, 6)
    corner[0, 0, 3, 5] = 2.01  # the upper right one of block (1, 1)
    first, second = both("cross", corner)
    assert first == [[0.0, 0.0], [0.0, 0.0]] and second == [[0.0, 0.0], [0.0, pytest.approx(0.5)]]


def test_draws_of_a_4x4_worked_out_by_hand() -> None:
    # One pixel of each block has a positive value: there is no other to draw.
    picture = torch.tensor([[0.0, 3.0, -1.0, 0.0], [0.0, 0.0, 0.0, 5.0], [2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0]])
    assert both("average-stochastic", picture[None, None]) == [[[0.75, 1.0], [0.5, 1.0]], [[3.0, 5.0], [2.0, 4.0]]]
    assert both("max-stochastic", picture[None, None]) == [[[3.0, 5.0], [2.0, 4.0]]] * 2


def test_a_draw_is_a_pixel_of_its_block_in_proportion_to_its_value() -> None:
    blocks = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).repeat(100, 100)[None, None]
    picks = drawn(blocks, torch.Generator().manual_seed(1))
    shares = torch.bincount(picks.flatten(), minlength=4) / picks.numel()
    # 10,000 draws: a share's standard deviation is at most 0.005; 4 of them.
    assert shares.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.02)
    average, stochastic = reading("average-stochastic", blocks, torch.Generator().manual_seed(1))(blocks)
    assert torch.all(average == 2.5)
    assert torch.equal(stochastic.flatten(), torch.tensor([1.0, 2.0, 3.0, 4.0])[picks.flatten()])


def test_a_draw_never_takes_a_negative_pixel_and_any_of_a_black_block() -> None:
    block_ = torch.tensor([[-1.0, 2.0], [-3.0, 0.0]]).repeat(50, 50)[None, None]
    assert set(drawn(block_, torch.Generator().manual_seed(0)).flatten().tolist()) == {1}
    black = torch.zeros(1, 1, 100, 100)
    assert set(drawn(black, torch.Generator().manual_seed(0)).flatten().tolist()) == {0, 1, 2, 3}


def test_one_reading_reads_noisy_and_denoised_at_the_same_places() -> None:
    noisy = torch.rand(1, 3, 8, 8)
    read = reading("max-stochastic", noisy, torch.Generator().manual_seed(0))
    assert torch.allclose(read(noisy + 10)[1], read(noisy)[1] + 10)
    assert torch.equal(read(noisy)[0], torch.nn.functional.max_pool2d(noisy, 2))


def test_eight_samplers_are_offered_and_their_weights_sum_to_one_but_for_the_one_as_published() -> None:
    assert len(SAMPLER_NAMES) == 8 and set(SAMPLER_NAMES) | {"plus-normalised"} == set(KERNELS) | set(POOLINGS)
    for name, kernels in KERNELS.items():
        wanted = 1.2 / 1.1 if name == "plus" else 2.01 / 2.01
        assert [sum(sum(row) for row in kernel) for kernel in kernels] == [pytest.approx(wanted)] * 2
    assert {name: block(name) for name in SAMPLER_NAMES if block(name) != 2} == {"cross": 3}
    assert {rate(name) for name in POOLINGS} == {5e-3} and {rate(name) for name in KERNELS} == {1e-3}
