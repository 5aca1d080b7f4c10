"""The fused step of the wavelet is the plain one."""

import pytest
import torch
from torch import Tensor

from denoiser.inference.wavelet import smoothed_plainly, split


def given() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    image = torch.randn(1, 6, 37, 50)
    image[0, 0, 9, 9] = 1e4
    guide = torch.rand(1, 9, 37, 50)
    guide[..., 20:] += 2.0  # an edge
    return image, guide


@pytest.mark.parametrize("step", [1, 4, 16, 64])
def test_the_fused_step_is_the_plain_one(step: int) -> None:
    image, guide = given()
    expected = smoothed_plainly(image, guide, step)
    # sums of nine products in another order, and 2e-7 of the exponential function, beside a firefly of 1e4
    smooth, band = split(image, guide, step)
    torch.testing.assert_close(smooth, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(band, image - smooth)


def test_a_gradient_flows() -> None:
    image, guide = given()
    split(image.requires_grad_(), guide, 2)[0].sum().backward()
    assert image.grad is not None and image.grad.sum() > 0
