"""n2n-export: a trained network for other programs.

    n2n-export run/model.safetensors --to oidn         run/model.tza: weights that Open Image Denoise runs as its own
    n2n-export kernel --to onnx -o n2n.onnx            shipped weights, as a graph for onnxruntime and others

Open Image Denoise takes networks of its own shape only: `n2n-train pairs/ --network oidn-shape` trains one, from noisy
pairs alone. Its library gets the archive as the data "weights" of an RT filter with color, albedo and normal, hdr on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from apps.command import progress_console, run
from denoiser.export.onnx_graph import write_onnx
from denoiser.export.tza import write_tza
from denoiser.model import load_model

SUFFIXES = {"oidn": ".tza", "onnx": ".onnx"}


@dataclass(frozen=True)
class Command:
    """Write trained weights in the format of another runtime."""

    model: tyro.conf.Positional[str]
    """Weights file (.safetensors), or name of shipped weights."""
    to: Literal["oidn", "onnx"]
    """oidn: custom weights of Open Image Denoise, for networks of --network oidn-shape; onnx: any network."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None
    """File to write; by default beside the weights, shipped ones here, under the same name with another suffix."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; gives the exit code: 0 done, 1 failed, 2 wrong usage."""
    return run(lambda: _export(tyro.cli(Command, prog="n2n-export", description=__doc__, args=argv)))


def _export(command: Command) -> None:
    model = load_model(command.model)
    path = command.output or Path(command.model).with_suffix(SUFFIXES[command.to])
    {"oidn": write_tza, "onnx": write_onnx}[command.to](model, path)
    progress_console.print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    import sys

    sys.exit(main())
