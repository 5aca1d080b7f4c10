"""AOVs of what is seen through glass and in mirrors: exact where there is one answer, statistical where lobes mix."""

from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from small_scenes import SKY, load, matte, sensor, shape, use_variant

from renderer_bridge.frame import Image
from renderer_bridge.mitsuba_aovs import KINDS, MOST_SURFACES, AovKind, kind_for
from renderer_bridge.mitsuba_render import render_aovs
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.mitsuba_variant import set_variant

PATH = '<integrator type="path"/>'
NAMES = ["albedo", "sh_normal"]
WIDTH, HEIGHT = 8, 5
CAMERA = sensor(WIDTH, HEIGHT)
WALL = "0.2, 0.6, 0.4"
WALL_COLOR = np.array([0.2, 0.6, 0.4])
TINT = np.array([0.9, 0.8, 0.5])
MIRROR = '<bsdf type="conductor"><rgb name="specular_reflectance" value="0.9, 0.8, 0.5"/></bsdf>'
BEHIND = shape("rectangle", '<scale value="50"/><translate z="-2"/>', matte(WALL))  # faces +z, as the camera does
BLACK_BEHIND = shape("rectangle", '<scale value="50"/><translate z="-2"/>', matte("0, 0, 0"))


@pytest.fixture(scope="module", params=["fast", "scalar"], autouse=True)
def variant(request: pytest.FixtureRequest) -> str:
    return set_variant("scalar") if request.param == "scalar" else use_variant()


def ahead(z: float, material: str) -> str:
    """A wall before the camera that fills its view and faces it."""
    return shape("rectangle", f'<scale value="50"/><rotate y="1" angle="180"/><translate z="{z}"/>', material)


def aovs(scene: MitsubaScene, spp: int = 4, seed: int = 1, kind: AovKind = "first-diffuse") -> tuple[Image, Image]:
    """Albedo and normal, (H, W, 3) each."""
    layers = render_aovs(scene, scene.camera(), NAMES, spp=spp, seed=seed, kind=kind)
    return layers["albedo"], layers["normal"]


def assert_all(image: Image, value: Any, tolerance: float = 1e-5) -> None:
    """Every pixel is `value` but for float32 rounding, or but for `tolerance`."""
    np.testing.assert_allclose(image, np.broadcast_to(np.asarray(value, np.float32), image.shape), atol=tolerance)


def textured(extra: str = "") -> tuple[str, ...]:
    """A checkered wall before the camera and a black one behind it."""
    check = '<texture name="reflectance" type="checkerboard"><transform name="to_uv"><scale value="30"/></transform>'
    return PATH, CAMERA, extra, BLACK_BEHIND, ahead(6, f'<bsdf type="diffuse">{check}</texture></bsdf>')


# ---------------------------------------------------------------------------------------------------------------------
# Exact


def test_a_mirror_shows_the_walls_albedo_and_normal(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, CAMERA, ahead(3, MIRROR), BEHIND)
    albedo, normal = aovs(scene)
    assert_all(albedo, WALL_COLOR * TINT)
    assert_all(normal, [0, 0, 1])  # that of the wall, as it is in the world
    albedo, normal = aovs(scene, kind="first-hit")
    assert_all(albedo, 0)
    assert_all(normal, [0, 0, -1])


@pytest.mark.slow
def test_two_mirrors_multiply(tmp_path: Path) -> None:
    corner = shape("rectangle", '<scale value="50"/><rotate y="1" angle="-135"/><translate z="3"/>', MIRROR)
    back = shape("rectangle", '<scale value="50"/><rotate y="1" angle="90"/><translate x="-20"/>', matte(WALL))
    side = shape("rectangle", '<scale value="50"/><rotate y="1" angle="-90"/><translate x="20"/>', matte(WALL))
    albedo, normal = aovs(load(tmp_path, PATH, CAMERA, corner, back, side))
    assert_all(albedo, WALL_COLOR * TINT)
    assert_all(np.abs(normal), [1, 0, 0])


def test_glass_that_hardly_bends_shows_the_texture_behind_it(tmp_path: Path) -> None:
    glass = '<bsdf type="dielectric"><float name="int_ior" value="1.000001"/><float name="ext_ior" value="1"/></bsdf>'
    slab = shape("cube", '<scale x="40" y="40" z="0.5"/><translate z="3"/>', glass)
    bare, _ = aovs(load(tmp_path / "bare", *textured()), spp=128)
    assert bare.std() > 0.05  # there is a texture to be seen
    albedo, normal = aovs(load(tmp_path / "slab", *textured(slab)), spp=128)
    assert np.abs(albedo - bare).max() < 6 * 0.1 * np.sqrt(2 / 128)  # squares are 0.2 or 0.4; significance 3e-7
    assert_all(normal, [0, 0, -1])


def test_a_diffuse_scene_is_the_same_in_both_kinds(tmp_path: Path) -> None:
    ball = shape("sphere", '<translate z="4"/>', matte("0.3, 0.6, 0.1"))
    bumps = np.random.default_rng(0).integers(100, 156, (8, 8, 3), dtype=np.uint8)
    bumps[..., 2] = 255
    imageio.imwrite(tmp_path / "bumps.png", bumps)
    file = '<string name="filename" value="bumps.png"/><boolean name="raw" value="true"/>'
    texture = f'<texture name="normalmap" type="bitmap">{file}</texture>'
    bumped = f'<bsdf type="normalmap">{texture}{matte("0.5, 0.5, 0.5")}</bsdf>'
    parts = (PATH, CAMERA, ball, shape("rectangle", '<translate x="1" z="5"/>', bumped), BEHIND, SKY)
    scene = load(tmp_path, *parts)
    names = [*NAMES, "position", "depth"]
    ours, stock = (render_aovs(scene, scene.camera(), names, spp=8, seed=3, kind=kind) for kind in KINDS)
    for name in ("albedo", "normal", "depth"):
        np.testing.assert_array_equal(ours[name], stock[name])
    np.testing.assert_allclose(ours["position"], stock["position"], atol=1e-5)  # rounded in another way


def test_positions_and_depths_are_those_of_the_first_surface(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, CAMERA, ahead(3, MIRROR), BEHIND)
    ours, stock = (
        render_aovs(scene, scene.camera(), ["depth", "position"], spp=4, seed=2, kind=kind) for kind in KINDS
    )
    for name in ("depth", "position"):
        np.testing.assert_allclose(ours[name].mean((0, 1)), stock[name].mean((0, 1)), atol=0.05)
    assert_all(ours["position"][..., 2], 3, 1e-5)


def test_what_leaves_the_scene_is_white_with_the_first_surfaces_normal(tmp_path: Path) -> None:
    albedo, normal = aovs(load(tmp_path, PATH, CAMERA, ahead(3, MIRROR), SKY))
    assert_all(albedo, TINT)
    assert_all(normal, [0, 0, -1])
    for kind in KINDS:  # seen without a mirror, there is nothing
        for layer in aovs(load(tmp_path / kind, PATH, CAMERA, BEHIND, SKY), kind=kind):
            assert_all(layer, 0)


def test_the_way_between_two_mirrors_ends(tmp_path: Path) -> None:
    scene = load(
        tmp_path, PATH, CAMERA, ahead(3, MIRROR), shape("rectangle", '<scale value="500"/><translate z="-2"/>', MIRROR)
    )
    albedo, _ = aovs(scene)
    assert_all(albedo, TINT**MOST_SURFACES)


def test_the_seed_decides(tmp_path: Path) -> None:
    glass = shape("sphere", '<translate z="4"/>', '<bsdf type="dielectric"/>')
    scene = load(tmp_path, PATH, CAMERA, glass, BEHIND, ahead(6, matte("0.7, 0.1, 0.1")))
    once, again, other = aovs(scene, seed=1), aovs(scene, seed=1), aovs(scene, seed=2)
    for one, two, three in zip(once, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_kinds_by_variant() -> None:
    assert [kind_for(name) for name in ("llvm_ad_rgb", "cuda_ad_rgb", "scalar_rgb")] == [
        *["first-diffuse"] * 2,
        "first-hit",
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Lobes that mix


def test_glass_mixes_what_it_lets_through_and_what_it_reflects(tmp_path: Path) -> None:
    pane = ahead(3, '<bsdf type="thindielectric"><float name="int_ior" value="1.5"/></bsdf>')
    scene = load(tmp_path, PATH, CAMERA, pane, BLACK_BEHIND, ahead(6, matte("1, 1, 1")))
    albedo, _ = aovs(scene, spp=64)
    middle = albedo[2, 3:5].mean()  # 128 samples near normal incidence
    reflected = 2 * 0.04 / (1 + 0.04)  # of both faces of a pane of index 1.5
    assert abs(middle - (1 - reflected)) < 4 * np.sqrt(reflected / 128)  # significance 6e-5


@pytest.mark.slow
def test_a_mask_lets_through_its_share(tmp_path: Path) -> None:
    leaf = f'<bsdf type="mask"><float name="opacity" value="0.25"/>{matte("0, 0, 0")}</bsdf>'
    albedo, normal = aovs(load(tmp_path, PATH, CAMERA, ahead(3, leaf), ahead(6, matte("1, 1, 1"))), spp=32)
    count = 32 * WIDTH * HEIGHT
    assert abs(albedo.mean() - 0.75) < 4 * np.sqrt(0.25 * 0.75 / count)  # significance 6e-5
    assert_all(normal, [0, 0, -1])


@pytest.mark.slow
def test_a_coat_is_left_out_unless_it_is_seen_at_a_grazing_angle(tmp_path: Path) -> None:
    plastic = '<bsdf type="plastic"><rgb name="diffuse_reflectance" value="0.1, 0.3, 0.5"/></bsdf>'
    own = np.array([0.1, 0.3, 0.5])
    for kind in KINDS:
        albedo, normal = aovs(load(tmp_path / kind, PATH, CAMERA, ahead(3, plastic), BEHIND), kind=kind)
        assert_all(albedo, own)
        assert_all(normal, [0, 0, -1])
    narrow = CAMERA.replace('value="50"', 'value="1"')
    floor = shape("rectangle", '<scale value="90"/><rotate x="1" angle="-95"/><translate z="9"/>', plastic)
    far = shape("rectangle", '<scale value="900"/><rotate y="1" angle="180"/><translate z="300"/>', matte(WALL))
    albedo, normal = aovs(load(tmp_path / "grazing", PATH, narrow, floor, far), spp=64)
    share = (albedo[2, 4, 0] - own[0]) / (WALL_COLOR[0] - own[0])
    cosine, eta = np.cos(np.radians(85)), 1.49 / 1.000277  # Mitsuba's plastic
    inside = np.sqrt(1 - (1 - cosine**2) / eta**2)
    parallel, across = (
        (eta * cosine - inside) / (eta * cosine + inside),
        (cosine - eta * inside) / (cosine + eta * inside),
    )
    fresnel = (parallel**2 + across**2) / 2
    assert abs(share - fresnel) < 0.03  # a degree of view changes it by 0.05
    assert_all(albedo[2, 4], own + share * (WALL_COLOR - own), 1e-4)


@pytest.mark.slow
def test_polished_metal_is_a_mirror_and_rough_metal_is_not(tmp_path: Path) -> None:
    metal = (
        '<bsdf type="roughconductor"><string name="material" value="none"/><float name="alpha" value="{}"/>'
        '<rgb name="specular_reflectance" value="0.9, 0.8, 0.5"/></bsdf>'
    )
    polished, seen = aovs(load(tmp_path / "polished", PATH, CAMERA, ahead(3, metal.format(0.005)), BEHIND), spp=16)
    followed = polished.mean((0, 1))
    np.testing.assert_allclose(followed, WALL_COLOR * TINT, rtol=0.1)  # 2 % of samples, in the lobe's tail, do not
    assert seen[..., 2].mean() > 0.95
    rough, own = aovs(load(tmp_path / "rough", PATH, CAMERA, ahead(3, metal.format(0.4)), BEHIND), spp=16)
    assert_all(own, [0, 0, -1])
    np.testing.assert_allclose(rough / rough[..., :1], np.broadcast_to(TINT / TINT[0], rough.shape), rtol=1e-4)
    assert 0.7 < rough[..., 0].mean() < 0.9  # what the metal reflects, less what its bumps shade


@pytest.mark.slow
def test_the_way_ends_at_glass_that_holds_a_medium(tmp_path: Path) -> None:
    milk = '<medium name="interior" type="homogeneous"><rgb name="sigma_t" value="0.9, 0.9, 0.9"/></medium>'
    for integrator, through in (("path", True), ("volpath", False)):
        ball = shape("sphere", '<scale value="30"/><translate z="40"/>', f'<bsdf type="dielectric"/>{milk}')
        far = shape("rectangle", '<scale value="900"/><rotate y="1" angle="180"/><translate z="90"/>', matte("0, 0, 0"))
        scene = load(tmp_path / integrator, f'<integrator type="{integrator}"/>', CAMERA, ball, far, BLACK_BEHIND)
        albedo, _ = aovs(scene, spp=16)
        assert (albedo[2, 4] < 0.2).all() if through else (albedo[2, 4] > 0.8).all()  # 0.04 is reflected
