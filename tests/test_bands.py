"""What happens to single pixels of the residuals' bands: fused as plain."""

import pytest
import torch
from torch import Tensor

from denoiser.inference.bands import add_returned, add_returned_plainly, pooled_powers, pooled_powers_plainly

SIZE = (37, 50)


def band() -> Tensor:
    torch.manual_seed(0)
    found = torch.randn(1, 6, *SIZE)
    found[0, 0, 9, 9] = 1e4  # a firefly in one half
    return found


@pytest.mark.parametrize("step", [1, 4, 32])
def test_fused_powers_are_the_plain_ones(step: int) -> None:
    found = pooled_powers(band(), step)
    assert found.shape == (2, -(-SIZE[0] // step), -(-SIZE[1] // step))
    # sums of up to 3072 float32 in another order
    torch.testing.assert_close(found, pooled_powers_plainly(band(), step), rtol=1e-5, atol=1e-6)


def test_a_firefly_in_one_half_is_no_shared_error() -> None:
    both = band()
    both[0, 3:] = 0
    assert pooled_powers(both, 1)[0].abs().max() == 0
    assert pooled_powers(both, 1)[1].max() > 1e6


def test_what_comes_back_is_the_same_fused_and_plain() -> None:
    gain, rms = torch.rand(1, 1, *SIZE), torch.rand(1, 1, *SIZE)
    fused, plain = ((torch.ones(1, 3, *SIZE), torch.ones(1, 3, *SIZE)) for _ in range(2))
    add_returned(band(), gain, rms, fused)
    add_returned_plainly(band(), gain, rms, plain)
    for one, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)  # float32 rounding
    assert fused[0].max() < 10  # the firefly counts up to what the other half shows


def test_gradients_flow() -> None:
    given = band().requires_grad_()
    assert torch.autograd.grad(pooled_powers(given, 4).sum(), given)[0].abs().sum() > 0
