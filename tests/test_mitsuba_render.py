"""Renders of scenes with known answers, and the statistics of their noise.

All seeds are fixed, so a statistical test gives the same answer every time; its significance says how unlikely a right
program was to fail on the day the seeds were chosen.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_scenes import HEIGHT, PATH, SKY, SPHERE, WIDTH, load, matte, room, sensor, shape, use_variant

from renderer_bridge import mitsuba_launch
from renderer_bridge.camera_path import look_at
from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_render import (
    render_aovs,
    render_color,
    render_frame,
    render_pair,
)
from renderer_bridge.mitsuba_scene import MitsubaScene

PIXELS = WIDTH * HEIGHT
EXACT = 1e-6  # relative; a mean of equal float32 values
STACK = 48  # independent renders for a statistical test

Array = NDArray[np.float64]


@pytest.fixture(scope="module", autouse=True)
def variant() -> str:
    return use_variant()


@pytest.fixture
def jit(variant: str) -> None:
    if variant.startswith("scalar"):
        pytest.skip("the scalar variants have no kernels and hide their samples")


@pytest.fixture(scope="module")
def noisy_room(variant: str, tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    return load(tmp_path_factory.mktemp("room"), *room())


def gray_stack(scene: MitsubaScene, seeds: range, spp: int = 1) -> Array:
    """Independent renders of luminance (N, H, W), through x / (1 + x) of their means: no firefly decides a test."""
    camera = scene.camera()
    renders = [render_color(scene, camera, spp=spp, seed=seed)[0].mean(axis=-1) for seed in seeds]
    stack = np.array(renders, dtype=np.float64)
    return np.asarray(stack / (1 + stack))


def z_of_means(a: Array, b: Array) -> Array:
    """Difference of the means of two stacks along axis 0 over its standard error; 0 where both have no spread."""
    error = np.sqrt(a.var(axis=0, ddof=1) / len(a) + b.var(axis=0, ddof=1) / len(b))
    return np.asarray((a.mean(axis=0) - b.mean(axis=0)) / np.maximum(error, 1e-12))


def assert_same_picture(a: Array, b: Array) -> None:
    """Two stacks of independent renders (N, H, W) have one expectation: as a whole, and pixel by pixel."""
    assert abs(z_of_means(a.mean(axis=(1, 2)), b.mean(axis=(1, 2)))) < 4  # significance 6e-5
    # |z| > 3.3 happens to a pixel with probability 1e-3 (2e-3 for the t distribution of small stacks). Of 160 pixels
    # more than 4 with probability 2e-5.
    assert np.sum(np.abs(z_of_means(a, b)) > 3.3) <= 4


# ---------------------------------------------------------------------------------------------------------------------
# Known answers


def test_a_constant_sky_is_exact(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, sensor(), SKY)
    rendered = render_frame(scene, scene.camera(), spp=3, seed=1, position=True, depth=True)
    np.testing.assert_allclose(rendered.frame.color, np.broadcast_to([0.5, 1, 2], (HEIGHT, WIDTH, 3)), rtol=EXACT)
    for name in ("albedo", "normal", "position", "depth"):
        assert not rendered.frame.layers()[name].any()
    assert rendered.invalid_samples == 0 and (rendered.frame.spp, rendered.frame.seed) == (3, 1)


def test_nothing_at_all_is_black(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, sensor())
    color, invalid = render_color(scene, scene.camera(), spp=2, seed=0)
    assert color.shape == (HEIGHT, WIDTH, 3) and not color.any() and invalid == 0


def test_a_lens_and_a_shutter_see_the_same_sky(tmp_path: Path) -> None:
    lens = '<float name="aperture_radius" value="0.1"/><float name="focus_distance" value="2"/>'
    shutter = '<float name="shutter_open" value="0.2"/><float name="shutter_close" value="0.8"/>'
    scene = load(tmp_path, PATH, sensor(content=lens + shutter, kind="thinlens"), SKY)
    color, _ = render_color(scene, scene.camera(), spp=2, seed=0)
    np.testing.assert_allclose(color, np.broadcast_to([0.5, 1, 2], color.shape), rtol=EXACT)


def test_a_lens_takes_another_size(tmp_path: Path) -> None:
    lens = '<float name="aperture_radius" value="0.1"/><float name="focus_distance" value="2"/>'
    scene = load(tmp_path, PATH, sensor(content=lens, kind="thinlens"), SKY)
    camera = dataclasses.replace(scene.camera(), resolution=(6, 4))
    color, _ = render_color(scene, camera, spp=2, seed=0)
    assert color.shape == (4, 6, 3)
    np.testing.assert_allclose(color, np.broadcast_to([0.5, 1, 2], color.shape), rtol=EXACT)


def test_furnace(tmp_path: Path) -> None:
    """A white ball under a uniform sky of 1 vanishes."""
    white_sky = '<emitter type="constant"/>'
    scene = load(tmp_path, PATH, sensor(), SPHERE.format(matte("1, 1, 1")), white_sky)
    stack = np.array([render_color(scene, scene.camera(), spp=4, seed=seed)[0] for seed in range(24)], np.float64)
    z = (stack.mean() - 1) / (stack.mean(axis=(1, 2, 3)).std(ddof=1) / np.sqrt(len(stack)))
    assert abs(z) < 4  # significance 6e-5 for a normal, 6e-4 for 24 values
    assert stack.std() > 0.01  # it is there


def test_a_diffuse_plane_reflects_albedo_times_sky(tmp_path: Path) -> None:
    wall = shape(
        "rectangle", '<scale value="9"/><rotate y="1" angle="180"/><translate z="3"/>', matte("0.5, 0.4, 0.25")
    )
    depth_2 = '<integrator type="path"><integer name="max_depth" value="2"/></integrator>'
    scene = load(tmp_path, depth_2, sensor(), wall, SKY)
    frames = [render_frame(scene, scene.camera(), spp=8, seed=seed).frame for seed in range(24)]
    means = np.array([frame.color.mean(axis=(0, 1)) for frame in frames], np.float64)
    z = (means.mean(axis=0) - [0.25, 0.4, 0.5]) / (means.std(axis=0, ddof=1) / np.sqrt(len(means)))
    assert np.abs(z).max() < 4.5  # three channels, significance 5e-4
    np.testing.assert_allclose(frames[0].albedo, np.broadcast_to([0.5, 0.4, 0.25], (HEIGHT, WIDTH, 3)), rtol=EXACT)
    np.testing.assert_allclose(frames[0].normal, np.broadcast_to([0, 0, -1], (HEIGHT, WIDTH, 3)), atol=EXACT)


def test_a_camera_inside_a_medium(tmp_path: Path) -> None:
    """Through 4 units of an absorbing medium of density 0.25 the sky has exp(-1) of its radiance."""
    fog = (
        '<medium type="homogeneous" id="fog"><rgb name="sigma_t" value="0.25"/><rgb name="albedo" value="0"/></medium>'
    )
    ball = shape("sphere", '<scale value="4"/>', '<bsdf type="null"/><ref name="interior" id="fog"/>')
    path = '<integrator type="volpath"><integer name="max_depth" value="8"/></integrator>'
    scene = load(
        tmp_path, path, fog, sensor(content='<ref name="medium" id="fog"/>'), ball, '<emitter type="constant"/>'
    )
    means = np.array([render_color(scene, scene.camera(), spp=4, seed=seed)[0].mean() for seed in range(24)])
    error = means.std(ddof=1) / np.sqrt(len(means))
    assert abs(means.mean() - np.exp(-1)) < 4 * error + 1e-5  # significance 6e-4; the sphere is met to 5 digits


# ---------------------------------------------------------------------------------------------------------------------
# Noise


@pytest.fixture(scope="module")
def halves(noisy_room: MitsubaScene) -> tuple[Array, Array]:
    """What is left of 48 A and 48 B halves of 1 spp when each one's mean picture is taken off."""
    a, b = (gray_stack(noisy_room, range(first, first + STACK)) for first in (0, 1000))
    return a, b


def correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_halves_show_the_same_picture(halves: tuple[Array, Array]) -> None:
    assert_same_picture(*halves)


def test_halves_have_independent_noise(halves: tuple[Array, Array]) -> None:
    a, b = (half - half.mean(axis=0) for half in halves)
    assert min(a.std(), b.std()) > 0.03  # there is noise
    assert abs(correlation(a, b)) < 4 / np.sqrt(a.size)  # significance 6e-5


def test_neighbouring_pixels_have_independent_noise(halves: tuple[Array, Array]) -> None:
    noise = halves[0] - halves[0].mean(axis=0)
    assert abs(correlation(noise[:, :, 1:], noise[:, :, :-1])) < 4 / np.sqrt(noise[:, :, 1:].size)
    assert abs(correlation(noise[:, 1:], noise[:, :-1])) < 4 / np.sqrt(noise[:, 1:].size)
    assert abs(correlation(noise[1:], noise[:-1])) < 4 / np.sqrt(noise[1:].size)  # and one seed from the next


def test_color_and_aovs_have_independent_noise(tmp_path: Path) -> None:
    """On a wall that glows in checks half a unit wide, a sample's color is a function of its place."""
    scale = '<transform name="to_uv"><scale value="18"/></transform>'
    checks = f'<emitter type="area"><texture type="checkerboard" name="radiance">{scale}</texture></emitter>'
    wall = shape(
        "rectangle", '<scale value="9"/><rotate y="1" angle="180"/><translate z="3"/>', matte("0,0,0") + checks
    )
    scene = load(tmp_path, PATH, sensor(), wall)
    frames = [render_frame(scene, scene.camera(), spp=1, seed=s, aov_spp=1, position=True).frame for s in range(40)]
    color = np.array([frame.color[..., 0] for frame in frames], np.float64)
    places = np.array([frame.layers()["position"] for frame in frames], np.float64)
    of_place = np.prod(np.sign(places[..., :2] % 1 - 0.5), axis=-1)
    noise = [stack - stack.mean(axis=0) for stack in (color, of_place)]
    assert abs(correlation(*noise)) < 4 / np.sqrt(color.size)  # significance 6e-5; with one stream it would be 1


def test_a_seed_gives_the_same_bits_and_another_seed_others(noisy_room: MitsubaScene) -> None:
    camera = noisy_room.camera()
    first = render_frame(noisy_room, camera, spp=2, seed=5, position=True, depth=True).frame
    render_frame(noisy_room, camera, spp=1, seed=6)
    again = render_frame(noisy_room, camera, spp=2, seed=5, position=True, depth=True).frame
    other = render_frame(noisy_room, camera, spp=2, seed=2**32 - 1).frame
    for name, layer in first.layers().items():
        np.testing.assert_array_equal(layer, again.layers()[name])
    assert np.mean(first.color == other.color) < 0.5


def test_a_pair_is_two_frames(noisy_room: MitsubaScene) -> None:
    camera = noisy_room.camera()
    pair = render_pair(noisy_room, camera, spp=2, seeds=(1, 2), aov_spp=3)
    alone = render_frame(noisy_room, camera, spp=2, seed=2, aov_spp=3).frame
    np.testing.assert_array_equal(pair.b.color, alone.color)
    np.testing.assert_array_equal(pair.b.layers()["albedo"], alone.layers()["albedo"])


def test_the_launch_agrees_with_mitsubas_own_render(noisy_room: MitsubaScene, halves: tuple[Array, Array]) -> None:
    import mitsuba as mi

    theirs = []
    for seed in range(STACK):
        image = mi.render(
            noisy_room.scene, sensor=noisy_room.sensor(0), integrator=noisy_room.integrator, spp=1, seed=seed
        )
        gray = np.array(image, dtype=np.float64)[..., :3].mean(axis=-1)
        theirs.append(gray / (1 + gray))
    assert_same_picture(halves[0], np.array(theirs))


# ---------------------------------------------------------------------------------------------------------------------
# Chunks


@pytest.mark.parametrize("limit", [PIXELS * 2, 100])  # several samples a launch, and parts of the picture
def test_chunked_renders_have_the_same_expectation(
    jit: None, noisy_room: MitsubaScene, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    whole = gray_stack(noisy_room, range(12), spp=3)
    sizes: list[int] = []
    waited: list[int] = []
    original = mitsuba_launch._jit

    def counted(launch: Any, pixels: slice, spp: int, seed: int) -> Any:
        sizes.append((pixels.stop - pixels.start) * spp)
        return original(launch, pixels, spp, seed)

    monkeypatch.setattr(mitsuba_launch, "CHUNK_SAMPLES", limit)
    monkeypatch.setattr(mitsuba_launch, "_jit", counted)
    monkeypatch.setattr(mitsuba_launch, "wait", lambda scene: waited.append(len(sizes)))
    assert_same_picture(whole, gray_stack(noisy_room, range(12), spp=3))
    assert sum(sizes) == 12 * PIXELS * 3 and max(sizes) <= limit
    assert len(waited) == len(sizes) - 12  # before all launches but the first of a picture: memory is bounded by one


def test_chunked_aovs_lie_where_they_belong(
    jit: None, noisy_room: MitsubaScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = noisy_room.camera()
    whole = render_aovs(noisy_room, camera, ["position"], spp=64, seed=1)["position"]
    monkeypatch.setattr(mitsuba_launch, "CHUNK_SAMPLES", 77)
    parts = render_aovs(noisy_room, camera, ["position"], spp=64, seed=1)["position"]
    # Positions differ by the jitter in a pixel, 0.3 wide at most here, over sqrt(64); a row is 0.2 to 0.6 away.
    assert np.quantile(np.abs(whole - parts), 0.95) < 0.05


# ---------------------------------------------------------------------------------------------------------------------
# Invalid samples

BROKEN = SPHERE.format('<emitter type="area"><rgb name="radiance" value="inf, 1, 1"/></emitter>')


def test_infinite_samples_are_counted_and_left_out(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, sensor(), BROKEN, SKY)
    color, invalid = render_color(scene, scene.camera(), spp=4, seed=3)
    depth = render_aovs(scene, scene.camera(), ["depth"], spp=256, seed=3)["depth"][..., 0]
    inside, outside = depth > 0.99 * depth.max(), depth == 0
    np.testing.assert_allclose(color[outside], np.broadcast_to([0.5, 1, 2], color[outside].shape), rtol=EXACT)
    black = (color == 0).all(axis=-1)
    assert black[inside].all() and inside.any()
    mixed = ~black & ~outside
    np.testing.assert_allclose(color[mixed], np.broadcast_to([0.5, 1, 2], color[mixed].shape), rtol=EXACT)
    assert 4 * black.sum() <= invalid <= 4 * (~outside).sum()


def test_nan_samples_are_left_out_one_by_one(jit: None, tmp_path: Path) -> None:
    import drjit as dr
    import mitsuba as mi

    class OftenNan(mi.SamplingIntegrator):  # type: ignore[misc, name-defined]
        """One sample in four is NaN, the others are 2."""

        def sample(self, scene: Any, sampler: Any, ray: Any, medium: Any = None, active: Any = True) -> Any:
            value = dr.select(sampler.next_1d() < 0.25, dr.nan, mi.Float(2.0))
            return mi.Color3f(1.0, value, 3.0), mi.Bool(True), []

    scene = dataclasses.replace(load(tmp_path, PATH, sensor(), SKY), integrator=OftenNan(mi.Properties()))
    color, invalid = render_color(scene, scene.camera(), spp=8, seed=1)
    lit = color.any(axis=-1)
    np.testing.assert_allclose(color[lit], np.broadcast_to([1, 2, 3], color[lit].shape), rtol=EXACT)
    assert lit.sum() >= PIXELS - 1  # a pixel is without any of 8 with probability 1.5e-5
    samples = 8 * PIXELS
    assert abs(invalid - samples / 4) < 4 * np.sqrt(samples * 0.25 * 0.75)  # significance 6e-5


# ---------------------------------------------------------------------------------------------------------------------
# AOVs


def test_layers_lie_in_their_ranges(noisy_room: MitsubaScene) -> None:
    frame = render_frame(noisy_room, noisy_room.camera(), spp=1, seed=1, position=True, depth=True).frame
    layers = frame.layers()
    assert list(layers) == ["color", "albedo", "normal", "position", "depth"]
    assert layers["albedo"].min() >= 0 and layers["albedo"].max() <= 1
    length = np.linalg.norm(layers["normal"], axis=-1)
    np.testing.assert_allclose(length, 1, atol=1e-5)  # in a closed room every pixel has a surface
    assert layers["position"].min() < -0.9  # negative coordinates are not cut off
    assert layers["position"].max() > 2 and layers["depth"].shape == (HEIGHT, WIDTH, 1)


def test_a_metals_albedo_is_clamped_sample_by_sample(jit: None, tmp_path: Path) -> None:
    """Half a pixel of an albedo far above 1 is not the same as a whole one: clamping the mean would say so."""
    metal = '<bsdf type="roughconductor"><string name="material" value="Ag"/><float name="alpha" value="0.05"/></bsdf>'
    scene = load(tmp_path, PATH, sensor(), SPHERE.format(metal), SKY)
    parts = [render_aovs(scene, scene.camera(), ["albedo"], spp=1, seed=seed)["albedo"] for seed in range(64)]
    whole = render_aovs(scene, scene.camera(), ["albedo"], spp=64, seed=99)["albedo"]
    # Standard error of two means of 64 values in [0, 1]: at most 0.09.
    np.testing.assert_allclose(np.mean(parts, axis=0), whole, atol=0.4)
    assert whole.max() <= 1 and abs(np.mean(parts) - whole.mean()) < 0.02


def tilted_camera() -> Camera:
    """Looks straight at a wall in the plane z = 3, rolled, 24x10 pixels."""
    to_world = look_at(np.array([0.4, -0.3, 0.5]), np.array([0.4, -0.3, 3.0]), np.array([0.3, 1.0, 0.0]))
    return Camera(to_world, 60.0, (24, 10))


def test_positions_project_back_into_their_own_pixels(tmp_path: Path) -> None:
    wall = shape("rectangle", '<scale value="9"/><rotate y="1" angle="180"/><translate z="3"/>', matte("0.5, 0.5, 0.5"))
    scene = load(tmp_path, PATH, sensor(), wall)
    camera = tilted_camera()
    layers = render_aovs(scene, camera, ["position", "depth"], spp=64, seed=2)
    assert layers["position"].shape == (10, 24, 3)
    local = (layers["position"] - camera.origin) @ camera.to_world[:3, :3]  # (H, W, 3): left, up, ahead
    scale = 24 / 2 / np.tan(np.radians(30))  # pixels per unit at distance 1: the field of view is horizontal
    column = 12 - local[..., 0] / local[..., 2] * scale
    row = 5 - local[..., 1] / local[..., 2] * scale
    off = np.stack([column - (np.arange(24) + 0.5), row - (np.arange(10)[:, None] + 0.5)])
    error = np.sqrt(1 / 12 / 64)  # a mean of 64 uniform places in a pixel
    assert np.abs(off).max() < 5 * error  # of 480 values: significance 3e-4
    assert np.abs(off.mean(axis=(1, 2))).max() < 4 * error / np.sqrt(240)  # half a pixel would be 200 times that
    distance = np.linalg.norm(layers["position"] - camera.origin, axis=-1)
    # The mean distance in a pixel is above that of its middle by the square of the pixel's angle, 0.05, at most.
    np.testing.assert_allclose(layers["depth"][..., 0], distance, rtol=2e-3)


# ---------------------------------------------------------------------------------------------------------------------
# Kernels


def compiled(history: list[dict[str, Any]]) -> int:
    return sum(not kernel["cache_hit"] for kernel in history if "cache_hit" in kernel)


def test_a_moving_camera_compiles_nothing(jit: None, noisy_room: MitsubaScene) -> None:
    import drjit as dr

    def frame(x: float, fov_deg: float, size: tuple[int, int], spp: int, seed: int) -> int:
        to_world = look_at(np.array([x, 0.1, 0.0]), np.array([0, 0, 3.0]), np.array([0.0, 1.0, 0.0]))
        dr.kernel_history_clear()
        render_frame(noisy_room, Camera(to_world, fov_deg, size), spp=spp, seed=seed, position=True, depth=True)
        return compiled(dr.kernel_history())

    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        frame(0.0, 50.0, (WIDTH, HEIGHT), 2, 0)
        frame(0.1, 50.0, (WIDTH, HEIGHT), 2, 1)
        assert frame(0.2, 50.0, (WIDTH, HEIGHT), 2, 2) == 0
        assert frame(-0.3, 63.0, (WIDTH, HEIGHT), 2, 3) == 0
        assert frame(-0.3, 63.0, (WIDTH, HEIGHT), 5, 4) == 0
        assert frame(-0.3, 63.0, (WIDTH + 5, HEIGHT + 1), 5, 4) == 0


def test_another_aspect_ratio_shows_what_a_film_of_that_size_would(
    jit: None, noisy_room: MitsubaScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = dataclasses.replace(noisy_room.camera(), resolution=(40, 90))
    names = ["position", "sh_normal"]
    ours = render_aovs(noisy_room, camera, names, spp=16, seed=1)
    monkeypatch.setattr("renderer_bridge.mitsuba_scene._is_off_centre", lambda parameters: True)
    film = render_aovs(noisy_room, camera, names, spp=16, seed=1)
    np.testing.assert_allclose(ours["position"], film["position"], atol=1e-3)  # float32 rounding of a film coordinate


# ---------------------------------------------------------------------------------------------------------------------
# The scalar variant, in a process of its own

SCALAR = """
import json, sys
from pathlib import Path
import numpy as np
from small_scenes import *
from test_mitsuba_render import BROKEN, gray_stack
from renderer_bridge.mitsuba_render import render_color, render_frame
from renderer_bridge.mitsuba_variant import set_variant

folder = Path(sys.argv[1])
set_variant("scalar")
noisy = load(folder / "room", *room())
np.save(folder / "stack.npy", gray_stack(noisy, range(48)))
frame = render_frame(noisy, noisy.camera(), spp=2, seed=5, position=True, depth=True).frame
again = render_frame(noisy, noisy.camera(), spp=2, seed=5, position=True, depth=True).frame
np.savez(folder / "layers.npz", **frame.layers())
broken = load(folder / "broken", PATH, sensor(), BROKEN, SKY)
color, invalid = render_color(broken, broken.camera(), spp=4, seed=3)
print(json.dumps({
    "invalid": invalid, "black": int((color == 0).all(axis=-1).sum()), "finite": bool(np.isfinite(color).all()),
    "lit": np.unique(color[color.any(axis=-1)].round(5), axis=0).tolist(),
    "same": bool((frame.color == again.color).all()),
}))
"""


def test_the_scalar_variant_agrees(noisy_room: MitsubaScene, halves: tuple[Array, Array], tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SCALAR, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    assert (done.returncode, done.stderr) == (0, "")  # Mitsuba prints no line for each invalid sample
    found = json.loads(done.stdout)
    assert found["same"] and found["finite"] and found["lit"] == [[0.5, 1.0, 2.0]]
    assert 4 * found["black"] <= found["invalid"] < 4 * PIXELS and found["invalid"] > 0
    assert_same_picture(halves[0], np.load(tmp_path / "stack.npy"))
    ours = render_frame(noisy_room, noisy_room.camera(), spp=2, seed=5, position=True, depth=True).frame.layers()
    theirs = np.load(tmp_path / "layers.npz")
    assert list(theirs) == list(ours)
    for name in ("albedo", "normal", "position", "depth"):
        # 8 samples of each pixel, jittered differently; most pixels have no edge, a place in them has 0.1 at most
        assert np.median(np.abs(theirs[name] - ours[name])) < 0.1
        assert theirs[name].min() >= (0 if name in ("albedo", "depth") else -4)


# ---------------------------------------------------------------------------------------------------------------------
# Errors


@pytest.mark.parametrize(("spp", "aov_spp", "found"), [(0, None, 0), (-3, None, -3), (1, 0, 0)])
def test_at_least_one_sample(noisy_room: MitsubaScene, spp: int, aov_spp: int | None, found: int) -> None:
    with pytest.raises(UsageError, match=rf"spp {found}: at least 1"):
        render_frame(noisy_room, noisy_room.camera(), spp=spp, seed=0, aov_spp=aov_spp)


def test_what_mitsuba_cannot_render_is_told(noisy_room: MitsubaScene) -> None:
    class Failing:
        def sample(self, *args: Any) -> Any:
            raise RuntimeError("out of\n  luck")

        def render(self, *args: Any, **options: Any) -> Any:
            raise RuntimeError("out of\n  luck")

    broken = dataclasses.replace(noisy_room, integrator=Failing())
    with pytest.raises(SceneError, match=r"scene.xml: Mitsuba cannot render it: out of luck$"):
        render_color(broken, broken.camera(), spp=1, seed=0)
