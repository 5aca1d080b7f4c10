"""The U-Net is the paper's, to the last parameter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from denoiser.networks.unet import ALIGNMENT, UNet, joined_convolution
from denoiser.paper import PARAMETERS_AT_9_INPUTS


def network(in_channels: int = 9) -> UNet:
    torch.manual_seed(0)
    return UNet(in_channels)


def test_it_has_exactly_the_papers_parameters() -> None:
    assert sum(parameter.numel() for parameter in network().parameters()) == PARAMETERS_AT_9_INPUTS


def test_layers_bear_the_names_and_widths_of_the_papers_table() -> None:
    shapes = {name: tuple(layer.weight.shape[:2]) for name, layer in network().named_children()}
    encoder = {"enc_conv0": (48, 9)} | {f"enc_conv{level}": (48, 48) for level in range(1, 7)}
    decoder = {"dec_conv5a": (96, 96), "dec_conv5b": (96, 96)}
    decoder |= {f"dec_conv{level}a": (96, 144) for level in (4, 3, 2)} | {
        f"dec_conv{level}b": (96, 96) for level in (4, 3, 2)
    }
    assert shapes == encoder | decoder | {"dec_conv1a": (64, 105), "dec_conv1b": (32, 64), "dec_conv1c": (3, 32)}


def plain_forward(net: UNet, x: Tensor) -> Tensor:
    """The paper's table line by line, in the plainest torch: the slow oracle."""

    def conv(name: str, h: Tensor) -> Tensor:
        layer = net.get_submodule(name)
        return F.leaky_relu(F.conv2d(h, layer.weight, layer.bias, padding=1), 0.1)

    def pool(h: Tensor) -> Tensor:
        return F.max_pool2d(h, 2)

    def up(h: Tensor) -> Tensor:
        return h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    pool1 = pool(conv("enc_conv1", conv("enc_conv0", x)))
    pool2 = pool(conv("enc_conv2", pool1))
    pool3 = pool(conv("enc_conv3", pool2))
    pool4 = pool(conv("enc_conv4", pool3))
    h = conv("enc_conv6", pool(conv("enc_conv5", pool4)))
    h = conv("dec_conv5b", conv("dec_conv5a", torch.cat([up(h), pool4], 1)))
    h = conv("dec_conv4b", conv("dec_conv4a", torch.cat([up(h), pool3], 1)))
    h = conv("dec_conv3b", conv("dec_conv3a", torch.cat([up(h), pool2], 1)))
    h = conv("dec_conv2b", conv("dec_conv2a", torch.cat([up(h), pool1], 1)))
    h = conv("dec_conv1b", conv("dec_conv1a", torch.cat([up(h), x], 1)))
    return F.conv2d(h, net.dec_conv1c.weight, net.dec_conv1c.bias, padding=1)


def test_forward_and_gradient_equal_the_plain_network() -> None:
    net = network().double()
    x = torch.rand(2, 9, 32, 64, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 3, 32, 64, dtype=torch.float64)
    fast, plain = net(x), plain_forward(net, x)
    torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-12)  # float64, sums of some thousand terms
    parameters = [x, *net.parameters()]
    gradients = zip(
        torch.autograd.grad((fast * weights).sum(), parameters),
        torch.autograd.grad((plain * weights).sum(), parameters),
        strict=True,
    )
    for ours, theirs in gradients:
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_joined_convolution_equals_upsampling_joining_and_convolving(
    below: int, skip: int, out: int, height: int, width: int
) -> None:
    torch.manual_seed(height * width)
    low = torch.randn(2, below, height, width, dtype=torch.float64)
    high = torch.randn(2, skip, 2 * height, 2 * width, dtype=torch.float64)
    weight, bias = torch.randn(out, below + skip, 3, 3, dtype=torch.float64), torch.randn(out, dtype=torch.float64)
    upsampled = low.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    plain = F.conv2d(torch.cat([upsampled, high], 1), weight, bias, padding=1)
    torch.testing.assert_close(joined_convolution(low, high, weight, bias), plain, rtol=1e-12, atol=1e-12)


def test_joined_convolution_loses_no_precision_in_bfloat16() -> None:
    torch.manual_seed(0)
    tensors = (torch.randn(1, 96, 8, 16), torch.randn(1, 48, 16, 32), torch.randn(96, 144, 3, 3) / 36, torch.randn(96))
    low, high, weight, bias = (tensor.bfloat16() for tensor in tensors)
    exact = joined_convolution(low.double(), high.double(), weight.double(), bias.double())
    upsampled = low.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    plain = F.conv2d(torch.cat([upsampled, high], 1), weight, bias, padding=1)
    ours = joined_convolution(low, high, weight, bias)
    # The kernel and both summands are rounded once more than in the plain way: sqrt(3) times its error is expected.
    assert (ours - exact).std() < 2 * (plain - exact).std()


def test_inference_equals_training_mode() -> None:
    net, x = network(), torch.rand(1, 9, 64, 32)
    with torch.inference_mode():
        without_gradient = net(x)
    torch.testing.assert_close(without_gradient, net(x).detach(), rtol=0, atol=0)


@pytest.mark.parametrize(("height", "width"), [(ALIGNMENT, 3 * ALIGNMENT), (2 * ALIGNMENT, ALIGNMENT)])
def test_aligned_sizes_pass_and_others_are_refused(height: int, width: int) -> None:
    net = network(3)
    assert net(torch.zeros(1, 3, height, width)).shape == (1, 3, height, width)
    with pytest.raises(ValueError, match="multiples of 32"):
        net(torch.zeros(1, 3, height + 8, width))


def test_he_initialisation_keeps_the_scale_of_the_signal() -> None:
    torch.manual_seed(1)
    output = UNet(9)(torch.randn(1, 9, 64, 64))
    assert 0.1 < output.std() < 10  # through 18 layers; a wrong gain would be off by its 18th power
