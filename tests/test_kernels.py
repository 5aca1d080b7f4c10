"""Predicted weights: the fused pass is the plain one, forward and backward."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from denoiser.networks.kernels import RADIUS, TAPS, filtered, filtered_plainly


def inputs(dtype: torch.dtype = torch.float32, spread: float = 4.0) -> tuple[Tensor, Tensor]:
    """A picture wider than high, with a firefly, and logits."""
    torch.manual_seed(0)
    image = torch.rand(2, 3, 21, 34)
    image[0, :, 7, 9] = 1e4
    return image, (spread * torch.randn(2, TAPS, 21, 34)).to(dtype).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_pass_is_the_plain_one(dtype: torch.dtype) -> None:
    image, logits = inputs(dtype)
    # float32 rounding of sums of 25 products, and 2e-7 of the exponential function
    torch.testing.assert_close(filtered(image, logits), filtered_plainly(image, logits), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_are_the_plain_ones(dtype: torch.dtype) -> None:
    found = []
    for function in (filtered, filtered_plainly):
        image, logits = (each.clone().requires_grad_() for each in inputs(dtype))
        torch.manual_seed(1)
        function(image, logits).backward(torch.randn(image.shape))
        assert image.grad is not None and logits.grad is not None
        found.append((image.grad, logits.grad.float()))
    (image_fused, logits_fused), (image_plain, logits_plain) = found
    torch.testing.assert_close(image_fused, image_plain, rtol=1e-5, atol=1e-5)
    # the gradient itself is rounded to the logits' type: bfloat16 has 8 bits; a firefly of 1e4 makes 1e3 of them
    relative = 1e-2 if dtype == torch.bfloat16 else 1e-4
    torch.testing.assert_close(logits_fused, logits_plain, rtol=relative, atol=relative)


def test_extreme_logits_choose_one_neighbour() -> None:
    image, logits = inputs(spread=0)
    logits[:, 2] = 1000.0  # two rows up, same column
    result = filtered(image, logits)
    torch.testing.assert_close(result[:, :, RADIUS:], image[:, :, :-RADIUS], rtol=2e-7, atol=0)  # one rounding


def test_equal_logits_are_a_box_and_a_constant_stays() -> None:
    _, logits = inputs(spread=0)
    constant = torch.full((2, 3, 21, 34), 0.7)
    torch.testing.assert_close(filtered(constant, logits), constant, rtol=1e-6, atol=0)  # 25 additions in float32


def test_threads_may_call_at_once() -> None:
    image, logits = inputs()
    expected = filtered(image, logits)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: filtered(image, logits), range(16)))
    assert all(torch.equal(result, expected) for result in results)
