"""ONNX graphs, run by onnxruntime at sizes other than that they were recorded with."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from denoiser.export.onnx_graph import metadata, write_onnx
from denoiser.inference.limit import limit_radiance
from denoiser.model import ARCHITECTURES, Model
from denoiser.transforms import NetworkInput
from renderer_bridge.errors import MissingPackageError

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra onnx is not installed",
)


def random_model(name: str) -> Model:
    torch.manual_seed(0)
    architecture = ARCHITECTURES[name]
    optional = ("albedo", "normal") if architecture.transfer == "keyed" else ()
    taken = NetworkInput(optional=optional, transfer=architecture.transfer)
    network = architecture.build(taken.channels).requires_grad_(False).eval()
    return Model(network, taken, architecture.head, {"architecture": name})


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_the_graph_computes_what_the_network_does_at_any_size(name: str, tmp_path: Path) -> None:
    import onnxruntime

    model, path = random_model(name), tmp_path / f"{name}.onnx"
    write_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == metadata(model)
    for height, width in ((32, 64), (96, 32), (160, 224)):
        random = np.random.default_rng(height)
        shape = (1, 3, height, width)
        given = {"color": random.gamma(0.5, 0.4, shape), "albedo": random.random(shape)}
        given["normal"] = random.uniform(-1, 1, shape)
        layers = {key: torch.from_numpy(layer.astype(np.float32)) for key, layer in given.items()}
        (found,) = session.run(["radiance"], {key: layer.numpy() for key, layer in layers.items()})
        expected = model.network(model.input.stack(layers))
        if model.head == "radiance":
            expected = limit_radiance(expected, layers["color"])
        # The same sums in another order, over some 25 layers: 5e-6 seen.
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_the_metadata_tells_the_exposure() -> None:
    assert "blocks to 0.2;" in metadata(random_model("kernel"))["exposure"]
    assert "blocks to 0.03, or the nearest to it up to 0.36;" in metadata(random_model("unet"))["exposure"]


def test_without_the_extra_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(MissingPackageError, match=r"pip install n2n-denoiser\[onnx\]"):
        write_onnx(random_model("unet"), tmp_path / "x.onnx")
