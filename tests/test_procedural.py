"""Procedural scenes: functions of their seed that Mitsuba loads and that have something to see."""

import hashlib
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from small_scenes import use_variant

from apps.make_scenes import main
from renderer_bridge.errors import OutputError
from renderer_bridge.mitsuba_render import render_frame
from renderer_bridge.mitsuba_scene import load_scene
from renderer_bridge.procedural import SIZE, TEXTURE_SIZE, TEXTURES, scene_xml, texture, write_scene


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_a_scene_is_a_function_of_its_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert write_scene(tmp_path / name, seed) == tmp_path / name / "scene.xml"
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b and not set(a.values()) & set(c.values())
    assert sorted(a) == ["scene.xml", *[f"texture_{i}.png" for i in range(TEXTURES)]]


def test_textures_are_colored_and_not_flat() -> None:
    pictures = [texture(np.random.default_rng(seed)) for seed in range(20)]
    assert all(picture.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert min(picture.std() for picture in pictures) > 2
    assert np.mean([np.ptp(picture.mean(axis=(0, 1))) > 5 for picture in pictures]) > 0.5


def test_texture_files_can_be_read(tmp_path: Path) -> None:
    write_scene(tmp_path, 1)
    assert imageio.imread(tmp_path / "texture_3.png").shape == (TEXTURE_SIZE, TEXTURE_SIZE, 3)


def test_all_kinds_come_up() -> None:
    text = " ".join(scene_xml(np.random.default_rng(seed)) for seed in range(40))
    for name in ("dielectric", "roughconductor", "principled", "checkerboard", "bitmap", "constant", "sphere", "disk"):
        assert f'type="{name}"' in text
    for seed in range(40):
        root = ElementTree.fromstring(scene_xml(np.random.default_rng(seed)))
        assert 8 < len(root.findall("shape")) < 40 and len(root.findall(".//emitter")) >= 1


@pytest.mark.parametrize("seed", [0, 4])  # a room and an open stage
def test_mitsuba_loads_and_renders_it_without_a_warning(tmp_path: Path, seed: int) -> None:
    use_variant()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = load_scene(write_scene(tmp_path, seed), width=24)
    assert scene.camera().resolution == (24, round(24 * SIZE[1] / SIZE[0]))
    rendered = render_frame(scene, scene.camera(), spp=4, seed=1)
    assert rendered.invalid_samples == 0
    assert rendered.frame.color.mean() > 1e-3  # lit


def test_the_command_writes_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "--count", "2", "--first-seed", "7"]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / name / "scene.xml") for name in ("0007", "0008")]
    assert main(["-o", str(tmp_path), "--count", "0"]) == 2
    assert main(["-o", str(tmp_path / "0007" / "scene.xml"), "--count", "1"]) == 1
    with pytest.raises(OutputError):
        write_scene(tmp_path / "0007" / "scene.xml", 1)
