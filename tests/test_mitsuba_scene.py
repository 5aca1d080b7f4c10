"""Scenes of all versions and with all faults: what is mended, what is told, what is refused."""

import warnings
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from small_scenes import HEIGHT, PATH, SKY, SPHERE, WIDTH, load, sensor, use_variant, write

from renderer_bridge.camera_path import horizontal_fov, look_at
from renderer_bridge.errors import N2NWarning, SceneError
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE, camera_of, load_scene

BALL = SPHERE.format("")
FOG = '<medium name="interior" type="homogeneous"/>'
FOG_BALL = SPHERE.format('<bsdf type="null"/>' + FOG)


@pytest.fixture(scope="module", autouse=True)
def variant() -> str:
    return use_variant()


def integrator(kind: str, content: str = "") -> str:
    return f'<integrator type="{kind}">{content}</integrator>'


def max_depth(value: int) -> str:
    return f'<integer name="max_depth" value="{value}"/>'


# ---------------------------------------------------------------------------------------------------------------------
# Versions, properties, parameters


@pytest.mark.parametrize("version", ["0.5.0", "0.6.0"])
def test_old_versions_with_camel_case_are_upgraded(tmp_path: Path, version: str) -> None:
    old = [
        '<integrator type="path"><integer name="maxDepth" value="3"/></integrator>',
        '<sensor type="perspective"><float name="fov" value="40"/><transform name="toWorld">'
        '<lookat origin="0, 0, -5" target="0, 0, 0" up="0, 1, 0"/></transform>'
        '<film type="ldrfilm"><integer name="width" value="12"/><integer name="height" value="8"/></film></sensor>',
        SPHERE.format('<bsdf type="plastic"><rgb name="diffuseReflectance" value="0.2, 0.4, 0.6"/></bsdf>'),
        SKY,
    ]
    scene = load_scene(write(tmp_path / "old.xml", *old, version=version))
    assert "max_depth = 3" in str(scene.integrator)
    camera = scene.camera()
    assert camera.resolution == (12, 8) and camera.origin.tolist() == [0.0, 0.0, -5.0]


def test_unknown_properties_are_told_and_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.xml", PATH, sensor(), SPHERE.format('<float name="wobble" value="3"/>'), SKY)
    with pytest.warns(N2NWarning) as told:
        load_scene(path)
    (message,) = (str(warning.message) for warning in told)
    assert message.startswith(f"{path}: ") and "wobble" in message
    assert "\n" not in message and "\x1b" not in message


def test_many_warnings_from_many_threads_are_all_told(tmp_path: Path) -> None:
    balls = [SPHERE.format(f'<float name="wobble{i}" value="3"/>') for i in range(60)]
    with pytest.warns(N2NWarning) as told:
        load(tmp_path, PATH, sensor(), *balls, SKY)
    assert len(told) == 60


def test_parameters_are_given_by_name(tmp_path: Path) -> None:
    ball = SPHERE.format('<float name="radius" value="$r"/>')
    path = write(tmp_path / "scene.xml", '<default name="depth" value="5"/>', integrator("path", max_depth(0)), ball)
    path.write_text(path.read_text().replace('value="0"', 'value="$depth"').replace("</scene>", sensor() + "</scene>"))
    scene = load_scene(path, defines={"r": "0.25"})
    assert "max_depth = 5" in str(scene.integrator)
    assert np.ptp(np.array(scene.scene.bbox().extents())) < 1e-6 and scene.defines == {"r": "0.25"}
    assert float(scene.scene.bbox().extents().x) == pytest.approx(0.5)
    with pytest.raises(SceneError, match=rf"^{path}: .*undefined parameter: \$r"):
        load_scene(path)
    with pytest.raises(SceneError, match=rf"^{path}: .*unused parameters.*other"):
        load_scene(path, defines={"r": "1", "other": "2"})


# ---------------------------------------------------------------------------------------------------------------------
# Integrators


@pytest.mark.parametrize("kind", ["path", "volpath", "volpathmis", "direct"])
def test_path_tracers_are_kept(tmp_path: Path, kind: str) -> None:
    content = "" if kind == "direct" else max_depth(7)
    scene = load(tmp_path, integrator(kind, content), sensor(), BALL, SKY)
    assert scene.integrator_name == kind
    assert kind == "direct" or "max_depth = 7" in str(scene.integrator)


@pytest.mark.parametrize("wrappers", [["aov"], ["moment"], ["aov", "moment"]])
def test_a_wrapped_path_tracer_is_unwrapped(tmp_path: Path, wrappers: list[str]) -> None:
    wrapped = integrator("volpath", max_depth(7) + '<boolean name="hide_emitters" value="true"/>')
    for wrapper in wrappers:
        aovs = '<string name="aovs" value="a:albedo"/>' if wrapper == "aov" else ""
        wrapped = integrator(wrapper, aovs + wrapped)
    with pytest.warns(N2NWarning, match="was replaced by 'volpath', which it wraps"):
        scene = load(tmp_path, wrapped, sensor(), BALL, SKY)
    assert scene.integrator_name == "volpath"
    assert "max_depth = 7" in str(scene.integrator)


@pytest.mark.parametrize("kind", ["photonmapper", "ptracer", "our_own_plugin"])
def test_other_integrators_are_replaced_and_their_depth_kept(tmp_path: Path, kind: str) -> None:
    with pytest.warns(N2NWarning) as told:
        scene = load(tmp_path, integrator(kind, max_depth(7)), sensor(), BALL, SKY)
    (message,) = (str(warning.message) for warning in told)
    assert f"integrator '{kind}' cannot render noisy pairs and was replaced by 'path'" in message
    assert scene.integrator_name == "path" and "max_depth = 7" in str(scene.integrator)


def test_a_wrapped_unusable_integrator_gives_its_depth(tmp_path: Path) -> None:
    wrapped = integrator("aov", '<string name="aovs" value="a:albedo"/>' + integrator("photonmapper", max_depth(7)))
    with pytest.warns(N2NWarning) as told:
        scene = load(tmp_path, wrapped, sensor(), BALL, SKY)
    assert len(told) == 1 and "max_depth = 7" in str(scene.integrator)


def test_a_scene_with_media_gets_a_volumetric_path_tracer(tmp_path: Path) -> None:
    with pytest.warns(N2NWarning, match="replaced by 'volpath'"):
        scene = load(tmp_path, integrator("photonmapper", max_depth(9)), sensor(), FOG_BALL, SKY)
    assert scene.integrator_name == "volpath" and "max_depth = 9" in str(scene.integrator)


@pytest.mark.parametrize(("ball", "name"), [(BALL, "path"), (FOG_BALL, "volpath")])
def test_a_scene_without_integrator_gets_one(tmp_path: Path, ball: str, name: str) -> None:
    with pytest.warns(N2NWarning, match=f"has no integrator; '{name}' is used"):
        scene = load(tmp_path, sensor(), ball, SKY)
    assert scene.integrator_name == name and scene.integrator is not None


# ---------------------------------------------------------------------------------------------------------------------
# Sensors and films


def film(scene: Any, index: int = 0) -> Any:
    return scene.sensors[index].film()


def test_all_sensors_are_reachable_and_others_refused(tmp_path: Path) -> None:
    far = '<transform name="to_world"><translate z="-3"/></transform>'
    lens = '<float name="aperture_radius" value="0.1"/><float name="focus_distance" value="2"/>'
    sensors = [sensor(), sensor(20, 10, far), sensor(8, 8, lens, "thinlens"), '<sensor type="orthographic"/>']
    scene = load(tmp_path, PATH, *sensors, BALL, SKY)
    assert scene.camera(0).origin.tolist() == [0.0, 0.0, 0.0]
    assert scene.camera(1).origin.tolist() == [0.0, 0.0, -3.0] and scene.camera(1).resolution == (20, 10)
    assert scene.camera(2).fov_deg == pytest.approx(50.0)
    with pytest.raises(SceneError, match=r"sensor 3 is of class Ortho.*; a perspective one is needed"):
        scene.camera(3)
    for index in (4, -1):
        with pytest.raises(SceneError, match=f"no sensor {index}; it has 4, numbered from 0"):
            scene.camera(index)


@pytest.mark.parametrize(
    ("asked", "resolution"),
    [
        ({}, (40, 20)),
        ({"width": 20}, (20, 10)),
        ({"height": 30}, (60, 30)),
        ({"width": 10, "height": 30}, (10, 30)),
        ({"height": 1}, (2, 1)),
        ({"width": 1}, (1, 1)),
    ],
)
def test_another_size_keeps_a_vertical_field_of_view(
    tmp_path: Path, asked: dict[str, int], resolution: tuple[int, int]
) -> None:
    axis = '<string name="fov_axis" value="y"/>'
    path = write(tmp_path / "scene.xml", PATH, sensor(40, 20, axis), BALL, SKY)
    camera = load_scene(path, **asked).camera()
    assert camera.resolution == resolution
    # Mitsuba computes with 24 bits.
    assert camera.fov_deg == pytest.approx(horizontal_fov(50.0, "y", resolution), rel=1e-5)


@pytest.mark.parametrize(
    "kind",
    [
        '<film type="hdrfilm"><integer name="width" value="12"/><integer name="height" value="8"/>'
        '<integer name="crop_width" value="3"/><integer name="crop_height" value="2"/>'
        '<integer name="crop_offset_x" value="1"/><rfilter type="gaussian"/></film>',
        '<film type="specfilm"><integer name="width" value="12"/><integer name="height" value="8"/></film>',
        '<film type="hdrfilm"><integer name="width" value="12"/><integer name="height" value="8"/>'
        '<string name="pixel_format" value="luminance"/><rfilter type="no_such_filter"/></film>',
    ],
)
def test_every_film_becomes_a_plain_one(tmp_path: Path, kind: str) -> None:
    scene = load(tmp_path, PATH, f'<sensor type="perspective">{kind}<sampler type="multijitter"/></sensor>', BALL, SKY)
    assert scene.camera().resolution == (12, 8)
    assert tuple(film(scene).crop_size()) == (12, 8) and tuple(film(scene).crop_offset()) == (0, 0)
    assert film(scene).rfilter().class_name() == "BoxFilter"
    assert "rgb" in str(film(scene)).lower()
    assert scene.sensors[0].sampler().class_name() == "IndependentSampler"


def test_a_sensor_without_film_gets_one(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.xml", PATH, '<sensor type="perspective"/>', BALL, SKY)
    scene = load_scene(path, width=24)
    assert scene.camera().resolution == (24, 18)  # Mitsuba's own film is 768x576
    assert film(scene).rfilter().class_name() == "BoxFilter"


def test_a_sensor_can_be_placed_anew(tmp_path: Path) -> None:
    scene = load(tmp_path, PATH, sensor(), BALL, SKY)
    to_world = look_at(np.array([1.0, 2.0, -3.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    camera = camera_of(scene.place(0, Camera(to_world, 33.0, (9, 4))))
    np.testing.assert_allclose(camera.to_world, to_world, atol=1e-6)  # Mitsuba keeps 24 bits
    assert camera.fov_deg == pytest.approx(33.0, rel=1e-5)
    film = (9, 4) if scene.variant.startswith("scalar") else (16, 10)  # elsewhere its size would be in the kernels
    assert camera.resolution == film
    assert scene.camera().resolution == (WIDTH, HEIGHT) and not scene.camera().origin.any()  # its own is not forgotten


# ---------------------------------------------------------------------------------------------------------------------
# Files beside the scene


def test_textures_are_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mitsuba as mi

    before = mi.file_resolver()
    texture = '<texture name="reflectance" type="bitmap"><string name="filename" value="maps/t.png"/></texture>'
    path = write(
        tmp_path / "scene" / "scene.xml", PATH, sensor(), SPHERE.format(f'<bsdf type="diffuse">{texture}</bsdf>')
    )
    (tmp_path / "scene" / "maps").mkdir()
    imageio.imwrite(tmp_path / "scene" / "maps" / "t.png", np.full((2, 2, 3), 128, np.uint8))
    monkeypatch.chdir(tmp_path)
    load_scene("scene/scene.xml")
    load_scene(path)
    assert mi.file_resolver() is before or list(mi.file_resolver()) == list(before)


def test_the_shipped_scene_loads_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_scene(BUILTIN_SCENE, width=32).camera().resolution == (32, 24)


# ---------------------------------------------------------------------------------------------------------------------
# Bad scenes: one sentence that names the file


def textured(name: str) -> str:
    inside = f'<texture name="reflectance" type="bitmap"><string name="filename" value="{name}"/></texture>'
    return SPHERE.format(f'<bsdf type="diffuse">{inside}</bsdf>')


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([textured("no_such.png")], "no_such.png"),
        ([textured("scene.xml")], "bitmap"),
        (['<shape type="ply"><string name="filename" value="no_such.ply"/></shape>'], "no_such.ply"),
        ([SPHERE.format('<bsdf type="no_such_bsdf"/>')], "no_such_bsdf"),
        ([SPHERE.format('<ref id="no_such_id"/>')], "no_such_id"),
        ([SPHERE.format('<float name="radius" value="wide"/>')], "wide"),
        (['<include filename="no_such.xml"/>'], "no_such.xml"),
        ([PATH], "Only one integrator"),
        (["<shape"], r"XML.*line 1"),
        (['<sensor type="no_such_sensor"/>'], "no_such_sensor"),
        ([sensor(content='<transform name="to_world"><scale value="2"/></transform>')], "Scale factors"),
    ],
)
def test_bad_scenes(tmp_path: Path, parts: list[str], reason: str) -> None:
    path = write(tmp_path / "scene.xml", PATH, sensor(), *parts)
    with pytest.raises(SceneError, match=rf"^{path}: cannot be loaded: .*{reason}") as caught:
        load_scene(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "hello", "<scene>", "\0\0", '<scene version="3.0.0"><\xe9></scene>'])
def test_files_that_are_no_scene(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scene.xml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SceneError, match=rf"^{path}: cannot be loaded: "):
        load_scene(path)


def test_other_things_than_a_scene(tmp_path: Path) -> None:
    path = tmp_path / "scene.xml"
    path.write_text('<sensor type="perspective" version="3.0.0"/>')
    with pytest.raises(SceneError, match=rf"^{path}: holds a .*; a <scene> is needed"), pytest.warns(N2NWarning):
        load_scene(path)
    with pytest.raises(SceneError, match=rf"^{path}: has no sensor"):
        load_scene(write(path, PATH, BALL))
    with pytest.raises(SceneError, match="no such file"):
        load_scene(tmp_path / "none.xml")
    with pytest.raises(SceneError, match="no such file"):
        load_scene(tmp_path)


def test_a_failed_load_leaves_mitsubas_log_and_folders_as_they_were(tmp_path: Path) -> None:
    import mitsuba as mi

    before = [mi.logger().appender(i) for i in range(mi.logger().appender_count())]
    with pytest.raises(SceneError):
        load_scene(write(tmp_path / "scene.xml", "<shape"))
    assert [mi.logger().appender(i) for i in range(mi.logger().appender_count())] == before
