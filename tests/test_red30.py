"""RED30: its size, its skips, and that it begins as the identity."""

import torch

from denoiser.networks.red30 import Red30


def test_thirty_layers_of_128_channels_that_begin_as_the_identity() -> None:
    network = Red30()
    # 2 x (3 -> 128) and 28 x (128 -> 128), 3x3, with biases
    assert sum(p.numel() for p in network.parameters()) == 2 * 3 * 128 * 9 + 128 + 3 + 28 * (128 * 128 * 9 + 128)
    x = torch.randn(1, 3, 7, 9)
    assert torch.equal(network(x), x)


def test_every_second_output_reaches_the_layer_opposite() -> None:
    """With the deeper layers silenced, what the second convolution saw still comes out, by its skip."""
    network = Red30(1)
    with torch.no_grad():
        torch.nn.init.normal_(network.up[-1].weight)
        for layer in network.down[2:]:
            layer.weight.zero_()
    x = torch.randn(1, 1, 6, 6)
    assert not torch.equal(network(x), x)
