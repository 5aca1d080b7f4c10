"""Scenes of Mitsuba 0.5 and 0.6 written for Mitsuba 3: element by element without Mitsuba, then a few real loads."""

import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_scenes import PATH, SKY, SPHERE, sensor, use_variant, write

from renderer_bridge.errors import N2NWarning, SceneError
from renderer_bridge.legacy import Translation, translate
from renderer_bridge.legacy.bsdfs import REPLACEMENTS
from renderer_bridge.legacy.colors import blackbody
from renderer_bridge.legacy.lobes import alpha_of_exponent, fresnel, fresnel_diffuse
from renderer_bridge.legacy.media import DEFAULT_PRESET, PRESETS, diffuse_albedo, scattering


def old(folder: Path, *parts: str, version: str = "0.6.0") -> Translation:
    """The translation of a scene of these parts."""
    return translate(write(folder / "scene.xml", *parts, version=version))


def root_of(translation: Translation) -> ET.Element:
    return ET.fromstring(translation.text)


def only(folder: Path, *parts: str) -> ET.Element:
    """The first element of a translated scene that is neither integrator nor sensor."""
    root = root_of(old(folder, PATH, *parts))
    assert root.get("version") == "3.0.0"
    return next(child for child in root if child.tag not in ("integrator", "sensor"))


def values(element: ET.Element) -> dict[str, str]:
    return {child.get("name", ""): child.get("value", "") for child in element if child.get("value") is not None}


def floats(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


def bsdf(kind: str, content: str = "", identity: str = "m") -> str:
    return f'<bsdf type="{kind}" id="{identity}">{content}</bsdf>'


def number(name: str, value: float | str, tag: str = "float") -> str:
    return f'<{tag} name="{name}" value="{value}"/>'


def gray(name: str, value: float) -> str:
    return number(name, value, "spectrum")


# ---------------------------------------------------------------------------------------------------------------------
# Spelling


@pytest.mark.parametrize("version", ["0.5.0", "0.6.0", "3.0.0"])
def test_old_names_are_renamed_whatever_the_version(tmp_path: Path, version: str) -> None:
    look = '<transform name="toWorld"><lookAt origin="0, 0, 1" target="0 0 0" up="0 1 0"/></transform>'
    film = (
        '<film type="hdrfilm"><integer name="cropOffsetX" value="2"/><boolean name="attachLog" value="false"/></film>'
    )
    parts = f'<sensor type="perspective">{number("nearClip", 0.1)}{look}{film}</sensor>'
    found = next(root_of(old(tmp_path, PATH, parts, version=version)).iter("sensor"))
    assert {child.get("name") for child in found if child.get("name")} == {"near_clip", "to_world"}
    assert next(found.iter("lookat")).get("origin") == "0, 0, 1"
    assert values(next(found.iter("film"))) == {"crop_offset_x": "2"}


def test_values_are_written_as_mitsuba_3_reads_them(tmp_path: Path) -> None:
    content = (
        number("maxDepth", "7.0") + number("hideEmitters", "TRUE", "boolean") + number("strictNormals", "1", "bool")
    )
    found = root_of(old(tmp_path, f'<integrator type="path">{content}</integrator>'))[0]
    assert [(child.tag, child.get("value")) for child in found] == [("integer", "7"), ("boolean", "true")]
    lens = number("focalLength", "50") + number("fov", "40", "integer")
    found = next(root_of(old(tmp_path, f'<sensor type="perspective">{lens}</sensor>')).iter("sensor"))
    assert [(child.tag, child.get("name")) for child in found] == [("float", "fov")]


def test_rotations_without_an_axis_are_left_out(tmp_path: Path) -> None:
    steps = '<rotate x="0" angle="90"/><rotate y="1" angle="90"/><rotate angle="0"/>'
    found = only(tmp_path, f'<shape type="sphere"><transform name="toWorld">{steps}</transform></shape>')
    assert [step.attrib for step in found[0]] == [{"y": "1", "angle": "90"}]


def test_elements_of_versions_before_0_5(tmp_path: Path) -> None:
    old_light = '<shape type="sphere"><luminaire type="area"><rgb name="intensity" value="3"/></luminaire></shape>'
    light = next(only(tmp_path, old_light).iter("emitter"))
    assert light.get("type") == "area" and values(light) == {"radiance": "3, 3, 3"}


def test_foreign_elements_attributes_and_properties_are_left_out_and_told(tmp_path: Path) -> None:
    content = number("wobble", 1) + number("flipNormals", "true", "boolean")
    shape = f'<shape type="sphere" shader="x">{content}</shape>'
    translation = old(tmp_path, PATH, "<dpt/>", "<null/>", shape)
    found = root_of(translation)[1]
    assert found.attrib == {"type": "sphere"} and values(found) == {"flip_normals": "true"}
    assert len(translation.notes) == 2 and "<dpt>" in translation.notes[0] and "'wobble'" in translation.notes[1]


def test_an_animation_stands_still(tmp_path: Path) -> None:
    moves = [f'<transform time="{t}"><translate x="{t}"/></transform>' for t in (1, 2)]
    found = only(tmp_path, f'<shape type="sphere"><animation name="toWorld">{"".join(moves)}</animation></shape>')
    assert found[0].attrib == {"name": "to_world"} and found[0][0].get("x") == "1"


# ---------------------------------------------------------------------------------------------------------------------
# Parameters and included files


def test_parameters_take_the_value_given_or_their_default(tmp_path: Path) -> None:
    path = write(
        tmp_path / "scene.xml",
        number("r", 2, "default"),
        number("ra", 3, "default"),
        '<shape type="sphere"><float name="radius" value="$ra$r"/><string name="unit" value="\\$1"/></shape>',
        PATH,
    )
    assert values(next(root_of(translate(path)).iter("shape")))["radius"] == "32"  # the longer name first
    assert values(next(root_of(translate(path, {"r": "5"})).iter("shape")))["radius"] == "35"
    with pytest.raises(SceneError, match=r"unused parameters \$x$"):
        translate(path, {"x": "1"})


def test_parameters_without_value_are_all_told_but_for_how_to_render(tmp_path: Path) -> None:
    content = number("maxDepth", "$depth", "integer") + number("rrDepth", 4, "integer")
    how = f'<integrator type="$method">{content}</integrator>'
    translation = old(tmp_path, how, SPHERE.format(""))
    assert root_of(translation)[0].get("type") == "path"
    assert values(root_of(translation)[0]) == {"rr_depth": "4"}
    assert "how to render" in translation.notes[0] and "$method, $depth" in translation.notes[0]
    with pytest.raises(SceneError, match=r"undefined parameter: \$a, \$b; give it with -D"):
        old(tmp_path, PATH, SPHERE.format(number("radius", "$a $b")))


def test_included_files_stand_in_their_place(tmp_path: Path) -> None:
    write(tmp_path / "part" / "Inner.xml", number("size", 2, "default"), SPHERE.format(number("radius", "$size")))
    (tmp_path / "part" / "one.xml").write_text('<bsdf type="diffuse" version="0.6.0" id="white"/>')
    inner = [f'<include filename="{name}"/>' for name in ("part\\inner.xml", "part/one.xml")]
    root = root_of(old(tmp_path, PATH, *inner))
    assert [child.tag for child in root] == ["integrator", "shape", "bsdf"]
    assert values(root[1])["radius"] == "2"
    write(tmp_path / "loop.xml", '<include filename="loop.xml"/>')
    with pytest.raises(SceneError, match="nested more than 15 deep"):
        translate(tmp_path / "loop.xml")


# ---------------------------------------------------------------------------------------------------------------------
# Colors


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ('<spectrum name="radiance" value="0.5"/>', [0.5, 0.5, 0.5]),
        ('<spectrum name="radiance" value="1 0.5, 2"/>', [1, 0.5, 2]),
        ('<rgb name="radiance" value="#ff8000"/>', [1, 128 / 255, 0]),
        ('<srgb name="radiance" value="#ff8000"/>', [1, 0.215861, 0]),
        ('<srgb name="radiance" value="0.5"/>', [0.214041] * 3),
        ('<xyz name="radiance" value="0.9505 1 1.089"/>', [1, 1, 1]),  # D65 is white
        ('<rgb name="radiance" value="4" intent="illuminant"/>', [4, 4, 4]),
    ],
)
def test_colors_become_linear_rgb(tmp_path: Path, element: str, expected: list[float]) -> None:
    found = only(tmp_path, f'<emitter type="constant">{element}</emitter>')[0]
    assert found.tag == "rgb"
    np.testing.assert_allclose(floats(found.get("value", "")), expected, atol=2e-3)  # the sRGB matrix has 4 digits


def test_spectra_over_wavelengths_stay_and_bins_get_them(tmp_path: Path) -> None:
    found = only(tmp_path, '<emitter type="constant"><spectrum name="radiance" value="400:1, 700:2"/></emitter>')[0]
    assert (found.tag, found.get("value")) == ("spectrum", "400:1, 700:2")
    found = only(tmp_path, '<emitter type="constant"><spectrum name="radiance" value="1 2 3 4 5"/></emitter>')[0]
    assert found.get("value", "").startswith("407:1, 501:2")  # 360 to 830 nm in five bins


def test_a_black_body_at_6500_kelvin_is_nearly_white_and_follows_planck() -> None:
    day, lamp = np.array(blackbody(6500)), np.array(blackbody(2800, 2.0))
    assert np.ptp(day / day.mean()) < 0.15  # D65 is daylight, a little greener than a black body
    assert lamp[0] > 3 * lamp[2]
    # Planck at 555 nm and 6500 K, where the eye's weights have their middle: 42 kW / (m^2 sr nm), flat within 10 %
    assert float(day @ [0.2126, 0.7152, 0.0722]) == pytest.approx(4.2e4, rel=0.1)


def test_reflectances_are_scaled_into_range(tmp_path: Path) -> None:
    translation = old(tmp_path, PATH, bsdf("plastic", '<rgb name="diffuseReflectance" value="255 128 0"/>'))
    assert floats(values(root_of(translation)[1])["diffuse_reflectance"]) == pytest.approx([1, 128 / 255, 0])
    assert "outside [0, 1]" in translation.notes[0]


# ---------------------------------------------------------------------------------------------------------------------
# Materials


def test_a_phong_material_reflects_as_much_by_the_same_width(tmp_path: Path) -> None:
    content = number("exponent", 49.5) + gray("diffuseReflectance", 0.3) + gray("specularReflectance", 0.1)
    found = only(tmp_path, bsdf("phong", content))
    assert (found.get("type"), found.get("id")) == ("blendbsdf", "m")
    weight = float(values(found)["weight"])
    base, lobe = list(found.iter("bsdf"))[1:]
    assert (1 - weight) * floats(values(base)["reflectance"])[0] == pytest.approx(0.3)
    assert weight * floats(values(lobe)["specular_reflectance"])[0] == pytest.approx(0.1)
    assert float(values(lobe)["alpha"]) == pytest.approx(0.1)  # 1 / sqrt(2 n + 1)


def test_more_than_all_light_is_scaled_down_as_0_6_did(tmp_path: Path) -> None:
    found = only(tmp_path, bsdf("phong", gray("diffuseReflectance", 0.9) + gray("specularReflectance", 0.6)))
    weight = float(values(found)["weight"])
    base, lobe = list(found.iter("bsdf"))[1:]
    assert (1 - weight) * floats(values(base)["reflectance"])[0] == pytest.approx(0.9 / 1.5)
    assert weight * floats(values(lobe)["specular_reflectance"])[0] == pytest.approx(0.6 / 1.5)


def test_a_textured_phong_keeps_its_texture_and_a_dull_one_is_diffuse(tmp_path: Path) -> None:
    board = '<texture type="checkerboard" name="diffuseReflectance"/>'
    found = only(tmp_path, bsdf("phong", board + gray("specularReflectance", 0.25)))
    assert float(values(found)["weight"]) == pytest.approx(0.2)  # of 1 + 0.25
    assert found[1][0].attrib == {"type": "checkerboard", "name": "reflectance"}
    found = only(tmp_path, bsdf("phong", gray("diffuseReflectance", 0.25) + gray("specularReflectance", 0)))
    assert found.get("type") == "diffuse" and values(found) == {"reflectance": "0.25, 0.25, 0.25"}


def test_a_highlight_of_a_cosine_power_is_as_wide_as_beckmanns() -> None:
    """Half maximum: of cos^n at the angle r of the reflection, of Beckmann's distribution at half of it."""
    for exponent in (20.0, 100.0, 1000.0):
        angle = np.arccos(0.5 ** (1 / exponent)) / 2
        beckmann = np.exp(-((np.tan(angle) / alpha_of_exponent(exponent)) ** 2))
        assert beckmann == pytest.approx(0.5, abs=0.02)  # the two shapes differ where the angle is not small


def test_wards_alphas_stay(tmp_path: Path) -> None:
    found = only(tmp_path, bsdf("ward", number("alphaU", 0.05) + number("alphaV", 0.3)))
    lobe = values(list(found.iter("bsdf"))[2])
    assert (lobe["alpha_u"], lobe["alpha_v"]) == ("0.05", "0.3") and "alpha" not in lobe


def test_a_coated_diffuse_is_plastic_of_the_same_reflectance(tmp_path: Path) -> None:
    inner = bsdf("diffuse", gray("reflectance", 0.6), "inner")
    found = only(tmp_path, bsdf("coating", number("intIOR", 1.5) + number("extIOR", 1) + inner))
    shown = values(found)
    assert found.get("type") == "plastic" and float(shown["int_ior"]) == 1.5
    base = floats(shown["diffuse_reflectance"])[0]
    assert base / (1 - base * fresnel_diffuse(1 / 1.5)) == pytest.approx(0.6, rel=1e-5)
    absorbing = number("thickness", 2) + gray("sigmaA", 0.25)
    found = only(tmp_path, bsdf("roughcoating", number("alpha", 0.2) + absorbing + inner))
    darker = floats(values(found)["diffuse_reflectance"])[0]
    assert found.get("type") == "roughplastic" and values(found)["alpha"] == "0.2"
    through = darker / (1 - darker * fresnel_diffuse(1.000277 / 1.5046))
    assert through == pytest.approx(0.6 * np.exp(-2 * 2 * 0.25), rel=1e-5)  # in and out through a layer 2 thick


def test_a_coated_metal_gets_a_mirror_blended_in(tmp_path: Path) -> None:
    found = only(tmp_path, bsdf("coating", bsdf("roughconductor", number("alpha", 0.3), "inner")))
    assert found.get("type") == "blendbsdf" and found[1].get("id") == "inner"
    assert float(values(found)["weight"]) == pytest.approx(0.092, abs=0.002)  # of glass in air, over all directions


def test_a_mixture_is_blended_two_by_two_and_black_takes_the_rest(tmp_path: Path) -> None:
    parts = "".join(bsdf("diffuse", gray("reflectance", r), f"p{r}") for r in (0.2, 0.4, 0.8))
    found = only(tmp_path, bsdf("mixturebsdf", '<string name="weights" value="0.2, 0.3, 0.1"/>' + parts))
    shares: dict[str, float] = {}

    def walk(element: ET.Element, share: float) -> None:
        if element.get("type") == "blendbsdf":
            weight = float(values(element)["weight"])
            walk(element[1], share * (1 - weight))
            walk(element[2], share * weight)
        else:
            shares[element.get("id", "black")] = share

    walk(found, 1.0)
    assert shares == pytest.approx({"p0.2": 0.2, "p0.4": 0.3, "p0.8": 0.1, "black": 0.4})


@pytest.mark.parametrize("kind", sorted(REPLACEMENTS))
def test_every_replaced_material_is_told_once_and_keeps_its_id(tmp_path: Path, kind: str) -> None:
    translation = old(tmp_path, PATH, bsdf(kind), bsdf(kind, "", "n"))
    root = root_of(translation)
    assert [child.get("id") for child in root[1:]] == ["m", "n"] and root[1].get("type") != kind
    told = [note for note in translation.notes if f"'{kind}'" in note]
    assert len(told) == 1 and "(2 times, first 'm')" in told[0]


def test_metals_of_forks(tmp_path: Path) -> None:
    content = (
        number("alphaU", 0.3) + '<rgb name="R0" value="0.9 0.6 0.3"/>' + number("scatteringOrderMax", 20, "integer")
    )
    found = only(tmp_path, bsdf("roughconductorGGX", content))
    assert found.get("type") == "roughconductor"
    assert values(found) == {
        **{"distribution": "ggx", "material": "none", "alpha_u": "0.3", "alpha_v": "0.1"},
        "specular_reflectance": "0.9, 0.6, 0.3",
    }


@pytest.mark.parametrize(("found", "expected"), [("phong", "beckmann"), ("as", "beckmann"), ("GGX", "ggx")])
def test_microfacet_distributions(tmp_path: Path, found: str, expected: str) -> None:
    element = only(tmp_path, bsdf("roughconductor", f'<string name="distribution" value="{found}"/>'))
    assert values(element)["distribution"] == expected


def test_rough_plastic_has_one_constant_alpha(tmp_path: Path) -> None:
    found = only(tmp_path, bsdf("roughplastic", number("alphaU", 0.1) + number("alphaV", 0.4)))
    assert float(values(found)["alpha"]) == pytest.approx(0.2)
    found = only(tmp_path, bsdf("roughplastic", '<texture name="alpha" type="checkerboard"/>'))
    assert values(found) == {"alpha": "0.1"}


def test_fresnel() -> None:
    assert fresnel(1.0, 1.5) == pytest.approx(0.04)
    assert fresnel(0.1, 1 / 1.5) == 1.0  # total internal reflection
    assert fresnel_diffuse(1.0) == pytest.approx(0.0, abs=1e-12)
    assert fresnel_diffuse(1 / 1.5) == pytest.approx(0.596, abs=0.002)  # Egan and Hilgeman 1973, for n = 1.5


# ---------------------------------------------------------------------------------------------------------------------
# Textures, media, lights, cameras


def test_bitmaps(tmp_path: Path) -> None:
    (tmp_path / "t.png").touch()
    content = [
        '<string name="filename" value="t.png"/>',
        '<string name="filterType" value="ewa"/>',
        '<string name="wrapMode" value="mirror"/>',
        number("gamma", 1) + number("uscale", 2) + number("voffset", 0.5),
    ]
    found = only(tmp_path, f'<texture type="ldrtexture" id="t">{"".join(content)}</texture>')
    assert found.get("type") == "bitmap"
    told = {"filename": "t.png", "filter_type": "bilinear", "wrap_mode": "mirror", "raw": "true"}
    assert values(found) == told
    scale, move = next(found.iter("transform"))
    assert (scale.tag, scale.attrib) == ("scale", {"x": "2", "y": "1"})
    assert (move.tag, move.attrib) == ("translate", {"x": "0", "y": "0.5"})


def test_a_scaled_bump_map_keeps_its_scale(tmp_path: Path) -> None:
    board = '<texture type="checkerboard"/>'
    bump = f'<texture type="scale"><float name="scale" value="3"/>{board}</texture><bsdf type="diffuse"/>'
    translation = old(tmp_path, PATH, bsdf("bumpmap", bump))
    found = root_of(translation)[1]
    assert values(found) == {"scale": "3"} and not translation.notes
    assert [child.get("type") for child in found if child.get("type")] == ["checkerboard", "diffuse"]


def test_media_of_presets_and_of_coefficients(tmp_path: Path) -> None:
    found = only(
        tmp_path, '<medium type="homogeneous" id="milk"><string name="material" value="Regular Milk"/></medium>'
    )
    scattered, absorbed = (np.array(each) * 100 for each in PRESETS["regular milk"][:2])
    np.testing.assert_allclose(
        np.array(floats(values(found)["sigma_t"])) * float(values(found)["scale"]), scattered + absorbed, rtol=1e-5
    )
    np.testing.assert_allclose(floats(values(found)["albedo"]), scattered / (scattered + absorbed), rtol=1e-5)
    assert float(values(next(found.iter("phase")))["g"]) == pytest.approx(0.715)
    content = gray("sigmaS", 3) + gray("sigmaA", 1) + number("scale", 2) + '<phase type="isotropic"/>'
    found = only(tmp_path, f'<medium type="homogeneous">{content}</medium>')
    assert values(found) == {"sigma_t": "1, 1, 1", "albedo": "0.75, 0.75, 0.75", "scale": "8"}
    assert [each.get("type") for each in found.iter("phase")] == ["isotropic"]


def test_what_only_bounds_a_medium_lets_light_pass(tmp_path: Path) -> None:
    inside = '<medium type="homogeneous" name="interior"/>'
    assert [each.get("type") for each in only(tmp_path, SPHERE.format(inside)).iter("bsdf")] == ["null"]
    solid = only(tmp_path, SPHERE.format(inside + '<bsdf type="dielectric"/>'))
    assert [each.get("type") for each in solid.iter("bsdf")] == ["dielectric"]


def test_a_grid_of_densities_lies_where_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "smoke.vol").touch()
    grid = '<volume type="gridvolume" name="density"><string name="filename" value="smoke.vol"/></volume>'
    cached = f'<volume type="volcache" name="density">{grid}</volume>'
    for content in (grid, cached):
        found = next(only(tmp_path, f'<medium type="heterogeneous">{content}</medium>').iter("volume"))
        assert (found.get("type"), found.get("name")) == ("gridvolume", "sigma_t")
        assert values(found) == {"filename": "smoke.vol", "use_grid_bbox": "true", "raw": "true"}


def test_media_of_mitsuba_3_stay(tmp_path: Path) -> None:
    medium = '<medium type="homogeneous"><rgb name="albedo" value="0.5"/></medium>'
    found = next(root_of(old(tmp_path, PATH, medium, version="3.0.0")).iter("medium"))
    assert values(found) == {"albedo": "0.5, 0.5, 0.5"}


def test_what_lies_under_a_surface_becomes_its_color(tmp_path: Path) -> None:
    inner = '<subsurface type="dipole"><string name="material" value="Skimmilk"/></subsurface>'
    found = only(tmp_path, SPHERE.format(inner + '<bsdf type="roughplastic"/>'))
    (material,) = found.iter("bsdf")
    assert material.get("type") == "plastic"
    assert all(0.6 < each < 1 for each in floats(values(material)["diffuse_reflectance"]))  # skimmed milk is white
    ketchup = ET.fromstring('<subsurface><string name="material" value="ketchup"/></subsurface>')
    red, _, blue = diffuse_albedo(scattering(ketchup))
    assert red > 5 * blue
    assert scattering(ET.Element("subsurface")).index == PRESETS[DEFAULT_PRESET][3]


@pytest.mark.parametrize(("kind", "sun", "sky"), [("sky", "0", "3"), ("sun", "3", "0"), ("sunsky", "3", "3")])
def test_daylight(tmp_path: Path, kind: str, sun: str, sky: str) -> None:
    content = number("scale", 3) + number("turbidity", 4) + number("stretch", 1.2)
    found = only(tmp_path, f'<emitter type="{kind}">{content}</emitter>')
    shown = values(found)
    assert found.get("type") == "sunsky" and (shown["sun_scale"], shown["sky_scale"]) == (sun, sky)
    assert shown["turbidity"] == "4" and shown["albedo"] == "0.2, 0.2, 0.2" and "stretch" not in shown


def test_a_sun_and_a_sky_become_one(tmp_path: Path) -> None:
    root = root_of(old(tmp_path, PATH, '<emitter type="sun"/>', f'<emitter type="sky">{number("scale", 2)}</emitter>'))
    (light,) = root.iter("emitter")
    assert (values(light)["sun_scale"], values(light)["sky_scale"]) == ("1", "2")


def test_films_samplers_and_sensors_that_are_gone(tmp_path: Path) -> None:
    film = '<film type="ldrfilm"><string name="pixelFormat" value="rgb"/><string name="fileFormat" value="png"/></film>'
    found = next(
        root_of(old(tmp_path, f'<sensor type="telecentric">{film}<sampler type="sobol"/></sensor>')).iter("sensor")
    )
    assert [child.get("type") for child in found.iter() if child.get("type")] == [
        "orthographic",
        "hdrfilm",
        "independent",
    ]
    assert values(next(found.iter("film"))) == {"pixel_format": "rgb"}


def test_plugins_of_forks_give_way_to_the_simplest_and_those_of_mitsuba_3_stay(tmp_path: Path) -> None:
    velvet = bsdf("velvet", gray("diffuseReflectance", 0.3))
    parts = [
        PATH,
        velvet,
        bsdf("layers", bsdf("plastic", "", "p"), "l"),
        '<sensor type="coded"/>',
        '<emitter type="ies"/>',
    ]
    translation = old(tmp_path, *parts)
    root = root_of(translation)
    assert [child.get("type") for child in root] == ["path", "diffuse", "plastic", "perspective"]
    assert values(root[1]) == {"reflectance": "0.3, 0.3, 0.3"} and root[2].get("id") == "l"
    assert sum("is a plugin that is not known" in note for note in translation.notes) == 4
    assert root_of(old(tmp_path, PATH, velvet, version="3.0.0"))[1].get("type") == "velvet"


def test_shapes_and_lights_without_a_like_are_left_out(tmp_path: Path) -> None:
    translation = old(tmp_path, PATH, '<shape type="heightfield"/>', '<emitter type="collimated"/>')
    assert len(root_of(translation)) == 1 and len(translation.notes) == 2


# ---------------------------------------------------------------------------------------------------------------------
# Never an exception but SceneError

TAGS = [
    *("shape", "bsdf", "texture", "emitter", "sensor", "film", "sampler", "integrator", "medium", "phase", "volume"),
    *("float", "integer", "boolean", "string", "rgb", "srgb", "spectrum", "blackbody", "xyz", "transform", "animation"),
    *("ref", "include", "default", "alias", "path", "subsurface", "lookAt", "point", "null", "unknown"),
]
KINDS = [
    *REPLACEMENTS,
    "roughplastic",
    "bumpmap",
    "normalmap",
    "scale",
    "gridtexture",
    "bitmap",
    "sky",
    "sun",
    "sunsky",
]
KINDS += [
    "homogeneous",
    "heterogeneous",
    "volcache",
    "mixturephase",
    "obj",
    "sphere",
    "envmap",
    "aov",
    "path",
    "ldrfilm",
]
NAMES = ["alpha", "alphaU", "intIOR", "weights", "diffuseReflectance", "reflectance", "sigmaS", "sigmaT", "albedo", "g"]
NAMES += [
    "exponent",
    "thickness",
    "scale",
    "uscale",
    "filename",
    "toWorld",
    "maxDepth",
    "fov",
    "focalLength",
    "density",
]
TEXTS = st.sampled_from(
    ["0.5", "-1", "1e400", "nan", "1 2 3", "#12345g", "", "$x", "a\\b.MIP", "400:1", "Cu"]
) | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
LEAF = st.builds(
    lambda tag, kind, name, identity, text: (tag, {"type": kind, "name": name, "id": identity, "value": text}),
    st.sampled_from(TAGS),
    st.sampled_from(KINDS),
    st.sampled_from(NAMES),
    st.sampled_from("ab"),
    TEXTS,
)
TREE = st.recursive(LEAF.map(lambda leaf: (leaf, [])), lambda inner: st.tuples(LEAF, st.lists(inner, max_size=3)))


def built(tree: tuple) -> ET.Element:  # type: ignore[type-arg]
    (tag, attributes), children = tree
    element = ET.Element(tag, {key: text for key, text in attributes.items() if text})
    element.extend(built(child) for child in children)
    return element


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def test_what_is_unknown_within_what_is_unknown_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "scene.xml"
    path.write_text(
        '<scene version="0.5.0"><bsdf type="thatch" id="a"><shape type="straw"/></bsdf></scene>', encoding="utf-8"
    )
    translated = translate(path)
    assert "straw" not in translated.text and 'type="diffuse"' in translated.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TREE, max_size=4), st.booleans(), st.sampled_from(["0.5.0", "0.6.0", "3.0.0", "x", ""]))
def test_any_scene_is_translated_or_refused_in_one_sentence(
    folder: Path,
    trees: list[tuple],
    skip: bool,
    version: str,  # type: ignore[type-arg]
) -> None:
    root = ET.Element("scene", {"version": version})
    root.extend(built(tree) for tree in trees)
    path = folder / "scene.xml"
    ET.ElementTree(root).write(path, encoding="utf-8")
    try:
        again = translate(path, skip_missing=skip)
    except SceneError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert ET.fromstring(again.text).get("version") == "3.0.0"
        (folder / "again.xml").write_text(again.text, encoding="utf-8")
        assert translate(folder / "again.xml").text.count("<") == again.text.count("<")  # nothing is left to do


@given(st.binary(max_size=80))
@example(b"<scene>" * 5000)
@settings(deadline=None)
def test_any_bytes_are_refused_in_one_sentence(folder: Path, content: bytes) -> None:
    path = folder / "bytes.xml"
    path.write_bytes(content)
    try:
        translate(path)
    except SceneError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


# ---------------------------------------------------------------------------------------------------------------------
# Real loads of tiny scenes


@pytest.fixture(scope="module")
def strict() -> Iterator[object]:
    """Mitsuba itself, which refuses what it does not know."""
    use_variant()
    import mitsuba as mi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", N2NWarning)
        yield mi


@pytest.mark.parametrize("kind", sorted(REPLACEMENTS))
def test_mitsuba_loads_every_replaced_material(strict: object, tmp_path: Path, kind: str) -> None:
    texture = '<texture type="checkerboard" name="diffuseReflectance"/>'
    inner = bsdf("diffuse", gray("reflectance", 0.4), "inner")
    nested = (
        inner if kind in ("coating", "roughcoating", "mixturebsdf") else texture if kind in ("phong", "ward") else ""
    )
    text = old(tmp_path, PATH, sensor(), SPHERE.format(bsdf(kind, nested)), SKY).text
    assert isinstance(strict.load_string(text), strict.Scene)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "part",
    [
        '<emitter type="sunsky"><float name="hour" value="12"/><float name="sunRadiusScale" value="4"/></emitter>',
        '<emitter type="constant"><blackbody name="radiance" temperature="3200K" scale="1e-3"/></emitter>',
        SKY + '<medium type="homogeneous" id="m"><string name="material" value="ketchup"/></medium>',
        SKY + '<texture type="gridtexture" id="t"/><texture type="wireframe" id="u"/><texture type="vertexcolors"/>',
        SKY + bsdf("bumpmap", '<texture type="scale"><float name="scale" value="2"/></texture><bsdf type="diffuse"/>'),
        SKY
        + '<medium type="homogeneous"><phase type="mixturephase">'
        + 2 * '<phase type="kkay"/>'
        + "</phase></medium>",
    ],
)
def test_mitsuba_loads_what_was_replaced(strict: object, tmp_path: Path, part: str) -> None:
    text = old(tmp_path, PATH, sensor(), SPHERE.format(""), part).text
    assert isinstance(strict.load_string(text), strict.Scene)  # type: ignore[attr-defined]


def test_the_sun_stands_where_it_stood(strict: object, tmp_path: Path) -> None:
    """In Tokyo on 10 July 2010 at 15 h it was in the west, 46 degrees high: -x and +y in Mitsuba 0.6."""
    text = old(tmp_path, PATH, sensor(), '<emitter type="sun"/>').text
    scene = strict.load_string(text)  # type: ignore[attr-defined]
    x, y, z = np.array(strict.traverse(scene.emitters()[0])["sun_direction"]).ravel()  # type: ignore[attr-defined]
    assert (x, y) == pytest.approx((-0.69, 0.72), abs=0.01) and abs(z) < 0.1
