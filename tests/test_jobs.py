"""Jobs are the same anywhere: here, on two workers, and when one of them dies half-way."""

import os
import pickle
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from apps.denoise import main
from apps.jobs import DenoiseJob, RenderJob, SceneSource, WorkersDied, spread
from denoiser.inference.records import FileJob, FileOptions
from denoiser.model import Description, save_weights
from denoiser.networks.unet import UNet
from renderer_bridge.errors import UsageError
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Camera, Frame
from renderer_bridge.mitsuba_pairs import PairRequest
from renderer_bridge.seeds import SppRange

pytest.importorskip("distributed")


@dataclass(frozen=True)
class Dying:
    """Takes its worker with it until `marker` exists; writes its name to `log` when it is done."""

    name: str
    log: Path
    marker: Path | None = None
    always: bool = False

    def run(self) -> str:
        if self.always or (self.marker is not None and not self.marker.exists()):
            if self.marker is not None:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        with self.log.open("a") as file:
            file.write(self.name + "\n")
        return self.name


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that die and clusters that close leave sockets to be collected; that is Dask's affair."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])]))


@pytest.mark.slow  # starting and losing processes takes seconds
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worker_that_dies_costs_only_the_retry_of_its_job(tmp_path: Path) -> None:
    log, marker = tmp_path / "log", tmp_path / "died"
    jobs = [Dying(str(i), log, marker if i == 2 else None) for i in range(8)]
    found = dict(spread(jobs, "local:2"))
    assert found == {i: str(i) for i in range(8)}
    assert marker.exists() and log.read_text().split().count("2") == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_job_that_kills_every_worker_is_told_and_the_others_are_done(tmp_path: Path) -> None:
    jobs = [Dying("deadly", tmp_path / "log", always=True), *(Dying(str(i), tmp_path / "log") for i in range(3))]
    found = dict(spread(jobs, "local:1"))
    assert isinstance(found.pop(0), WorkersDied)
    assert found == {1: "0", 2: "1", 3: "2"}


@pytest.fixture
def weights(tmp_path: Path) -> Iterator[Path]:
    torch.manual_seed(3)
    save_weights(tmp_path / "w.safetensors", UNet(9), Description())
    yield tmp_path / "w.safetensors"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_files_are_the_same_on_two_workers(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    random = np.random.default_rng(0)
    for i in range(3):
        color, albedo = random.uniform(0, 1, (2, 12, 20, 3)).astype(np.float32)
        write_frame(tmp_path / "in" / f"{i}.exr", Frame(color, albedo, albedo * 0))
    (tmp_path / "in" / "3.exr").write_bytes(b"broken")
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have: sums in another order would round otherwise
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    common = ["in", "--model", str(weights), "--precision", "fp32"]
    assert main([*common, "-o", "here"]) == 1 and main([*common, "-o", "there", "--dask", "local:2"]) == 1
    assert "3.exr: is not an EXR file" in capsys.readouterr().err
    for i in range(3):
        assert (tmp_path / "here" / f"{i}.exr").read_bytes() == (tmp_path / "there" / f"{i}.exr").read_bytes()
    assert (tmp_path / "there" / "report.csv").read_text().count(",done,") == 3


def test_jobs_can_be_sent(tmp_path: Path) -> None:
    camera = Camera(np.eye(4), 40.0, (8, 6))
    render = RenderJob(SceneSource(tmp_path / "s.xml", "scalar"), PairRequest(SppRange(1, 4)), tmp_path, camera, 0, 1)
    for job in (DenoiseJob(FileJob(tmp_path / "a", tmp_path / "b"), FileOptions()), render):
        assert type(pickle.loads(pickle.dumps(job))) is type(job)


@pytest.mark.parametrize("address", ["local:x", "local:0", "nowhere://x"])
def test_what_is_no_cluster(address: str) -> None:
    with pytest.raises(UsageError, match=f"--dask {address}: "):
        next(spread([Dying("a", Path("log"))], address))
