"""Losses on noisy targets: which of them have the mean as their minimiser."""

import pytest
import torch
from torch import Tensor

from denoiser.loss import LOSSES, loss_hdr, loss_hdr_undetached, loss_l2
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
