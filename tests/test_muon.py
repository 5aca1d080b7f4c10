"""Muon: steps are orthogonal, of Adam's size, and lead downhill."""

import pytest
import torch
from torch import nn

from denoiser.training.config import TrainConfig
from denoiser.training.muon import STEP_RMS, Muon, orthogonal
from denoiser.training.train import new_state


def test_orthogonal_keeps_the_singular_vectors_and_levels_the_values() -> None:
    matrix = torch.randn(24, 90, generator=torch.Generator().manual_seed(1))
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.T @ orthogonal(matrix) @ v.T  # diagonal in the singular vectors of the matrix
    levelled = inner.diagonal()
    assert float((inner - torch.diag(levelled)).abs().max()) < 1e-4  # rounding of five products in float32
    assert values.max() / values.min() > 2 and levelled.min() > 0.6 and levelled.max() < 1.3  # Jordan et al.: 0.7-1.2


def test_zero_gradient_moves_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(4, 9)), torch.zeros(4, 9))


def test_a_step_has_the_stated_size_and_direction() -> None:
    weight = nn.Parameter(torch.zeros(8, 8, 3, 3))
    weight.grad = torch.randn(8, 8, 3, 3, generator=torch.Generator().manual_seed(2))
    Muon([weight], lr=0.5).step()
    rms = float(weight.detach().square().mean().sqrt())
    assert rms == pytest.approx(0.5 * STEP_RMS, rel=0.3)  # singular values of 0.7 to 1.2 instead of 1
    assert float((weight.detach() * weight.grad).sum()) < 0


def test_decay_shrinks_the_weight_and_is_off_unless_asked_for() -> None:
    for decay, left in ((0.0, 1.0), (0.1, 0.95)):
        weight = nn.Parameter(torch.ones(4, 4, 3, 3))
        weight.grad = torch.zeros(4, 4, 3, 3)
        Muon([weight], lr=0.5, weight_decay=decay).step()
        assert torch.allclose(weight.detach(), torch.full((4, 4, 3, 3), left))


def test_muon_takes_the_inner_convolutions_and_adam_the_rest() -> None:
    state = new_state(TrainConfig(optimizer="muon"), torch.device("cpu"))
    adam, muon = (optimizer.param_groups[0]["params"] for optimizer in state.optimizers)
    names = {id(parameter): name for name, parameter in state.network.named_parameters()}
    assert len(adam) + len(muon) == len(names)
    left = {names[id(parameter)] for parameter in adam if parameter.ndim == 4}
    assert left == {"enc_conv0.weight", "dec_conv1c.weight"}
    assert all(parameter.ndim == 4 for parameter in muon)
