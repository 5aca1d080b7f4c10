"""What `n2n-denoise` does to pictures beyond denoising them: tiles, passes that sum, sequences that flicker less."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from apps.bench.figure import Figure
from apps.bench.online import drifting
from apps.command import progress_console
from denoiser.inference.denoise import denoise_pair
from denoiser.inference.files import denoise_files
from denoiser.inference.records import FileJob, FileOptions
from denoiser.metrics import psnr, psnr_corrected, reference_noise
from denoiser.model import load_model
from denoiser.precision import Precision
from online.flicker import temporal_error
from online.sequence import Steady
from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.errors import SceneError
from renderer_bridge.exr import read_exr, write_exr
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Camera, Frame, Image
from renderer_bridge.mitsuba_render import render_color, render_frame, render_pair
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant

TILED_SIZE, TILED_SPP, TILE_PIXELS = (1500, 1100), 1, 400_000

GROUPS_PIXELS, GROUPS_SPP, GROUPS_REFERENCE_SPP = 24_000, (4, 32), 512

SEQUENCE_SIZE, SEQUENCE_SPP = (240, 135), 4
REFERENCES, REFERENCE_SPP = 4, 64  # frames, spread over the sequence; samples of each of two halves

_SEEDS, _REFERENCE_SEEDS = (1, 2), (9001, 9002)


def bench_tiles(path: Path) -> Iterator[Figure]:
    """A pair in tiles against the same in one piece."""
    set_variant()
    scene = load_scene(path, width=TILED_SIZE[0], height=TILED_SIZE[1])
    pair = render_pair(scene, scene.camera(), spp=TILED_SPP, seeds=_SEEDS)
    model = load_model()
    precisions: tuple[Precision, ...] = ("fp32", "bf16")
    for precision in precisions:
        whole, tiled = (
            denoise_pair(model, pair, precision=precision, tile_pixels=pixels).color.astype(np.float64)
            for pixels in (TILED_SIZE[0] * TILED_SIZE[1] * 2, TILE_PIXELS)
        )
        apart = np.abs(whole - tiled)
        relative = apart / (np.abs(whole) + float(whole.mean()) * 0.01)
        yield Figure(
            f"{TILED_SIZE[0]}x{TILED_SIZE[1]} in tiles of {TILE_PIXELS} pixels against whole, {precision}",
            f"{relative.max():.1e} relative", "at most 1e-5" if precision == "fp32" else "-",
            f"{apart.max():.1e} at most, mean radiance {whole.mean():.3f}",
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Light groups


def bench_also(scenes: Sequence[Path]) -> Iterator[Figure]:
    """Sum of light groups that `--also` denoised against the denoised beauty, in the files; and how good each is."""
    set_variant()
    for path in scenes:
        width, height = load_scene(path).camera().resolution
        factor = (GROUPS_PIXELS / (width * height)) ** 0.5
        scene = load_scene(path, width=round(width * factor), height=round(height * factor))
        references = _groups(scene, GROUPS_REFERENCE_SPP, _REFERENCE_SEEDS[0])
        for spp in GROUPS_SPP:
            with tempfile.TemporaryDirectory() as folder:
                yield _sum_of_groups(scene, references, spp, path.parent.name, Path(folder))


def _groups(scene: MitsubaScene, spp: int, seed: int) -> list[Image]:
    """The scene by each of its lamps alone, with the same random numbers. Raises `SceneError` for fewer than two."""
    import mitsuba as mi

    parameters = mi.traverse(scene.scene)
    lamps = {name: type(parameters[name])(parameters[name]) for name in list(parameters.keys()) if _is_lamp(name)}
    if len(lamps) < 2:
        raise SceneError(f"{scene.path}: has {len(lamps)} lamps whose radiance is a color; two are needed")
    pictures = []
    for lit in lamps:
        for name, value in lamps.items():
            parameters[name] = value * (1.0 if name == lit else 0.0)
        parameters.update()
        pictures.append(render_color(scene, scene.camera(), spp=spp, seed=seed)[0])
    for name, value in lamps.items():
        parameters[name] = value
    parameters.update()
    return pictures


def _is_lamp(name: str) -> bool:
    return name.endswith("radiance.value")


def _sum_of_groups(scene: MitsubaScene, references: list[Image], spp: int, name: str, folder: Path) -> Figure:
    """A pair with light groups through files, as `n2n-denoise --also`."""
    names = [f"group{number}" for number in range(len(references))]
    noisy = []
    for half, seed in zip("ab", _SEEDS, strict=True):
        groups = _groups(scene, spp, seed)
        noisy.append(groups)
        frame = render_frame(scene, scene.camera(), spp=1, seed=seed, aov_spp=8).frame
        write_frame(folder / f"{half}.exr", replace(frame, color=np.sum(groups, axis=0, dtype=np.float32), spp=spp))
        channels = {
            f"{n}.{c}": g[..., i].copy() for n, g in zip(names, groups, strict=True) for i, c in enumerate("RGB")
        }
        write_exr(folder / f"{half}.exr", read_exr(folder / f"{half}.exr").with_new_channels(0, channels))
    job = FileJob(folder / "a.exr", folder / "out.exr", folder / "b.exr")
    (record,) = denoise_files([job], FileOptions(also=tuple(names)))
    assert record.failure is None, record.failure
    image = read_exr(folder / "out.exr")
    beauty, *groups = (_layer(image.parts[0].channels, n) for n in ("", *names))
    apart = np.abs(np.sum(groups, axis=0, dtype=np.float64) - beauty) / np.maximum(np.abs(beauty), 1e-6)
    told = ", ".join(
        f"{psnr(found, reference):.1f} ({psnr((a + b) / 2, reference):.1f} noisy)"
        for found, reference, a, b in zip(groups, references, *noisy, strict=True)
    )
    return Figure(
        f"{name}, {spp} + {spp} spp, sum of {len(names)} light groups against the denoised beauty",
        f"{apart.max():.1e} relative", "at most 1e-5", f"groups {told} dB",
    )  # fmt: skip


def _layer(channels: Any, name: str) -> Image:
    return np.stack([channels[f"{name}.{c}" if name else c] for c in "RGB"], axis=-1)


# ---------------------------------------------------------------------------------------------------------------------
# A sequence, with and without the last result


@dataclass(frozen=True)
class _Shot:
    """The frames of a sequence as files, and references of some of them: color and the squared error of its own."""

    jobs: list[FileJob]
    references: dict[int, tuple[Image, float]]

    def halves(self, number: int) -> tuple[Path, Path]:
        other = self.jobs[number].other
        assert other is not None
        return self.jobs[number].source, other


def bench_temporal(scenes: Sequence[Path], frames: int) -> Iterator[Figure]:
    """Flicker and PSNR with `--temporal` over those without, along the camera path beside each scene, or sideways."""
    set_variant()
    for path in scenes:
        with tempfile.TemporaryDirectory() as folder:
            shot = _shot(path, frames, Path(folder))
            alone, steadied = (_measured(shot, Path(folder), temporal) for temporal in (False, True))
            noisy = _noisy(shot)
        share, gain = steadied[0] / alone[0], steadied[1] - alone[1]
        yield Figure(
            f"{path.parent.name}, {frames} frames, flicker with --temporal over that without",
            f"{share:.2f}x, {gain:+.2f} dB", "below 1, above 0",
            f"flicker {steadied[0]:.4f} against {alone[0]:.4f}; PSNR {steadied[1]:.2f} against {alone[1]:.2f}, "
            f"noisy {noisy:.2f}",
        )  # fmt: skip


def _shot(path: Path, frames: int, folder: Path) -> _Shot:
    scene = load_scene(path, width=SEQUENCE_SIZE[0], height=SEQUENCE_SIZE[1])
    jobs, references = [], {}
    looked_at = {frames * (k + 1) // REFERENCES - 1 for k in range(REFERENCES)}
    for number, camera in enumerate(_cameras(path, scene, frames)):
        a, b = (folder / f"{number:04d}.{half}.exr" for half in "ab")
        for half, target in enumerate((a, b)):
            seed = 2 * number + half + 1
            write_frame(
                target, render_frame(scene, camera, spp=SEQUENCE_SPP, seed=seed, position=True, depth=True).frame
            )
        jobs.append(FileJob(a, folder / f"{number:04d}.exr", b, frame=number))
        if number in looked_at:
            one, two = (render_color(scene, camera, spp=REFERENCE_SPP, seed=seed)[0] for seed in _REFERENCE_SEEDS)
            references[number] = (np.asarray((one + two) / 2, np.float32), reference_noise(one, two))
            progress_console.print(f"{path}: {number + 1} of {frames} frames are rendered")
    return _Shot(jobs, references)


def _cameras(path: Path, scene: MitsubaScene, frames: int) -> list[Camera]:
    """At the path's own speed, from its beginning."""
    beside = path.with_name("camera_path.json")
    if not beside.is_file():
        return [camera for camera, _ in zip(drifting(scene.camera()), range(frames), strict=False)]
    way = load_camera_path(beside)
    return [way.camera(float(way.times[0]) + number / way.fps, SEQUENCE_SIZE) for number in range(frames)]


def _measured(shot: _Shot, folder: Path, temporal: bool) -> tuple[float, float]:
    """Mean flicker between frames, and mean PSNR of those with a reference."""
    jobs = [replace(job, output=folder / str(temporal) / job.output.name) for job in shot.jobs]
    options = FileOptions(temporal=temporal)
    flicker, found = [], []
    last: tuple[Image, Frame] | None = None
    for number, record in enumerate(denoise_files(jobs, options, steady=Steady() if temporal else None)):
        assert record.failure is None, record.failure
        color = read_frame(record.job.output)[0].color
        frame = read_frame(record.job.source, position=True, depth=True)[0]
        if last is not None:
            flicker.append(temporal_error(color, frame, *last))
        last = color, frame
        if number in shot.references:
            found.append(psnr_corrected(color, *shot.references[number]))
    return float(np.mean(flicker)), float(np.mean(found))


def _noisy(shot: _Shot) -> float:
    """Mean PSNR of the mean of both halves."""
    found = []
    for number, reference in shot.references.items():
        a, b = (read_frame(path)[0].color for path in shot.halves(number))
        found.append(psnr_corrected((a + b) * np.float32(0.5), *reference))
    return float(np.mean(found))
