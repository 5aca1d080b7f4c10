"""Meshes made by code: closed, facing outwards, written as PLY; rays against them; meshes of others."""

from pathlib import Path

import numpy as np
import pytest

from renderer_bridge.errors import UsageError
from renderer_bridge.procedural.assets import Assets, read_mesh
from renderer_bridge.procedural.mesh import Mesh, ball, bevelled_box, blades, box, joined, lathe, quad, tube
from renderer_bridge.procedural.sight import View, first_hits, is_worth_seeing


def volume(mesh: Mesh) -> float:
    """Signed volume inside a closed mesh: positive where its faces look outwards."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_solids_face_outwards() -> None:
    assert volume(box((2, 3, 4))) == pytest.approx(24)
    assert volume(ball(64)) == pytest.approx(4 / 3 * np.pi, rel=0.02)  # a polyhedron inside the sphere
    assert volume(lathe([[0, 0], [1, 0], [1, 2], [0, 2]], 64)) == pytest.approx(2 * np.pi, rel=0.01)
    assert 0.5 < volume(bevelled_box((1, 1, 1), 0.3)) < 1
    ring = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    torus = tube(np.stack([np.cos(ring), 0 * ring, np.sin(ring)], axis=1), 0.2, 24, closed=True)
    assert volume(torus) == pytest.approx(2 * np.pi**2 * 0.2**2, rel=0.03)


def test_moving_and_joining() -> None:
    two = joined([box((1, 1, 1)), box((1, 1, 1)).moved(scale=2, turn_deg=90, at=(5, 0, 0))])
    assert volume(two) == pytest.approx(9) and two.vertices[:, 0].max() == pytest.approx(6)
    assert quad((0, 0, 0), (1, 0, 0), (0, 1, 0)).uvs.tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]


def test_leaves_go_from_root_to_tip() -> None:
    roots, tips = np.zeros((3, 3)), np.array([[0, 1, 0], [1, 1, 0], [0, 1, 1.0]])
    leaves = blades(roots, tips, np.full(3, 0.1), 0.0, np.random.default_rng(1))
    assert len(leaves.faces) == 3 * 6 and leaves.vertices[:, 1].max() == pytest.approx(1, abs=0.05)


def test_ply_has_all_vertices_and_faces() -> None:
    mesh = box((1, 1, 1))
    header, data = mesh.ply().split(b"end_header\n", 1)
    assert b"element vertex 24" in header and b"element face 12" in header
    assert len(data) == 24 * 5 * 4 + 12 * 13
    assert np.frombuffer(data, "<f4", 24 * 5).reshape(24, 5)[:, :3] == pytest.approx(mesh.vertices)


def test_rays_find_the_first_triangle() -> None:
    hits, meshes = first_hits(
        (0, 0.5, 5), np.array([[0, 0, -1.0], [0, 1, 0]]), [box((1, 1, 1)), box((1, 1, 1), (0, 0, -3))]
    )
    assert hits[0] == pytest.approx(4.5) and np.isinf(hits[1])
    assert meshes == [0, -1]


def test_a_blocked_view_and_a_bare_wall_are_not_worth_seeing() -> None:
    wall = quad((-9, -9, 0), (18, 0, 0), (0, 18, 0))
    view = View(np.array([0, 0.5, 4.0]), np.zeros(3), 60)
    assert not is_worth_seeing(view, [wall])
    furnished = [
        wall,
        box((1, 0.6, 1), (1.8, -0.7, 1)),
        box((1, 1, 1), (0.5, 0, 0.5)),
        box((1, 1, 3), (-1, -1, 0.2)),
        quad((-9, -0.7, 9), (18, 0, 0), (0, 0, -18)),
    ]
    assert is_worth_seeing(view, furnished)
    assert not is_worth_seeing(view, [*furnished, quad((-1, -1, 3.5), (2, 0, 0), (0, 3, 0))])  # right before it
    assert not is_worth_seeing(view, [])


def test_meshes_of_others(tmp_path: Path) -> None:
    obj = tmp_path / "a.obj"
    obj.write_text(
        "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nv 1 1 2\nvt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3 4/1\nf -5/1 -4/2 -1/3\n"
    )
    mesh = read_mesh(obj)
    assert mesh is not None and len(mesh.faces) == 3 and mesh.vertices[:, 1].min() == 0
    assert np.ptp(mesh.vertices, axis=0).max() == pytest.approx(1) and mesh.uvs.max() == 1
    triangles = np.zeros(4, np.dtype([("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")]))
    triangles["c"] = box((1, 1, 1)).vertices[box((1, 1, 1)).faces][:4]
    stl = tmp_path / "a.stl"
    stl.write_bytes(bytes(80) + (4).to_bytes(4, "little") + triangles.tobytes())
    solid = read_mesh(stl)
    assert solid is not None and len(solid.faces) == 4 and len(solid.vertices) < 12  # corners are shared
    for broken in ("", "f 1 2 3\n", "v 0 0 0\nv 1 0 0\nv 0 x 0\nf 1 2 3\n", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n"):
        obj.write_text(broken)
        assert read_mesh(obj) is None


def test_a_folder_without_assets_is_refused(tmp_path: Path) -> None:
    assert Assets.within(None) == Assets()
    with pytest.raises(UsageError, match="textures"):
        Assets.within(tmp_path)
