"""A sequence that was interrupted goes on with the history that it had."""

from pathlib import Path

import numpy as np
import pytest
from fake_denoising import halve
from fake_renderer import FakeRenderer, camera_at

from apps.denoise import main
from apps.denoise.resuming import FRAMES_BEFORE, done_again, stretches
from denoiser.inference.records import FileJob
from renderer_bridge.exr_frame import read_frame, write_frame

JOBS = [FileJob(Path(f"{i}.exr"), Path(f"out/{i}.exr"), frame=i) for i in range(40)]


def numbers(jobs: object) -> list[int]:
    return sorted(int(job.source.stem) for job in jobs)  # type: ignore[attr-defined]


def test_a_whole_sequence_is_one_stretch() -> None:
    (one,) = stretches(JOBS, JOBS)
    assert numbers(one.jobs) == list(range(40)) and not one.known
    assert done_again([one], JOBS) is None


def test_frames_before_are_done_again() -> None:
    (one,) = stretches(JOBS, JOBS[20:22])
    assert numbers(one.jobs) == list(range(20 - FRAMES_BEFORE, 22))
    assert numbers(one.known) == list(range(20 - FRAMES_BEFORE, 20))
    told = done_again([one], JOBS)
    assert told is not None and "8 frames" in told and "may differ" in told


def test_from_the_first_frame_on_it_is_the_same_again() -> None:
    (one,) = stretches(JOBS, JOBS[3:])
    assert numbers(one.known) == [0, 1, 2]
    told = done_again([one], JOBS)
    assert told is not None and "may differ" not in told


def test_gaps_are_bridged_where_they_are_short() -> None:
    both = stretches(JOBS, [JOBS[0], JOBS[6], JOBS[30]])
    assert [numbers(each.jobs) for each in both] == [list(range(7)), list(range(22, 31))]
    assert numbers(both[0].known) == list(range(1, 6))


@pytest.mark.parametrize(("first", "share"), [(4, 0.0), (10, (2 / 3) ** FRAMES_BEFORE)])
def test_results_are_those_of_one_run(
    first: int, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halve(monkeypatch)
    random = np.random.default_rng(0)
    for i in range(12):
        frame = FakeRenderer().truth(camera_at(x=0.01 * i))
        frame.color[:] *= random.uniform(0.5, 1.5, frame.color.shape).astype(np.float32)
        write_frame(tmp_path / "in" / f"{i:02d}.exr", frame)
    monkeypatch.chdir(tmp_path)
    assert main(["in", "-o", "whole", "--temporal"]) == 0
    capsys.readouterr()
    assert main(["in/0*.exr", "-o", "parts", "--temporal"]) == 0
    for name in [f"{i:02d}.exr" for i in range(first, 12)]:
        (tmp_path / "parts" / name).unlink(missing_ok=True)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").glob("*.exr")}
    assert main(["in", "-o", "parts", "--temporal"]) == 0
    assert f"{min(first, FRAMES_BEFORE)} frames that are there" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}  # what is there is not written again
    for i in range(12):
        whole, parts = (read_frame(f"{folder}/{i:02d}.exr")[0].color for folder in ("whole", "parts"))
        # A history is clipped to its surroundings, which holds a difference back: the largest of one is less.
        assert np.abs(whole - parts).max() <= share * np.abs(whole).max()
