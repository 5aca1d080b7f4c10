"""Frames go through EXR files and back, and broken pixels of other renderers are mended."""

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer_bridge.errors import ExrError, OutputError
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import frame_of, read_frame, write_frame
from renderer_bridge.frame import Camera, Frame, Image

HEIGHT, WIDTH = 4, 7


def noise(seed: int, channels: int = 3) -> Image:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, channels), dtype=np.float32)


def unit_normals(seed: int) -> Image:
    directions = np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH, 3))
    return (directions / np.linalg.norm(directions, axis=-1, keepdims=True)).astype(np.float32)


def camera(seed: int = 0) -> Camera:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    to_world = np.eye(4)
    to_world[:3, :3] = rotation * np.linalg.det(rotation)
    to_world[:3, 3] = [1 / 3, -20.0, 1e-9]
    return Camera(to_world, 100 / 3, (WIDTH, HEIGHT))


def full_frame() -> Frame:
    return Frame(
        noise(0) * 1e5,
        noise(1),
        unit_normals(2),
        position=noise(3) * 1e6,
        depth=noise(4, 1),
        camera=camera(),
        spp=8,
        seed=2**32 - 1,
    )


def save(path: Path, channels: dict[str, Any], **header: Any) -> Path:
    attributes = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}
    OpenEXR.File([OpenEXR.Part(attributes, channels, "")]).write(str(path))
    return path


def planes(pixels: Image, layer: str = "", components: str = "RGB", dtype: Any = np.float32) -> dict[str, Any]:
    """The channels of one layer, `albedo.R` and so on; plain `R G B` without a name."""
    names = [f"{layer}.{component}".lstrip(".") for component in components]
    return {name: np.ascontiguousarray(pixels[..., i], dtype=dtype) for i, name in enumerate(names)}


def test_everything_comes_back(tmp_path: Path) -> None:
    old = full_frame()
    write_frame(tmp_path / "a.exr", old)
    new, repaired = read_frame(tmp_path / "a.exr", position=True, depth=True)
    assert repaired == {}
    for name, pixels in old.layers().items():
        # Albedo and normal are half: 11 bits, so they are off by 2^-12 of values up to 1, rounded to nearest.
        tolerance = 2.0**-12 if name in ("albedo", "normal") else 0.0
        np.testing.assert_allclose(new.layers()[name], pixels, rtol=0, atol=tolerance)
    assert (new.spp, new.seed) == (8, 2**32 - 1)
    assert old.camera is not None and new.camera is not None
    np.testing.assert_array_equal(new.camera.to_world, old.camera.to_world)
    assert (new.camera.fov_deg, new.camera.resolution) == (old.camera.fov_deg, old.camera.resolution)


def test_what_was_read_is_written_again_to_the_last_bit(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", full_frame())
    write_frame(tmp_path / "b.exr", read_frame(tmp_path / "a.exr", position=True, depth=True)[0])
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


def test_channels_types_and_attributes_of_our_files(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", full_frame(), attributes={"scene": "kitchen"})
    part = read_exr(tmp_path / "a.exr").parts[0]
    single = [*"BGR", "depth.Z", *(f"position.{c}" for c in "XYZ")]
    half = [*(f"albedo.{c}" for c in "BGR"), *(f"normal.{c}" for c in "XYZ")]
    assert {name: pixels.dtype for name, pixels in part.channels.items()} == {
        **dict.fromkeys(single, np.float32),
        **dict.fromkeys(half, np.float16),
    }
    assert part.header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert (part.header["n2n:spp"], part.header["n2n:seed"], part.header["scene"]) == (8, "4294967295", "kitchen")
    assert isinstance(part.header["n2n:version"], str)


def test_world_to_camera_follows_openexr(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", full_frame())
    matrix = read_exr(tmp_path / "a.exr").parts[0].header["worldToCamera"]
    ours = camera()
    left, up, ahead = (ours.to_world[:3, i] for i in range(3))
    point = np.array([*(ours.origin + 2 * ahead + 3 * up - 5 * left), 1.0])
    # OpenEXR: row vectors; +x right, +y up, +z ahead. float32 keeps 7 digits of numbers up to 20.
    np.testing.assert_allclose(point @ matrix, [5.0, 3.0, 2.0, 1.0], atol=1e-5)


def test_color_alone_is_enough_and_nothing_is_invented(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", Frame(noise(0)))
    frame, _ = read_frame(tmp_path / "a.exr", position=True, depth=True)
    assert list(frame.layers()) == ["color"]
    assert (frame.camera, frame.spp, frame.seed) == (None, None, None)


def test_position_and_depth_are_read_when_asked_for(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", full_frame())
    assert list(read_frame(tmp_path / "a.exr")[0].layers()) == ["color", "albedo", "normal"]
    assert list(read_frame(tmp_path / "a.exr", depth=True)[0].layers())[-1] == "depth"


def test_a_file_of_cycles(tmp_path: Path) -> None:
    channels = {
        **planes(noise(1), "V.Combined"),
        **planes(noise(2), "V.Noisy Image"),
        **planes(unit_normals(3), "V.Denoising Normal", "XYZ"),
    }
    frame, _ = read_frame(save(tmp_path / "a.exr", channels))
    np.testing.assert_array_equal(frame.color, noise(2))
    assert frame.normal is not None and frame.albedo is None


def test_no_color_names_what_was_found_and_what_would_do(tmp_path: Path) -> None:
    path = save(tmp_path / "a.exr", planes(noise(0), "albedo"))
    with pytest.raises(ExrError, match=r"has no color layer; found albedo \(B G R\); needed is one of .*R G B"):
        read_frame(path)


@pytest.mark.parametrize("header", [{"n2n:spp": 0}, {"n2n:seed": "many"}])
def test_senseless_attributes_are_an_exr_error(tmp_path: Path, header: dict[str, Any]) -> None:
    with pytest.raises(ExrError, match=r"a\.exr: "):
        read_frame(save(tmp_path / "a.exr", planes(noise(0)), **header))


def test_a_senseless_camera_is_an_exr_error(tmp_path: Path) -> None:
    header = {"n2n:toWorld": np.eye(3), "n2n:fovDeg": np.array([40.0]), "n2n:resolution": np.array([7, 4], np.int32)}
    with pytest.raises(ExrError, match=r"a\.exr: to_world must be"):
        read_frame(save(tmp_path / "a.exr", planes(noise(0)), **header))


def test_broken_color_becomes_the_median_of_its_finite_neighbours(tmp_path: Path) -> None:
    color = np.tile(np.arange(WIDTH, dtype=np.float32)[None, :, None], (HEIGHT, 1, 3))
    color[1, 2] = [np.nan, 2.0, 2.0]
    color[1, 3] = [np.inf, -np.inf, 3.0]
    frame, repaired = read_frame(save(tmp_path / "a.exr", planes(color)))
    assert repaired == {"color": 2}
    # Left of the hole: 1 1 1, 2 2, 3 3 -> median 2; right of it: 2 2, 3 3, 4 4 4 -> median 3.
    assert frame.color[1, 2].tolist() == [2.0, 2.0, 2.0]
    assert frame.color[1, 3].tolist() == [3.0, 3.0, 3.0]
    assert frame.color[0, 0].tolist() == [0.0, 0.0, 0.0] and frame.color[3, 6].tolist() == [6.0, 6.0, 6.0]


def test_the_median_of_an_even_number_of_huge_values_does_not_overflow(tmp_path: Path) -> None:
    huge = float(np.finfo(np.float32).max)
    color = np.full((1, 3, 3), huge, np.float32)
    color[0, 1] = np.nan
    frame, _ = read_frame(save(tmp_path / "a.exr", planes(color)))
    assert frame.color[0, 1].tolist() == [huge] * 3


def test_a_picture_without_one_finite_pixel_becomes_black(tmp_path: Path) -> None:
    color = np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)
    frame, repaired = read_frame(save(tmp_path / "a.exr", planes(color)))
    assert not frame.color.any() and repaired == {"color": HEIGHT * WIDTH}


def test_aovs_are_brought_into_their_ranges(tmp_path: Path) -> None:
    albedo, normal, position = noise(1), unit_normals(2), noise(3)
    albedo[0, :3] = [[40.0, 0.5, 0.5], [-0.1, 0.5, 0.5], [np.nan, 0.5, 0.5]]
    normal[0, :3] = [[0.0, 3.0, 4.0], [np.inf, 0.0, 0.0], [0.0, 1.01, 0.0]]
    position[2, 5] = np.nan
    channels = {
        **planes(noise(0)),
        **planes(albedo, "albedo"),
        **planes(normal, "normal", "XYZ"),
        **planes(position, "position", "XYZ"),
    }
    frame, repaired = read_frame(save(tmp_path / "a.exr", channels), position=True)
    # The normal of length 1.01 is shortened too, but such a length is storage noise and not counted; nor is an albedo
    # above 1, which sound renders have.
    assert repaired == {"albedo": 2, "normal": 2, "position": 1}
    assert frame.albedo is not None and frame.normal is not None and frame.position is not None
    assert frame.albedo[0, :3].tolist() == [[1.0, 0.5, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(frame.normal[0, :3], [[0, 0.6, 0.8], [0, 0, 0], [0, 1, 0]], atol=1e-6)  # float32
    assert frame.position[2, 5].tolist() == [0.0, 0.0, 0.0]


def test_half_normals_are_left_as_they_are(tmp_path: Path) -> None:
    channels = planes(noise(0)) | planes(unit_normals(1), "normal", "XYZ", np.float16)
    frame, repaired = read_frame(save(tmp_path / "a.exr", channels))
    assert repaired == {} and frame.normal is not None
    np.testing.assert_array_equal(frame.normal, unit_normals(1).astype(np.float16).astype(np.float32))


def test_a_layer_with_another_data_window_is_laid_where_it_belongs(tmp_path: Path) -> None:
    display = (np.array([0, 0], np.int32), np.array([WIDTH - 1, HEIGHT - 1], np.int32))  # one for all parts of a file
    header = {"type": OpenEXR.scanlineimage, "displayWindow": display}
    lower = (np.array([1, 2], np.int32), np.array([WIDTH, HEIGHT - 1], np.int32))  # a column beyond the right edge
    parts = [
        OpenEXR.Part(dict(header), planes(noise(0)), "rgba"),
        OpenEXR.Part({**header, "dataWindow": lower}, planes(noise(1)[2:]), "albedo"),
    ]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    frame, _ = read_frame(tmp_path / "a.exr")
    expected = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    expected[2:, 1:] = noise(1)[2:, :-1]
    np.testing.assert_array_equal(frame.albedo, np.clip(expected, 0, 1))


def test_a_denoised_layer_keeps_the_frames_attributes(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", full_frame())
    image = read_exr(tmp_path / "a.exr").with_layer("color", noise(9))
    frame, _ = frame_of(image)
    np.testing.assert_array_equal(frame.color, noise(9))
    assert frame.seed == 2**32 - 1


def test_a_frame_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.exr: cannot be written"):
        write_frame(tmp_path / "file" / "a.exr", full_frame())


anything = st.floats(width=32)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(anything, min_size=12, max_size=12), width=st.sampled_from([1, 2, 4]))
def test_whatever_the_pixels_the_frame_is_sound(tmp_path_factory: Any, values: list[float], width: int) -> None:
    pixels = np.array(values, np.float32).reshape(-1, width)
    channels = {
        name: pixels for name in ("R", "G", "B", *(f"albedo.{c}" for c in "RGB"), *(f"normal.{c}" for c in "XYZ"))
    }
    path = save(tmp_path_factory.getbasetemp() / "any.exr", channels)
    frame, repaired = read_frame(path)
    assert frame.albedo is not None and frame.normal is not None
    assert frame.albedo.min() >= 0 and frame.albedo.max() <= 1 and np.abs(frame.normal).max() <= 1
    sound = np.isfinite(pixels)
    np.testing.assert_array_equal(frame.color[sound][:, 0], pixels[sound])
    assert repaired.get("color", 0) == np.count_nonzero(~sound)
