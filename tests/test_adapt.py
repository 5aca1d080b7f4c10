<<<<<<< HEAD
"""Adapting to the pairs at hand: what is held out judges, and without proof nothing changes."""

from collections.abc import Generator

import numpy as np
import pytest
import torch

from denoiser.inference.denoise import denoise_pair
from denoiser.model import Model, architecture_name
from denoiser.networks.kernel import KernelNetwork
from denoiser.networks.unet import UNet
from denoiser.training import adapt as module
from denoiser.training.adapt import SQUARE, AdaptConfig, AdaptRecord, adapt
from denoiser.transforms import NetworkInput
from renderer_bridge.errors import DatasetError, UsageError
from renderer_bridge.frame import Frame, Image, Pair

HEIGHT, WIDTH = 112, 150  # neither square nor multiples of a square
TAKEN = NetworkInput(optional=("albedo", "normal"), transfer="keyed")


def truth() -> Image:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    wave = 0.5 + 0.3 * np.sin(x / 9.0) * np.cos(y / 7.0)
    return np.repeat(wave[..., None], 3, axis=2).astype(np.float32)


def pair(seed: int = 0) -> Pair:
    random = np.random.default_rng(seed)
    halves = [(truth() * random.gamma(4.0, 0.25, (HEIGHT, WIDTH, 3))).astype(np.float32) for _ in "ab"]
    return Pair(Frame(halves[0]), Frame(halves[1]))


def model() -> Model:
    torch.manual_seed(0)
    return Model(KernelNetwork().eval().requires_grad_(False), TAKEN, "kernels")


def run(looks: Generator[AdaptRecord, None, Model]) -> tuple[list[AdaptRecord], Model]:
    records = []
    while True:
        try:
            records.append(next(looks))
        except StopIteration as end:
            return records, end.value


QUICK = AdaptConfig(seconds=1e9, learning_rate=3e-3, batch=2, crop=64, check_every=15, patience=1, precision="fp32")


def mse(one: Model, given: Pair) -> float:
    return float(np.mean((denoise_pair(one, given, residual=False, precision="fp32").color - truth()) ** 2))


@pytest.mark.slow
def test_random_weights_are_adapted_and_better_in_truth() -> None:
    before, given = model(), pair()
    records, after = run(adapt(before, [given], QUICK))
    assert after is not before and records[-1].best == max(each.best for each in records) > 0
    assert [each.step for each in records] == [15 * (index + 1) for index in range(len(records))]
    assert mse(after, given) < 0.9 * mse(before, given)
    assert mse(before, given) == mse(model(), given)  # the given weights are as they were


def test_without_proof_the_given_weights_are_kept() -> None:
    before = model()
    records, after = run(adapt(before, [pair()], AdaptConfig(1e9, 1e-9, 2, 64, 2, 2, precision="fp32")))
    assert after is before and len(records) == 2 and records[-1].best == 0


def test_no_gradient_comes_from_what_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every square held out there is nothing to learn."""
    monkeypatch.setattr(module, "HELD_OUT", 1.0)
    before = model()
    records, after = run(adapt(before, [pair()], QUICK))
    assert after is before and all(abs(each.gain) < 1e-6 for each in records)


def test_squares_are_held_out_whole() -> None:
    learnt = module._learnt((HEIGHT, WIDTH), 3)
    assert learnt.shape == (1, 1, HEIGHT, WIDTH)
    blocks = learnt[0, 0, : 3 * SQUARE, : 4 * SQUARE].reshape(3, SQUARE, 4, SQUARE)
    assert torch.all(blocks == blocks[:, :1, :, :1])
    many = torch.cat([module._learnt((256, 256), seed).flatten() for seed in range(40)])
    assert many.mean().item() == pytest.approx(0.75, abs=0.035)  # 4 standard deviations of 2560 draws


def test_layers_that_are_needed_and_settings_are_checked() -> None:
    unet = Model(UNet(9).eval())
    assert (architecture_name(unet), architecture_name(model())) == ("unet", "kernel")
    with pytest.raises(DatasetError, match="no albedo and no normal"):
        next(adapt(unet, [pair()]))
    with pytest.raises(DatasetError, match="no pair"):
        next(adapt(model(), []))
    with pytest.raises(UsageError, match="seconds is 0"):
        AdaptConfig(seconds=0)
=======
"""Training on one pair: what judges it is unbiased, and nothing gets worse by it."""

from __future__ import annotations

import numpy as np
import pytest

from denoiser.model import load_model
from online import adapt as module
from online.adapt import adapt, relative_gain, split
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
    assert not found.better or found.model.info == load_model().info
    for name, value in load_model().network.state_dict().items():
        np.testing.assert_array_equal(found.model.network.state_dict()[name].numpy(), value.numpy())


@pytest.mark.slow
def test_the_trained_weights_are_used_where_they_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "relative_gain", lambda *_: (0.2, 0.1))
    found = adapt("unet", pair(), noisy(3), 2, 0)
    assert found.better
    shipped = load_model().network.state_dict()
    assert any((value.cpu() != shipped[name]).any() for name, value in found.model.network.state_dict().items())
>>>>>>> fe74c2c (n2n: training on the pair itself, judged by samples held out; derivatives through the integrator)
