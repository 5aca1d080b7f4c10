"""Procedural scenes: functions of their seed that Mitsuba loads and that have something to see."""

import functools
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
from renderer_bridge.procedural import Assets, build, scene_xml, write_scene
from renderer_bridge.procedural.noise import Random
from renderer_bridge.procedural.patterns import PATTERNS, SIDE

SEEDS = range(12)

built = functools.cache(build)


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_a_scene_is_a_function_of_its_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert write_scene(tmp_path / name, seed) == tmp_path / name / "scene.xml"
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b and a["scene.xml"] != c["scene.xml"]


def test_golden_scenes() -> None:
    """The XML of three seeds: a change of it makes every training set another one, and must be meant."""
    found = [hashlib.sha256(scene_xml(built(seed)).encode()).hexdigest()[:16] for seed in (0, 1, 7)]
    assert found == ["25bbe4259f83c42e", "de4b5ec74511823f", "d63468b92b9f80b3"]


def test_kinds_of_scenes_lights_and_materials_come_up() -> None:
    text = " ".join(scene_xml(built(seed)) for seed in SEEDS)
    for name in ("dielectric", "roughconductor", "principled", "principledthin", "normalmap", "envmap", "area"):
        assert f'type="{name}"' in text
    for name in ("perspective", "thinlens", "path", "ply", "sphere", "roughplastic", "bitmap"):
        assert f'type="{name}"' in text


@pytest.mark.parametrize("seed", SEEDS)
def test_every_scene_is_whole(seed: int) -> None:
    """Well-formed, lit, and with every file that it names."""
    scenery = built(seed)
    root = ElementTree.fromstring(scene_xml(scenery))
    named = {node.get("value") for node in root.iter("string") if node.get("name") == "filename"}
    assert named == set(scenery.files)
    assert root.findall(".//emitter") and len(root.findall("sensor")) == 1
    known = {node.get("id") for node in root.iter() if node.tag in ("bsdf", "medium")}
    assert {node.get("id") for node in root.iter("ref")} <= known
    for mesh in scenery.solids:
        assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uvs).all()
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_fill_their_range(name: str) -> None:
    made = [PATTERNS[name](random_of(seed)) for seed in range(3)]
    assert all(pattern.shape == (SIDE, SIDE) and np.isfinite(pattern).all() for pattern in made)
    assert max(pattern.std() for pattern in made) > 0.03  # not flat
    assert min(pattern.min() for pattern in made) >= 0 and max(pattern.max() for pattern in made) <= 1.5


def random_of(seed: int) -> Random:
    return np.random.default_rng(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2, 4, 7, 11])
def test_mitsuba_loads_and_renders_it_without_a_warning(tmp_path: Path, seed: int) -> None:
    use_variant()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = load_scene(write_scene(tmp_path, seed), width=24)
    rendered = render_frame(scene, scene.camera(), spp=4, seed=1)
    assert np.isfinite(rendered.frame.color).all()
    assert rendered.frame.color.mean() > 1e-3  # lit


def test_things_of_others_are_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "textures").mkdir()
    imageio.imwrite(tmp_path / "textures" / "wall.png", np.full((4, 4, 3), 200, np.uint8))
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "wedge.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    )
    assets = Assets.within(tmp_path)
    photo = (tmp_path / "textures" / "wall.png").read_bytes()
    with_photo = [seed for seed in range(8) if photo in build(seed, assets).files.values()]
    assert with_photo
    assert not any(photo in build(seed).files.values() for seed in with_photo)


def test_the_command_writes_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "--count", "2", "--first-seed", "7"]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / name / "scene.xml") for name in ("0007", "0008")]
    assert main(["-o", str(tmp_path), "--count", "0"]) == 2
    assert main(["-o", str(tmp_path), "--assets", str(tmp_path / "nothing")]) == 2
    assert main(["-o", str(tmp_path / "0007" / "scene.xml"), "--count", "1"]) == 1
    with pytest.raises(OutputError):
        write_scene(tmp_path / "0007" / "scene.xml", 1)
