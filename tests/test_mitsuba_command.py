"""n2n-mitsuba as a user meets it: exit codes, one sentence each on standard error, and EXR files where they belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from small_scenes import HEIGHT, PATH, SKY, SPHERE, WIDTH, sensor, use_variant, write

from apps.mitsuba import main
from renderer_bridge.exr import read_exr

N2N = f'<default name="extra" value=""/><integrator type="n2n"><string name="aovs" value="$extra"/>{PATH}</integrator>'
BALL = SPHERE.format("")

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def render(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; gives its exit code and the lines on standard error."""

    def command(*arguments: Any) -> tuple[int, list[str]]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert captured.out == "" and "Traceback" not in captured.err
        return code, captured.err.splitlines()

    return command


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write(tmp_path / "scene.xml", N2N, sensor(), sensor(12, 9), BALL, SKY)


def test_a_scene_with_n2n_is_written_with_its_channels(render: Run, scene: Path, tmp_path: Path) -> None:
    code, lines = render(scene, "-o", tmp_path / "out.exr", "-D", "extra=albedo,error", "--spp", 4)
    assert (code, lines) == (0, [f"{tmp_path / 'out.exr'}: rendered"])
    image = read_exr(tmp_path / "out.exr")
    colors = {"R", "G", "B"}
    assert set(image.channel_names()) == colors | {f"{layer}.{c}" for layer in ("albedo", "error") for c in "RGB"}
    color = image.layer("color")
    assert color is not None and color.shape == (HEIGHT, WIDTH, 3) and np.isfinite(color).all()


def test_every_scene_gets_a_file_beside_it(render: Run, scene: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "plain.xml", PATH, sensor(), BALL, SKY)
    code, _ = render(scene, other, "-m", "scalar_rgb", "-t", 2)
    assert code == 0 and (tmp_path / "scene.exr").is_file() and (tmp_path / "plain.exr").is_file()


def test_a_sensor_is_chosen_and_any_scene_denoised(render: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "plain.xml", PATH, sensor(), sensor(12, 9), BALL, SKY)
    for options in ((), ("--denoise",)):
        code, _ = render(path, "-s", 1, "-o", tmp_path / f"{len(options)}.exr", "--spp", 2, *options)
        assert code == 0
    noisy, denoised = (read_exr(tmp_path / f"{index}.exr").layer("color") for index in (0, 1))
    assert noisy is not None and denoised is not None
    assert noisy.shape == denoised.shape == (9, 12, 3) and np.abs(noisy - denoised).max() > 0


def test_samples_are_added_until_it_is_good_enough(render: Run, tmp_path: Path) -> None:
    path, output = write(tmp_path / "plain.xml", PATH, sensor(), BALL, SKY), tmp_path / "out.exr"
    options = (path, "-o", output, "--denoise", "--spp", 4)
    code, lines = render(*options, "--until-error", 0.9)
    assert code == 0 and lines[-1].startswith(f"{output}: rendered; error 0.") and "at 2 + 2 spp" in lines[-1]
    code, lines = render(*options, "--until-error", 0.0001, "--most-spp", 12)
    assert code == 0 and "would take about" in lines[-1] and lines[-1].endswith("most_spp 12 allows no more")
    assert "at 6 + 6 spp" in lines[-1] or "at 5 + 5 spp" in lines[-1]


def test_files_are_found_in_further_folders(render: Run, tmp_path: Path) -> None:
    textures = tmp_path / "textures"
    textures.mkdir()
    imageio.imwrite(textures / "red.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    image = '<emitter type="envmap"><string name="filename" value="red.png"/></emitter>'
    path = write(tmp_path / "scene.xml", PATH, sensor(), image)
    code, lines = render(path)
    assert code == 1 and "red.png" in lines[0]
    code, _ = render(path, "-a", f"{tmp_path};{textures}", "-o", tmp_path / "out.exr", "-v", "-v")
    color = read_exr(tmp_path / "out.exr").layer("color")
    assert code == 0 and color is not None and color[..., 0].min() > 0.5 and color[..., 1:].max() < 0.1
    assert render(path)[0] == 1  # the folders are forgotten


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.xml"], 1, "no such file"),
        (["SCENE", "-s", "2"], 1, "no sensor 2; it has 2"),
        (["SCENE", "-o", "out.png"], 2, "must end in .exr"),
        (["SCENE", "SCENE", "-o", "out.exr"], 2, "2 scenes cannot go to one file"),
        (["SCENE", "-D", "extra"], 2, "name=value is accepted"),
        (["SCENE", "-D", "extra=depth"], 1, "aovs names depth; accepted: noisy"),
        (["SCENE", "-m", "gpu"], 2, "not a variant"),
        (["SCENE", "-t", "1"], 2, "at least 2 are needed"),
        (["SCENE", "--spp", "-1"], 2, "must not be negative"),
        (["SCENE", "--until-error", "0.1"], 2, "with --denoise"),
        (["SCENE", "--until-error", "2", "--denoise"], 2, "less than 1 is accepted"),
        (["SCENE", "-a", "nowhere"], 2, "-a nowhere: no such folder"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    render: Run, scene: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(scene.parent)
    found, lines = render(*(str(scene) if each == "SCENE" else each for each in arguments))
    assert found == code and len(lines) == 1 and lines[0].startswith("error: ") and words in lines[0]


def test_a_broken_scene_is_named(render: Run, tmp_path: Path) -> None:
    use_variant()
    code, lines = render(write(tmp_path / "bad.xml", '<integrator type="n2n"/>', sensor()))
    assert code == 1 and "bad.xml: Mitsuba cannot render it" in lines[0] and "0 integrators are nested" in lines[0]
    code, lines = render(write(tmp_path / "none.xml", sensor(), BALL))
    assert code == 1 and "none.xml" in lines[0]
