"""`make demo`, or `python -m apps.demo`: render the built-in scene, denoise it with the shipped weights, and compare.

Writes into out/demo, or the folder given: the noisy halves `view_0000.a.exr` and `.b.exr`, `denoised.exr`, `demo.png`
(noisy | denoised | reference), and in the folder `reference` the two halves of the reference. A second run renders
nothing again.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from apps.command import progress_console, run
from apps.pictures import write_strip
from denoiser.inference.denoise import denoise_pair
from denoiser.metrics import psnr_corrected, reference_noise
from denoiser.model import load_model
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame, Image, Pair
from renderer_bridge.mitsuba_pairs import PairRequest, render_pairs
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE, MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.pair_folder import list_pairs, read_pair
from renderer_bridge.seeds import SppRange

SPP = 8  # of each half
REFERENCE_SPP = 128  # of each half of the reference; under a minute on two cores
REFERENCE_SEED = 1  # any but the pair's, 0


@dataclass(frozen=True)
class DemoConfig:
    """Denoise the built-in scene and compare."""

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/demo")
    """Folder for pictures and EXR files."""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(DemoConfig, args=argv, prog="python -m apps.demo", description=__doc__)
    return run(lambda: demo(config.output))


def demo(folder: Path) -> None:
    """Render, denoise, measure, and write everything into `folder`."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=progress_console) as progress:
        task = progress.add_task("loading")
        model = load_model()
        set_variant("auto")
        scene = load_scene(BUILTIN_SCENE)
        progress.update(task, description=f"rendering a pair of {SPP} + {SPP} spp")
        pair = rendered_pair(scene, PairRequest(SppRange(SPP, SPP)), folder)
        progress.update(task, description=f"rendering the reference, {2 * REFERENCE_SPP} spp")
        request = PairRequest(SppRange(REFERENCE_SPP, REFERENCE_SPP), seed=REFERENCE_SEED)
        reference = rendered_pair(scene, request, folder / "reference")
        progress.update(task, description="denoising")
        start = time.perf_counter()
        denoised = denoise_pair(model, pair).color
        seconds = time.perf_counter() - start
        progress.update(task, description="done")
    write_frame(folder / "denoised.exr", Frame(color=denoised, albedo=pair.a.albedo, normal=pair.a.normal))
    noisy_db, denoised_db = (psnr_against(picture, reference) for picture in (mean(pair), denoised))
    captions = {
        f"noisy, {SPP} + {SPP} spp: {noisy_db:.1f} dB": mean(pair),
        f"denoised in {seconds:.1f} s: {denoised_db:.1f} dB": denoised,
        f"reference, {2 * REFERENCE_SPP} spp": mean(reference),
    }
    write_strip(folder / "demo.png", captions)
    print(f"PSNR: noisy {noisy_db:.2f} dB, denoised {denoised_db:.2f} dB (the reference's own noise taken off)")
    print(f"pictures: {folder / 'demo.png'}, and as EXR in {folder}")


def rendered_pair(scene: MitsubaScene, request: PairRequest, folder: Path) -> Pair:
    """The pair of the scene's own camera; rendered into `folder` where it is not there yet."""
    for _ in render_pairs(scene, request, folder):
        pass
    pair, _ = read_pair(list_pairs(folder)[0])
    return pair


def mean(pair: Pair) -> Image:
    """The mean radiance of both halves, (H, W, 3)."""
    return np.asarray((pair.a.color + pair.b.color) / 2, dtype=np.float32)


def psnr_against(picture: Image, reference: Pair) -> float:
    """PSNR in dB of linear radiance (H, W, 3) on tone-mapped values, without what is the reference's own noise."""
    noise = reference_noise(reference.a.color, reference.b.color)
    return psnr_corrected(picture, mean(reference), noise)


if __name__ == "__main__":
    sys.exit(main())
