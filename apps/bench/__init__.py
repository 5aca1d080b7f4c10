"""`make bench`, or `python -m apps.bench`: the speed figures of the README as ratios against a peer in the same run.

    make bench BENCH="--scene staircase/scene.xml"
    python -m apps.bench --only render train
    python -m apps.bench --only flight rest growth window      training while rendering, about ten minutes
    python -m apps.bench --only check --scenes a.xml b.xml     alarms of the checks of n2n-denoise
    python -m apps.bench --only plugin --scenes a.xml b.xml    <integrator type="n2n"> beside the scene's own integrator
    python -m apps.bench --only adaptive --scenes a.xml        samples that adaptive passes save, against a reference
    python -m apps.bench --only batch --frames 12              a folder of frames, also on two workers (needs Dask)
    python -m apps.bench --only tiles also temporal            tiles, light groups, sequences
    python -m apps.bench --only inverse --scenes a.xml         a reflectance recovered through <integrator type="n2n">

Each figure is the median over pairs of runs taken in turn (ours, peer, ours, peer, ...), so that a machine whose speed
drifts slows both. Absolute seconds are printed for orientation only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
import tyro
from rich.table import Table

from apps.bench.adaptive import bench_adaptive
from apps.bench.batch import bench_batch
from apps.bench.check import bench_check
from apps.bench.figure import Figure, in_turn, peak_bytes
from apps.bench.files import bench_also, bench_temporal, bench_tiles
from apps.bench.inverse import bench_inverse
from apps.bench.online import bench_flight, bench_growth, bench_rest
from apps.bench.plugin import bench_plugin
from apps.bench.window import bench_window
from apps.command import progress_console, run
from denoiser.allocation import keep_freed
from denoiser.inference.denoise import denoise_frame
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.metrics import psnr
from denoiser.model import load_model
from denoiser.precision import uses_bf16
from denoiser.training.config import TrainConfig
from denoiser.training.crops import PairDataset
from denoiser.training.pair_cache import build_cache, find_views
from denoiser.training.processes import join_processes
from denoiser.training.train import new_state, train_step
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Camera, Frame
from renderer_bridge.mitsuba_render import render_color, render_pair
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE, MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant

Part = Literal[
    "render", "train", "infer", "memory", "flight", "rest", "growth", "window", "check", "plugin", "batch", "adaptive",
    "tiles", "also", "temporal", "inverse",
]  # fmt: skip
PARTS = get_args(Part)

RENDER_SIZE = (320, 180)
FULL_HD, ULTRA_HD = (1920, 1080), (3840, 2160)
QUALITY_SIZE = (480, 270)
REFERENCE_SPP = 256


@dataclass(frozen=True)
class BenchConfig:
    """Measure speed, memory and convergence, against a peer in the same run."""

    scene: Path = BUILTIN_SCENE
    """Scene to render; the README's figures are of staircase."""
    only: tuple[Part, ...] = PARTS
    """Which parts to measure."""
    scenes: tuple[Path, ...] = ()
    """Scenes of the parts "plugin", "inverse", "also", "temporal" and "adaptive", else `scene`; scenes or folders of
    pairs of the part "check", else six procedural scenes."""
    references: tuple[Path, ...] = ()
    """Folders with reference.a.exr and reference.b.exr of the scenes of the part "adaptive"; else it renders them."""
    repeats: int = 5
    """Pairs of runs per figure."""
    frames: int = 48
    """Frames of the sequences of the parts "batch" and "temporal"."""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(BenchConfig, args=argv, prog="python -m apps.bench", description=__doc__)
    return run(lambda: bench(config))


def bench(config: BenchConfig) -> None:
    """Measure the parts asked for and print the table."""
    measures: dict[Part, Callable[[BenchConfig], Iterator[Figure]]] = {
        "render": bench_render,
        "train": bench_train,
        "infer": bench_infer,
        "memory": bench_memory,
        "flight": lambda config: bench_flight(config.scene, config.repeats),
        "rest": lambda config: bench_rest(config.scene),
        "growth": lambda config: bench_growth(config.scene),
        "window": lambda config: bench_window(config.scene),
        "check": lambda config: bench_check(config.scenes),
        "batch": lambda config: bench_batch(config.scene, config.frames),
        "plugin": lambda config: bench_plugin(config.scenes or (config.scene,)),
        "adaptive": lambda config: bench_adaptive(config.scenes or (config.scene,), config.references),
        "inverse": lambda config: bench_inverse(config.scenes or (config.scene,)),
        "tiles": lambda config: bench_tiles(config.scene),
        "also": lambda config: bench_also(config.scenes or (config.scene,)),
        "temporal": lambda config: bench_temporal(config.scenes or (config.scene,), config.frames),
    }
    table = Table(
        "figure", "measured", "wanted", "seconds, medians", title=f"{config.scene}, {torch.get_num_threads()} threads"
    )
    for part in config.only:
        for figure in measures[part](config):
            progress_console.print(f"{figure.name}: {figure.value} ({figure.detail})")
            table.add_row(figure.name, figure.value, figure.wanted, figure.detail)
    progress_console.print(table)


# ---------------------------------------------------------------------------------------------------------------------
# Rendering: against two renders with the stock aov integrator wrapped around the scene's own


def bench_render(config: BenchConfig) -> Iterator[Figure]:
    """Pairs per second against two `aov` renders, and the kernels that a moving camera compiles."""
    set_variant()
    scene = load_scene(config.scene, width=RENDER_SIZE[0], height=RENDER_SIZE[1])
    camera = scene.camera()
    for spp in (4, 16):
        ratio, ours, peer = in_turn(
            lambda spp=spp: render_pair(scene, camera, spp=spp, seeds=(1, 2)),  # type: ignore[misc]
            lambda spp=spp: _wrapped_pair(scene, spp),  # type: ignore[misc]
            config.repeats,
        )
        yield Figure(
            f"pairs per second, {spp} spp, over two aov({scene.integrator_name}) renders",
            f"{ratio:.2f}x",
            "at least 1.6x",
            f"{ours:.3f} against {peer:.3f}",
        )
    yield Figure("kernels compiled after the second view", str(_kernels_of_moving(scene, camera)), "0", "10 views")


def _wrapped_pair(scene: MitsubaScene, spp: int) -> list[Any]:
    import mitsuba as mi

    wrapped = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,nn:sh_normal", "nested": scene.integrator})
    sensor = scene.place(0, scene.camera())
    return [np.array(mi.render(scene.scene, sensor=sensor, integrator=wrapped, spp=spp, seed=seed)) for seed in (1, 2)]


def _kernels_of_moving(scene: MitsubaScene, camera: Camera) -> int:
    """Kernels not found in memory while the camera moves on from its second view."""
    import drjit as dr

    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        for view in range(12):
            if view == 2:
                dr.kernel_history_clear()
            moved = camera.to_world.copy()
            moved[:3, 3] += 0.001 * view * np.linalg.norm(moved[:3, 3])
            placed = Camera(moved, camera.fov_deg * (1 + 0.01 * view), camera.resolution)
            render_pair(scene, placed, spp=4 + view, seeds=(2 * view, 2 * view + 1))
        kernels = dr.kernel_history([dr.KernelType.JIT])
    return sum(not kernel["cache_hit"] or bool(kernel["cache_disk"]) for kernel in kernels)


# ---------------------------------------------------------------------------------------------------------------------
# Training: against the same step on tensors that are already in memory


def bench_train(config: BenchConfig) -> Iterator[Figure]:
    """Crops per second from the memory-mapped dataset, against the same step on one batch in memory."""
    settings = TrainConfig()
    with tempfile.TemporaryDirectory() as folder, join_processes() as processes:
        device = processes.device
        state = new_state(settings, device)
        bf16 = uses_bf16(settings.precision, device)
        views = find_views([_bench_pairs(Path(folder))], None)
        for _ in build_cache(views):
            pass
        steps = 10
        batches = PairDataset(views).batches(0, 0, range(10**6), settings.batch, settings.crop)
        fixed = next(batches)

        def step_on(batch: tuple[dict[str, torch.Tensor], torch.Tensor]) -> tuple[float, float]:
            layers, target = batch
            return train_step(state, state.network, layers, target.to(device), settings, settings.learning_rate, bf16)

        ratio, ours, peer = in_turn(
            lambda: deque((step_on(next(batches)) for _ in range(steps)), maxlen=0),
            lambda: deque((step_on(fixed) for _ in range(steps)), maxlen=0),
            config.repeats,
        )
        batches.close()
    crops = settings.batch * steps / ours
    yield Figure(
        f"training crops per second, {settings.batch} crops of {settings.crop}x{settings.crop}",
        f"{ratio:.2f}x",
        "at least 0.85x of synthetic",
        f"{ours / steps:.3f} against {peer / steps:.3f} a step, {crops:.0f} crops/s",
    )


def _bench_pairs(folder: Path) -> Path:
    """Pairs of noise of the size of a real dataset's views: what is in them does not change the speed."""
    random = np.random.default_rng(0)
    for view in range(8):
        for half in "ab":
            write_frame(folder / f"{view}.{half}.exr", _noise_frame(random, RENDER_SIZE))
    return folder


def _noise_frame(random: np.random.Generator, size: tuple[int, int]) -> Frame:
    shape = (size[1], size[0], 3)
    color = random.gamma(0.5, 1.0, shape).astype(np.float32)
    normal = random.normal(size=shape).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return Frame(color=color, albedo=random.random(shape, dtype=np.float32), normal=normal)


# ---------------------------------------------------------------------------------------------------------------------
# Inference: against Open Image Denoise, and bfloat16 against float32


def bench_infer(config: BenchConfig) -> Iterator[Figure]:
    """Time of a 1920x1080 frame against OIDN "high", tone mapping and conversion included; quality against float32."""
    model = load_model()
    keep_freed(True)  # as n2n-denoise does, whose memory is a figure of its own
    frame = _noise_frame(np.random.default_rng(0), FULL_HD)
    with OpenImageDenoise() as oidn:
        ratio, ours, peer = in_turn(
            lambda: denoise_frame(model, frame),
            lambda: oidn.denoise(frame.color, frame.albedo, frame.normal),
            config.repeats,
        )
    yield Figure(
        "1920x1080 inference over OIDN high", f"{1 / ratio:.2f}x", "at most 1.05x", f"{ours:.2f} against {peer:.2f}"
    )
    yield _precision_figure(config)


def _precision_figure(config: BenchConfig) -> Figure:
    model = load_model()
    set_variant()
    scene = load_scene(config.scene, width=QUALITY_SIZE[0], height=QUALITY_SIZE[1])
    frame = render_pair(scene, scene.camera(), spp=8, seeds=(1, 2)).a
    reference, _ = render_color(scene, scene.camera(), spp=REFERENCE_SPP, seed=3)
    half, full = (denoise_frame(model, frame, precision=p).color for p in ("bf16", "fp32"))
    in_db = [psnr(picture, reference) for picture in (half, full)]
    return Figure("bf16 against fp32, PSNR", f"{in_db[0] - in_db[1]:+.3f} dB", "within 0.05 dB", f"{in_db[1]:.2f} dB")


# ---------------------------------------------------------------------------------------------------------------------
# Memory


def bench_memory(config: BenchConfig) -> Iterator[Figure]:
    """Peak memory of n2n-denoise, as a whole process, on a 3840x2160 EXR file."""
    with tempfile.TemporaryDirectory() as folder:
        noisy = Path(folder) / "noisy.exr"
        write_frame(noisy, _noise_frame(np.random.default_rng(0), ULTRA_HD))
        command = [sys.executable, "-m", "apps.denoise", str(noisy), "-o", str(Path(folder) / "clean.exr")]
        start = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
    peak = peak_bytes(usage)
    value = f"{peak / 2**30:.2f} GiB" if process.returncode == 0 else f"failed with exit code {process.returncode}"
    yield Figure(
        "peak memory of n2n-denoise, 3840x2160", value, "at most 3 GiB", f"{seconds:.1f}, reading and writing too"
    )
