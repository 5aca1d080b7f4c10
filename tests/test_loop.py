"""The loop of every offline training: its learning rate, and its average of the weights."""

import dataclasses

import pytest
import torch

from denoiser.training.config import TrainConfig
from denoiser.training.loop import learning_rate, update_average
from denoiser.training.train import new_state

SMALL = TrainConfig(steps=6, batch=1, crop=32)


def test_the_learning_rate_is_constant_then_falls_to_zero() -> None:
    config = TrainConfig(steps=1000, ramp_down=0.3, learning_rate=2.0)
    assert [learning_rate(config, step) for step in (0, 500, 700)] == [2.0, 2.0, 2.0]
    assert learning_rate(config, 850) == pytest.approx(2.0 * 0.5**2)
    falling = [learning_rate(config, step) for step in range(700, 1000)]
    assert falling == sorted(falling, reverse=True) and 0 < falling[-1] < 1e-6
    assert learning_rate(dataclasses.replace(config, ramp_down=0.0), 999) == 2.0


def test_the_average_forgets_by_half_in_its_half_life() -> None:
    state = new_state(SMALL, torch.device("cpu"))
    state.step = 100_000
    with torch.no_grad():
        for old, new in zip(state.average.parameters(), state.network.parameters(), strict=True):
            old.fill_(1.0)
            new.fill_(0.0)
    for _ in range(50):
        update_average(state, half_life=50.0)
    assert next(state.average.parameters()).mean().item() == pytest.approx(0.5, rel=1e-4)  # 50 float32 roundings
    state.step = 0
    update_average(state, half_life=50.0, from_random=False)
    assert next(state.average.parameters()).mean().item() == pytest.approx(0.5 ** (51 / 50), rel=1e-4)
    update_average(state, half_life=50.0)
    assert next(state.average.parameters()).abs().max() == 0  # at first the average is the network
