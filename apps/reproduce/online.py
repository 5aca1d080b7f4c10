"""The figure online: a network learns from nothing while a camera flies, from noisy targets or, to compare, clean ones.

Source: Lehtinen et al. 2018, section 3.3 and figure 8. The project's own online trainer flies through the built-in
scene. Flights on clean targets are an ablation: each of their frames needs a converged render to learn from. Both see
the same noisy renders. What is measured is the network's own picture of a frame it has not yet learned from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from apps.flythrough.measure import Reference, Referenced, References
from apps.flythrough.output import noisy_mean
from apps.pictures import to_display, write_png
from apps.reproduce import plots
from apps.reproduce.figure import (
    Bench,
    Estimate,
    Figure,
    Finding,
    Progress,
    Row,
    difference,
    estimate,
    per_seed,
    within,
)
from apps.reproduce.noise import CLEAN, NOISY
from denoiser.metrics import psnr_corrected
from online.flythrough import flythrough
from online.records import FlythroughRecord, FrameRequest, Renderer
from online.trainer import OnlineConfig, OnlineTrainer
from renderer_bridge.camera_path import CameraPath
from renderer_bridge.frame import Camera, Image
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_renderer import MitsubaRenderer
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE, load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.seeds import derive_seed

SPP = 8
"""Samples per pixel of each half."""

APPRECIABLE_DB = 0.5
"""A difference within this is not an appreciable one; the paper gives no number."""

REFERENCE_STREAM = 12  # derive_seed: apart from the halves (0 and 1)
CHECKPOINT_EVERY = 20
"""Frames between states from which a flight can go on."""

PATH = CameraPath(
    times=np.array([0.0, 1.0, 2.0, 3.0]),
    origins=np.array([[0.9, 1.5, 2.4], [-0.4, 1.35, 1.7], [-1.1, 1.2, 0.8], [0.5, 1.25, 0.5]]),
    targets=np.array([[0.2, 0.95, -1.2], [-0.2, 1.0, -1.2], [-0.3, 0.95, -1.3], [0.4, 1.05, -1.3]]),
    ups=np.tile([0.0, 1.0, 0.0], (4, 1)),
    fovs=np.full(4, 50.0),
)
"""Into the built-in room and along its sideboard."""

STATE = "state.safetensors"
LABELS, VALUES = ("variant", "seed", "frame"), ("psnr", "shown_psnr", "input_psnr")


@dataclass(frozen=True)
class Flight:
    """How long and how large: frames, picture size (width, height), steps a frame, crop, samples of the references."""

    frames: int
    size: tuple[int, int]
    steps: int
    crop: int
    reference_spp: int


def _measure(bench: Bench) -> Iterator[Progress]:
    flight = bench.pick(
        Flight(20, (96, 72), 4, 64, 256), Flight(60, (128, 96), 6, 64, 256), Flight(240, (256, 192), 8, 128, 1024)
    )
    set_variant("auto")
    scene = load_scene(BUILTIN_SCENE, width=flight.size[0], height=flight.size[1])

    def reference(camera: Camera, index: int, half: int) -> Image:
        seed = derive_seed(0, index, REFERENCE_STREAM, half + 1)
        return render_color(scene, camera, spp=flight.reference_spp // 2, seed=seed)[0]

    references = References(bench.folder / "references", 1, reference)
    for variant, seed in itertools.product((NOISY, CLEAN), range(bench.seeds)):
        if not bench.results.has(variant=variant, seed=seed, frame=flight.frames):
            yield from _fly(bench, flight, MitsubaRenderer(scene), references, variant, seed)


def _fly(
    bench: Bench, flight: Flight, renderer: Renderer, references: References, variant: str, seed: int
) -> Iterator[Progress]:
    """One flight, or the rest of one that was killed; its rows are added when it is done."""
    trainer = OnlineTrainer(OnlineConfig(init="", crop=flight.crop, seed=seed, clean_targets=variant == CLEAN))
    state = bench.folder / "runs" / f"{variant.replace(' ', '-')}-{seed}" / STATE
    rows: list[dict[str, Any]] = trainer.restore(state)[0]["rows"] if state.exists() else []
    first = len(rows)
    cameras = PATH.cameras(flight.frames, flight.size)[first:]
    requests = (FrameRequest(camera, SPP, flight.steps, reproject=False) for camera in cameras)
    source = Referenced(renderer, references, first) if variant == CLEAN else renderer
    for record in flythrough(source, requests, trainer, seed=seed, first=first):
        wanted = references.of(record.request.camera, record.index)
        assert wanted is not None  # every frame has one
        rows.append({"variant": variant, "seed": seed, "frame": record.index + 1, **_psnrs(record, wanted)})
        if len(rows) % CHECKPOINT_EVERY == 0:
            state.parent.mkdir(parents=True, exist_ok=True)
            trainer.save(state, {"rows": rows}, {})
        if seed == 0 and len(rows) == flight.frames:
            _keep(bench.folder / "pictures" / "last frame", variant, record, wanted.color)
        yield Progress(f"{variant}, seed {seed}", len(rows), flight.frames)
    bench.results.add(rows)
    state.unlink(missing_ok=True)


def _learned(record: FlythroughRecord) -> Image:
    """The network's picture of a frame: the mean of f(A) and f(B), from before it learned from them."""
    return np.asarray((record.scored[0] + record.scored[1]) / 2)


def _psnrs(record: FlythroughRecord, wanted: Reference) -> dict[str, float]:
    """PSNR in dB, the reference's own noise taken off: the network's picture, what a flight shows, the noisy mean."""
    pictures = (_learned(record), record.alone, noisy_mean(record))
    return {name: psnr_corrected(each, wanted.color, wanted.mse) for name, each in zip(VALUES, pictures, strict=True)}


def _keep(folder: Path, variant: str, record: FlythroughRecord, reference: Image) -> None:
    for caption, image in {"clean": reference, "input": noisy_mean(record), variant: _learned(record)}.items():
        write_png(folder / f"{caption}.png", to_display(image))


def _judge(rows: Sequence[Row]) -> list[Finding]:
    """Noisy targets against clean ones over the second half of the flight, in which the network has learned."""
    frames = max(int(row["frame"]) for row in rows)
    late = [row for row in rows if int(row["frame"]) > frames / 2]
    findings = []
    for value, whose in (("psnr", "the network's picture"), ("shown_psnr", "what is shown, with the residual of A, B")):
        noisy, clean = (estimate(list(per_seed(late, value, variant=name).values())) for name in (NOISY, CLEAN))
        gap, all_along = (difference(each, value, "variant", NOISY, CLEAN) for each in (late, rows))
        given = float(np.mean([row["input_psnr"] for row in late]))
        ours = (
            f"{noisy} against {clean} dB, difference {gap.text(2, sign=True)} "
            f"(all frames {all_along.text(2, sign=True)}; input {given:.2f})"
        )
        claim = f"A flight from random weights, its second half: noisy targets are as good as clean ones ({whose})"
        findings.append(Finding(claim, "no appreciable difference", ours, within(gap, -APPRECIABLE_DB, np.inf)))
    return findings


def _draw(rows: Sequence[Row], axes: Axes) -> None:
    """The paper's axes: PSNR of each frame."""
    frames = sorted({int(row["frame"]) for row in rows})
    for variant in (NOISY, CLEAN):
        plots.line(axes, frames, [_at(rows, "psnr", frame, variant=variant) for frame in frames], variant)
    ink = axes.xaxis.label.get_color()
    axes.plot(frames, [_at(rows, "input_psnr", frame).mean for frame in frames], color=ink, linewidth=1, label="input")
    axes.set(xlabel="frame", ylabel="PSNR, dB")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    plots.legend(axes)


def _at(rows: Sequence[Row], value: str, frame: int, **labels: str) -> Estimate:
    return estimate(list(per_seed(rows, value, frame=str(frame), **labels).values()))


ONLINE = Figure(
    title="Monte Carlo, online",
    claim="a network that learns during a flythrough does as well without clean frames, which take minutes each",
    labels=LABELS,
    values=VALUES,
    measure=_measure,
    judge=_judge,
    draw=_draw,
)
