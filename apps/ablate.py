"""The paper's comparisons, small: which loss, and noisy or clean targets. Needs pairs with references.

    n2n-render-pairs scene.xml -o pairs/ --views 40 --spp 2 --reference-spp 512
    python -m apps.ablate pairs/ -o out/ablation --steps 1500

Trains the same network from the same seed on the same crops once for every variant, then denoises the held-out views.
Tone-mapped targets must come out too dark and the undetached loss too bright; that is the point of L_HDR (Lehtinen et
al. 2018, section 3.3). Running the command again goes on where it stopped.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.progress import Progress
from rich.table import Table

from apps.command import progress_console, run
from apps.pictures import write_strip
from denoiser.inference.denoise import denoise_pair
from denoiser.metrics import psnr, relmse_trimmed
from denoiser.model import Model, load_model
from denoiser.training.config import TrainConfig
from denoiser.training.pair_cache import CachedView, find_views
from denoiser.training.train import split_views, train
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Image, Pair
from renderer_bridge.pair_folder import read_pair

VARIANTS: dict[str, dict[str, Any]] = {
    "noisy targets, L_HDR": {},
    "clean targets, L_HDR": {"clean_targets": True},
    "noisy targets, L2": {"loss": "l2"},
    "noisy targets, L_HDR not detached": {"loss": "hdr-undetached"},
    "noisy targets, tone-mapped": {"loss": "tonemapped"},
}


LAMP = 1.0
"""Reference radiance above which a pixel counts as a light in view."""


@dataclass(frozen=True)
class AblateConfig:
    """Train one network per variant on the same pairs, and measure brightness and error against the references."""

    pairs: tyro.conf.Positional[Path]
    """Folder of pairs with references."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for the runs, scores.csv and pictures."""
    steps: int = 1500
    """Steps of each variant."""
    crop: int = 128
    """Side of a crop in pixels."""
    learning_rate: float = 1e-3
    """Adam's step size before the ramp-down."""
    validation_views: int = 8
    """Views held out, on which the table is measured."""
    seed: int = 0
    """Seed of weights and crops, the same for every variant."""


@dataclass(frozen=True)
class Row:
    """One variant on the held-out views: mean output over mean reference (1 is unbiased), and errors.

    `unlit_over_reference` leaves out the pixels whose reference is brighter than `LAMP`: a lamp in view is most of a
    picture's mean, and is the last thing a short training gets right.
    """

    variant: str
    mean_over_reference: float
    unlit_over_reference: float
    psnr_db: float
    relmse_trimmed: float


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(AblateConfig, args=argv, prog="python -m apps.ablate", description=__doc__)
    return run(lambda: ablate(config))


def ablate(config: AblateConfig) -> None:
    """Train what is missing, measure, and write table and pictures."""
    held_out = _held_out(config)
    rows = [_row("the noisy pairs themselves", [(_mean(pair), _reference(pair)) for pair in held_out])]
    pictures: dict[str, Image] = {"noisy": _mean(held_out[0])}
    for variant, changes in VARIANTS.items():
        run_dir = config.output / variant.replace(" ", "-").replace(",", "")
        _train_variant(config, variant, changes, run_dir)
        denoised = [image for image in _denoise(load_model(run_dir / "model.safetensors"), held_out)]
        rows.append(_row(variant, [(d, _reference(p)) for d, p in zip(denoised, held_out, strict=True)]))
        pictures[variant] = denoised[0]
        _write(config.output, rows, {**pictures, "reference": _reference(held_out[0])})
    _show(rows)


def _train_variant(config: AblateConfig, variant: str, changes: dict[str, Any], run_dir: Path) -> None:
    settings = TrainConfig(
        steps=config.steps,
        crop=config.crop,
        learning_rate=config.learning_rate,
        validation_views=config.validation_views,
        validation_every=config.steps,
        seed=config.seed,
    )
    with Progress(console=progress_console) as progress:
        task = progress.add_task(variant, total=config.steps)
        for record in train(replace(settings, **changes), [config.pairs], run_dir):
            progress.update(task, completed=record.step)


def _held_out(config: AblateConfig) -> list[Pair]:
    """The views that no variant trains on, read with their references."""
    settings = TrainConfig(validation_views=config.validation_views, seed=config.seed, clean_targets=True)
    views: list[CachedView] = split_views(find_views([config.pairs]), settings)[1]
    lacking = [view for view in views if view.paths.reference is None]
    if lacking:
        raise DatasetError(f"{lacking[0].paths.a}: has no reference; n2n-render-pairs --reference-spp renders one")
    return [read_pair(view.paths, reference=True)[0] for view in views]


def _denoise(model: Model, pairs: list[Pair]) -> Iterator[Image]:
    for pair in pairs:
        yield denoise_pair(model, pair, residual=False).color  # the residual would hide what a loss does


def _mean(pair: Pair) -> Image:
    return np.asarray((pair.a.color + pair.b.color) / 2, dtype=np.float32)


def _reference(pair: Pair) -> Image:
    assert pair.reference is not None
    return pair.reference


def _row(variant: str, images: list[tuple[Image, Image]]) -> Row:
    ratio = _brightness(images, np.inf)
    unlit = _brightness(images, LAMP)
    in_db = float(np.mean([psnr(image, truth) for image, truth in images]))
    error = float(np.mean([relmse_trimmed(image, truth) for image, truth in images]))
    return Row(variant, ratio, unlit, in_db, error)


def _brightness(images: list[tuple[Image, Image]], brightest: float) -> float:
    """Sum of the pictures over the sum of the references, where the reference's channels are at most `brightest`."""
    kept = [(image, truth, truth.max(axis=-1) <= brightest) for image, truth in images]
    return float(sum(image[mask].sum() for image, _, mask in kept) / sum(truth[mask].sum() for _, truth, mask in kept))


def _write(folder: Path, rows: list[Row], pictures: dict[str, Image]) -> None:
    with atomic_path(folder / "scores.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    write_strip(folder / "pictures.png", pictures)


def _show(rows: list[Row]) -> None:
    table = Table("variant", "mean / reference", f"the same, reference <= {LAMP:g}", "PSNR dB", "relMSE trimmed")
    for row in rows:
        brightness = (f"{row.mean_over_reference:.4f}", f"{row.unlit_over_reference:.4f}")
        table.add_row(row.variant, *brightness, f"{row.psnr_db:.2f}", f"{row.relmse_trimmed:.5f}")
    progress_console.print(table)


if __name__ == "__main__":
    sys.exit(main())
