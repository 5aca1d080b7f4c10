"""Seeded cameras: the scene's own first, the others a function of the seed, clear of geometry, looking at something."""

from pathlib import Path

import numpy as np
import pytest
from small_scenes import HEIGHT, PATH, SKY, SPHERE, WIDTH, load, matte, room, sensor, shape, use_variant

from renderer_bridge import mitsuba_cameras
from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_cameras import CLEARANCE, cast_rays, seeded_cameras
from renderer_bridge.mitsuba_render import render_aovs, render_color
from renderer_bridge.mitsuba_scene import MitsubaScene

COUNT = 6


@pytest.fixture(scope="module", autouse=True)
def variant() -> str:
    return use_variant()


@pytest.fixture(scope="module")
def noisy_room(variant: str, tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    return load(tmp_path_factory.mktemp("room"), *room())


@pytest.fixture(scope="module")
def cameras(noisy_room: MitsubaScene) -> list[Camera]:
    return seeded_cameras(noisy_room, COUNT, seed=3)


def same(a: Camera, b: Camera) -> bool:
    return bool(np.array_equal(a.to_world, b.to_world)) and a.fov_deg == b.fov_deg and a.resolution == b.resolution


def around(count: int = 2000) -> np.ndarray:
    directions = np.random.default_rng(5).normal(size=(count, 3))
    return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))


def test_the_scenes_own_camera_comes_first_at_its_own_size(noisy_room: MitsubaScene, cameras: list[Camera]) -> None:
    assert len(cameras) == COUNT
    assert same(cameras[0], noisy_room.camera()) and same(seeded_cameras(noisy_room, 1, seed=3)[0], cameras[0])
    assert all(camera.resolution == (WIDTH, HEIGHT) for camera in cameras)


def test_cameras_are_a_function_of_the_seed_and_their_number(noisy_room: MitsubaScene, cameras: list[Camera]) -> None:
    fewer = seeded_cameras(noisy_room, 3, seed=3)
    assert all(same(a, b) for a, b in zip(fewer, cameras, strict=False))
    others = seeded_cameras(noisy_room, 3, seed=4)
    assert not any(same(a, b) for a, b in zip(others[1:], cameras[1:], strict=False))
    assert len({camera.origin.tobytes() for camera in cameras}) == COUNT


def test_cameras_are_clear_of_geometry_and_inside_the_room(noisy_room: MitsubaScene, cameras: list[Camera]) -> None:
    depth = render_aovs(noisy_room, cameras[0], ["depth"], spp=4, seed=0)["depth"]
    for camera in cameras[1:]:
        # 2000 other directions than the 128 it was chosen by: what lies between them may be a little nearer.
        assert cast_rays(noisy_room, camera.origin, around()).min() > 0.7 * CLEARANCE * np.median(depth)
        assert (np.abs(camera.origin - [0, 0.5, 2]) < [2, 1.5, 3]).all()


@pytest.mark.parametrize(
    ("origin", "free"),
    [
        ((0.3, 0.5, 0.5), True),
        ((-0.6, 0.1, 3.5), False),  # 0.1 above the ball
        ((0.3, 0.5, 4.9), False),  # 0.1 before the wall
        ((0.3, 0.5, 5.5), False),  # behind it
        ((0.3, 50.0, 0.5), False),  # above the house
        ((-0.6, -0.5, 3.5), False),  # in the ball
    ],
)
def test_a_camera_must_be_free(noisy_room: MitsubaScene, origin: tuple[float, float, float], free: bool) -> None:
    own = noisy_room.camera()
    around = mitsuba_cameras._look_around(noisy_room, own, 0, seed=0)
    clearance = CLEARANCE * around.distance
    assert clearance > 0.15
    to_world = own.to_world.copy()
    to_world[:3, 3] = origin
    assert mitsuba_cameras._is_free(noisy_room, own, Camera(to_world, 50.0, own.resolution), clearance) == free


def test_near_cameras_see_what_the_scenes_own_sees(noisy_room: MitsubaScene) -> None:
    own, *others = seeded_cameras(noisy_room, 4, seed=3, near=True)
    distance = mitsuba_cameras._look_around(noisy_room, own, 0, seed=3).distance
    for camera in others:
        assert 0 < np.linalg.norm(camera.origin - own.origin) <= mitsuba_cameras.NEAR_MOVE[1] * distance * 1.001
        assert camera.to_world[:3, 2] @ own.to_world[:3, 2] > 0.995  # turned by what a step of 6 % asks for
        assert camera.fov_deg == own.fov_deg


def test_cameras_look_at_something_lit(noisy_room: MitsubaScene, cameras: list[Camera]) -> None:
    light = [render_color(noisy_room, camera, spp=64, seed=1)[0].mean() for camera in cameras]
    assert min(light) > 0.05 * light[0]  # chosen at 0.1 by a render of few samples


def test_points_to_look_at_are_where_the_scene_is(tmp_path: Path) -> None:
    """Far from the unit cube: positions must not be clamped to it."""
    far = '<transform name="to_world"><translate x="-20" y="3" z="-9"/></transform>'
    ball = shape("sphere", '<translate x="-20" y="3" z="-4"/>', matte("0.2, 0.7, 0.3"))
    scene = load(tmp_path, PATH, sensor(content=far), ball, SKY)
    for camera in seeded_cameras(scene, 4, seed=0)[1:]:
        to_ball = np.array([-20, 3, -4]) - camera.origin
        assert camera.to_world[:3, 2] @ to_ball / np.linalg.norm(to_ball) > 0.9


def test_distances_are_exact(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, sensor(), SPHERE.format(""), SKY)
    found = cast_rays(scene, np.array([0.3, -0.2, 0.0]), np.array([[0, 0, 1.0], [0, 0, -1], [0, 1, 0]]))
    np.testing.assert_allclose(found, [3, np.inf, np.inf], rtol=1e-6)


def test_casting_rays_from_another_place_compiles_nothing(variant: str, noisy_room: MitsubaScene) -> None:
    if variant.startswith("scalar"):
        pytest.skip("the scalar variants have no kernels")
    import drjit as dr

    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        cast_rays(noisy_room, np.zeros(3), around(128))
        dr.kernel_history_clear()
        cast_rays(noisy_room, np.array([0.1, 0.2, 0.3]), around(128))
        assert all(kernel["cache_hit"] for kernel in dr.kernel_history() if "cache_hit" in kernel)


def test_the_probe_render_is_small_whichever_way_the_picture_lies(noisy_room: MitsubaScene) -> None:
    own = noisy_room.camera()
    sizes = [(1920, 1080), (1080, 1920), (1, 5000), (7, 7)]
    small = [mitsuba_cameras._small(Camera(own.to_world, own.fov_deg, size)).resolution for size in sizes]
    assert small == [(24, 14), (14, 24), (1, 24), (24, 24)]


def test_a_camera_that_sees_nothing_is_told(tmp_path: Path) -> None:
    behind = shape("sphere", '<translate z="-5"/>', matte("0.5, 0.5, 0.5"))
    scene = load(tmp_path, PATH, sensor(), behind, SKY)
    with pytest.raises(SceneError, match=rf"^{scene.path}: its camera sees no geometry.*--path"):
        seeded_cameras(scene, 2, seed=0)


def test_a_tiny_box_has_room_for_cameras_of_its_size(tmp_path: Path) -> None:
    box = shape("cube", '<scale value="0.05"/>', '<bsdf type="twosided">' + matte("0.5, 0.6, 0.7") + "</bsdf>")
    light = shape("sphere", '<scale value="0.004"/><translate y="0.04"/>', '<emitter type="area"/>')
    scene = load(tmp_path, PATH, sensor(), box, light)
    for camera in seeded_cameras(scene, 4, seed=0):
        assert np.abs(camera.origin).max() < 0.05


def test_no_free_place_is_told(noisy_room: MitsubaScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_cameras, "CLEARANCE", 10.0)
    with pytest.raises(SceneError, match=r"no free and lit place for view 1 in 60 tries .*--path"):
        seeded_cameras(noisy_room, 2, seed=0)
