"""The alias table: which channels of which renderer are which of our layers."""

import pytest

from renderer_bridge.layers import (
    ALIASES,
    LAYERS,
    accepted_names,
    find_alpha,
    find_color_of_light,
    find_layer,
    find_named,
    is_camera_space,
    is_luminance_chroma,
    motion_signs,
)


def rgb(name: str, suffixes: str = "RGB") -> tuple[str, ...]:
    return tuple(f"{name}.{suffix}" for suffix in suffixes)


PLAIN = ("R", "G", "B")
OURS = [*PLAIN, *rgb("albedo"), *rgb("normal", "XYZ"), *rgb("position", "XYZ"), "depth.Z"]
MITSUBA = [*PLAIN, *rgb("img", "RGBA"), *rgb("albedo"), *rgb("nn", "XYZ"), *rgb("pos", "XYZ"), "dd.T"]
CYCLES = [
    *rgb("Composite.Combined", "RGBA"),
    *rgb("View Layer.Combined", "RGBA"),
    *rgb("View Layer.Noisy Image", "RGBA"),
    *rgb("View Layer.DiffCol"),
    *rgb("View Layer.Denoising Albedo"),
    *rgb("View Layer.Normal", "XYZ"),
    *rgb("View Layer.Denoising Normal", "XYZ"),
    *rgb("View Layer.Position", "XYZ"),
    "View Layer.Depth.Z",
]
PBRT = [*PLAIN, *rgb("Albedo"), *rgb("P", "XYZ"), "dzdx", "dzdy", *rgb("N", "XYZ"), *rgb("Ns", "XYZ"), "u", "v"]
PBRT_OLD = [*PLAIN, *rgb("Albedo"), "Px", "Py", "Pz", "Nx", "Ny", "Nz", "Nsx", "Nsy", "Nsz"]
ARNOLD = [*PLAIN, "A", *rgb("denoise_albedo"), *rgb("diffuse"), *rgb("N", "XYZ"), *rgb("P", "XYZ"), "Z"]
VRAY = [
    *PLAIN,
    "A",
    "diffuseFilter.red",
    "diffuseFilter.green",
    "diffuseFilter.blue",
    *rgb("VRayNormals", "XYZ"),
    *rgb("effectsResult"),
    "VRayZDepth.Z",
]

KARMA = [*rgb("C", "RGBA"), *rgb("C_key"), *rgb("albedo"), *rgb("hitN", "XYZ"), *rgb("hitP", "XYZ"), "hitPz.Z"]

EXPECTED = {
    "karma": (KARMA, rgb("C"), rgb("albedo"), rgb("hitN", "XYZ"), rgb("hitP", "XYZ"), ("hitPz.Z",)),
    "ours": (OURS, PLAIN, rgb("albedo"), rgb("normal", "XYZ"), rgb("position", "XYZ"), ("depth.Z",)),
    "mitsuba": (MITSUBA, PLAIN, rgb("albedo"), rgb("nn", "XYZ"), rgb("pos", "XYZ"), ("dd.T",)),
    "cycles": (
        CYCLES,
        rgb("View Layer.Noisy Image"),
        rgb("View Layer.Denoising Albedo"),
        rgb("View Layer.Denoising Normal", "XYZ"),
        rgb("View Layer.Position", "XYZ"),
        ("View Layer.Depth.Z",),
    ),
    "pbrt": (PBRT, PLAIN, rgb("Albedo"), rgb("Ns", "XYZ"), rgb("P", "XYZ"), None),
    "pbrt, older": (PBRT_OLD, PLAIN, rgb("Albedo"), ("Nsx", "Nsy", "Nsz"), ("Px", "Py", "Pz"), None),
    "arnold": (ARNOLD, PLAIN, rgb("denoise_albedo"), rgb("N", "XYZ"), rgb("P", "XYZ"), ("Z",)),
    "vray": (
        VRAY,
        PLAIN,
        ("diffuseFilter.red", "diffuseFilter.green", "diffuseFilter.blue"),
        rgb("VRayNormals", "XYZ"),
        None,
        ("VRayZDepth.Z",),
    ),
}


@pytest.mark.parametrize("renderer", EXPECTED)
@pytest.mark.parametrize("reordered", [False, True])
def test_every_layer_of_every_renderer(renderer: str, reordered: bool) -> None:
    names, *expected = EXPECTED[renderer]
    given = sorted(names) if reordered else names  # EXR files list channels by name
    assert [find_layer(given, layer) for layer in LAYERS if layer != "motion"] == expected


@pytest.mark.parametrize("renderer", EXPECTED)
def test_case_makes_no_difference(renderer: str) -> None:
    names, *expected = EXPECTED[renderer]
    lower = [name.lower() for name in names]
    assert [find_layer(lower, layer) for layer in LAYERS if layer != "motion"] == [
        tuple(name.lower() for name in found) if found else None for found in expected
    ]


def test_a_denoised_picture_is_taken_only_when_there_is_no_noisy_one() -> None:
    assert find_layer([*rgb("V.Combined"), *rgb("V.Noisy Image")], "color") == rgb("V.Noisy Image")
    assert find_layer([*rgb("effectsResult"), *PLAIN], "color") == PLAIN
    assert find_layer(rgb("effectsResult"), "color") == rgb("effectsResult")


def test_view_layers_come_before_blenders_composite() -> None:
    assert find_layer([*rgb("Composite.Combined"), *rgb("Mine.Combined")], "color") == rgb("Mine.Combined")


def test_luminance_is_gray_and_with_chroma_a_color() -> None:
    assert find_layer(["Y"], "color") == ("Y", "Y", "Y")
    assert find_layer(["BY", "RY", "Y"], "color") == ("Y", "RY", "BY")
    assert find_layer(["RY", "Y"], "color") is None
    assert is_luminance_chroma(("left.Y", "left.RY", "left.BY")) and not is_luminance_chroma(("Y", "Y", "Y"))


def test_motion_has_two_components() -> None:
    cycles = [f"ViewLayer.Vector.{suffix}" for suffix in "WXYZ"]
    assert find_layer([*PLAIN, *cycles], "motion") == ("ViewLayer.Vector.X", "ViewLayer.Vector.Y")
    assert find_layer([*PLAIN, *rgb("motionvector")], "motion") == ("motionvector.R", "motionvector.G")
    assert motion_signs(("ViewLayer.Vector.X", "ViewLayer.Vector.Y")) == (1, -1)
    assert motion_signs(("Vector.X", "Vector.Y")) == (1, -1)
    assert motion_signs(("motionvector.R", "motionvector.G")) is None


def test_a_layer_is_named_in_full_or_by_its_end() -> None:
    names = [*PLAIN, "A", *rgb("V.Glossy"), *rgb("glossy"), *rgb("C_key"), "mask.Y", *rgb("N", "XYZ")]
    assert find_named(names, "GLOSSY") == rgb("glossy")
    assert find_named(names, "v.glossy") == rgb("V.Glossy")
    assert find_named(names, "c_key") == rgb("C_key")
    assert find_named(names, "rgba") == find_named(names, "") == PLAIN
    assert find_named(names, "mask") == ("mask.Y",) * 3
    assert find_named(names, "N") is None and find_named(names, "diffuse") is None
    assert find_named(["Y", "RY", "BY"], "rgb") == ("Y", "RY", "BY")


def test_light_groups_of_blender_by_their_names() -> None:
    names = [*rgb("V.Combined"), *rgb("V.Combined_key"), *rgb("V.Combined_fill"), *rgb("W.fill")]
    assert find_named(names, "Key") == find_named(names, "combined_key") == rgb("V.Combined_key")
    assert find_named(names, "fill") == rgb("W.fill")  # a layer that is called so comes first
    assert find_named(names, "combined") == rgb("V.Combined") and find_named(names, "rim") is None


def test_which_normals_are_in_camera_space_by_their_name() -> None:
    assert is_camera_space(rgb("V.Denoising Normal", "XYZ"))
    assert not is_camera_space(rgb("V.Normal", "XYZ")) and not is_camera_space(rgb("", "XYZ"))


@pytest.mark.parametrize(
    ("light", "color"),
    [
        ("V.Diffuse Indirect", "V.Diffuse Color"),
        ("V.GlossDir", "V.GlossCol"),
        ("transmission direct", "Transmission Color"),
        ("SubsurfaceInd", "SubsurfaceCol"),
        ("V.Volume Direct", None),
        ("V.Diffuse Color", None),
        ("W.Glossy Direct", None),  # of another view layer
    ],
)
def test_the_color_that_cycles_divides_light_by(light: str, color: str | None) -> None:
    layers = ("V.Diffuse Color", "V.GlossCol", "Transmission Color", "SubsurfaceCol", "V.Glossy Color", light)
    names = [channel for layer in layers for channel in rgb(layer)]
    assert find_color_of_light(names, rgb(light)) == (None if color is None else rgb(color))
    assert find_color_of_light(rgb(light), rgb(light)) is None


def test_alpha_stands_beside_its_color() -> None:
    assert find_alpha([*PLAIN, "A", "rgba.A"], "R") == "A"
    assert find_alpha(["d.red", "d.alpha", "A"], "d.red") == "d.alpha"
    assert find_alpha(["d.R", "A"], "d.R") is None


def test_components_of_other_layers_are_no_depth() -> None:
    assert find_layer([*PLAIN, *rgb("normal", "XYZ")], "depth") is None
    assert find_layer([*PLAIN, *rgb("N", "XYZ"), *rgb("P", "XYZ")], "depth") is None


def test_incomplete_layers_are_not_found() -> None:
    assert find_layer(["R", "G"], "color") is None
    assert find_layer(["R", "albedo.G", "albedo.B", "B"], "albedo") is None
    assert find_layer([], "depth") is None


def test_arnolds_diffuse_light_is_no_albedo() -> None:
    assert find_layer([*PLAIN, *rgb("diffuse")], "albedo") is None


def test_an_unknown_layer_is_our_bug() -> None:
    with pytest.raises(KeyError):
        find_layer(PLAIN, "roughness")


def test_the_error_text_names_plain_channels() -> None:
    assert "R G B" in accepted_names("color")
    assert set(ALIASES) == set(LAYERS)
