"""n2n-render-pairs as a user meets it: exit codes, one sentence each on standard error, and files where they belong."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_scenes import PATH, SKY, SPHERE, room, sensor, write

from apps import render_pairs as command_module
from apps.render_pairs import VIEWS, main
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.mitsuba_pairs import render_view
from renderer_bridge.pair_folder import list_pairs

ROOT = Path(__file__).parent.parent
BALL = SPHERE.format("")

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write(tmp_path / "scene.xml", PATH, sensor(), BALL, SKY)


@pytest.fixture
def render(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; gives its exit code and the lines on standard error."""

    def command(*arguments: Any) -> tuple[int, list[str]]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert captured.out == "" and "Traceback" not in captured.err
        return code, captured.err.splitlines()

    return command


def assert_refused(outcome: tuple[int, list[str]], code: int, *words: str) -> None:
    """The last line is the one error; before it, only a progress bar that has not moved."""
    found, lines = outcome
    assert found == code
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == lines[-1:] and all("rendering" in line for line in lines[:-1])
    for word in words:
        assert word in errors[0]


# ---------------------------------------------------------------------------------------------------------------------
# What comes out


def test_pairs_are_rendered_and_completed(render: Run, scene: Path, tmp_path: Path) -> None:
    options = ["--views", "2", "--spp", "1..4", "--width", "20", "--reference-spp", "2", "--aov-spp", "same"]
    options += ["--target-spp", "3", "--aovs", "first-hit"]
    code, lines = render(scene, "-o", tmp_path / "pairs", *options, "--position", "--depth")
    assert code == 0
    assert lines[-1].startswith(f"{tmp_path}/pairs: 2 views, 2 rendered now, ") and "Msamples/s" in lines[-1]
    paths = list_pairs(tmp_path / "pairs")
    assert [path.name for path in paths] == ["view_0000", "view_0001"]
    assert read_frame(paths[1].a)[0].size == (12, 20)  # 16x10, in proportion
    assert [read_frame(path.target)[0].spp for path in paths if path.target] == [3, 3]
    assert {read_exr(path.b).parts[0].header["n2n:aovs"] for path in paths} == {"first-hit"}
    (tmp_path / "pairs" / "view_0001.a.exr").unlink()
    code, lines = render(scene, "-o", tmp_path / "pairs", *options, "--position", "--depth")
    assert code == 0 and "2 views, 1 rendered now" in lines[-1]
    code, lines = render(scene, "-o", tmp_path / "pairs", *options, "--position", "--depth")
    assert code == 0 and lines[-1].endswith("2 views, 0 rendered now, nothing to do")


def test_a_scene_alone_is_enough(render: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = write(tmp_path / "little room" / "scene.xml", *room())
    monkeypatch.chdir(tmp_path)
    code, lines = render(scene, "--spp", "1")
    assert code == 0 and len(list_pairs(tmp_path / "little room-pairs")) == VIEWS
    told = "; next: n2n-train 'little room-pairs' -o 'little room-run', or n2n-denoise 'little room-pairs' "
    assert lines[0].startswith(f"{scene}: pairs are rendered into little room-pairs/{told}")
    assert lines[-1].startswith(f"little room-pairs/ is complete{told}-o 'little room-denoised'")


def test_where_no_other_camera_finds_a_place_the_own_one_is_rendered(
    render: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = write(tmp_path / "empty" / "scene.xml", PATH, sensor(), SKY)
    monkeypatch.chdir(tmp_path)
    code, lines = render(scene, "--spp", "1")
    assert code == 0 and len(list_pairs(tmp_path / "empty-pairs")) == 1
    assert any(line.startswith("warning: only the scene's own camera is rendered: ") for line in lines)


def test_the_scene_is_printed_as_mitsuba_loads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import mitsuba as mi

    phong = SPHERE.format('<bsdf type="phong"><float name="exponent" value="40"/></bsdf>')
    old = [sensor().replace("to_world", "toWorld"), phong, '<emitter type="sky"/>']
    scene = write(tmp_path / "scene.xml", *old, version="0.6.0")
    monkeypatch.chdir(tmp_path)
    assert main([str(scene), "--print-scene"]) == 0
    captured = capsys.readouterr()
    assert isinstance(mi.load_string(captured.out), mi.Scene)  # refuses unknown properties
    assert "warning: " in captured.err and "'phong'" in captured.err
    assert list(tmp_path.iterdir()) == [scene]


def test_missing_files_are_all_told_or_done_without(render: Run, tmp_path: Path) -> None:
    meshes = [f'<shape type="ply"><string name="filename" value="{name}.ply"/></shape>' for name in "ab"]
    scene = write(tmp_path / "scene.xml", PATH, sensor(), BALL, *meshes, SKY)
    assert_refused(
        render(scene, "-o", tmp_path / "pairs"), 1, "2 files missing: a.ply, b.ply; n2n-render-pairs --missing skip"
    )
    code, lines = render(scene, "-o", tmp_path / "pairs", "--missing", "skip", "--spp", "1")
    assert code == 0 and any("2 files missing: a.ply, b.ply; left out" in line for line in lines)


def test_a_path_a_sensor_and_a_parameter(render: Run, tmp_path: Path) -> None:
    ball = SPHERE.format('<float name="radius" value="$r"/>')
    scene = write(tmp_path / "scene.xml", PATH, sensor(), sensor(6, 9), ball, SKY)
    keyframe = {"origin": [0, 0, 0], "target": [0, 0, 4], "up": [0, 1, 0], "fov": 50}
    path = tmp_path / "path.json"
    path.write_text(json.dumps({"keyframes": [{**keyframe, "time": time} for time in (0, 1)]}))
    options = ["--path", path, "--frames", "2", "--sensor", "1", "-D", "r=0.5", "--spp", "1"]
    code, lines = render(scene, "-o", tmp_path / "pairs", *options)
    assert code == 0 and "2 views" in lines[-1]
    assert [found.name for found in list_pairs(tmp_path / "pairs")] == ["frame_0000", "frame_0001"]
    assert read_frame(tmp_path / "pairs" / "frame_0001.b.exr")[0].size == (9, 6)


def test_invalid_samples_are_told(render: Run, tmp_path: Path) -> None:
    broken = SPHERE.format('<emitter type="area"><rgb name="radiance" value="inf, 1, 1"/></emitter>')
    code, lines = render(write(tmp_path / "scene.xml", PATH, sensor(), broken, SKY), "-o", tmp_path / "pairs")
    assert code == 0 and lines[-1].endswith(" infinite or NaN samples were left out")
    assert not lines[-1].endswith("; 0 infinite or NaN samples were left out")


def test_a_warning_is_one_plain_line(render: Run, tmp_path: Path) -> None:
    odd = SPHERE.format('<float name="wobble" value="3"/>')
    scene = write(tmp_path / "scene.xml", '<integrator type="photonmapper"/>', sensor(), odd, SKY)
    code, lines = render(scene, "-o", tmp_path / "pairs", "--spp", "1")
    told = [line for line in lines if line.startswith("warning: ")]
    assert code == 0 and len(told) == 2
    assert told[0].startswith(f"warning: {scene}: integrator 'photonmapper' cannot render noisy pairs")
    assert "wobble" in told[1]
    assert not [line for line in lines if "N2NWarning" in line or "warnings.warn" in line]


def test_other_warnings_stay_what_they_are(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def deprecated(config: Any) -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr(command_module, "render", deprecated)
    with pytest.warns(DeprecationWarning, match="old"):
        assert main(["scene.xml", "-o", "pairs"]) == 0


# ---------------------------------------------------------------------------------------------------------------------
# Wrong usage: exit code 2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--spp", "0"], "spp '0': at least 1"),
        (["--spp", "8..2"], "must not fall"),
        (["--spp", "many"], "a number such as 8 or a range such as 1..32 is accepted"),
        (["--aov-spp", "0"], "--aov-spp 0"),
        (["--aov-spp", "²"], "a positive number, auto or same"),
        (["--views", "0"], "--views 0: at least 1"),
        (["--width", "0"], "--width 0"),
        (["--height", "-4"], "--height -4"),
        (["--frames", "0", "--path", "p.json"], "--frames 0"),
        (["--frames", "5"], "--frames: only together with --path"),
        (["--reference-spp", "-1"], "must not be negative"),
        (["--target-spp", "-1"], "must not be negative"),
        (["--sensor", "-1"], "must not be negative"),
        (["--seed", "-1"], "--seed -1: 0 to 4294967295 is accepted"),
        (["--seed", "4294967296"], "--seed 4294967296"),
        (["-D", "no_value"], "-D no_value: name=value is accepted"),
        (["--variant", "metal"], "--variant metal"),
    ],
)
def test_wrong_usage(render: Run, scene: Path, tmp_path: Path, options: list[str], word: str) -> None:
    assert_refused(render(scene, "-o", tmp_path / "pairs", *options), 2, word)
    assert not (tmp_path / "pairs").exists()


@pytest.mark.parametrize("arguments", [[], ["scene.xml", "--missing", "never"], ["scene.xml", "--views", "two"]])
def test_missing_and_malformed_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


# ---------------------------------------------------------------------------------------------------------------------
# Bad input: exit code 1


def test_bad_scenes(render: Run, tmp_path: Path) -> None:
    texture = '<texture name="reflectance" type="bitmap"><string name="filename" value="none.png"/></texture>'
    bad = {
        "xml.xml": ["<shape"],
        "texture.xml": [PATH, sensor(), SPHERE.format(f'<bsdf type="diffuse">{texture}</bsdf>')],
        "plugin.xml": [PATH, sensor(), SPHERE.format('<bsdf type="velvet"/>')],
        "parameter.xml": [PATH, sensor(), SPHERE.format('<float name="radius" value="$r"/>')],
    }
    found = {"xml.xml": "line 1", "texture.xml": "none.png", "plugin.xml": "velvet", "parameter.xml": "$r"}
    for name, parts in bad.items():
        path = write(tmp_path / name, *parts)
        assert_refused(render(path, "-o", tmp_path / "pairs"), 1, f"error: {path}: cannot be loaded: ", found[name])
    assert_refused(render(tmp_path / "none.xml", "-o", tmp_path / "pairs"), 1, f"{tmp_path}/none.xml: no such file")
    assert not (tmp_path / "pairs").exists()


def test_bad_choices(render: Run, scene: Path, tmp_path: Path) -> None:
    assert_refused(render(scene, "-o", tmp_path / "pairs", "--sensor", "3"), 1, "no sensor 3; it has 1")
    assert_refused(render(scene, "-o", tmp_path / "pairs", "-D", "r=1"), 1, "unused parameters")
    assert_refused(render(scene, "-o", tmp_path / "pairs", "--path", tmp_path / "none.json"), 1, "none.json: no such")
    empty = write(tmp_path / "empty.xml", PATH, sensor(), SKY)
    assert_refused(render(empty, "-o", tmp_path / "pairs", "--views", "2"), 1, "sees no geometry", "--path")


def test_an_output_that_cannot_be_written(render: Run, scene: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(render(scene, "-o", tmp_path / "file"), 1, f"{tmp_path}/file: is a file; a folder is needed")
    assert_refused(render(scene, "-o", tmp_path / "file" / "pairs"), 1, "cannot be written", "Not a directory")


def test_another_dataset_is_refused(render: Run, scene: Path, tmp_path: Path) -> None:
    assert render(scene, "-o", tmp_path / "pairs", "--spp", "1")[0] == 0
    assert_refused(render(scene, "-o", tmp_path / "pairs", "--spp", "2"), 1, "spp [1, 1] there, [2, 2] asked for")


def test_lack_of_memory_is_told(render: Run, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*arguments: Any) -> Any:
        raise MemoryError("Unable to allocate 5 TiB")

    monkeypatch.setattr(command_module, "render_view", hungry)
    assert_refused(render(scene, "-o", tmp_path / "pairs"), 1, "not enough memory: Unable to allocate 5 TiB")


# ---------------------------------------------------------------------------------------------------------------------
# Interruption


def test_ctrl_c_says_how_to_go_on(render: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(scene: Any, request: Any, folder: Any, camera: Any, index: int, views: int) -> Any:
        if index == 1:
            raise KeyboardInterrupt
        return render_view(scene, request, folder, camera, index, views)

    scene = write(tmp_path / "scene.xml", *room())
    monkeypatch.setattr(command_module, "render_view", interrupted)
    code, lines = render(scene, "-o", tmp_path / "pairs", "--views", "3", "--spp", "1")
    assert code == 130
    assert lines[-1] == "interrupted: 1 views are complete; run the same command again to go on"
    monkeypatch.undo()
    code, lines = render(scene, "-o", tmp_path / "pairs", "--views", "3", "--spp", "1")
    assert code == 0 and "3 views, 2 rendered now" in lines[-1]


def test_the_command_runs_by_itself(scene: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "apps.render_pairs", str(scene), "-o", str(tmp_path / "pairs"), "--spp", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "" and "1 views, 1 rendered now" in done.stderr
