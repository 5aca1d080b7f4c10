"""A training set from many scenes: complete, left out with a reason, gone on with; in a child process that may die."""

import os
from pathlib import Path

import imageio.v3 as imageio
import pytest
from small_scenes import PATH, SKY, SPHERE, matte, room, sensor, use_variant, write

from apps.render_set import SHEET, main, scene_files
from renderer_bridge import list_pairs, read_frame, training_set
from renderer_bridge.errors import DatasetError, UsageError
from renderer_bridge.mitsuba_pairs import PairRequest
from renderer_bridge.seeds import SppRange
from renderer_bridge.training_set import LEFT_OUT, SceneJob, SceneRecord, render_scene, render_set, scene_jobs

REQUEST = PairRequest(SppRange(1, 4), views=2, target_spp=3)
PIXELS = 24 * 15


def test_a_scene_is_rendered_at_about_the_size_asked_for(tmp_path: Path) -> None:
    use_variant()
    scene = write(tmp_path / "room" / "scene.xml", *room())
    record = render_scene(SceneJob(scene, tmp_path / "set" / "room", REQUEST, PIXELS))
    assert (record.views, record.reason) == (2, "")
    pairs = list_pairs(tmp_path / "set" / "room")
    assert [pair.target is not None for pair in pairs] == [True, True]
    height, width = read_frame(pairs[0].a)[0].size
    assert width / height == pytest.approx(1.6, rel=0.1)  # the film's own ratio, in whole pixels
    assert 1 / 1.3 < width * height / PIXELS < 1.3


def test_what_shows_nothing_is_left_out_with_the_reason(tmp_path: Path) -> None:
    use_variant()
    black = write(tmp_path / "black" / "scene.xml", PATH, sensor(), SPHERE.format(matte("0.5, 0.5, 0.5")))
    even = write(tmp_path / "even" / "scene.xml", PATH, sensor(), SKY)
    for scene, word in ((black, "black"), (even, "even"), (tmp_path / "none.xml", "no such file")):
        folder = tmp_path / "set" / scene.parent.name
        record = render_scene(SceneJob(scene, folder, REQUEST, PIXELS))
        assert record.views == 0 and word in record.reason
        assert word in (folder.parent / (folder.name + LEFT_OUT)).read_text() and not folder.exists()


def test_an_error_of_this_run_is_no_reason_to_leave_a_scene_out(tmp_path: Path) -> None:
    use_variant()
    folder = tmp_path / "set" / "room"
    folder.parent.mkdir()
    folder.write_text("in the way")
    record = render_scene(SceneJob(write(tmp_path / "room" / "scene.xml", *room()), folder, REQUEST, PIXELS))
    assert record.views == 0 and "is a file" in record.reason


def test_jobs_have_names_and_seeds_of_their_own(tmp_path: Path) -> None:
    jobs = scene_jobs([tmp_path / "a" / "scene.xml", tmp_path / "b.xml"], tmp_path, "x-", REQUEST, PIXELS, "auto")
    assert [job.folder.name for job in jobs] == ["x-a", "x-b"]
    assert jobs[0].request.seed != jobs[1].request.seed
    with pytest.raises(DatasetError, match="x-b"):
        scene_jobs([tmp_path / "b" / "scene.xml", tmp_path / "b.xml"], tmp_path, "x-", REQUEST, PIXELS, "auto")


def test_complete_scenes_are_not_rendered_again_and_time_runs_out(tmp_path: Path) -> None:
    told = tmp_path / "told"
    (tmp_path / f"told{LEFT_OUT}").write_text("its view is black\n")
    job = SceneJob(tmp_path / "scene.xml", told, REQUEST, PIXELS)
    assert list(render_set([job], budget_s=60)) == [SceneRecord(job.scene, told, 0, 0.0, "its view is black")]
    assert list(render_set([job], budget_s=-1)) == []


def test_a_dying_process_costs_one_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_set, "render_scene", die_in_one_folder)
    jobs = [SceneJob(tmp_path / "s.xml", tmp_path / name, REQUEST, PIXELS) for name in ("dies", "lives")]
    records = list(render_set(jobs, budget_s=60))
    assert [record.reason for record in records] == ["the renderer's process died", "alive"]


def die_in_one_folder(job: SceneJob) -> SceneRecord:
    if job.folder.name == "dies":
        os._exit(6)
    return SceneRecord(job.scene, job.folder, 0, 0.0, "alive")


@pytest.mark.slow
def test_the_command_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "scenes" / "room" / "scene.xml", *room())
    command = [
        str(tmp_path / "scenes"),
        "-o",
        str(tmp_path / "set"),
        "--pixels",
        str(PIXELS),
        "--spp",
        "1",
        "--views",
        "1",
    ]
    assert main(command) == 0
    assert "room: 1 views" in capsys.readouterr().out
    assert main(command) == 0
    assert "1 views, 0 s" in capsys.readouterr().out
    assert imageio.imread(tmp_path / "set" / SHEET).shape[2] == 3


def test_wrong_usage(tmp_path: Path) -> None:
    assert main([str(tmp_path), "-o", str(tmp_path / "set")]) == 2
    assert main([str(tmp_path / "a.xml"), "-o", str(tmp_path / "set"), "--views", "0"]) == 2
    with pytest.raises(UsageError, match="neither"):
        scene_files((tmp_path,))
