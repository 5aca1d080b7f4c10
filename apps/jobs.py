"""Units of work that run here or on a Dask cluster: one EXR file to denoise, one view to render.

A job is frozen and picklable, says everything it needs, and gives a record; nothing else crosses. Files are read and
written by the workers, so that all machines see them under the same names. Jobs are functions of their values alone:
one whose worker dies is done again by another, with the same result.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from denoiser.inference.files import denoise_file
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from renderer_bridge.errors import MissingPackageError, N2NError, UsageError
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_pairs import PairRequest, ViewRecord, render_view
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant

LOCAL = "local"
"""The cluster that is started for one command, on this machine: `local`, or `local:4` for four workers."""

CORES_PER_WORKER = 4
"""Of `local` without a number, but never fewer than two workers: one network keeps about four cores busy."""

_CONNECT_S = 20
_PATIENCE_S = 30.0
_R = TypeVar("_R", covariant=True)
Result = TypeVar("Result")


class Job(Protocol[_R]):
    """Work that gives a record."""

    def run(self) -> _R: ...


class WorkersDied(N2NError):
    """A job took several workers with it, as a picture does that is too large for their memory."""


@dataclass(frozen=True)
class DenoiseJob:
    """One file, or pair, to denoise."""

    file: FileJob
    options: FileOptions

    folder: Path = field(default_factory=Path.cwd)
    """What relative names are relative to: a worker has a folder of its own."""

    def run(self) -> FileRecord:
        paths = {name: getattr(self.file, name) for name in ("source", "output", "other", "albedo", "normal")}
        there = {name: self.folder / path for name, path in paths.items() if path is not None}
        return replace(denoise_file(replace(self.file, **there), self.options), job=self.file)


@dataclass(frozen=True)
class SceneSource:
    """A scene as `load_scene` is asked for it, in a variant of Mitsuba."""

    path: Path
    variant: str
    defines: tuple[tuple[str, str], ...] = ()
    width: int | None = None
    height: int | None = None
    skip_missing: bool = False

    def load(self) -> MitsubaScene:
        set_variant(self.variant)
        return load_scene(
            self.path,
            defines=dict(self.defines),
            width=self.width,
            height=self.height,
            skip_missing=self.skip_missing,
        )


@dataclass(frozen=True)
class RenderJob:
    """One view of a dataset of pairs: `index` of `views`, from `camera`."""

    scene: SceneSource
    request: PairRequest
    folder: Path
    camera: Camera
    index: int
    views: int

    def run(self) -> ViewRecord:
        return render_view(_scene(self.scene), self.request, self.folder, self.camera, self.index, self.views)


@functools.lru_cache(maxsize=1)
def _scene(source: SceneSource) -> MitsubaScene:
    return source.load()


def spread(jobs: Sequence[Job[Result]], address: str) -> Iterator[tuple[int, Result | WorkersDied]]:
    """Run `jobs` on the Dask cluster at `address` and yield the index of each with its record, as they end.

    `address` is that of a scheduler, tcp://host:8786, or `local`. A job that some worker after another dies of gives
    `WorkersDied` in place of its record. Raises `MissingPackageError` without Dask, `UsageError` when no scheduler
    answers, and what a job raises.
    """
    distributed = _distributed()
    with _client(distributed, address, len(jobs)) as client:
        futures = {client.submit(_run, job, pure=False): index for index, job in enumerate(jobs)}
        suspects = []
        try:
            for future in distributed.as_completed(list(futures)):
                index, record = futures.pop(future), _record(distributed, client, future)
                if isinstance(record, WorkersDied):
                    suspects.append(index)
                else:
                    yield index, record
            for index in suspects:  # one at a time: a job may only have waited on the workers that another killed
                future = client.submit(_run, jobs[index], pure=False)
                futures[future] = index
                yield index, _record(distributed, client, future)
                del futures[future]
        finally:
            client.cancel(list(futures))


def _record(distributed: Any, client: Any, future: Any) -> Any:
    """The record of a job that ended. One kept by a worker that died since is made again, while there are workers."""
    while True:
        try:
            return future.result(timeout=_PATIENCE_S)
        except distributed.KilledWorker:
            return WorkersDied("its workers died one after another; more memory for each is needed")
        except distributed.TimeoutError:
            if not client.scheduler_info()["workers"]:
                return WorkersDied("no worker is left to run it; the same command goes on with new ones")


def _run(job: Job[Result]) -> Result:
    return job.run()


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingPackageError("--dask needs Dask; pip install 'n2n-denoiser[farm]' brings it") from error
    logging.getLogger("distributed").setLevel(logging.ERROR)  # a worker that dies is told by its job
    return distributed


@contextlib.contextmanager
def _client(distributed: Any, address: str, jobs: int) -> Iterator[Any]:
    name, _, number = address.partition(":")
    with contextlib.ExitStack() as stack:
        if name == LOCAL:
            address = stack.enter_context(_local_cluster(distributed, number, jobs)).scheduler_address
        try:
            client = distributed.Client(address, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--dask {address}: no scheduler answers there; tcp://host:8786 or local is accepted"
            ) from error
        yield stack.enter_context(client)


def _local_cluster(distributed: Any, number: str, jobs: int) -> Any:
    """Workers of one thread each, for the network has threads of its own: the cores are shared out."""
    import dask

    if number and (not number.isdigit() or number == "0"):
        raise UsageError(f"--dask {LOCAL}:{number}: a number of workers, such as {LOCAL}:4, is accepted")
    cores = len(os.sched_getaffinity(0))
    workers = min(int(number) if number else max(2, cores // CORES_PER_WORKER), jobs)
    threads = str(max(1, int(os.environ.get("OMP_NUM_THREADS", cores)) // workers))
    with dask.config.set({"distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": threads}):
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        )
