"""`<integrator type="n2n">` beside the integrator within it, at equal samples and at equal time; and its derivatives.

Time is that of the processor, all threads together: other work on the machine counts little.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.bench.figure import Figure
from apps.command import progress_console
from denoiser.metrics import psnr_corrected, reference_noise
from denoiser.model import DEFAULT_NAME
from online.mitsuba_plugin import register, wrap
from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Image
from renderer_bridge.mitsuba_messages import no_warnings, plain
from renderer_bridge.mitsuba_variant import set_variant

VARIANTS = ("llvm", "scalar")
MODELS = (DEFAULT_NAME, "unet")
SPP, SEEDS = (8, 32), (1, 2)
PIXELS = 16_000
REFERENCE_SPP, REFERENCE_SEEDS = 512, (9001, 9002)
LARGEST_SPP = 1024
"""Of the render at equal time: on a busy machine times are not to be trusted beyond it."""

GRADIENT_PIXELS, GRADIENT_SPP, GRADIENT_STEP = 4_000, 16, 0.05
DEPTH = 6  # of the paths that derivatives are taken of


@dataclass(frozen=True)
class _Reference:
    """What pictures are held to, (H, W, 3), and the squared error of its own."""

    picture: Image
    noise: float

    def decibel(self, pictures: Sequence[Image]) -> float:
        """Mean PSNR of several pictures."""
        return float(np.mean([psnr_corrected(picture, self.picture, self.noise) for picture in pictures]))


def bench_plugin(scenes: Sequence[Path]) -> Iterator[Figure]:
    """PSNR of n2n over that of the scene's own integrator, for each scene, variant and shipped weights."""
    for path in scenes:
        set_variant(VARIANTS[0])
        register()
        halves = [_render(loaded(path), None, REFERENCE_SPP, [seed])[0][0] for seed in REFERENCE_SEEDS]
        mean = np.asarray((halves[0] + halves[1]) / 2, dtype=np.float32)
        reference = _Reference(mean, reference_noise(halves[0], halves[1]))
        yield from _gradient(path)
        for variant in VARIANTS:
            set_variant(variant)
            register()
            yield from _compared(path, variant, reference)


def _compared(path: Path, variant: str, reference: _Reference) -> Iterator[Figure]:
    """The figures of one scene in the variant that is set."""
    scene = loaded(path)
    own = {spp: _render(scene, None, spp, SEEDS) for spp in SPP}
    for model in MODELS:
        n2n = wrap(scene.integrator(), model=model)
        for spp in SPP:
            ours, seconds = _render(scene, n2n, spp, SEEDS)
            theirs, their_seconds = own[spp]
            name = f"{path.parent.name}, {variant}, {spp} spp, n2n ({model}) over {scene.integrator().class_name()}"
            found, plain_found = reference.decibel(ours), reference.decibel(theirs)
            yield Figure(
                name, f"{found - plain_found:+.1f} dB", "above 0", f"{found:.1f} against {plain_found:.1f} dB; CPU "
                f"{seconds:.2f} against {their_seconds:.2f}",
            )  # fmt: skip
            affordable = min(LARGEST_SPP, max(1, round(spp * seconds / their_seconds)))
            longer, longer_seconds = _render(scene, None, affordable, SEEDS)
            at_length = reference.decibel(longer)
            yield Figure(
                f"{name}, equal time", f"{found - at_length:+.1f} dB", "above 0",
                f"{at_length:.1f} dB at {affordable} spp; CPU {seconds:.2f} against {longer_seconds:.2f}",
            )  # fmt: skip


def _render(scene: Any, integrator: Any, spp: int, seeds: Sequence[int]) -> tuple[list[Image], float]:
    """The scene's color by an integrator, or its own, once for each seed, and median seconds of the processor."""
    chosen = integrator or scene.integrator()
    pictures, seconds = [], []
    with no_warnings():
        chosen.render(scene, 0, seed=0, spp=2)  # kernels are compiled
        for seed in seeds:
            start = time.process_time()
            pictures.append(np.array(chosen.render(scene, 0, seed=seed, spp=spp), dtype=np.float32)[..., :3])
            seconds.append(time.process_time() - start)
    return pictures, float(np.median(seconds))


def loaded(path: Path, pixels: int = PIXELS) -> Any:
    """The scene as Mitsuba loads it, its film cut down to about so many pixels. Raises `SceneError` if it is none."""
    import mitsuba as mi

    try:
        scene = mi.load_file(str(path))
        film = mi.traverse(scene.sensors()[0].film())
        width, height = (int(n) for n in np.array(film["size"]).ravel())
        factor = min(1.0, (pixels / (width * height)) ** 0.5)
        size = [max(1, round(width * factor)), max(1, round(height * factor))]
        film["size"], film["crop_size"], film["crop_offset"] = size, size, [0, 0]
        film.update()
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise SceneError(f"{path}: Mitsuba cannot render it: {plain(error)}") from error
    return scene


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives


def _gradient(path: Path) -> Iterator[Figure]:
    """With respect to a factor on all plain reflectances of the scene, against central differences of the same seed."""
    import drjit as dr
    import mitsuba as mi

    scene = loaded(path, GRADIENT_PIXELS)
    parameters = mi.traverse(scene)
    names = [name for name in parameters.keys() if is_reflectance(name)]  # noqa: SIM118 - not a dict
    chosen = {name: type(parameters[name])(parameters[name]) for name in names}  # colors, or numbers where gray
    if not chosen:
        progress_console.print(f"{path}: no plain reflectance, no derivative")
        return
    n2n = wrap(mi.load_dict({"type": "prb", "max_depth": DEPTH}))
    start = 1 - 2 * GRADIENT_STEP  # reflectances stay below 1

    def set_factor(factor: Any) -> None:
        for name, value in chosen.items():
            parameters[name] = value * factor
        parameters.update()

    def value(factor: float) -> float:
        set_factor(factor)
        return float(np.array(n2n.render(scene, 0, seed=1, spp=GRADIENT_SPP), dtype=np.float64).mean())

    factor = mi.Float(start)
    dr.enable_grad(factor)
    set_factor(factor)
    image = mi.render(scene, parameters, integrator=n2n, spp=GRADIENT_SPP, seed=0, seed_grad=1)
    dr.backward(dr.mean(image, axis=None))
    with dr.suspend_grad():
        expected = (value(start + GRADIENT_STEP) - value(start - GRADIENT_STEP)) / (2 * GRADIENT_STEP)
    found = float(dr.grad(factor)[0])
    yield Figure(
        f"{path.parent.name}, derivative of the mean over finite differences", f"{found / expected:.3f}",
        "0.95 to 1.05", f"{found:.4f} against {expected:.4f}, {len(chosen)} reflectances",
    )  # fmt: skip


def is_reflectance(name: str) -> bool:
    return name.endswith("reflectance.value") and "specular" not in name
