"""TZA archives: their bytes, read back, and run by Open Image Denoise's own library."""

from __future__ import annotations

import importlib.util
import struct
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from denoiser.export.tza import tza_bytes
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.model import Model
from denoiser.networks.oidn_shape import LAST_SCALE, OIDNShape, inverse_pu, pu
from denoiser.networks.unet import UNet
from denoiser.transforms import NetworkInput, to_image, to_nchw
from renderer_bridge.errors import WeightsError

needs_oidn = pytest.mark.skipif(importlib.util.find_spec("pyoidn") is None, reason="pyoidn is not installed")


@pytest.fixture
def model() -> Model:
    """Random weights that half precision holds, with a last layer that is not nearly constant."""
    torch.manual_seed(0)
    network = OIDNShape().requires_grad_(False).eval()
    network.dec_conv0.weight.mul_(0.2 / LAST_SCALE)
    for name, parameter in network.named_parameters():
        if name != "dec_conv0.bias" and name.endswith("bias"):
            parameter.normal_(std=0.05)
        parameter.copy_(parameter.half())
    return Model(network, NetworkInput(transfer="linear"))


def unpacked(archive: bytes) -> dict[str, tuple[str, NDArray[np.float16]]]:
    """Layout and tensor by name: a reader of its own, after the format's description."""
    magic, major, minor, place = struct.unpack_from("<HBBQ", archive)
    assert (magic, major, minor) == (0x41D7, 2, 0)
    (count,) = struct.unpack_from("<I", archive, place)
    place, found = place + 4, {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", archive, place)
        name = archive[place + 2 : place + 2 + length].decode("ascii")
        place += 2 + length
        dimensions = archive[place]
        shape = struct.unpack_from(f"<{dimensions}I", archive, place + 1)
        place += 1 + 4 * dimensions
        layout, kind = (
            archive[place : place + dimensions].decode("ascii"),
            archive[place + dimensions : place + dimensions + 1],
        )
        (offset,) = struct.unpack_from("<Q", archive, place + dimensions + 1)
        place += dimensions + 9
        assert kind == b"h" and offset % 64 == 0
        found[name] = layout, np.frombuffer(archive, "<f2", int(np.prod(shape)), offset).reshape(shape)
    assert place == len(archive)
    return found


def test_the_archive_holds_every_weight(model: Model) -> None:
    found = unpacked(tza_bytes(model))
    wanted = model.network.state_dict()
    assert list(found) == list(wanted)
    for name, (layout, tensor) in found.items():
        assert layout == ("oihw" if name.endswith("weight") else "x")
        assert np.array_equal(tensor, wanted[name].half().numpy())


def test_other_networks_and_weights_beyond_half_precision_are_refused(model: Model) -> None:
    with pytest.raises(WeightsError, match="of a UNet; Open Image Denoise runs only networks of its own shape"):
        tza_bytes(Model(UNet(9)))
    model.network.get_submodule("enc_conv1").get_parameter("bias").fill_(1e6)
    with pytest.raises(WeightsError, match=r"enc_conv1\.bias has weights beyond half precision"):
        tza_bytes(model)


def layers(height: int, width: int) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(0)
    normal = random.standard_normal((height, width, 3))
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    color, albedo = random.gamma(0.5, 2, (height, width, 3)), random.random((height, width, 3))
    return {"color": color.astype("f"), "albedo": albedo.astype("f"), "normal": normal.astype("f")}


@needs_oidn
@pytest.mark.parametrize("size", [(96, 160), (50, 70)])
def test_the_library_computes_what_torch_does(size: tuple[int, int], model: Model, monkeypatch: Any) -> None:
    import pyoidn

    commit = pyoidn.Filter.commit

    def without_exposure(one: Any) -> None:
        one.set_float("inputScale", 1.0)
        commit(one)

    monkeypatch.setattr(pyoidn.Filter, "commit", without_exposure)
    given = layers(*size)
    with OpenImageDenoise(threads=1, weights=tza_bytes(model)) as oidn:
        found = oidn.denoise(**given)
    assert isinstance(model.network, OIDNShape)
    color, albedo, normal = (to_nchw(given[name]) for name in ("color", "albedo", "normal"))
    coded = F.pad(torch.cat([pu(color), albedo, normal / 2 + 0.5], 1), (0, -size[1] % 16, 0, -size[0] % 16))
    code = model.network.coded(coded)[..., : size[0], : size[1]]
    expected = to_image(inverse_pu(code).clamp(min=0))
    assert expected.std() > 0.02  # there is something to compare
    # The library computes in float32 on the CPU (6e-5 seen); 1e-3 leaves room for one that sums in half precision.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@needs_oidn
def test_custom_weights_take_the_place_of_the_librarys_own(model: Model) -> None:
    given = layers(48, 80)
    with OpenImageDenoise(threads=1) as plain, OpenImageDenoise(threads=1, weights=tza_bytes(model)) as custom:
        assert not np.allclose(plain.denoise(**given), custom.denoise(**given), rtol=0.1)
