"""What goes in and comes out of denoising files: a job, how it is done, what there is to tell. All can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from denoiser.inference.piloted import PilotName
from denoiser.inference.samplers import SamplerName
from denoiser.model import DEFAULT_NAME
from denoiser.precision import Precision


@dataclass(frozen=True)
class FileJob:
    """One picture: the file `source`, or the pair of it and `other`, to be denoised into `output`.

    `albedo` and `normal` are files of their own that hold these layers, where they are not in `source`. `frame` is the
    number in a sequence. All but color of `output` comes from `source`.
    """

    source: Path
    output: Path
    other: Path | None = None
    albedo: Path | None = None
    normal: Path | None = None
    frame: int | None = None


@dataclass(frozen=True)
class FileOptions:
    """How files are denoised.

    `model` names weights as `load_model` takes them. `layer` names the color to denoise, where several are. `blend` is
    the share of the denoised picture in the result, in [0, 1]; the rest is the noisy one. `alpha` denoises alpha too,
    `also` further pictures in the file, by name, so that they still sum to the beauty. `fireflies` holds isolated
    bright pixels back first. `residual` gives back what both halves of a pair get wrong alike. `pilot` names another
    denoiser that takes the network's place, see `piloted`; `sampler` is that of `zero-shot`. `select` takes of a pair
    the best of noisy mean, network, pilot, and weights `adapted` to these very pairs, place by place (`select`).
    `temporal` reads what leads from frame to frame too: positions, depths, motion vectors; so does `views`, which says
    that samples of the views around a pair are carried into it.
    """

    model: str = DEFAULT_NAME
    precision: Precision = "auto"
    layer: str | None = None
    blend: float = 1.0
    alpha: bool = False
    also: tuple[str, ...] = ()
    fireflies: bool = False
    residual: bool = True
    pilot: PilotName = "none"
    select: bool = False
    adapted: str | None = None
    sampler: SamplerName = "original"
    temporal: bool = False
    views: bool = False


@dataclass(frozen=True)
class FileRecord:
    """What became of one job.

    `size` is (height, width) of the picture. `repaired` counts, by layer, pixels that were infinite, NaN or out of
    range. `error` is the estimated root mean square error of a pair's picture, tone-mapped, in [0, 1), as
    `--until-error` takes it. `fireflies` counts the pixels held back, `taken` is the share of light taken from them.
    `shares` are those of `Denoised`. `warnings` are sentences about the input. `failure` is the sentence that says why
    there is no output; None where there is.
    """

    job: FileJob
    size: tuple[int, int] = (0, 0)
    read_s: float = 0.0
    denoise_s: float = 0.0
    write_s: float = 0.0
    repaired: Mapping[str, int] = field(default_factory=dict)
    error: float | None = None
    fireflies: int = 0
    taken: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failure: str | None = None
