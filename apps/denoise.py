"""n2n-denoise: denoise one EXR frame, or one pair, of any renderer.

    n2n-denoise frame.exr -o clean.exr --png clean.png
    n2n-denoise frame.a.exr frame.b.exr -o clean.exr --model run/model.safetensors

The result is the (first) input with its color replaced and all else as it was. In files of Blender Cycles that hold
`Noisy Image` and `Combined`, the first is read and the second replaced, for that is the one people look at.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from apps.command import run
from apps.pictures import to_display, write_png
from denoiser.inference.denoise import denoise_frame, denoise_pair
from denoiser.model import DEFAULT_NAME, Model, load_model
from denoiser.precision import Precision
from renderer_bridge.errors import DatasetError, ExrError, UsageError
from renderer_bridge.exr import ExrImage, read_exr, write_exr
from renderer_bridge.exr_frame import frame_of
from renderer_bridge.frame import Denoised, Frame, Pair


@dataclass(frozen=True)
class DenoiseConfig:
    """Denoise one EXR frame, or both halves of a pair; every other layer of the file is kept as it is."""

    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="EXR [EXR]")]
    """One EXR file, or the two halves of a pair: two renders of one view with different seeds."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """EXR file to write: the (first) input with its color denoised."""
    model: str = DEFAULT_NAME
    """Weights: a .safetensors file, or the name of shipped ones."""
    png: Path | None = None
    """Also write a tone-mapped picture."""
    residual: bool = True
    """Of a pair: return what both halves get wrong alike; --no-residual gives the mean of the denoised halves."""
    precision: Precision = "auto"
    """bf16, fp32, or auto: bf16 where the processor has instructions for it."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-denoise; returns the exit code."""
    config = tyro.cli(DenoiseConfig, args=argv, prog="n2n-denoise", description=__doc__)
    return run(lambda: denoise(config))


def denoise(config: DenoiseConfig) -> None:
    """Read, denoise and write what `config` names."""
    _check(config)
    model = load_model(config.model)
    image = read_exr(config.inputs[0])
    frames = [_frame(image, model)] + [_frame(read_exr(path), model) for path in config.inputs[1:]]
    denoised = _denoise(config, model, frames)
    write_exr(config.output, image.with_result(denoised.color))
    written = [str(config.output)]
    if config.png is not None:
        write_png(config.png, to_display(denoised.color))
        written.append(str(config.png))
    print(f"{' '.join(written)}: denoised {denoised.color.shape[1]}x{denoised.color.shape[0]}", file=sys.stderr)


def _check(config: DenoiseConfig) -> None:
    if len(config.inputs) not in (1, 2):
        raise UsageError(f"{len(config.inputs)} inputs; one frame, or the two halves of a pair, is accepted")
    for output, ending in ((config.output, ".exr"), (config.png, ".png")):
        if output is not None and output.suffix.lower() != ending:
            raise UsageError(f"{output}: its name must end in {ending}")
    if any(_same_file(config.output, path) for path in config.inputs):
        raise UsageError(f"{config.output}: is an input too; another name is needed, so that the noisy file stays")


def _same_file(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve() or (a.exists() and b.exists() and a.samefile(b))


def _frame(image: ExrImage, model: Model) -> Frame:
    """The frame in an image, its repairs told on standard error. Raises `ExrError` when a layer is missing."""
    frame, repaired = frame_of(image)
    missing = [name for name in model.layers if name not in frame.layers()]
    if missing:
        found = ", ".join(image.channel_names())
        raise ExrError(
            f"{image.path}: has no {' and no '.join(missing)} layer, which these weights need; found {found}; "
            f"render it with {' and '.join(model.layers[1:])} passes"
        )
    for layer, count in repaired.items():
        print(
            f"{image.path}: {count} {layer} pixels were infinite, NaN or out of range and were mended", file=sys.stderr
        )
    return frame


def _denoise(config: DenoiseConfig, model: Model, frames: list[Frame]) -> Denoised:
    if len(frames) == 1:
        return denoise_frame(model, frames[0], precision=config.precision)
    try:
        pair = Pair(frames[0], frames[1])
    except ValueError as error:
        raise DatasetError(f"{config.inputs[0]} and {config.inputs[1]}: {error}") from error
    denoised = denoise_pair(model, pair, precision=config.precision, residual=config.residual)
    assert denoised.error is not None
    left, brightness = float(np.mean(denoised.error)), float(np.mean(denoised.color))
    share = f", {100 * left / brightness:.1f} % of the mean radiance" if brightness else ""
    what = "" if config.residual else " of the noise left"
    print(f"estimated standard error{what}: {left:.4g}{share}", file=sys.stderr)
    return denoised


if __name__ == "__main__":
    sys.exit(main())
