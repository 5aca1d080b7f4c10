"""Adapting to the pairs at hand: what is held out judges, and without proof nothing changes."""

import importlib
from collections.abc import Generator
from dataclasses import replace

import numpy as np
import pytest
import torch

from denoiser.inference import select
from denoiser.inference.denoise import denoise_pair
from denoiser.model import Model, architecture_name
from denoiser.networks.kernel import KernelNetwork
from denoiser.networks.unet import UNet
from denoiser.training.adapt import AdaptConfig, AdaptRecord, adapt
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
    config = replace(QUICK, learning_rate=1e-9, check_every=2, patience=2)
    records, after = run(adapt(before, [pair()], config))
    assert after is before and len(records) == 2 and records[-1].best == 0


def test_it_ends_after_the_steps_given() -> None:
    records, _ = run(adapt(model(), [pair()], replace(QUICK, check_every=2, patience=9, steps=3)))
    assert [each.step for each in records] == [2, 3]


def test_no_gradient_comes_from_what_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every square held out there is nothing to learn."""
    monkeypatch.setattr(select, "HELD_OUT", 1.0)
    before = model()
    records, after = run(adapt(before, [pair()], QUICK))
    assert after is before and all(abs(each.gain) < 1e-6 for each in records)


def test_beyond_the_picture_crops_are_mirrored_and_nothing_is_learnt() -> None:
    random, module = np.random.default_rng(0), importlib.import_module("denoiser.training.adapt")
    layers, target, learnt = module._crop(module._view(model(), pair(), 0), random, 160)
    for image in (layers["color"], target):
        assert image.shape == (1, 3, 160, 160)
        assert torch.equal(image[..., HEIGHT:, :], image[..., 2 * HEIGHT - 161 : HEIGHT - 1, :].flip(2))
        assert torch.equal(image[..., WIDTH:], image[..., 2 * WIDTH - 161 : WIDTH - 1].flip(3))
    assert learnt.shape == (1, 1, 160, 160) and learnt[..., :HEIGHT, :WIDTH].any()
    assert not learnt[..., HEIGHT:, :].any() and not learnt[..., WIDTH:].any()


def test_layers_that_are_needed_and_settings_are_checked() -> None:
    unet = Model(UNet(9).eval())
    assert (architecture_name(unet), architecture_name(model())) == ("unet", "kernel")
    with pytest.raises(DatasetError, match="no albedo and no normal"):
        next(adapt(unet, [pair()]))
    with pytest.raises(DatasetError, match="no pair"):
        next(adapt(model(), []))
    with pytest.raises(UsageError, match="seconds is 0"):
        AdaptConfig(seconds=0)
    with pytest.raises(UsageError, match="steps is 0"):
        AdaptConfig(steps=0)
