"""Pair datasets: complete, resumable, and never mixed with another one."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_scenes import HEIGHT, WIDTH, load, room, use_variant, write

from renderer_bridge.errors import DatasetError, ExrError, OutputError, SceneError, UsageError
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.mitsuba_aovs import kind_for
from renderer_bridge.mitsuba_pairs import MANIFEST, PairRequest, SppRange, ViewRecord, render_pairs
from renderer_bridge.mitsuba_render import render_frame
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.pair_folder import list_pairs, read_pair, read_target

REQUEST = PairRequest(SppRange(1, 4), views=3, seed=9)
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", autouse=True)
def variant() -> str:
    return use_variant()


@pytest.fixture(scope="module")
def scene(variant: str, tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    return load(tmp_path_factory.mktemp("room"), *room())


@pytest.fixture
def folder(scene: MitsubaScene, tmp_path: Path) -> Path:
    """A complete dataset of `REQUEST`."""
    run(scene, REQUEST, tmp_path / "pairs")
    return tmp_path / "pairs"


def run(scene: MitsubaScene, request: PairRequest, folder: Path) -> list[ViewRecord]:
    return list(render_pairs(scene, request, folder))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def layers(path: Path) -> dict[str, Any]:
    return read_frame(path, position=True, depth=True)[0].layers()


def path_file(path: Path, *origins: list[float]) -> Path:
    keyframes = [
        {"time": float(i), "origin": origin, "target": [0, 0, 3], "up": [0, 1, 0], "fov": 50.0}
        for i, origin in enumerate(origins)
    ]
    path.write_text(json.dumps({"fps": 2, "keyframes": keyframes}))
    return path


# ---------------------------------------------------------------------------------------------------------------------
# A complete dataset


def test_the_folder_is_complete(folder: Path) -> None:
    halves = [f"view_000{view}.{half}.exr" for view in range(3) for half in "ab"]
    assert sorted(contents(folder)) == [MANIFEST, *halves]
    for paths in list_pairs(folder):
        pair, repaired = read_pair(paths)
        assert repaired == {} and pair.a.size == (HEIGHT, WIDTH)
        assert list(pair.a.layers()) == ["color", "albedo", "normal"]
        assert pair.a.camera is not None and pair.b.camera is not None
        np.testing.assert_array_equal(pair.a.camera.to_world, pair.b.camera.to_world)


def test_records_say_what_was_done(scene: MitsubaScene, tmp_path: Path) -> None:
    first, second, third = run(scene, REQUEST, tmp_path)
    assert (first.name, first.index, first.views) == ("view_0000", 0, 3)
    for record in (first, second, third):
        assert record.spp == REQUEST.spp.draw(9, record.index)
        assert record.samples == 2 * WIDTH * HEIGHT * record.spp and record.seconds > 0
        assert record.invalid_samples == 0


def test_every_half_has_a_seed_of_its_own_in_its_header(folder: Path) -> None:
    headers = [read_exr(file).parts[0].header for file in sorted(folder.glob("*.exr"))]
    assert len({header["n2n:seed"] for header in headers}) == 6
    spp = [REQUEST.spp.draw(9, view) for view in range(3) for _ in "ab"]
    assert [header["n2n:spp"] for header in headers] == spp
    assert {header["n2n:scene"] for header in headers} == {"scene.xml"}
    assert {header["n2n:aovSpp"] for header in headers} == {8}  # at least 8, whatever the color has
    assert {header["n2n:aovs"] for header in headers} == {"first-diffuse"}


def test_the_manifest_describes_the_dataset(scene: MitsubaScene, folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["spp"] == [1, 4] and manifest["size"] == [WIDTH, HEIGHT] and manifest["seed"] == 9
    assert manifest["integrator"] == "path" and manifest["variant"] == scene.variant
    assert manifest["aovs"] == kind_for(scene.variant)
    assert len(manifest["cameras"]) == 3
    camera = read_frame(folder / "view_0002.b.exr")[0].camera
    assert camera is not None and manifest["cameras"][2]["to_world"] == camera.to_world.tolist()


def test_what_is_asked_for_is_there(scene: MitsubaScene, tmp_path: Path) -> None:
    request = PairRequest(SppRange(2, 2), reference_spp=3, aov_spp=0, position=True, depth=True)
    (record,) = run(scene, request, tmp_path)
    assert record.samples == WIDTH * HEIGHT * (2 + 2 + 3)
    assert list(layers(tmp_path / "view_0000.a.exr")) == ["color", "albedo", "normal", "position", "depth"]
    assert read_exr(tmp_path / "view_0000.a.exr").parts[0].header["n2n:aovSpp"] == 2
    reference = read_frame(tmp_path / "view_0000.ref.exr")[0]
    assert reference.spp == 3 and list(reference.layers()) == ["color"]
    (paths,) = list_pairs(tmp_path)
    assert paths.reference == tmp_path / "view_0000.ref.exr"


def test_a_camera_path(scene: MitsubaScene, tmp_path: Path) -> None:
    path = path_file(tmp_path / "path.json", [0, 0, 0], [0.5, 0, 0])
    request = PairRequest(SppRange(1, 1), path=path)
    records = run(scene, request, tmp_path / "pairs")
    assert [record.name for record in records] == ["frame_0000", "frame_0001", "frame_0002"]  # 1 s at 2 fps
    last = read_frame(tmp_path / "pairs" / "frame_0002.a.exr")[0].camera
    assert last is not None and last.origin.tolist() == [0.5, 0, 0] and last.fov_deg == 50.0
    assert [record.samples for record in run(scene, request, tmp_path / "pairs")] == [0, 0, 0]
    with pytest.raises(DatasetError, match="frames None there, 5 asked for"):
        run(scene, replace(request, frames=5), tmp_path / "pairs")
    path_file(path, [0, 0, 0], [0.4, 0, 0])
    with pytest.raises(DatasetError, match="pairs of other cameras; the scene or the camera path has changed"):
        run(scene, request, tmp_path / "pairs")


# ---------------------------------------------------------------------------------------------------------------------
# Running again


def test_a_second_run_renders_nothing(scene: MitsubaScene, folder: Path) -> None:
    before = contents(folder)
    assert [record.samples for record in run(scene, REQUEST, folder)] == [0, 0, 0]
    assert contents(folder) == before


def test_a_truncated_half_is_rendered_again_alone(scene: MitsubaScene, folder: Path) -> None:
    before = contents(folder)
    broken = folder / "view_0001.b.exr"
    broken.write_bytes(before[broken.name][:-200])
    with pytest.raises(ExrError):
        read_frame(broken)
    records = run(scene, REQUEST, folder)
    assert [record.samples for record in records] == [0, WIDTH * HEIGHT * records[1].spp, 0]
    assert contents(folder) == before  # header included: nothing in it depends on the day


@pytest.mark.parametrize("name", ["view_0000.a.exr", "view_0002.b.exr"])
def test_a_missing_half_is_rendered_again_alone(scene: MitsubaScene, folder: Path, name: str) -> None:
    before = contents(folder)
    (folder / name).unlink()
    assert sum(record.samples > 0 for record in run(scene, REQUEST, folder)) == 1
    assert contents(folder) == before


def test_more_views_keep_those_there_are(scene: MitsubaScene, folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    records = run(scene, replace(REQUEST, views=5), folder)
    assert [record.samples > 0 for record in records] == [False] * 3 + [True] * 2
    after = contents(folder)
    assert all(after[name] == before[name] for name in before if name != MANIFEST)
    run(scene, replace(REQUEST, views=5), tmp_path / "at once")
    assert contents(tmp_path / "at once") == after


def test_fewer_views_leave_the_others_alone(scene: MitsubaScene, folder: Path) -> None:
    before = contents(folder)
    assert len(run(scene, replace(REQUEST, views=2), folder)) == 2
    assert contents(folder) == before


def test_a_reference_can_be_added_later(scene: MitsubaScene, folder: Path) -> None:
    before = contents(folder)
    records = run(scene, replace(REQUEST, reference_spp=3), folder)
    assert [record.samples for record in records] == [WIDTH * HEIGHT * 3] * 3
    assert {name: data for name, data in contents(folder).items() if name in before} != before  # the manifest knows
    assert json.loads((folder / MANIFEST).read_text())["reference_spp"] == 3
    assert [record.samples for record in run(scene, REQUEST, folder)] == [0, 0, 0]
    assert json.loads((folder / MANIFEST).read_text())["reference_spp"] == 3
    with pytest.raises(DatasetError, match="reference_spp 3 there, 4 asked for"):
        run(scene, replace(REQUEST, reference_spp=4), folder)


def test_targets_can_be_added_later_for_views_of_any_spp(scene: MitsubaScene, folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    asked = replace(REQUEST, target_spp=5)
    assert [record.samples for record in run(scene, asked, folder)] == [WIDTH * HEIGHT * 5] * 3
    targets = [f"view_000{view}.t.exr" for view in range(3)]
    after = contents(folder)
    assert sorted(set(after) - set(before)) == targets
    assert all(after[name] == before[name] for name in before if name != MANIFEST)
    assert json.loads(after[MANIFEST])["target_spp"] == 5
    run(scene, replace(asked, reference_spp=2), tmp_path / "at once")
    assert all((tmp_path / "at once" / name).read_bytes() == after[name] for name in targets)
    assert [record.samples for record in run(scene, REQUEST, folder)] == [0, 0, 0]
    assert contents(folder) == after
    with pytest.raises(DatasetError, match="target_spp 5 there, 4 asked for"):
        run(scene, replace(REQUEST, target_spp=4), folder)


def test_a_target_is_completed_like_a_half(scene: MitsubaScene, tmp_path: Path) -> None:
    asked = replace(REQUEST, target_spp=2)
    run(scene, replace(asked, views=2), tmp_path)
    before = contents(tmp_path)
    (tmp_path / "view_0000.t.exr").unlink()
    (tmp_path / "view_0001.t.exr").write_bytes(before["view_0001.t.exr"][:-200])
    records = run(scene, asked, tmp_path)
    assert [record.samples for record in records[:2]] == [WIDTH * HEIGHT * 2] * 2
    assert records[2].samples == WIDTH * HEIGHT * (2 * records[2].spp + 2)
    after = contents(tmp_path)
    assert all(after[name] == before[name] for name in before if name != MANIFEST)


def test_targets_are_read_for_training(scene: MitsubaScene, tmp_path: Path) -> None:
    run(scene, replace(REQUEST, target_spp=64, reference_spp=64), tmp_path)
    for paths in list_pairs(tmp_path):
        pair, _ = read_pair(paths)
        target, repaired = read_target(paths, pair)
        assert repaired == {} and target.spp == 64 and list(target.layers()) == ["color"]
        assert len({pair.a.seed, pair.b.seed, target.seed}) == 3
        truth = read_frame(tmp_path / f"{paths.name}.ref.exr")[0]
        assert truth.seed != target.seed and not np.array_equal(truth.color, target.color)


def test_targets_have_noise_of_their_own(scene: MitsubaScene, tmp_path: Path) -> None:
    run(scene, PairRequest(SppRange(4, 4), views=1, target_spp=4, reference_spp=4096), tmp_path)
    (paths,) = list_pairs(tmp_path)
    pair, _ = read_pair(paths, reference=True)
    assert pair.reference is not None
    truth = np.log1p(pair.reference)
    noises = [
        (np.log1p(color) - truth).ravel() for color in (pair.a.color, pair.b.color, read_target(paths, pair)[0].color)
    ]
    noises = [noise - noise.mean() for noise in noises]
    count = WIDTH * HEIGHT  # the three channels of a pixel go together
    for one, other in ((0, 2), (1, 2)):
        correlation = np.corrcoef(noises[one], noises[other])[0, 1]
        assert abs(correlation) < 4.5 / np.sqrt(count)  # significance 1e-5 for both


def test_older_manifests_know_no_targets(scene: MitsubaScene, folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["target_spp"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    records = run(scene, replace(REQUEST, target_spp=1), folder)
    assert [record.samples for record in records] == [WIDTH * HEIGHT] * 3


def test_a_lost_manifest_is_found_again(scene: MitsubaScene, folder: Path) -> None:
    before = contents(folder)
    (folder / MANIFEST).unlink()
    assert [record.samples for record in run(scene, REQUEST, folder)] == [0, 0, 0]
    assert contents(folder) == before


def test_stopping_between_views_leaves_whole_files(scene: MitsubaScene, folder: Path, tmp_path: Path) -> None:
    records = render_pairs(scene, REQUEST, tmp_path / "stopped")
    next(records)
    records.close()
    assert sorted(contents(tmp_path / "stopped")) == [MANIFEST, "view_0000.a.exr", "view_0000.b.exr"]
    run(scene, REQUEST, tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == contents(folder)


def test_halves_appear_together_and_what_waits_is_kept(
    scene: MitsubaScene, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, rendered = importlib.import_module("renderer_bridge.mitsuba_pairs"), []

    def render_one(*args: Any, **options: Any) -> Any:
        rendered.append(options["seed"])
        if len(rendered) == 4:
            raise KeyboardInterrupt
        return render_frame(*args, **options)

    monkeypatch.setattr(module, "render_frame", render_one)
    with pytest.raises(KeyboardInterrupt):
        run(scene, REQUEST, tmp_path / "cut")
    assert [paths.name for paths in list_pairs(tmp_path / "cut")] == ["view_0000"]
    again = run(scene, REQUEST, tmp_path / "cut")
    assert [record.samples // (WIDTH * HEIGHT * record.spp) for record in again] == [0, 1, 2]
    assert contents(tmp_path / "cut") == contents(folder)


@pytest.mark.slow
def test_killed_processes_leave_whole_files_and_the_same_command_goes_on(scene: MitsubaScene, tmp_path: Path) -> None:
    path = write(tmp_path / "scene.xml", *room())
    command = [sys.executable, "-m", "apps.render_pairs", str(path), "--views", "12", "--spp", "64", "--width", "96"]
    pairs = tmp_path / "pairs"
    for files in (3, 9):
        child = subprocess.Popen([*command, "-o", str(pairs)], cwd=ROOT, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(pairs.glob("*.exr"))) < files and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL, "it was done before it could be killed"
        for file in pairs.glob("view*.exr"):
            read_frame(file)
    subprocess.run([*command, "-o", str(pairs)], cwd=ROOT, check=True, capture_output=True)
    subprocess.run([*command, "-o", str(tmp_path / "whole")], cwd=ROOT, check=True, capture_output=True)
    resumed, whole = (
        {name: data for name, data in contents(folder).items() if not name.startswith(".")}  # temporaries and the lock
        for folder in (pairs, tmp_path / "whole")
    )
    assert resumed == whole


# ---------------------------------------------------------------------------------------------------------------------
# What is refused


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spp": SppRange(1, 8)}, r"spp \[1, 4\] there, \[1, 8\] asked for"),
        ({"seed": 10}, "seed 9 there, 10 asked for"),
        ({"aovs": "first-hit"}, "aovs first-diffuse there, first-hit asked for"),
        ({"position": True}, "position False there, True asked for"),
        ({"depth": True, "aov_spp": 4}, "aov_spp None there, 4 asked for, depth False there, True asked for"),
    ],
)
def test_another_request_is_refused(scene: MitsubaScene, folder: Path, changes: dict[str, Any], told: str) -> None:
    before = contents(folder)
    with pytest.raises(DatasetError, match=rf"^{folder}: holds other pairs \({told}\)"):
        run(scene, replace(REQUEST, **changes), folder)
    assert contents(folder) == before


def test_another_scene_size_or_parameter_is_refused(scene: MitsubaScene, folder: Path, tmp_path: Path) -> None:
    wider = load_scene(scene.path, width=20)
    with pytest.raises(DatasetError, match=r"size \[16, 10\] there, \[20, 12\] asked for"):
        run(wider, REQUEST, folder)
    with pytest.raises(DatasetError, match=r"scene .*scene.xml there, .*other.xml asked for"):
        run(load_scene(write(tmp_path / "other.xml", *room())), REQUEST, folder)
    with pytest.raises(DatasetError, match=r"defines {} there, {'light': '3'} asked for"):
        run(replace(scene, defines={"light": "3"}), REQUEST, folder)


def test_a_folder_may_move_with_its_scene(scene: MitsubaScene, folder: Path, tmp_path: Path) -> None:
    moved = write(tmp_path / "elsewhere" / scene.path.parent.name / "scene.xml", *room())
    assert [record.samples for record in run(load_scene(moved), REQUEST, folder)] == [0, 0, 0]


def test_a_scene_whose_camera_has_moved_is_refused(scene: MitsubaScene, folder: Path, tmp_path: Path) -> None:
    moved = '<transform name="to_world"><translate x="0.1"/></transform></sensor>'
    parts = [part.replace("</sensor>", moved) for part in room()]
    path = write(tmp_path / scene.path.parent.name / "scene.xml", *parts)
    with pytest.raises(DatasetError, match="other cameras; the scene or the camera path has changed"):
        run(load_scene(path), REQUEST, folder)


def test_sound_files_of_something_else_are_never_overwritten(scene: MitsubaScene, folder: Path) -> None:
    (folder / MANIFEST).unlink()
    before = contents(folder)
    with pytest.raises(DatasetError, match=r"view_0000.a.exr: is another picture .*move it away"):
        run(scene, replace(REQUEST, seed=10), folder)
    after = contents(folder)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "content",
    [
        *[b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000],
        b'{"cameras": [], "aovs": "second-hit"}',
        *[b'{"cameras": 3}', b'{"cameras": [{}]}', b'{"cameras": [[]]}'],
        b'{"cameras": [{"to_world": [[1]], "fov_deg": 5, "resolution": [1, 1]}]}',
    ],
)
def test_a_damaged_manifest_is_told(scene: MitsubaScene, tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(DatasetError, match=rf"^{tmp_path / MANIFEST}: is damaged \(.*\); remove it"):
        run(scene, REQUEST, tmp_path)


def test_a_folder_that_cannot_be_written_is_told(scene: MitsubaScene, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        run(scene, REQUEST, tmp_path / "file" / "pairs")


def test_a_folder_keeps_the_kind_of_aovs_it_began_with(scene: MitsubaScene, tmp_path: Path) -> None:
    asked = replace(REQUEST, views=1, aovs="first-hit")
    run(scene, asked, tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest.pop("aovs") == "first-hit"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))  # as one older than the choice
    run(scene, replace(REQUEST, views=2), tmp_path)
    assert json.loads((tmp_path / MANIFEST).read_text())["aovs"] == "first-hit"
    kinds = [read_exr(file).parts[0].header["n2n:aovs"] for file in tmp_path.glob("*.exr")]
    assert kinds == ["first-hit"] * 4
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(
        DatasetError, match=r"a\.exr: is another picture .*, first-hit AOVs\) than .*, first-diffuse AOVs"
    ):
        run(scene, replace(REQUEST, views=2), tmp_path)


def test_a_sensor_or_a_path_that_is_not_there(scene: MitsubaScene, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="no sensor 4"):
        run(scene, replace(REQUEST, sensor=4), tmp_path / "pairs")
    with pytest.raises(SceneError, match=r"none.json: no such file"):
        run(scene, replace(REQUEST, path=tmp_path / "none.json"), tmp_path / "pairs")
    assert not (tmp_path / "pairs").exists()


# ---------------------------------------------------------------------------------------------------------------------
# Samples per pixel


@given(st.integers(1, 2000), st.integers(0, 2000), st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_draws_lie_in_the_range_and_are_a_function_of_seed_and_view(low: int, more: int, seed: int, view: int) -> None:
    spp = SppRange(low, low + more)
    assert low <= spp.draw(seed, view) <= low + more
    assert spp.draw(seed, view) == spp.draw(seed, view)


def test_draws_are_log_uniform_and_reach_every_value() -> None:
    drawn = Counter(SppRange(1, 32).draw(5, view) for view in range(4000))
    assert sorted(drawn) == list(range(1, 33))
    for low in (1, 2, 4, 8):  # each doubling has the share log(2) / log(33)
        expected = 4000 * np.log(2) / np.log(33)
        count = sum(drawn[value] for value in range(low, 2 * low))
        assert abs(count - expected) < 4.5 * np.sqrt(expected)  # significance 3e-5 for all four


@pytest.mark.parametrize(("text", "low", "high"), [("8", 8, 8), ("1..32", 1, 32), (" 4 .. 4 ", 4, 4)])
def test_ranges_are_read(text: str, low: int, high: int) -> None:
    assert SppRange.parse(text) == SppRange(low, high)


@pytest.mark.parametrize("text", ["", "0", "0..4", "8..2", "-1", "1..", "..8", "1..2..3", "4.5", "²", "9" * 5000, "a"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^spp "):
        SppRange.parse(text)
