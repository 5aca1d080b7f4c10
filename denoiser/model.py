"""Weights files: `.safetensors` whose header says what the network is and how it was made. Never pickle.

A header holds strings: `architecture`, `layers` and `optional` (JSON lists of input layers), `head`, `transfer`,
`loss`, `data`, `steps`, `tool_version`. A file from a stranger can be damaged or made to do harm; reading one loads
nothing but checked numbers.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from denoiser.networks.kernel import KernelNetwork
from denoiser.networks.oidn_shape import OIDNShape
from denoiser.networks.unet import UNet
from denoiser.transforms import LAYER_CHANNELS, PAPER_LAYERS, NetworkInput, Transfer
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import WeightsError

NetworkName = Literal["unet", "kernel", "oidn-shape"]
"""The networks there are; `ARCHITECTURES` has the table."""

Head = Literal["radiance", "kernels"]
"""What the output is: `radiance` any color the network comes to, `kernels` weighted means of the input's samples, moved
by a factor that has a limit."""


@dataclass(frozen=True)
class Architecture:
    """A network's constructor, which takes the number of input channels, and what never changes for it."""

    build: Callable[[int], nn.Module]
    head: Head = "radiance"
    transfer: Transfer = "tone-map"


ARCHITECTURES: dict[str, Architecture] = {
    "unet": Architecture(UNet),
    "kernel": Architecture(KernelNetwork, "kernels", "keyed"),
    "oidn-shape": Architecture(OIDNShape, "radiance", "linear"),
}
"""The networks by the name in the header."""

FOLDER = Path(__file__).parent / "weights"
DEFAULT_NAME = "kernel"
"""The shipped weights that denoise files, and that flights begin with; see weights/README.md."""
MAX_HEADER_BYTES = 1 << 20
_FLOATS = ("F16", "BF16", "F32")


@dataclass(frozen=True)
class Description:
    """What a weights file says of itself: the network, its input and output, and its training."""

    architecture: str = "unet"
    layers: tuple[str, ...] = PAPER_LAYERS
    optional: tuple[str, ...] = ()
    loss: str = "hdr"
    data: str = ""
    steps: int = 0


@dataclass(frozen=True)
class Model:
    """A network ready for inference, and how to feed it.

    `network` is in evaluation mode, float32, channels last, on the CPU; `info` is the whole header.
    """

    network: nn.Module
    input: NetworkInput = NetworkInput()  # noqa: RUF009 - frozen
    head: Head = "radiance"
    info: dict[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------------------------------
# Writing


def save_weights(
    path: str | Path, network: nn.Module, description: Description, dtype: torch.dtype = torch.float32
) -> None:
    """Write the network's parameters and their description to `path` (atomically).

    `dtype` float16 halves the file; weights are far from float16's limits. Raises `OutputError` when `path` cannot be
    written.
    """
    tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=header(description))


def header(description: Description) -> dict[str, str]:
    """The description as the strings of a safetensors header."""
    return {
        "architecture": description.architecture,
        "layers": json.dumps(description.layers),
        "optional": json.dumps(description.optional),
        "head": ARCHITECTURES[description.architecture].head,
        "transfer": ARCHITECTURES[description.architecture].transfer,
        "loss": description.loss,
        "data": description.data,
        "steps": str(description.steps),
        "tool_version": importlib.metadata.version("n2n-denoiser"),
    }


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def load_model(path_or_name: str | Path = DEFAULT_NAME) -> Model:
    """Load weights from a file, or by the name of weights shipped with the package, "kernel" or "unet".

    Raises `WeightsError` when the file is missing, damaged, not safetensors, made for another network, or holds
    infinite or NaN weights.
    """
    path = find_weights(path_or_name)
    info, shapes = _read_header(path)
    architecture, taken = _described(path, info)
    network = architecture.build(taken.channels)
    _refuse_other_network(path, network, shapes)
    network.load_state_dict(read_tensors(path)[1])
    network.requires_grad_(False).eval()
    return Model(network, taken, architecture.head, info)


def architecture_name(model: Model) -> NetworkName:
    """The name of a model's network in `ARCHITECTURES`."""
    found = [name for name, each in ARCHITECTURES.items() if each.build is type(model.network)]
    return cast(NetworkName, found[0])


def architecture_of(path: Path) -> NetworkName:
    """The name of the network in the header of a weights file; raises `WeightsError` as `load_model` does."""
    info, _ = _read_header(path)
    _described(path, info)
    return cast(NetworkName, info["architecture"])


def shipped_weights(name: str = DEFAULT_NAME) -> Path:
    """Path of the weights of that name that come with the package; raises `WeightsError` when there are none."""
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.safetensors"))) or "none"
        raise WeightsError(
            f"{name}: no weights of that name are shipped; there are: {names}; or give a .safetensors file"
        )
    return path


def find_weights(path_or_name: str | Path) -> Path:
    """A file as it is given, else shipped weights of that name."""
    path = Path(path_or_name)
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        raise WeightsError(f"{path}: is not a file; a .safetensors file or the name of shipped weights is needed")
    return shipped_weights(path.name)


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read header and tensors, float32, all finite; raises `WeightsError` when the file is not such."""
    info, shapes = _read_header(path)
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name).float() for name in shapes}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{path}: {name} has infinite or NaN weights; finite ones are needed")
    return info, tensors


def load_tensors(path: Path, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy the tensors into the network; raises `WeightsError` unless names and shapes are exactly the network's."""
    _refuse_other_network(path, network, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    network.load_state_dict(dict(tensors))


def _read_header(path: Path) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """The header's strings and the shape of every tensor, all of floating point; no tensor is read."""
    _refuse_enormous_header(path)
    with _opened(path) as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        info = dict(file.metadata() or {})
        for name, tensor in slices.items():
            if tensor.get_dtype() not in _FLOATS:
                raise WeightsError(f"{path}: {name} is {tensor.get_dtype()}; accepted: {', '.join(_FLOATS)}")
        return info, {name: tuple(tensor.get_shape()) for name, tensor in slices.items()}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise WeightsError(
            f"{path}: is not a complete safetensors file ({reason}); n2n-train writes such files"
        ) from error


def _refuse_other_network(path: Path, network: nn.Module, found: Mapping[str, tuple[int, ...]]) -> None:
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise WeightsError(
                f"{path}: is for another network: {name[:80]} is {found.get(name, 'missing')}; "
                f"{type(network).__name__} has {wanted.get(name, 'no such tensor')}"
            )


def _refuse_enormous_header(path: Path) -> None:
    """The first 8 bytes are the header's length; a lie there must not cost gigabytes."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror}); a readable .safetensors file is needed"
        ) from error
    if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
        raise WeightsError(
            f"{path}: is not a complete safetensors file (header of {length} bytes in a file of {size}); "
            f"a header of at most {MAX_HEADER_BYTES} bytes is accepted"
        )


def _described(path: Path, info: Mapping[str, str]) -> tuple[Architecture, NetworkInput]:
    """Check the header against what this version knows; give the network's kind and its input."""
    _refuse_unknown(path, "architecture", info.get("architecture"), ARCHITECTURES)
    architecture = ARCHITECTURES[info["architecture"]]
    _refuse_unknown(path, "head", info.get("head"), (architecture.head,))
    _refuse_unknown(path, "transfer", info.get("transfer"), (architecture.transfer,))
    layers, optional = (_names(info.get(key, default)) for key, default in (("layers", ""), ("optional", "[]")))
    if not layers or layers[0] != "color" or optional is None or not set(optional) <= set(layers[1:]):
        raise WeightsError(
            f"{path}: its header says layers = {info.get('layers')!r:.80}, optional = {info.get('optional')!r:.80}; "
            f"accepted: lists of different layers, color first, of {', '.join(LAYER_CHANNELS)}"
        )
    return architecture, NetworkInput(layers, optional, architecture.transfer)


def _refuse_unknown(path: Path, key: str, found: str | None, known: Collection[str]) -> None:
    if found not in known:
        raise WeightsError(f"{path}: its header says {key} = {found!r:.80}; accepted: {', '.join(known)}")


def _names(text: str) -> tuple[str, ...] | None:
    """Different layers of a JSON list, or None."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    known = isinstance(names, list) and all(isinstance(name, str) and name in LAYER_CHANNELS for name in names)
    return tuple(names) if known and len(set(names)) == len(names) else None
