"""The figures of training while rendering: seconds a stage, convergence at rest, memory over a long flight."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from apps.bench.figure import Figure, in_turn
from apps.flythrough.output import noisy_mean
from denoiser.devices import pair_on
from denoiser.metrics import psnr_corrected, reference_noise
from denoiser.transforms import to_nchw
from online.flythrough import flythrough
from online.records import FrameRequest
from online.trainer import OnlineConfig, OnlineTrainer
from renderer_bridge.frame import Camera, Image
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_renderer import MitsubaRenderer
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant

FLIGHT_SIZE, FLIGHT_SPP, FLIGHT_STEPS = (320, 180), 4, 8
FLIGHT_FRAMES, WARM_UP = 14, 3
HANDED_SIZE = (1920, 1080)
REST_SIDE, REST_SPP = 128, (8, 64, 512, 2048)  # pixels of the longer side; samples of both halves
REST_REFERENCE_SPP, REFERENCE_RENDERS = 4096, 4  # of each of two halves, in so many renders
GROWTH_SIZE, GROWTH_FRAMES, GROWTH_WARM = (64, 48), 1000, 150
GROWTH_CONFIG = OnlineConfig(crop=32, batch=2, memory_mib=16)
MIB = 2**20
STEP = 0.001  # of a camera's distance from the origin, a frame


def drifting(camera: Camera) -> Iterator[Camera]:
    """Cameras that move on from `camera`, sideways, without end."""
    for index in itertools.count():
        to_world = camera.to_world.copy()
        to_world[:3, 3] += STEP * index * max(float(np.linalg.norm(to_world[:3, 3])), 0.1) * to_world[:3, 0]
        yield replace(camera, to_world=to_world)


# ---------------------------------------------------------------------------------------------------------------------
# Seconds of each stage, and rendering beside training


def bench_flight(scene_path: Path, repeats: int) -> Iterator[Figure]:
    """Stages of a frame with 8 steps on 128x128 crops; and whether it pays to render while training."""
    scene = _scene(scene_path, FLIGHT_SIZE)
    renderer, trainer = MitsubaRenderer(scene), OnlineTrainer()
    requests = (FrameRequest(camera, FLIGHT_SPP, FLIGHT_STEPS) for camera in drifting(scene.camera()))
    records = itertools.islice(flythrough(renderer, requests, trainer), WARM_UP, FLIGHT_FRAMES)
    rows = [record.seconds for record in records]
    stages = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
    name = f"frame of {FLIGHT_SIZE[0]}x{FLIGHT_SIZE[1]}, {FLIGHT_SPP} + {FLIGHT_SPP} spp, {FLIGHT_STEPS} steps"
    detail = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in stages.items())
    whole = sum(stages.values())
    yield Figure(f"{name}, over rendering alone", f"{whole / stages['render']:.2f}x", "-", detail)

    cameras = drifting(scene.camera())
    seeds = itertools.count(2, 2)

    def render() -> object:
        seed = next(seeds)
        return pair_on(renderer.render(next(cameras), FLIGHT_SPP, (seed, seed + 1)), trainer.device)

    def one_after_the_other() -> None:
        render()
        trainer.learn(FLIGHT_STEPS)

    with ThreadPoolExecutor(1) as thread:

        def beside() -> None:
            rendering = thread.submit(render)
            trainer.learn(FLIGHT_STEPS)
            rendering.result()

        ratio, ours, peer = in_turn(one_after_the_other, beside, repeats)
    yield Figure(
        "rendering and training one after the other, speed over both at once", f"{ratio:.2f}x", "at least 1x",
        f"{ours:.3f} against {peer:.3f}",
    )  # fmt: skip
    yield _handing_over(replace(scene.camera(), resolution=HANDED_SIZE), renderer, trainer.device, repeats)


def _handing_over(camera: Camera, renderer: MitsubaRenderer, device: torch.device, repeats: int) -> Figure:
    """The layers of a pair given to torch as they are, as a flythrough does, and as copies that the host made."""
    pair = renderer.render(camera, 1, (0, 1))
    layers = [*pair.a.layers().values(), pair.b.color]

    def as_they_are() -> None:
        for layer in layers:
            to_nchw(layer, device)
        _wait(device)

    def through_the_host() -> None:
        for layer in layers:
            to_nchw(np.array(layer), device)
        _wait(device)

    ratio, ours, peer = in_turn(as_they_are, through_the_host, repeats)
    width, height = camera.resolution
    name = f"pair of {width}x{height} from Mitsuba to torch, speed over a copy through the host"
    return Figure(name, f"{ratio:.0f}x", "at least 1x", f"{ours:.5f} against {peer:.5f}")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# ---------------------------------------------------------------------------------------------------------------------
# At rest


def bench_rest(scene_path: Path) -> Iterator[Figure]:
    """PSNR of the picture of a resting camera and of its noisy mean, as samples accumulate."""
    scene = _scene(scene_path, None)
    camera = scene.camera()
    factor = REST_SIDE / max(camera.resolution)
    width, height = (max(1, round(side * factor)) for side in camera.resolution)
    camera = replace(camera, resolution=(width, height))
    halves = [_reference(scene, camera, half) for half in (0, 1)]
    reference, floor = np.asarray((halves[0] + halves[1]) / 2, dtype=np.float32), reference_noise(*halves)
    moving = replace(camera, fov_deg=camera.fov_deg * 1.01)
    requests = [FrameRequest(moving, FLIGHT_SPP, 1)]
    requests += [FrameRequest(camera, FLIGHT_SPP, 1)] * (max(REST_SPP) // (2 * FLIGHT_SPP))
    for record in flythrough(MitsubaRenderer(scene), requests, OnlineTrainer()):
        spp = 2 * (record.pair.a.spp or 0)
        if record.index and spp in REST_SPP:
            pictures = (record.denoised.color, noisy_mean(record))
            shown, mean = (psnr_corrected(picture, reference, floor) for picture in pictures)
            yield Figure(
                f"at rest, {spp} spp, {width}x{height}: PSNR over that of the noisy mean", f"{shown - mean:+.2f} dB",
                "at least -0.1 dB", f"{shown:.2f} against {mean:.2f} dB",
            )  # fmt: skip


def _reference(scene: MitsubaScene, camera: Camera, half: int) -> Image:
    """The mean of several renders: one of so many samples would take much memory."""
    spp = REST_REFERENCE_SPP // REFERENCE_RENDERS
    seeds = range(9000 + half * REFERENCE_RENDERS, 9000 + (half + 1) * REFERENCE_RENDERS)
    renders = [render_color(scene, camera, spp=spp, seed=seed)[0] for seed in seeds]
    return np.asarray(np.mean(renders, axis=0, dtype=np.float64), dtype=np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Memory


def bench_growth(scene_path: Path) -> Iterator[Figure]:
    """Memory of this process over 1000 frames; elsewhere than on Linux it is not measured, and says so."""
    if sys.platform != "linux":
        yield Figure("memory over 1000 frames", "not measured", "no growth", "needs Linux")
        return
    scene = _scene(scene_path, GROWTH_SIZE)
    requests = (FrameRequest(camera, 2, 1) for camera in drifting(scene.camera()))
    trainer = OnlineTrainer(GROWTH_CONFIG)
    resident = {}
    for record in itertools.islice(flythrough(MitsubaRenderer(scene), requests, trainer), GROWTH_FRAMES):
        if (record.index + 1) % GROWTH_WARM == 0 or record.index + 1 in (1, GROWTH_FRAMES):
            resident[record.index + 1] = _resident_bytes() / MIB
    growth = resident[GROWTH_FRAMES] - resident[GROWTH_WARM]
    yield Figure(
        f"memory from frame {GROWTH_WARM} to {GROWTH_FRAMES}, {GROWTH_SIZE[0]}x{GROWTH_SIZE[1]}",
        f"{growth:+.0f} MiB", "no growth", ", ".join(f"{frame}: {size:.0f} MiB" for frame, size in resident.items()),
    )  # fmt: skip


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# ---------------------------------------------------------------------------------------------------------------------


def _scene(path: Path, size: tuple[int, int] | None) -> MitsubaScene:
    set_variant()
    return load_scene(path) if size is None else load_scene(path, width=size[0], height=size[1])
