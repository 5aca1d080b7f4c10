"""The best of several pictures of a pair: each where it is right, seams without steps, and no noise taken for truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from denoiser.devices import pair_on
from denoiser.inference.select import (
    SQUARE,
    Candidate,
    blend,
    learnt_squares,
    noisy_candidate,
    select_pair,
)
from denoiser.model import Model
from denoiser.networks.kernel import KernelNetwork
from denoiser.transforms import NetworkInput, to_image, to_nchw
from renderer_bridge.frame import Frame, Image, Pair

HEIGHT, WIDTH = 96, 160  # not square


def truth() -> Image:
    x = np.arange(WIDTH)
    wave = 0.5 + 0.2 * np.sin(2 * np.pi * x / 40)
    return np.broadcast_to(wave[None, :, None], (HEIGHT, WIDTH, 3)).astype(np.float32)


def pair(shape: float, seed: int = 0) -> Pair:
    """Noise of mean 1 and variance 1 / `shape`; below 1 it is mostly dark, with rare fireflies."""
    random = np.random.default_rng(seed)
    halves = [(truth() * random.gamma(shape, 1 / shape, (HEIGHT, WIDTH, 1))).astype(np.float32) for _ in "ab"]
    return Pair(*(Frame(half, seed=index) for index, half in enumerate(halves)))


def steady(name: str, picture: Image, judged: Tensor | None = None) -> Candidate:
    """A candidate that is the same whatever the noise."""
    color = to_nchw(picture)
    return Candidate(name, color, color, color, torch.zeros_like(color), judged)


def wrong_on(side: str) -> Image:
    result = truth().copy()
    half = slice(0, WIDTH // 2) if side == "left" else slice(WIDTH // 2, WIDTH)
    result[:, half] *= np.float32(1.3)
    return result


def rms(picture: Tensor | Image) -> float:
    image = to_image(picture) if isinstance(picture, Tensor) else picture
    return float(np.sqrt(np.mean((image - truth()) ** 2)))


def test_each_is_taken_where_it_is_right() -> None:
    best, shares = blend([steady("one", wrong_on("left")), steady("two", wrong_on("right"))], pair_on(pair(4.0)))
    assert rms(best.color) < 0.4 * rms(wrong_on("left"))  # what is left is around the border between both
    assert sum(shares.values()) == pytest.approx(1) and 0.3 < shares["two"] < 0.7


def test_seams_are_smooth() -> None:
    one, two = steady("one", wrong_on("left")), steady("two", wrong_on("right"))
    share = (blend([one, two], pair_on(pair(4.0)))[0].color - one.color) / (two.color - one.color)
    assert float(share.diff(dim=3).abs().max()) < 0.1  # a Gaussian of 8 pixels rises by at most 0.05 a pixel


@pytest.mark.parametrize(("across", "least", "most"), [(10, 0.0, 0.0), (60, 0.7, 1.0)])
def test_a_few_pixels_that_agree_prove_nothing(across: int, least: float, most: float) -> None:
    """At 1 spp both halves may lack a lamp in ten pixels of its edge; 60 x 60 pixels are no chance."""
    right, dark = truth(), truth()
    seen = (slice(40, 41 if across == 10 else 100), slice(30, 30 + across))
    right[seen], dark[seen] = 5.0, 0.0
    found = pair(4.0)
    halves = Pair(*(Frame(np.where(dark > 0, half.color, 0), seed=half.seed) for half in (found.a, found.b)))
    best, _ = blend([steady("right", right), steady("dark", dark)], pair_on(halves))
    share = 1 - to_image(best.color)[seen].mean() / 5
    assert least <= share <= most


def test_the_order_does_not_matter_where_one_is_better_throughout() -> None:
    good, bad = steady("good", truth()), steady("bad", truth() * np.float32(1.2))
    for order in ([good, bad], [bad, good]):
        best, shares = blend(order, pair_on(pair(4.0)))
        assert rms(best.color) < 0.1 * rms(bad.color)
        assert best.name == "good" and shares["good"] > 0.95


@pytest.mark.parametrize("shape", [0.02, 0.3, 4.0])
def test_noise_is_never_preferred_to_the_truth(shape: float) -> None:
    """Where fireflies are missing both halves agree that it is dark; over many pixels they do not."""
    for seed in range(4):
        halves = pair_on(pair(shape, seed))
        best, shares = blend([steady("true", truth()), noisy_candidate(halves)], halves)
        noise = rms(noisy_candidate(halves).color)
        assert rms(best.color) < 0.05 * noise  # 2 standard errors pass by chance at one place in 40, a little
        assert shares["noisy"] < 0.02


def test_the_noisy_mean_is_taken_where_there_is_no_noise() -> None:
    calm = Pair(*(Frame((truth() + s * np.float32(1e-4)).astype(np.float32), seed=s) for s in (0, 1)))
    best, shares = blend([steady("wrong", wrong_on("left")), noisy_candidate(pair_on(calm))], pair_on(calm))
    assert rms(best.color) < 0.02 * rms(wrong_on("left")) and shares["noisy"] > 0.4


def test_only_squares_that_were_held_out_judge() -> None:
    """What repeats its targets looks perfect where it saw them."""
    halves = pair_on(pair(4.0))
    learnt = learnt_squares((HEIGHT, WIDTH))
    seen = (
        torch.where(learnt > 0, halves.b.color, to_nchw(truth())),
        torch.where(learnt > 0, halves.a.color, to_nchw(truth())),
    )
    repeats = Candidate("adapted", (seen[0] + seen[1]) / 2, *seen, torch.zeros_like(seen[0]), 1 - learnt)
    best, shares = blend([steady("true", truth()), repeats], halves)
    assert shares["adapted"] < 0.05 and rms(best.color) < 0.1 * rms(repeats.color)


def test_squares_are_held_out_whole() -> None:
    learnt = learnt_squares((112, 150), 3)
    assert learnt.shape == (1, 1, 112, 150)
    blocks = learnt[0, 0, : 3 * SQUARE, : 4 * SQUARE].reshape(3, SQUARE, 4, SQUARE)
    assert torch.all(blocks == blocks[:, :1, :, :1])
    many = torch.cat([learnt_squares((256, 256), seed).flatten() for seed in range(40)])
    assert many.mean().item() == pytest.approx(0.75, abs=0.035)  # 4 standard deviations of 2560 draws


def perfect(colors: Sequence[Image], albedo: Image | None, normal: Image | None) -> list[Image]:
    return [truth().copy() for _ in colors]


@pytest.mark.parametrize("residual", [True, False])
def test_a_perfect_pilot_beside_random_weights(residual: bool) -> None:
    torch.manual_seed(0)
    network = KernelNetwork().eval().requires_grad_(False)
    model = Model(network, NetworkInput(optional=("albedo", "normal"), transfer="keyed"), "kernels")
    result = select_pair(pair(4.0), model, perfect, model, residual=residual)
    assert result.color.shape == (HEIGHT, WIDTH, 3) and result.error is not None
    assert list(result.shares) == ["pilot", "network", "noisy", "adapted"] and result.shares["pilot"] > 0.7
    without = select_pair(pair(4.0), model, residual=residual)
    assert list(without.shares) == ["network", "noisy"]
    assert rms(result.color) < 0.5 * rms(without.color)


def blurred(colors: Sequence[Image], albedo: Image | None, normal: Image | None) -> list[Image]:
    """A pilot that knows the truth but for the mean error of what it is given."""
    return [(truth() * (color.mean() / truth().mean())).astype(np.float32) for color in colors]


@pytest.mark.parametrize("honest", [True, False])
def test_samples_of_other_views_are_taken_where_they_show_the_same(honest: bool) -> None:
    """Views that were lit otherwise are told by the pair's own halves."""
    torch.manual_seed(0)
    model = Model(KernelNetwork().eval().requires_grad_(False), NetworkInput(optional=("albedo", "normal")), "kernels")
    brightness = np.float32(1.0 if honest else 1.3)
    calm = pair(400.0, 7)
    many = Pair(*(replace(half, color=half.color * brightness) for half in (calm.a, calm.b)))
    result = select_pair(pair(4.0), model, blurred, more=many, residual=False, every=False)
    assert sorted(result.shares) == ["pilot", "pilot with views"]
    without = select_pair(pair(4.0), model, blurred, residual=False, every=False)
    assert list(without.shares) == ["pilot"]
    if honest:
        assert rms(result.color) < rms(without.color)
    else:  # 2 standard errors pass by chance at one place in 40, a little
        assert rms(result.color) < 0.05 * rms(truth() * brightness)
        assert result.shares["pilot with views"] < 0.05
