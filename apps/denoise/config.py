"""What `n2n-denoise` is asked for, and how files are denoised then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from denoiser.inference.piloted import PilotName
from denoiser.inference.records import FileOptions
from denoiser.inference.samplers import SamplerName
from denoiser.model import DEFAULT_NAME
from denoiser.precision import Precision
from renderer_bridge.errors import UsageError


@dataclass(frozen=True)
class DenoiseConfig:
    """Denoise EXR files; every layer that is not denoised is kept as it is, and no input is touched."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="EXR ...")] = ()
    """EXR files, folders, globs, or sequences such as beauty.%04d.exr or beauty.####.exr."""
    output: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """A folder, a pattern, or for one input an .exr; by default beside the input, x.denoised.exr or denoised/."""
    frames: str | None = None
    """Which numbers of a sequence: 1-240, 1-240x2, or 1,5,9-12; by default those that exist."""
    pair: tuple[str, str] | None = None
    """Instead of inputs: the first halves and the second, as names of files, folders, globs or sequences."""
    albedo: str | None = None
    """Where albedo is, if not in the inputs: a file, folder or pattern with the same frame or the same words for *."""
    normal: str | None = None
    """Where normals are, as --albedo."""
    layer: str | None = None
    """The color to denoise where a file has several, such as ViewLayer.Combined; --list shows them."""
    model: str = DEFAULT_NAME
    """Weights: a .safetensors file, or the name of shipped ones."""
    blend: float = 1.0
    """Share of the denoised picture in the result, 0 to 1; the rest is the noisy one."""
    also: str | None = None
    """Light groups or passes to denoise with the beauty, so that they still sum to it: diffuse,glossy."""
    alpha: bool = False
    """Denoise alpha too; otherwise it is kept."""
    fireflies: bool = False
    """Hold isolated bright pixels back first; the report tells what light that took."""
    residual: bool = True
    """Of a pair: return what both halves get wrong alike; --no-residual gives the mean of the denoised halves."""
    pilot: PilotName = "none"
    """Another denoiser in the place of the network: oidn (Open Image Denoise), or auto, which takes it if it is there.
    Of a pair, what it gets wrong alike in both halves is given back."""
    select: bool = False
    """Of pairs: the best, place by place, of noisy mean, network, --pilot and --adapt, told from the pair alone."""
    zero_shot: bool = False
    """Learn from each picture alone, for about a minute, instead of the network; takes PNG and JPEG files too."""
    sampler: SamplerName = "original"
    """How --zero-shot makes two pictures of one (denoiser/inference/samplers.py)."""
    adapt: float = 0.0
    """Of pairs: first train on them for so many seconds; weights change only where the pairs prove the gain."""
    views: Path | None = None
    """Of pairs with positions: a folder of pairs of views around them, or of their neighbours in a sequence, whose
    samples are taken along where they show the same (n2n-render-pairs --near --position); --adapt learns from them."""
    save_model: Path | None = None
    """Where to keep the adapted weights, a .safetensors file."""
    temporal: bool = False
    """Of a sequence with positions, or motion vectors: take the last result along, so that it flickers less."""
    overwrite: bool = False
    """Replace results that are there already; without it they are left out."""
    dask: str | None = None
    """Spread files over the workers of a Dask scheduler, tcp://host:8786, or of this machine, local or local:4."""
    list: bool = False
    """Show what the inputs hold and what would be used as what; nothing is written."""
    check: bool = False
    """Say what of the inputs is not as a denoiser needs it, and what to change in the renderer; nothing is written."""
    png: Path | None = None
    """Of one input: also write a tone-mapped picture."""
    precision: Precision = "auto"
    """bf16, fp32, or auto: bf16 where the processor has instructions for it."""


def options_of(config: DenoiseConfig) -> FileOptions:
    """How the files are to be denoised. Raises `UsageError` where options do not fit one another."""
    if not 0.0 <= config.blend <= 1.0:
        raise UsageError(f"--blend {config.blend}: 0 to 1 is accepted")
    if config.zero_shot and config.pilot != "none":
        raise UsageError(f"--zero-shot and --pilot {config.pilot}: one of them is accepted")
    if config.temporal and config.dask is not None:
        raise UsageError(
            "--temporal: needs each frame after the last, which --dask does not keep; one of them is accepted"
        )
    if config.adapt < 0 or (config.save_model is not None and not config.adapt):
        raise UsageError(f"--adapt {config.adapt:g}: seconds above 0 are needed, with --save-model too")
    if config.adapt and config.dask is not None and config.save_model is None:
        raise UsageError("--adapt with --dask: the workers need --save-model, a file that all of them can read")
    also = tuple(name.strip() for name in (config.also or "").split(",") if name.strip())
    if config.views is not None and config.dask is not None:
        raise UsageError("--views with --dask: one of them is accepted")
    return FileOptions(
        config.model,
        config.precision,
        config.layer,
        config.blend,
        config.alpha,
        also,
        config.fireflies,
        config.residual,
        "zero-shot" if config.zero_shot else config.pilot,
        config.select,
        sampler=config.sampler,
        temporal=config.temporal,
        views=config.views is not None,
    )
