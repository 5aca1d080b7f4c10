"""Whole EXR files: what is read and written again is the same, part by part, bit by bit."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderer_bridge.errors import ExrError, OutputError
from renderer_bridge.exr import Channel, ExrImage, ExrPart, read_exr, write_exr

HEIGHT, WIDTH = 6, 8


def ramp(dtype: Any = np.float16, height: int = HEIGHT, width: int = WIDTH, start: int = 0) -> Channel:
    return (np.arange(height * width) + start).astype(dtype).reshape(height, width)


def window(left: int, top: int, right: int, bottom: int) -> Any:
    return np.array([left, top], np.int32), np.array([right, bottom], np.int32)


def header(**attributes: Any) -> dict[str, Any]:
    return {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "dataWindow": window(0, 0, WIDTH - 1, HEIGHT - 1),
        "displayWindow": window(0, 0, WIDTH - 1, HEIGHT - 1),
        **attributes,
    }


def tiles(width: int, height: int, mode: Any = OpenEXR.ONE_LEVEL) -> Any:
    description = OpenEXR.TileDescription()
    description.xSize, description.ySize, description.mode = width, height, mode
    return description


def save(path: Path, *parts: tuple[dict[str, Any], dict[str, Any], str]) -> Path:
    """Write with the OpenEXR library itself."""
    OpenEXR.File([OpenEXR.Part(dict(attributes), dict(channels), name) for attributes, channels, name in parts]).write(
        str(path)
    )
    return path


def assert_round_trip(path: Path) -> ExrImage:
    """Reading and writing gives the same bytes: OpenEXR is deterministic, so nothing at all was lost."""
    image = read_exr(path)
    copy = path.with_name("copy.exr")
    write_exr(copy, image)
    assert copy.read_bytes() == path.read_bytes()
    return image


def test_channels_of_every_pixel_type_survive(tmp_path: Path) -> None:
    half, single, whole = ramp(np.float16), ramp(np.float32) / 7, ramp(np.uint32) + 2**31
    half[1, 2], single[2, 3], single[0, 1] = np.inf, np.nan, 1e38
    image = assert_round_trip(save(tmp_path / "a.exr", (header(), {"R": half, "mask.I": whole, "P.X": single}, "")))
    channels = image.parts[0].channels
    assert {name: pixels.dtype for name, pixels in channels.items()} == {
        "R": np.float16,
        "mask.I": np.uint32,
        "P.X": np.float32,
    }
    for name, pixels in {"R": half, "mask.I": whole, "P.X": single}.items():
        assert channels[name].shape == (HEIGHT, WIDTH)
        np.testing.assert_array_equal(channels[name], pixels)


ATTRIBUTES = {
    "int": -5,
    "float": 1.5,
    "double": np.array([0.1]),
    "string": "héllo",
    "empty": "",
    "fraction": Fraction(24000, 1001),
    "v2i": np.array([1, -2], np.int32),
    "v2f": np.array([1, -2], np.float32),
    "v3i": np.array([1, 2, 3], np.int32),
    "v3d": np.array([1.0, 2.0, 0.1]),
    "m33f": np.arange(9, dtype=np.float32).reshape(3, 3),
    "m44d": np.arange(16, dtype=np.float64).reshape(4, 4) / 3,
    "floats": [1.0, 2.0],
    "strings": ["a", "", "bc"],
    "box": (np.array([0, 1], np.float32), np.array([2, 3], np.float32)),
    "chromaticities": (0.5, 0.25, 0.125, 0.75, 0.5, 0.25, 0.125, 0.0625),
    "time": OpenEXR.TimeCode(),
    "film": OpenEXR.KeyCode(),
    "envmap": OpenEXR.ENVMAP_CUBE,
    "preview": OpenEXR.PreviewImage(3, 2),
    "custom": OpenEXR.OpaqueAttribute(b"\x00\x01\xff", "studioType"),
    "emptyFloats": OpenEXR.OpaqueAttribute(b"", "floatvector"),
    "emptyStrings": OpenEXR.OpaqueAttribute(b"", "stringvector"),
    "unreduced": OpenEXR.OpaqueAttribute(struct.pack("<iI", 48, 2), "rational"),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_of_every_type_survive(tmp_path: Path, name: str) -> None:
    value = ATTRIBUTES[name]
    image = assert_round_trip(save(tmp_path / "a.exr", (header(**{name: value}), {"R": ramp()}, "")))
    found = image.parts[0].header[name]
    if isinstance(value, np.ndarray):
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)
    elif isinstance(value, int | float | str | Fraction | list):
        assert found == value
    else:
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "data"),
    [("deepImageState", b"\x01"), ("rational", struct.pack("<iI", 1, 0))],
)
def test_attributes_the_binding_cannot_keep_are_refused(tmp_path: Path, kind: str, data: bytes) -> None:
    path = save(tmp_path / "a.exr", (header(odd=OpenEXR.OpaqueAttribute(data, kind)), {"R": ramp()}, ""))
    with pytest.raises(ExrError, match=r"a\.exr: OpenEXR cannot read it"):
        read_exr(path)


def test_an_offset_data_window_in_a_larger_display_window_survives(tmp_path: Path) -> None:
    windows = {"dataWindow": window(-2, 3, 5, 8), "displayWindow": window(0, 0, 19, 14)}
    image = assert_round_trip(save(tmp_path / "a.exr", (header(**windows), {c: ramp() for c in "RGB"}, "")))
    for name, expected in windows.items():
        np.testing.assert_array_equal(image.parts[0].header[name], expected)
    np.testing.assert_array_equal(image.layer("color")[..., 1], ramp())  # type: ignore[index]


@pytest.mark.parametrize("name", ["NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "HTJ2K256", "HTJ2K32", "ZSTD"])
def test_compression_survives(tmp_path: Path, name: str) -> None:
    method = getattr(OpenEXR, f"{name}_COMPRESSION")
    big = ramp(np.uint32, 300, 3)  # several chunks with every method
    size = {"dataWindow": window(0, 0, 2, 299), "compression": method}
    image = assert_round_trip(save(tmp_path / "a.exr", (header(**size), {"R": big}, "")))
    assert image.parts[0].header["compression"] == method
    np.testing.assert_array_equal(image.parts[0].channels["R"], big)


@pytest.mark.parametrize("name", ["B44", "B44A", "DWAA", "DWAB"])
def test_lossy_compression_keeps_everything_but_the_last_bits(tmp_path: Path, name: str) -> None:
    method = getattr(OpenEXR, f"{name}_COMPRESSION")
    path = save(tmp_path / "a.exr", (header(compression=method), {"R": ramp(), "id": ramp(np.uint32)}, ""))
    write_exr(tmp_path / "b.exr", read_exr(path))
    first, second = (read_exr(file).parts[0] for file in (path, tmp_path / "b.exr"))
    assert second.header["compression"] == method
    np.testing.assert_array_equal(second.channels["id"], ramp(np.uint32))
    # B44 keeps 6 bits of the largest value in a block of 4x4 pixels, DWA at its default level less than 1/32 of it.
    np.testing.assert_allclose(first.channels["R"], second.channels["R"], atol=HEIGHT * WIDTH / 32)


@pytest.mark.parametrize("order", [OpenEXR.INCREASING_Y, OpenEXR.DECREASING_Y])
def test_line_order_survives(tmp_path: Path, order: Any) -> None:
    tall = {"dataWindow": window(0, 0, 2, 99), "lineOrder": order}
    image = assert_round_trip(save(tmp_path / "a.exr", (header(**tall), {"R": ramp(height=100, width=3)}, "")))
    assert image.parts[0].header["lineOrder"] == order
    np.testing.assert_array_equal(image.parts[0].channels["R"], ramp(height=100, width=3))


def test_tiles_survive(tmp_path: Path) -> None:
    tiled = header(type=OpenEXR.tiledimage, tiles=tiles(4, 5), dataWindow=window(-2, 3, 5, 8))
    image = assert_round_trip(save(tmp_path / "a.exr", (tiled, {"R": ramp()}, "")))
    assert (image.parts[0].header["tiles"].xSize, image.parts[0].header["tiles"].ySize) == (4, 5)
    np.testing.assert_array_equal(image.parts[0].channels["R"], ramp())


@pytest.mark.parametrize("left", [0, -4])
def test_subsampled_channels_survive(tmp_path: Path, left: int) -> None:
    listed = [OpenEXR.Channel("Y", 1, 1, True), OpenEXR.Channel("BY", 2, 2)]
    part = ExrPart(
        "",
        header(channels=listed, dataWindow=window(left, 2, left + WIDTH - 1, 2 + HEIGHT - 1)),
        {"Y": ramp(), "BY": ramp(height=3, width=4, start=100)},
    )
    write_exr(tmp_path / "a.exr", ExrImage((part,), tmp_path))
    image = assert_round_trip(tmp_path / "a.exr")
    np.testing.assert_array_equal(image.parts[0].channels["BY"], ramp(height=3, width=4, start=100))
    np.testing.assert_array_equal(image.parts[0].channels["Y"], ramp())
    kept = {channel.name: (channel.xSampling, bool(channel.pLinear)) for channel in image.parts[0].header["channels"]}
    assert kept == {"Y": (1, True), "BY": (2, False)}


def multipart(path: Path) -> Path:
    other = header(type=OpenEXR.tiledimage, tiles=tiles(4, 4), dataWindow=window(0, 0, 2, 4), view="left")
    return save(
        path,
        (
            header(compression=OpenEXR.PIZ_COMPRESSION),
            {c: ramp(np.float32, start=i) for i, c in enumerate("BGR")},
            "rgba",
        ),
        (header(), {c: ramp(np.float16, start=i) / 128 for i, c in enumerate("BGR")}, "albedo"),
        (other, {"id": ramp(np.uint32, 5, 3)}, "crypto"),
    )


def test_parts_of_different_kinds_survive(tmp_path: Path) -> None:
    image = assert_round_trip(multipart(tmp_path / "a.exr"))
    assert [part.name for part in image.parts] == ["rgba", "albedo", "crypto"]
    assert image.parts[2].header["view"] == "left"
    np.testing.assert_array_equal(image.parts[2].channels["id"], ramp(np.uint32, 5, 3))


def test_layers_are_found_by_part_name(tmp_path: Path) -> None:
    image = read_exr(multipart(tmp_path / "a.exr"))
    color, albedo = image.layer("color"), image.layer("albedo")
    assert color is not None and albedo is not None
    np.testing.assert_array_equal(color[..., 0], ramp(np.float32, start=2))
    np.testing.assert_array_equal(albedo[..., 2], ramp(np.float32) / 128)
    assert image.layer("normal") is None


def test_plain_channels_of_another_layers_part_are_no_color(tmp_path: Path) -> None:
    albedo = (header(), {c: ramp() for c in "RGB"}, "albedo")
    path = save(tmp_path / "a.exr", albedo, (header(), {c: ramp(start=1) for c in "RGB"}, "main"))
    assert read_exr(path).find("color") == (1, ("R", "G", "B"))
    normal = (header(), {c: ramp() for c in "XYZ"}, "normal")
    path = save(tmp_path / "b.exr", normal, (header(), {c: ramp(start=1) for c in "RGB"}, "main"))
    assert read_exr(path).find("depth") is None


def test_blender_parts_with_full_channel_names(tmp_path: Path) -> None:
    parts = [
        (header(), {f"ViewLayer.{name}.{c}": ramp(start=i) for c in "RGB"}, f"ViewLayer.{name}")
        for i, name in enumerate(("Combined", "DiffCol", "Denoising Albedo"))
    ]
    image = assert_round_trip(save(tmp_path / "a.exr", *parts))
    assert [image.find(layer)[0] for layer in ("color", "albedo")] == [0, 2]  # type: ignore[index]


def test_a_layer_is_float32_contiguous_height_first(tmp_path: Path) -> None:
    path = save(tmp_path / "a.exr", (header(), {c: ramp(np.uint32, start=i) for i, c in enumerate("RGB")}, ""))
    color = read_exr(path).layer("color")
    assert color is not None and color.shape == (HEIGHT, WIDTH, 3)
    assert color.dtype == np.float32 and color.flags.c_contiguous
    assert color[1, 2].tolist() == [10.0, 11.0, 12.0]


def test_with_layer_replaces_in_the_native_type_and_shares_the_rest(tmp_path: Path) -> None:
    channels = {"R": ramp(np.float16), "G": ramp(np.float32), "B": ramp(np.uint32), "A": ramp()}
    old = read_exr(save(tmp_path / "a.exr", (header(), channels, "")))
    new = old.with_layer("color", np.full((HEIGHT, WIDTH, 3), [1e6, 1e6, -2.6], np.float32))
    pixels = new.parts[0].channels
    assert [pixels[c].dtype for c in "RGB"] == [np.float16, np.float32, np.uint32]
    assert [float(pixels[c][0, 0]) for c in "RGB"] == [65504.0, 1e6, 0.0]
    assert pixels["A"] is old.parts[0].channels["A"]
    np.testing.assert_array_equal(old.parts[0].channels["R"], ramp(np.float16))
    write_exr(tmp_path / "b.exr", new)
    assert float(read_exr(tmp_path / "b.exr").layer("color")[2, 3, 0]) == 65504.0  # type: ignore[index]


def test_with_layer_on_luminance_and_depth(tmp_path: Path) -> None:
    image = read_exr(save(tmp_path / "a.exr", (header(), {"Y": ramp(), "Z": ramp()}, "")))
    gray = image.with_layer("color", np.full((HEIGHT, WIDTH, 3), [1, 2, 3], np.float32))
    assert gray.parts[0].channels["Y"][0, 0] == 2.0
    far = image.with_layer("depth", np.full((HEIGHT, WIDTH, 1), 7, np.float32))
    assert far.layer("depth")[0, 0].tolist() == [7.0]  # type: ignore[index]


def test_with_layer_refuses_absent_layers_and_other_sizes(tmp_path: Path) -> None:
    image = read_exr(save(tmp_path / "a.exr", (header(), {c: ramp() for c in "RGB"}, "")))
    with pytest.raises(ExrError, match=r"no albedo layer to replace; found B G R"):
        image.with_layer("albedo", np.zeros((HEIGHT, WIDTH, 3), np.float32))
    with pytest.raises(ExrError, match=r"R, G, B are \(6, 8, 3\), the new pixels \(8, 6, 3\)"):
        image.with_layer("color", np.zeros((WIDTH, HEIGHT, 3), np.float32))


def test_matrices_and_vectors_of_any_memory_order_are_stored_as_they_read(tmp_path: Path) -> None:
    """The binding reads memory and ignores strides: a transposed matrix would come back untransposed."""
    matrix, vector = np.arange(16.0).reshape(4, 4).T, np.arange(6, dtype=np.float32)[::2]
    part = ExrPart("", header(matrix=matrix, vector=vector, scalar=np.float32(0.5), count=np.int64(3)), {"R": ramp()})
    write_exr(tmp_path / "a.exr", ExrImage((part,), tmp_path))
    found = read_exr(tmp_path / "a.exr").parts[0].header
    np.testing.assert_array_equal(found["matrix"], matrix)
    np.testing.assert_array_equal(found["vector"], vector)
    assert (found["scalar"], found["count"]) == (0.5, 3)


@pytest.mark.parametrize("value", [2**31, 1e300])
def test_numbers_the_format_would_change_are_refused(tmp_path: Path, value: float) -> None:
    part = ExrPart("", header(number=value), {"R": ramp()})
    with pytest.raises(ExrError, match=r"'number' is .* 32 bits"):
        write_exr(tmp_path / "a.exr", ExrImage((part,), tmp_path))


def test_pixels_and_values_without_a_form_are_refused_and_leave_the_old_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.exr", (header(), {"R": ramp()}, ""))
    old = path.read_bytes()
    with pytest.raises(ExrError, match="channel R is float64"):
        write_exr(path, ExrImage((ExrPart("", header(), {"R": ramp(np.float64)}),), path))
    with pytest.raises(OutputError, match="OpenEXR cannot write it"):
        write_exr(path, ExrImage((ExrPart("", header(odd=object()), {"R": ramp()}),), path))
    assert path.read_bytes() == old
    assert [file.name for file in tmp_path.iterdir()] == ["a.exr"]


def test_a_path_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    image = read_exr(save(tmp_path / "a.exr", (header(), {"R": ramp()}, "")))
    with pytest.raises(OutputError, match=r"b\.exr: cannot be written"):
        write_exr(tmp_path / "a.exr" / "b.exr", image)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 20)),
    origin=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    dtype=st.sampled_from([np.float16, np.float32, np.uint32]),
    tile=st.none() | st.tuples(st.integers(1, 24), st.integers(1, 24)),
    comment=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)
def test_any_image_survives(tmp_path: Path, size: Any, origin: Any, dtype: Any, tile: Any, comment: str) -> None:
    (height, width), (left, top) = size, origin
    attributes = header(comment=comment, dataWindow=window(left, top, left + width - 1, top + height - 1))
    if tile:
        attributes |= {"type": OpenEXR.tiledimage, "tiles": tiles(*tile)}
    path = save(tmp_path / "a.exr", (attributes, {"R": ramp(dtype, height, width)}, ""))
    part = assert_round_trip(path).parts[0]
    assert part.header["comment"] == comment
    np.testing.assert_array_equal(part.channels["R"], ramp(dtype, height, width))
