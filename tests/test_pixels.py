"""What happens to single pixels: the fused passes are the plain ones."""

import pytest
import torch
from torch import Tensor

from denoiser.networks.pixels import MOST, moved, moved_plainly, seen, seen_plainly

GUARD = 0.05
TYPES = [torch.float32, torch.bfloat16]


def given() -> Tensor:
    """Two inputs (2, 11, 20, 34) from black to fireflies, some negative, and black albedo."""
    torch.manual_seed(0)
    x = torch.rand(2, 11, 20, 34)
    x[:, :3] = torch.exp(8 * torch.randn(2, 3, 20, 34))
    x[0, :3, 3] = 0
    x[0, :3, 4] = -0.5
    x[0, 3:6, 5] = 0
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", TYPES)
def test_what_convolutions_see_is_the_plain_form(dtype: torch.dtype) -> None:
    found, expected = seen(given(), GUARD, dtype), seen_plainly(given(), GUARD, dtype)
    assert found.dtype == dtype and found.is_contiguous(memory_format=torch.channels_last)
    # float32: the rounding of a logarithm, a product and a power; bfloat16: one step of its 8 bits
    tolerance = 2e-6 if dtype == torch.float32 else 2**-7
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=1e-16)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_moved_picture_is_the_plain_one(dtype: torch.dtype) -> None:
    picture = given()[:, :3].clamp(min=0)
    moves = (2 * MOST * torch.randn(2, 12, 10, 17)).to(dtype).contiguous(memory_format=torch.channels_last)
    # powers of two to 2e-7, and what is left of them beside 1
    torch.testing.assert_close(moved(picture, moves), moved_plainly(picture, moves), rtol=2e-6, atol=1e-6)


def test_no_move_leaves_every_bit() -> None:
    picture = given()[:, :3].clamp(min=0)
    assert torch.equal(moved(picture, torch.zeros(2, 12, 10, 17)), picture)


def test_what_needs_a_gradient_gets_it() -> None:
    x = given().requires_grad_()
    moves = torch.randn(2, 12, 10, 17, requires_grad=True)
    (seen(x, GUARD, torch.float32).sum() + moved(x[:, :3].clamp(min=0), moves).sum()).backward()
    assert x.grad is not None and moves.grad is not None and moves.grad.abs().sum() > 0
