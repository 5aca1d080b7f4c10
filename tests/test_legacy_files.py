"""Files that a scene names, found as they are found on other computers, and meshes that Mitsuba 3 does not read."""

import struct
from pathlib import Path

import numpy as np
import pytest
from small_scenes import PATH, SKY, sensor, use_variant, write

from renderer_bridge.errors import SceneError
from renderer_bridge.legacy import translate
from renderer_bridge.legacy.files import find_file
from renderer_bridge.legacy.meshes import readable_mesh


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("textures/Oak.JPG", "textures/Oak.JPG"),
        ("textures/oak.jpg", "textures/Oak.JPG"),
        ("TEXTURES\\OAK.jpg", "textures/Oak.JPG"),
        ("./textures/../textures/Oak.JPG", "textures/../textures/Oak.JPG"),
        ("C:\\scenes\\sky.exr", "sky.exr"),
        ("sky.mip", "sky.exr"),
        ("textures/oak.jpg.mip", "textures/Oak.JPG"),
        (" sky.exr ", "sky.exr"),
        ("nothing.png", None),
        ("textures", None),
        ("", None),
        ("a\0b", None),
        ("x" * 5000, None),
    ],
)
def test_names_of_other_computers(tmp_path: Path, name: str, found: str | None) -> None:
    (tmp_path / "textures").mkdir()
    for each in ("textures/Oak.JPG", "sky.exr"):
        (tmp_path / each).touch()
    expected = None if found is None else (tmp_path / found).resolve()
    result = find_file(name, [tmp_path / "elsewhere", tmp_path])
    assert (None if result is None else result.resolve()) == expected


def test_missing_files_are_all_told_or_done_without(tmp_path: Path) -> None:
    picture = '<string name="filename" value="none.png"/>'
    scene = write(
        tmp_path / "scene.xml",
        PATH,
        f'<texture type="bitmap" id="t">{picture}</texture>',
        f'<emitter type="envmap">{picture}</emitter>',
        '<shape type="obj"><string name="filename" value="none.obj"/></shape>',
        '<film type="hdrfilm"><string name="filename" value="out.exr"/></film>',  # one to write
    )
    with pytest.raises(SceneError, match=r"2 files missing: none.png, none.obj; n2n-render-pairs --missing skip"):
        translate(scene)
    translation = translate(scene, skip_missing=True)
    assert translation.notes[-1].startswith("2 files missing: none.png, none.obj; left out")
    assert translation.text.count('value="0.5, 0.5, 0.5"') == 2 and "<shape" not in translation.text
    assert 'type="constant"' in translation.text and "none" not in translation.text


def test_pointers_of_git_lfs_are_files_that_are_missing(tmp_path: Path) -> None:
    shape = '<shape type="obj"><string name="filename" value="{}.obj"/></shape>'
    scene = write(tmp_path / "scene.xml", PATH, shape.format("far"), shape.format("none"), shape.format("here"))
    (tmp_path / "here.obj").write_text("v 0 0 0\n")
    (tmp_path / "far.obj").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n")
    with pytest.raises(
        SceneError, match=r"2 files missing: far.obj, none.obj \(1 there as Git LFS pointers, for which"
    ):
        translate(scene)
    assert translate(scene, skip_missing=True).text.count("<shape") == 1


def test_a_missing_include_is_told_or_done_without(tmp_path: Path) -> None:
    scene = write(tmp_path / "scene.xml", '<include filename="none.xml"/>', '<shape type="sphere"/>')
    with pytest.raises(SceneError, match=r"included file 'none\.xml' was not found; n2n-render-pairs --missing skip"):
        translate(scene)
    translation = translate(scene, skip_missing=True)
    assert "the included file 'none.xml' was not found and was left out" in translation.notes
    assert 'type="sphere"' in translation.text and "include" not in translation.text


def test_paths_stay_relative_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "a.obj").touch()
    scene = write(tmp_path / "scene.xml", PATH, '<shape type="obj"><string name="filename" value="a.obj"/></shape>')
    assert 'value="a.obj"' in translate(scene).text
    assert f'value="{tmp_path.resolve()}/a.obj"' in translate(scene, absolute_paths=True).text


def meshlab_ply(order: str, faces: list[tuple[int, ...]]) -> bytes:
    """A square of four corners, whose faces have texture coordinates of their own and a color, as MeshLab writes it."""
    form = "little" if order == "<" else "big"
    header = [
        *("ply", f"format binary_{form}_endian 1.0", "comment VCGLIB generated", "element vertex 4"),
        *("property float x", "property float y", "property float z", f"element face {len(faces)}"),
        *("property list uchar int vertex_indices", "property list uchar float texcoord", "property uchar red"),
        "end_header\n",
    ]
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=f"{order}f4").tobytes()
    body = b""
    for face in faces:
        body += struct.pack(f"{order}B{len(face)}i", len(face), *face)
        body += struct.pack(f"{order}B{2 * len(face)}fB", 2 * len(face), *range(2 * len(face)), 255)
    return "\n".join(header).encode() + corners + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("faces", [[(0, 1, 2), (0, 2, 3)], [(0, 1, 2, 3)]])
def test_a_mesh_of_meshlab_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, faces: list[tuple[int, ...]]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "square.ply").write_bytes(meshlab_ply(order, faces))
    use_variant()
    import mitsuba as mi

    shape = '<shape type="ply"><string name="filename" value="square.ply"/></shape>'
    scene = mi.load_string(translate(write(tmp_path / "scene.xml", PATH, sensor(), shape, SKY)).text)
    (mesh,) = scene.shapes()
    assert mesh.face_count() == 2 and float(np.array(mesh.surface_area()).ravel()[0]) == pytest.approx(1.0)


def test_other_meshes_are_left_alone(tmp_path: Path) -> None:
    for name, content in {
        "a.obj": b"",
        "empty.ply": b"",
        "text.ply": b"ply\nformat ascii 1.0\nend_header\n",
        "cut.ply": meshlab_ply("<", [(0, 1, 2)])[:-10],
    }.items():
        (tmp_path / name).write_bytes(content)
        assert readable_mesh(tmp_path / name, tmp_path / "cache") == tmp_path / name
    assert not (tmp_path / "cache").exists()
