"""A job is read as it would be denoised, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest
from fake_denoising import halve

from denoiser.inference.reading import read_job, read_pair_of
from denoiser.inference.records import FileJob, FileOptions
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame

COLOR = np.full((11, 16, 3), 0.5, np.float32)


@pytest.fixture(autouse=True)
def halving(monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch)


def job(folder: Path) -> FileJob:
    for name, color in (("a", COLOR), ("b", 2 * COLOR)):
        write_frame(folder / f"{name}.exr", Frame(color))
    return FileJob(folder / "a.exr", folder / "o.exr")


def test_a_job_is_read_without_being_done(tmp_path: Path) -> None:
    pictures, repaired = read_job(job(tmp_path), FileOptions())
    assert [len(frames) for frames in pictures.values()] == [1] and not repaired
    assert not (tmp_path / "o.exr").exists()


def test_both_halves_are_read(tmp_path: Path) -> None:
    pair = read_pair_of(FileJob(job(tmp_path).source, tmp_path / "o.exr", other=tmp_path / "b.exr"), FileOptions())
    np.testing.assert_array_equal(pair.a.color, COLOR)
    np.testing.assert_array_equal(pair.b.color, 2 * COLOR)
