"""A trained network as an ONNX file, for other runtimes: any height and width, what training needs left out.

The graph takes a picture that is brought to exposure, and layers, each (1, 3, H, W) with H and W multiples of 32, and
gives linear radiance under the same exposure. What `exposure` asks for, and where the weights come from, stands in the
file's metadata.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from denoiser.inference.limit import limit_radiance
from denoiser.model import Model
from denoiser.networks.unet import ALIGNMENT
from denoiser.transforms import KEY, KEYS
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import MissingPackageError

OPSET = 18
"""Version of ONNX's operators: the first whose Resize and Pad do what the networks need, known since 2022."""

_TRACED_SIDE = 2 * ALIGNMENT
"""Height of the picture that the graph is recorded with; its width is twice that."""


class _Whole(nn.Module):
    """From layers to radiance, as `denoise_frame` goes, without exposure and tiles."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network, self.model = model.network, model

    def forward(self, *layers: Tensor) -> Tensor:
        given = dict(zip(self.model.input.layers, layers, strict=True))
        output: Tensor = self.network(self.model.input.stack(given))
        return limit_radiance(output, given["color"]) if self.model.head == "radiance" else output


def write_onnx(model: Model, path: Path) -> None:
    """Write the network to `path` (atomically): inputs by the names of its layers, output `radiance`.

    Raises `MissingPackageError` without the extra `onnx`, `OutputError` when `path` cannot be written.
    """
    onnx = _import_onnx()
    names = model.input.layers
    height, width = (torch.export.Dim(name) * ALIGNMENT for name in ("rows", "columns"))
    shapes = tuple({2: height, 3: width} for _ in names)
    examples = tuple(torch.rand(1, 3, _TRACED_SIDE, 2 * _TRACED_SIDE) for _ in names)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter's own making
        program = torch.onnx.export(
            _Whole(model).eval(),
            examples,
            dynamo=True,
            input_names=list(names),
            output_names=["radiance"],
            dynamic_shapes=(shapes,),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(graph, metadata(model))
    onnx.checker.check_model(graph)
    with atomic_path(path) as temporary:
        onnx.save(graph, temporary)


def metadata(model: Model) -> dict[str, str]:
    """What a user of the graph must know, by keys of their own, beside the header of the weights."""
    low, high = KEYS if model.input.transfer == "tone-map" else (KEY, KEY)
    return {
        **model.info,
        "alignment": str(ALIGNMENT),
        "exposure": f"color times the factor that brings the geometric mean of its 8x8 blocks to {low:g}"
        + (f", or the nearest to it up to {high:g}" if high > low else "")
        + "; radiance over the same factor",
    }


def _import_onnx() -> Any:
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise MissingPackageError(
            f"--to onnx: {error.name} cannot be loaded ({error}); `pip install n2n-denoiser[onnx]` brings it"
        ) from error
    return onnx
