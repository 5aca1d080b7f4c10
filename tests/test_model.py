"""Weights files: what goes in comes out, and a damaged or hostile file gives one sentence."""

import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from denoiser import model as model_module
from denoiser.model import Description, header, load_model, save_weights, shipped_weights
from denoiser.networks.kernel import KernelNetwork
from denoiser.networks.unet import UNet
from denoiser.transforms import NetworkInput
from renderer_bridge.errors import OutputError, WeightsError


@pytest.fixture(scope="module")
def network() -> UNet:
    torch.manual_seed(3)
    return UNet(9)


@pytest.fixture
def weights(tmp_path: Path, network: UNet) -> Path:
    path = tmp_path / "w.safetensors"
    save_weights(path, network, Description(data="toy", steps=7))
    return path


def refused(path: Path) -> str:
    """The sentence `load_model` refuses the file with; it names the file and fits on a line or two."""
    with pytest.raises(WeightsError) as caught:
        load_model(path)
    message = str(caught.value)
    assert str(path) in message and len(message) < 500 and "\n" not in message
    return message


def rewrite(path: Path, **changes: str | None) -> None:
    """Change or drop strings of the header, leaving the tensors."""
    info = header(Description()) | {key: value for key, value in changes.items() if value is not None}
    save_file(load_file(path), path, {key: value for key, value in info.items() if changes.get(key, "") is not None})


# Round trips


def test_weights_and_header_survive(weights: Path, network: UNet) -> None:
    loaded = load_model(weights)
    for ours, theirs in zip(loaded.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(ours, theirs) and not ours.requires_grad
    assert not loaded.network.training
    assert (loaded.input, loaded.head) == (NetworkInput(("color", "albedo", "normal"), (), "tone-map"), "radiance")
    assert loaded.info | {"data": "toy", "steps": "7", "loss": "hdr", "architecture": "unet"} == loaded.info
    assert loaded.info["tool_version"]


def test_half_precision_halves_the_file_and_is_loaded_as_float32(tmp_path: Path, weights: Path, network: UNet) -> None:
    half = tmp_path / "half.safetensors"
    save_weights(half, network, Description(), dtype=torch.float16)
    assert half.stat().st_size < 0.52 * weights.stat().st_size
    parameter = next(load_model(half).network.parameters())
    assert parameter.dtype == torch.float32
    torch.testing.assert_close(parameter, next(network.parameters()), rtol=2**-11, atol=1e-7)  # float16's rounding


def test_the_input_layers_shape_the_network(tmp_path: Path) -> None:
    path = tmp_path / "color.safetensors"
    save_weights(path, UNet(3), Description(layers=("color",)))
    assert load_model(path).input.layers == ("color",)


def test_shipped_weights_are_found_by_name(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "FOLDER", tmp_path)
    assert shipped_weights("w") == weights
    assert load_model("w").info["data"] == "toy"
    with pytest.raises(WeightsError, match=r"nosuch: no weights of that name are shipped; there are: w"):
        load_model("nosuch")


def test_saving_into_a_folder_of_that_name_fails_in_a_sentence(tmp_path: Path, network: UNet) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        save_weights(tmp_path, network, Description())


# Damage


@pytest.mark.parametrize("length", [0, 3, 8, 9, 500, 4000, 100_000, -1])
def test_truncated_files_are_refused(weights: Path, length: int) -> None:
    weights.write_bytes(weights.read_bytes()[:length])
    assert "complete safetensors file" in refused(weights)


@pytest.mark.parametrize(
    "content", [b"hello, this is no weights file", b"\x80\x04\x95" + bytes(100), b"PK\x03\x04" + bytes(99)]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    refused(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert "is not a file" in refused(tmp_path / "absent.safetensors")
    assert "is not a file" in refused(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 3000), value=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(weights: Path, position: int, value: int) -> None:
    damaged = weights.with_name("damaged.safetensors")
    content = bytearray(weights.read_bytes())
    content[position] = value
    damaged.write_bytes(content)
    try:
        load_model(damaged)
    except WeightsError as error:
        assert str(damaged) in str(error)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    net = UNet(9)
    with torch.no_grad():
        net.get_submodule("enc_conv3").weight[0, 0, 0, 0] = bad
    path = tmp_path / "bad.safetensors"
    save_weights(path, net, Description())
    assert "enc_conv3.weight has infinite or NaN weights" in refused(path)


# Other networks, hostile headers


def test_another_networks_tensors_are_refused(weights: Path) -> None:
    tensors = load_file(weights)
    name = "dec_conv4a.weight"
    save_file(tensors | {name: torch.zeros(96, 100, 3, 3)}, weights, header(Description()))
    assert f"{name} is (96, 100, 3, 3); UNet has (96, 144, 3, 3)" in refused(weights)
    save_file({key: value for key, value in tensors.items() if key != name}, weights, header(Description()))
    assert f"{name} is missing" in refused(weights)
    save_file(tensors | {"extra": torch.zeros(2)}, weights, header(Description()))
    assert "UNet has no such tensor" in refused(weights)


def test_integers_are_refused(weights: Path) -> None:
    save_file(
        load_file(weights) | {"enc_conv0.bias": torch.zeros(48, dtype=torch.int32)}, weights, header(Description())
    )
    assert "enc_conv0.bias is I32" in refused(weights)


def test_a_missing_header_is_refused(weights: Path) -> None:
    save_file(load_file(weights), weights)
    assert "architecture = None; accepted: unet" in refused(weights)


@pytest.mark.parametrize("key", ["architecture", "head", "transfer"])
@pytest.mark.parametrize("value", ["something else", "x" * 100_000, None])
def test_unknown_words_in_the_header_are_refused(weights: Path, key: str, value: str | None) -> None:
    rewrite(weights, **{key: value})
    assert f"its header says {key}" in refused(weights)


@pytest.mark.parametrize(
    "layers",
    [None, "", "[]", "3", '"color"', '["albedo"]', '["albedo", "color"]', '["color", "color"]', '["color", "depth"]',
     '["color", ["albedo"]]', "[" * 50_000, '{"color": 3}', '["color", "albedo"'],
)  # fmt: skip
def test_unknown_layers_are_refused(weights: Path, layers: str | None) -> None:
    rewrite(weights, layers=layers)
    assert "its header says layers" in refused(weights)


def test_layers_that_do_not_fit_the_tensors_are_refused(weights: Path) -> None:
    rewrite(weights, layers='["color"]')
    assert "is for another network" in refused(weights)


@pytest.mark.parametrize("length", [2**63, 2**40, (1 << 20) + 1])
def test_an_enormous_header_costs_nothing(tmp_path: Path, length: int) -> None:
    path = tmp_path / "enormous.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", length) + b"{")
        file.truncate(1 << 32)  # sparse: 4 GiB that take no space on disk
    assert f"header of {length} bytes" in refused(path)


def test_an_enormous_tensor_is_refused_before_it_is_read(tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [1 << 29], "data_offsets": [0, 1 << 31]}
    text = json.dumps({"__metadata__": header(Description()), "enc_conv0.weight": entry}).encode()
    path = tmp_path / "big.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + (1 << 31))
    assert "is for another network" in refused(path)


# ---------------------------------------------------------------------------------------------------------------------
# Kernel networks, which can do without layers


def test_a_kernel_network_says_which_layers_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "k.safetensors"
    save_weights(path, KernelNetwork(), Description("kernel", optional=("albedo", "normal")))
    model = load_model(path)
    assert isinstance(model.network, KernelNetwork) and model.head == "kernels"
    assert model.input.needed == ("color",) and model.input.channels == 11


@pytest.mark.parametrize(
    ("key", "value"),
    [("optional", '["color"]'), ("optional", '["depth"]'), ("optional", "{"), ("head", "radiance"), ("transfer", "x")],
)
def test_a_header_that_does_not_fit_the_kernel_network_is_refused(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "k.safetensors"
    save_weights(path, KernelNetwork(), Description("kernel", optional=("albedo",)))
    rewrite(path, **{"architecture": "kernel", "head": "kernels", "transfer": "keyed", key: value})
    assert "its header says" in refused(path)
