"""Weights for Open Image Denoise's own library: a TZA archive, its custom `weights`.

Source: Open Image Denoise, training/tza.py. Little-endian throughout: a header of 12 bytes, tensors that begin at
multiples of 64 bytes, then a table of their names, shapes, layouts and places.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoiser.model import Model
from denoiser.networks.oidn_shape import OIDNShape
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import WeightsError

MAGIC = 0x41D7
VERSION = (2, 0)
TENSOR_ALIGNMENT = 64  # bytes
LAYOUTS = {4: "oihw", 1: "x"}
"""Letters of the axes, by their number: convolutions and biases."""


def write_tza(model: Model, path: Path) -> None:
    """Write a network of Open Image Denoise's shape to `path` (atomically), in half precision, which the library needs.

    Raises `WeightsError` for another network, or when a weight is beyond half precision; `OutputError` when `path`
    cannot be written.
    """
    archive = tza_bytes(model)
    with atomic_path(path) as temporary:
        temporary.write_bytes(archive)


def tza_bytes(model: Model) -> bytes:
    """The archive that `write_tza` writes."""
    if not isinstance(model.network, OIDNShape):
        raise WeightsError(
            f"--to oidn: these weights are of a {type(model.network).__name__}; Open Image Denoise runs only networks "
            "of its own shape, those of `n2n-train --network oidn-shape`"
        )
    halves = {}
    for name, value in model.network.state_dict().items():
        halves[name] = value.detach().cpu().half().contiguous().numpy()
        if not np.isfinite(halves[name]).all():
            raise WeightsError(f"--to oidn: {name} has weights beyond half precision; at most 65504 is accepted")
    return _archive(halves)


def _archive(tensors: Mapping[str, NDArray[np.float16]]) -> bytes:
    body, table = bytearray(12), bytearray(struct.pack("<I", len(tensors)))
    for name, tensor in tensors.items():
        body.extend(bytes(-len(body) % TENSOR_ALIGNMENT))
        table += struct.pack("<H", len(name)) + name.encode("ascii")
        table += struct.pack(f"<B{tensor.ndim}I", tensor.ndim, *tensor.shape)
        table += LAYOUTS[tensor.ndim].encode("ascii") + b"h" + struct.pack("<Q", len(body))
        body += tensor.astype("<f2").tobytes()
    body.extend(bytes(-len(body) % TENSOR_ALIGNMENT))
    body[:12] = struct.pack("<HBBQ", MAGIC, *VERSION, len(body))
    return bytes(body + table)
