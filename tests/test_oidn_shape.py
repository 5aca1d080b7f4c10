"""The network of Open Image Denoise's shape: its transfer, its layers, and that it denoises and learns as others do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser.inference.denoise import denoise_frame
from denoiser.model import Description, load_model, save_weights
from denoiser.networks.oidn_shape import BRIGHTEST, OIDNShape, inverse_pu, pu
from renderer_bridge.frame import Camera, Frame


def network() -> OIDNShape:
    torch.manual_seed(0)
    made = OIDNShape()
    for name, parameter in made.named_parameters():
        if name != "dec_conv0.bias" and name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.05)
    return made


def test_the_transfer_maps_radiance_to_codes_and_back() -> None:
    radiance = torch.cat([torch.zeros(1), torch.logspace(-8, np.log10(BRIGHTEST), 200)])
    codes = pu(radiance)
    assert codes[0] == 0 and codes[-1] == pytest.approx(1) and (codes.diff() > 0).all()
    # Its constants are rounded to nine digits, and an exponential of up to 16 times the rounding of the code.
    torch.testing.assert_close(inverse_pu(codes), radiance, rtol=2e-5, atol=0)
    assert pu(torch.tensor([-1.0, 1e9])).tolist() == [0.0, 1.0]


def test_a_negative_code_is_a_little_less_than_black_and_has_a_gradient() -> None:
    code = torch.tensor([-0.1, 0.0, 0.001, 0.1, 0.5], requires_grad=True)
    radiance = inverse_pu(code)
    (slope,) = torch.autograd.grad(radiance.sum(), code)
    assert -1e-3 < radiance[0] < 0 and torch.isfinite(slope).all() and (slope > 0).all()


def test_layers_bear_the_librarys_names() -> None:
    levels = [f"enc_conv{level}" for level in range(5)] + ["enc_conv5a", "enc_conv5b"]
    decoder = [f"dec_conv{level}{part}" for level in (4, 3, 2, 1) for part in "ab"]
    assert [name for name, _ in network().named_children()] == [*levels, *decoder, "dec_conv0"]


def plain(net: OIDNShape, x: Tensor) -> Tensor:
    """The library's graph line by line: the slow oracle."""

    def conv(name: str, h: Tensor) -> Tensor:
        layer = net.get_submodule(name)
        return F.conv2d(h, layer.weight, layer.bias, padding=1).relu()

    def joined(h: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([h.repeat_interleave(2, 2).repeat_interleave(2, 3), skip], 1)

    pool1 = F.max_pool2d(conv("enc_conv1", conv("enc_conv0", x)), 2)
    pool2 = F.max_pool2d(conv("enc_conv2", pool1), 2)
    pool3 = F.max_pool2d(conv("enc_conv3", pool2), 2)
    h = conv("enc_conv5b", conv("enc_conv5a", F.max_pool2d(conv("enc_conv4", pool3), 2)))
    for level, skip in ((4, pool3), (3, pool2), (2, pool1), (1, x)):
        h = conv(f"dec_conv{level}b", conv(f"dec_conv{level}a", joined(h, skip)))
    return F.conv2d(h, net.dec_conv0.weight, net.dec_conv0.bias, padding=1)


def test_it_computes_what_the_library_does() -> None:
    net, x = network().double(), torch.rand(1, 9, 32, 64, dtype=torch.float64)
    # The last layer is taken in float32 on purpose: 24 layers' sums in double, one in single precision.
    torch.testing.assert_close(net.coded(x).double(), plain(net, x), rtol=1e-5, atol=1e-6)


def test_other_sizes_and_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        network()(torch.zeros(1, 9, 32, 40))
    with pytest.raises(ValueError, match="9 channels, not 11"):
        OIDNShape(11)


def frame(height: int, width: int, scale: float = 1.0) -> Frame:
    random = np.random.default_rng(1)
    shape = (height, width, 3)
    color = (scale * random.gamma(2.0, 0.1, shape)).astype(np.float32)
    normal = np.zeros(shape, np.float32)
    normal[..., 2] = 1
    camera = Camera(np.eye(4), 40.0, (width, height))
    return Frame(color, random.random(shape, np.float32), normal, None, camera=camera, spp=4, seed=1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "shape.safetensors"
    save_weights(path, network(), Description("oidn-shape"))
    return path


def test_weights_are_loaded_and_denoise_any_size_in_tiles_too(weights: Path) -> None:
    model = load_model(weights)
    picture = frame(420, 50)
    whole = denoise_frame(model, picture, precision="fp32").color
    tiled = denoise_frame(model, picture, precision="fp32", tile_pixels=1).color
    # The same sums in another order, then an exponential.
    np.testing.assert_allclose(tiled, whole, rtol=1e-3, atol=1e-5)


def test_twice_the_light_is_twice_the_radiance(weights: Path) -> None:
    model = load_model(weights)
    one, two = (denoise_frame(model, frame(48, 64, scale), precision="fp32").color for scale in (1.0, 2.0))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)  # a factor of two is exact, the key's logarithm is rounded
