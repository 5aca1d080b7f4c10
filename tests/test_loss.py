"""Losses on noisy targets: which of them have the mean as their minimiser."""

import pytest
import torch
from torch import Tensor

from denoiser.loss import (
    LOSSES,
    annealed_gamma,
    loss_hdr,
    loss_hdr_undetached,
    loss_l0,
    loss_l1,
    loss_l2,
    loss_l2_masked,
)  # fmt: skip
from denoiser.paper import LOSS_EPSILON

MEAN = 0.5
STEPS, RATE = 1500, 0.05


def targets() -> Tensor:
    """Radiance of mean 0.5 and variance 0.25: quantiles of an exponential law, scaled to the exact mean."""
    quantiles = (torch.arange(2_000, dtype=torch.float64) + 0.5) / 2_000
    y = -torch.log1p(-quantiles)
    return y * (MEAN / y.mean())


def minimiser(loss: str, y: Tensor) -> float:
    """Gradient descent on one number, as an optimizer would see it."""
    f = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([f], lr=RATE)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        optimizer.zero_grad()
        LOSSES[loss](f.expand(y.shape), y).backward()
        optimizer.step()
    return f.item()


@pytest.mark.parametrize("loss", ["hdr", "l2", "tone-slope"])
def test_the_minimiser_is_the_mean(loss: str) -> None:
    assert minimiser(loss, targets()) == pytest.approx(MEAN, abs=1e-3)  # where Adam has come to rest


def test_without_the_detach_the_minimiser_is_too_bright() -> None:
    y = targets()
    expected = MEAN + y.var().item() / (MEAN + LOSS_EPSILON)
    assert minimiser("hdr-undetached", y) == pytest.approx(expected, abs=5e-3)
    assert expected == pytest.approx(0.99, abs=5e-3)


def test_tone_mapped_targets_make_it_too_dark() -> None:
    assert minimiser("tonemapped", targets()) < 0.8 * MEAN


def test_hdr_is_the_papers_formula() -> None:
    f, y = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(loss_hdr(f, y), ((f - y) ** 2 / (f + 0.01) ** 2).mean())
    torch.testing.assert_close(loss_hdr_undetached(f, y), loss_hdr(f, y))


def test_hdr_gradient_holds_the_denominator_constant() -> None:
    f = torch.tensor([0.2, 1.5, 30.0], requires_grad=True)
    y = torch.tensor([0.4, 1.0, 31.0])
    (gradient,) = torch.autograd.grad(loss_hdr(f, y), f)
    torch.testing.assert_close(gradient, 2 * (f.detach() - y) / (f.detach() + 0.01) ** 2 / 3)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_finite_at_zero_and_below(loss: str) -> None:
    f = torch.tensor([-1.0, -0.01, 0.0], requires_grad=True)
    value = LOSSES[loss](f, torch.tensor([0.0, 1.0, 100.0]))
    (gradient,) = torch.autograd.grad(value, f)
    assert torch.isfinite(value) and torch.isfinite(gradient).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_half_precision_prediction_is_compared_in_float32(loss: str) -> None:
    assert LOSSES[loss](torch.ones(4, dtype=torch.bfloat16), torch.ones(4)).dtype == torch.float32


def test_bright_and_dark_regions_weigh_alike() -> None:
    dark, bright = torch.tensor([1.0]), torch.tensor([100.0])
    assert loss_hdr(dark, 1.1 * dark).item() == pytest.approx(loss_hdr(bright, 1.1 * bright).item(), rel=0.03)
    assert loss_l2(bright, 1.1 * bright) > 1000 * loss_l2(dark, 1.1 * dark)


def test_l1_finds_the_median_and_annealed_l0_the_mode() -> None:
    """Half of the mass but a little on one value; the others are spread: median and mode are it, the mean is not."""
    y = torch.cat([torch.full((300,), 0.2), torch.linspace(0, 1, 700)])
    candidates = torch.linspace(0, 1, 1001)
    best = {
        "l1": min(candidates, key=lambda f: loss_l1(f.expand(y.shape), y).item()).item(),
        "l0": min(candidates, key=lambda f: loss_l0(f.expand(y.shape), y, 0.1).item()).item(),
        "l2": min(candidates, key=lambda f: loss_l2(f.expand(y.shape), y).item()).item(),
    }
    assert best == pytest.approx({"l1": y.median().item(), "l0": 0.2, "l2": y.mean().item()}, abs=2e-3)  # the grid
    assert abs(best["l1"] - 0.2) > 0.05  # the median of this mixture is elsewhere


def test_the_l0_schedule_falls_from_two_to_zero_in_a_straight_line() -> None:
    assert [annealed_gamma(done) for done in (0.0, 0.25, 0.5, 1.0)] == [2.0, 1.5, 1.0, 0.0]
    f, y = torch.rand(5), torch.rand(5)
    torch.testing.assert_close(loss_l0(f, y, annealed_gamma(0.0)), loss_l2(f, y))
    torch.testing.assert_close(loss_l0(f, y, annealed_gamma(0.5)), loss_l1(f, y))
    assert loss_l0(f, y, annealed_gamma(1.0)).item() == 1.0


def test_masked_values_do_not_count() -> None:
    f, y = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0]])[None, None]
    y[..., 0, 0] = 2.0
    assert loss_l2_masked(f, y, mask).item() == 4.0 and loss_l2_masked(f, y, mask * 0).item() == 0.0
