"""A folder of frames through `n2n-denoise`, against inference alone; and on two workers of which one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apps.bench.figure import Figure, peak_bytes
from apps.jobs import DenoiseJob, Job, WorkersDied, spread
from denoiser.inference.denoise import denoise_frame
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from denoiser.model import load_model
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame
from renderer_bridge.mitsuba_render import render_pair
from renderer_bridge.mitsuba_scene import load_scene
from renderer_bridge.mitsuba_variant import set_variant

SIZE, SPP = (1920, 1080), 2
SHIFT = 8
"""Pixels by which the picture moves from frame to frame; its noise goes along."""

IN_MEMORY = 4
"""Different frames that inference alone takes in turn: 75 MB each."""

KILLED_AFTER_S = 0.5
"""Seconds into a frame at which its worker is killed."""


def bench_batch(scene: Path, frames: int) -> Iterator[Figure]:
    """Time and memory of a sequence of `frames` pictures, whole process, and what two workers make of it."""
    rendered = _rendered(scene)
    with tempfile.TemporaryDirectory() as folder:
        jobs = _sequence(Path(folder), rendered, frames)
        yield _against_inference(Path(folder), rendered, frames)
        yield _one_killed(jobs, Path(folder))


def _rendered(scene: Path) -> Frame:
    set_variant()
    loaded = load_scene(scene, width=SIZE[0], height=SIZE[1])
    return replace(render_pair(loaded, loaded.camera(), spp=SPP, seeds=(1, 2)).a, camera=None)


def _shifted(frame: Frame, number: int) -> Frame:
    assert frame.albedo is not None and frame.normal is not None
    color, albedo, normal = (
        np.roll(layer, number * SHIFT, axis=1) for layer in (frame.color, frame.albedo, frame.normal)
    )
    return Frame(color, albedo, normal, spp=frame.spp, seed=frame.seed)


def _sequence(folder: Path, rendered: Frame, frames: int) -> list[FileJob]:
    jobs = []
    for number in range(1, frames + 1):
        name = f"{number:04d}.exr"
        write_frame(folder / "in" / name, _shifted(rendered, number))
        jobs.append(FileJob(folder / "in" / name, folder / "workers" / name))
    return jobs


# ---------------------------------------------------------------------------------------------------------------------
# Against inference alone


@dataclass(frozen=True)
class _Cost:
    """Seconds on the clock and of all processors, and peak memory where it is a process of its own."""

    wall_s: float
    cpu_s: float
    peak: int = 0


def _against_inference(folder: Path, rendered: Frame, frames: int) -> Figure:
    alone = _inference(rendered, frames)
    whole, start_up = _command(folder), _command(folder)  # the second time all is there
    return Figure(
        f"sequence of {frames} frames of {rendered.size[1]}x{rendered.size[0]} over inference alone",
        f"{whole.wall_s / alone.wall_s:.2f}x",
        "at most 1.10x",
        f"{whole.wall_s:.1f} against {alone.wall_s:.1f}, of all cores {whole.cpu_s:.1f} against {alone.cpu_s:.1f} "
        f"({whole.cpu_s / alone.cpu_s:.2f}x); of these starting {start_up.wall_s:.1f} and {start_up.cpu_s:.1f}; "
        f"peak {whole.peak / 2**30:.2f} GiB",
    )


def _inference(rendered: Frame, frames: int) -> _Cost:
    """Frames that are in memory, after one that does not count."""
    model = load_model()
    given = [_shifted(rendered, number) for number in range(IN_MEMORY)]
    denoise_frame(model, given[0])
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(frames):
        denoise_frame(model, given[number % IN_MEMORY])
    return _Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _command(folder: Path) -> _Cost:
    """`n2n-denoise` on the folder, as a process of its own."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "apps.denoise", str(folder / "in"), "-o", str(folder / "alone")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{' '.join(command)} gave exit code {process.returncode}"
    return _Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak_bytes(usage))


# ---------------------------------------------------------------------------------------------------------------------
# On two workers, one of which is killed half-way


@dataclass(frozen=True)
class _Killed:
    """A job whose worker is killed while it runs, the first time."""

    job: Job[FileRecord]
    marker: Path

    def run(self) -> FileRecord:
        if not self.marker.exists():
            self.marker.touch()
            threading.Timer(KILLED_AFTER_S, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return self.job.run()


def _one_killed(jobs: list[FileJob], folder: Path) -> Figure:
    marker, middle = folder / "killed", len(jobs) // 2
    given: list[Job[FileRecord]] = [DenoiseJob(job, FileOptions()) for job in jobs]
    given[middle] = _Killed(given[middle], marker)
    start = time.perf_counter()
    records = list(spread(given, "local:2"))
    seconds = time.perf_counter() - start
    done = [index for index, record in records if not isinstance(record, WorkersDied) and record.failure is None]
    found = sorted(path.name for path in (folder / "workers").iterdir())
    whole = found == [job.output.name for job in jobs] and marker.exists()
    equal = sum(_same_pixels(folder / "alone" / name, folder / "workers" / name) for name in found)
    return Figure(
        f"the same {len(jobs)} frames on two workers, one killed half-way",
        f"{len(found)} there, {len(done) - len(set(done))} twice, {equal} as alone",
        f"{len(jobs)} there, 0 twice, {len(jobs)} as alone",
        f"{seconds:.1f} with starting the workers{'' if whole else '; files that should not be there, or none killed'}",
    )


def _same_pixels(path: Path, other: Path) -> bool:
    one, two = (read_exr(each).parts[0].channels for each in (path, other))
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)
