"""Passes where the error is (`n2n-render-pairs --until-error X --adaptive`) beside passes everywhere, by references.

Both begin with the same first pass and are looked at whenever their samples have doubled; the scouts' samples count.
Errors are those of the tone-mapped picture denoised from both halves; the reference's own noise is taken off.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.bench.figure import Figure
from denoiser.devices import compute_device, pair_on
from denoiser.inference.select import network_candidate
from denoiser.inference.until_error import ErrorPoint, expected_squares, told_error
from denoiser.metrics import tone_map
from denoiser.model import Model, load_model
from denoiser.transforms import to_image
from renderer_bridge.adaptive import share_of_squares
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.frame import Image
from renderer_bridge.mitsuba_pairs import PairRequest, begin_dataset
from renderer_bridge.mitsuba_passes import SCOUTS_PART, add_passes, scouts
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.pair_folder import read_pair
from renderer_bridge.passes import total_spp
from renderer_bridge.seeds import SppRange

FIRST, DOUBLINGS, PASSES_A_DOUBLING = 4, 3, 4
PIXELS = 16_000
REFERENCE_SPP, REFERENCE_SEEDS = 512, (9001, 9002)

Curve = list[tuple[ErrorPoint, float]]
"""Points with the told error, and the true one."""


def bench_adaptive(scenes: Sequence[Path], references: Sequence[Path]) -> Iterator[Figure]:
    """Samples saved at equal true error, for each scene; `references` are folders of reference.a.exr and .b.exr by the
    scenes' order, and scenes without one render their own."""
    set_variant()
    model = load_model()
    for index, path in enumerate(scenes):
        scene, halves = _with_reference(path, references[index] if index < len(references) else None)
        even, spread = (_curve(scene, model, halves, adaptive) for adaptive in (False, True))
        target = even[-1][1]
        needed = _spp_at(spread, target)
        (last, true), (other, reached) = even[-1], spread[-1]
        yield Figure(
            f"{path.parent.name}: samples passes everywhere take over adaptive ones, at a true error of {target:.3g}",
            f"{last.spp / needed:.2f}x", "above 1",
            f"everywhere {last.spp:g} spp told {last.error:.4f} true {true:.4f}; adaptive {other.spp:g} spp told "
            f"{other.error:.4f} true {reached:.4f}; {needed:.1f} spp for the same",
        )  # fmt: skip


def _with_reference(path: Path, folder: Path | None) -> tuple[MitsubaScene, tuple[Image, Image]]:
    """A scene at its reference's size, and the two independent halves of that."""
    if folder is not None:
        a, b = (read_frame(folder / f"reference.{half}.exr")[0].color for half in "ab")
        return load_scene(path, width=a.shape[1], height=a.shape[0]), (a, b)
    width, height = load_scene(path).camera().resolution
    scene = load_scene(path, width=max(64, round((PIXELS * width / height) ** 0.5)))
    a, b = (render_color(scene, scene.camera(), spp=REFERENCE_SPP, seed=seed)[0] for seed in REFERENCE_SEEDS)
    return scene, (a, b)


def _curve(scene: MitsubaScene, model: Model, reference: tuple[Image, Image], adaptive: bool) -> Curve:
    request = PairRequest(SppRange(FIRST, FIRST))
    curve: Curve = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request, cameras = begin_dataset(scene, request, folder)

        @cache
        def shares() -> NDArray[np.float64]:
            pair, _ = read_pair(paths)
            scout = pair_on(scouts(scene, request, cameras[0], 0, pair), compute_device())
            return share_of_squares(expected_squares(network_candidate(scout, model)))

        for doubling in range(DOUBLINGS + 1):
            passes = doubling * PASSES_A_DOUBLING
            paths, _ = add_passes(scene, request, folder, cameras[0], 0, passes, shares if adaptive else None)
            picture = network_candidate(pair_on(read_pair(paths)[0], compute_device()), model)
            spp = total_spp(FIRST, passes) + (max(1, FIRST // SCOUTS_PART) if adaptive and doubling else 0)
            point = ErrorPoint(spp, told_error(picture.color, picture.error))
            curve.append((point, _true_error(to_image(picture.color), reference)))
    return curve


def _true_error(picture: Image, reference: tuple[Image, Image]) -> float:
    """Root mean square error of the tone-mapped picture, without the reference's noise: a product of two errors."""
    shown, a, b = (tone_map(each) for each in (picture, *reference))
    return float(np.sqrt(max(np.mean((shown - a) * (shown - b), dtype=np.float64), 0.0)))


def _spp_at(curve: Curve, error: float) -> float:
    """Samples at which the true error is `error`, by straight lines between logarithms; its last one's go on."""
    spp = np.log([point.spp for point, _ in curve])
    errors = np.log([true for _, true in curve])
    order = np.argsort(errors)
    if np.log(error) >= errors.min():
        return float(np.exp(np.interp(np.log(error), errors[order], spp[order])))
    slope = (errors[-1] - errors[-2]) / (spp[-1] - spp[-2])
    return float(np.exp(spp[-1] + (np.log(error) - errors[-1]) / slope))
