"""Training on one pair: what judges it is unbiased, and nothing gets worse by it."""

from __future__ import annotations

import numpy as np
import pytest

from denoiser.model import load_model
from online import pair_adaptation as module
from online.pair_adaptation import adapt, relative_gain, split
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Frame, Image, Pair

HEIGHT, WIDTH = 40, 56


def truth() -> Image:
    return np.tile(np.linspace(0.05, 0.8, WIDTH, dtype=np.float32)[:, None], (HEIGHT, 1, 3))


def noisy(seed: int, spp: int = 4) -> Image:
    return (truth() * np.random.default_rng(seed).gamma(spp, 1 / spp, (HEIGHT, WIDTH, 3))).astype(np.float32)


def pair() -> Pair:
    up = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    up[..., 1] = 1
    a, b = (Frame(noisy(seed), albedo=truth(), normal=up, spp=4, seed=seed) for seed in (1, 2))
    return Pair(a, b)


@pytest.mark.parametrize(("spp", "parts"), [(2, (1, 1)), (4, (3, 1)), (16, (12, 4))])
def test_a_quarter_is_held_out(spp: int, parts: tuple[int, int]) -> None:
    assert split(spp) == parts


def test_a_single_sample_cannot_be_split() -> None:
    with pytest.raises(UsageError, match="needs 2 samples per pixel of each half"):
        split(1)


def test_the_gain_is_told_by_noisy_samples_as_by_the_truth() -> None:
    before, after = truth() * np.float32(1.1), truth() * np.float32(1.02)
    exact, _ = relative_gain(before, after, truth())
    told = [relative_gain(before, after, noisy(seed, spp=1)) for seed in range(30)]
    gains, errors = (np.array(each) for each in zip(*told, strict=True))
    assert exact > 0
    assert abs(gains.mean() - exact) < 4 * errors.mean() / 30**0.5  # four standard errors of the mean of 30
    assert 0.5 < gains.std() / errors.mean() < 2  # the told error is that of the gain, from 12 blocks


def test_the_weights_stay_where_training_did_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "relative_gain", lambda *_: (0.1, 0.2))
    found = adapt("unet", pair(), noisy(3), 1, 0)
    assert not found.better or found.model.info == load_model("unet").info
    for name, value in load_model("unet").network.state_dict().items():
        np.testing.assert_array_equal(found.model.network.state_dict()[name].numpy(), value.numpy())


@pytest.mark.slow
def test_the_trained_weights_are_used_where_they_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "relative_gain", lambda *_: (0.2, 0.1))
    found = adapt("unet", pair(), noisy(3), 2, 0)
    assert found.better
    shipped = load_model("unet").network.state_dict()
    assert any((value.cpu() != shipped[name]).any() for name, value in found.model.network.state_dict().items())
