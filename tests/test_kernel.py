"""The kernel network: means of samples, linear in radiance, blind to nothing but what it is told is missing."""

import pytest
import torch
from torch import Tensor

from denoiser.networks.kernel import ALIGNMENT, KernelNetwork, reconstructed
from denoiser.networks.kernels import TAPS
from denoiser.transforms import NetworkInput

SIZE = (4 * ALIGNMENT, 6 * ALIGNMENT)  # not square
TAKEN = NetworkInput(optional=("albedo", "normal"), transfer="keyed")


def layers(brightness: float = 1.0) -> dict[str, Tensor]:
    torch.manual_seed(0)
    names = ("color", "albedo", "normal")
    found = {name: torch.rand(1, 3, *SIZE) for name in names}
    found["color"] *= brightness
    return found


def network() -> KernelNetwork:
    torch.manual_seed(1)
    return KernelNetwork().eval().requires_grad_(False)


def test_the_output_is_within_the_samples_over_albedo() -> None:
    found = layers() | {"albedo": torch.full((1, 3, *SIZE), 0.5)}
    result = network()(TAKEN.stack(found))
    assert result.shape == found["color"].shape
    assert found["color"].min() <= result.min() and result.max() <= found["color"].max()


def test_a_constant_picture_stays_as_it_is() -> None:
    found = layers() | {"color": torch.full((1, 3, *SIZE), 0.3), "albedo": torch.full((1, 3, *SIZE), 0.8)}
    result = network()(TAKEN.stack(found))
    torch.testing.assert_close(result, found["color"], rtol=1e-5, atol=0)  # five levels of float32 sums


def test_kernels_are_linear_in_the_picture() -> None:
    """Light groups, denoised by the kernels of their sum, add up to it."""
    torch.manual_seed(2)
    sizes = [(SIZE[0] >> level, SIZE[1] >> level) for level in range(5)]
    channels = [TAPS + 3, TAPS + 1, TAPS + 1, TAPS + 1, TAPS]
    logits = [torch.randn(1, count, *size) for count, size in zip(channels, sizes, strict=True)]
    one, other = torch.rand(2, 1, 3, *SIZE)
    guard = torch.rand(1, 3, *SIZE) + 0.05
    both = reconstructed(one + other, logits, guard)
    parts = reconstructed(one, logits, guard) + reconstructed(other, logits, guard)
    torch.testing.assert_close(parts, both, rtol=1e-5, atol=1e-6)  # float32 rounding


def test_noisy_albedo_is_left_alone_where_the_network_says_so() -> None:
    """A share near 0 gives means of the samples, whatever the albedo; near 1 a flat light on a texture keeps it."""
    torch.manual_seed(3)
    sizes = [(SIZE[0] >> level, SIZE[1] >> level) for level in range(5)]
    channels = [TAPS + 3, TAPS + 1, TAPS + 1, TAPS + 1, TAPS]
    logits = [torch.randn(1, count, *size) for count, size in zip(channels, sizes, strict=True)]
    guard, light = torch.rand(1, 3, *SIZE) + 0.05, torch.full((1, 3, *SIZE), 0.7)
    logits[0][:, TAPS + 2] = -30.0
    torch.testing.assert_close(reconstructed(light, logits, guard), light)
    logits[0][:, TAPS + 2] = 30.0
    torch.testing.assert_close(reconstructed(light * guard, logits, guard), light * guard)


def test_missing_layers_are_told_from_black_ones() -> None:
    found = layers()
    color = {"color": found["color"]}
    black = color | {"albedo": torch.zeros_like(found["color"]), "normal": torch.zeros_like(found["color"])}
    assert not torch.equal(network()(TAKEN.stack(color)), network()(TAKEN.stack(black)))


def test_parameters_and_sizes() -> None:
    net = network()
    assert sum(parameter.numel() for parameter in net.parameters()) == 2_465_219
    with pytest.raises(ValueError, match="multiples of 16, not"):
        net(torch.zeros(1, 11, 16, 24))
    with pytest.raises(ValueError, match="takes 11 channels"):
        KernelNetwork(9)


def test_a_gradient_reaches_every_parameter() -> None:
    net = KernelNetwork()
    torch.nn.init.normal_(net.refinement.head.weight, std=0.1)  # zero at first: nothing before it would move
    net(TAKEN.stack(layers())).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_gradients_the_same_comes_in_fewer_passes(dtype: torch.dtype) -> None:
    made = network().to(dtype)
    with torch.no_grad():
        made.refinement.head.weight.normal_(std=0.1)
        fast = made(TAKEN.stack(layers()))
    slow = made.requires_grad_()(TAKEN.stack(layers())).detach()
    # float32 sums in another order; bfloat16 rounds each layer once instead of twice, 15 layers deep
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(fast, slow, rtol=tolerance, atol=tolerance)
