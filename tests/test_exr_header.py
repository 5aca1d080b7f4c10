"""Files that are not whole, not flat or not honest are refused with one sentence, and nothing is printed."""

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from renderer_bridge.errors import ExrError
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_header import check_exr

HEIGHT, WIDTH = 40, 33


def tiled() -> dict[str, Any]:
    description = OpenEXR.TileDescription()
    description.xSize, description.ySize = 16, 8
    return {"type": OpenEXR.tiledimage, "tiles": description}


def part(kind: str, name: str = "") -> Any:
    methods = {"zip": OpenEXR.ZIP_COMPRESSION, "zips": OpenEXR.ZIPS_COMPRESSION, "none": OpenEXR.NO_COMPRESSION}
    header = {"compression": methods[kind], "type": OpenEXR.scanlineimage} if kind in methods else tiled()
    noise = np.random.default_rng(0).random((3, HEIGHT, WIDTH)).astype(np.float16)
    return OpenEXR.Part(header, dict(zip("RGB", noise, strict=True)), name)


def whole_file(folder: Path, kind: str) -> bytes:
    kinds = ("zip", "tiled") if kind == "multipart" else (kind,)
    names = ("one", "two") if kind == "multipart" else ("",)
    OpenEXR.File([part(k, name) for k, name in zip(kinds, names, strict=True)]).write(str(folder / "whole.exr"))
    return (folder / "whole.exr").read_bytes()


def refused(path: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """The message of the ExrError; it names the file, is one line, and stdout stays clean."""
    with pytest.raises(ExrError) as caught:
        read_exr(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.endswith("is needed") and "\n" not in message
    assert capfd.readouterr().out == ""
    return message


@pytest.mark.parametrize("kind", ["zip", "zips", "none", "tiled", "multipart"])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    data = whole_file(tmp_path, kind)
    assert len(check_exr(tmp_path / "whole.exr")) == (2 if kind == "multipart" else 1)
    # The header and the chunk table densely, then 30 places in the pixels, and the very last byte.
    lengths = {*range(0, 1200, 13), *range(1200, len(data), len(data) // 30), len(data) - 1}
    for length in sorted(lengths):
        (tmp_path / "cut.exr").write_bytes(data[:length])
        with pytest.raises(ExrError, match=r"cut\.exr: "):
            check_exr(tmp_path / "cut.exr")
    for length in (0, 3, 200, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.exr").write_bytes(data[:length])
        refused(tmp_path / "cut.exr", capfd)


@pytest.mark.parametrize("kind", ["zip", "tiled"])
def test_blocks_that_were_never_written_are_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    data = bytearray(whole_file(tmp_path, kind))
    blocks = {"zip": 3, "tiled": 15}[kind]
    table = data.index(struct.pack("<Q", first_chunk(data, blocks)))
    data[table + 8 : table + 16] = bytes(8)
    (tmp_path / "a.exr").write_bytes(data)
    assert f"(1 of its {blocks} blocks of pixels are missing)" in refused(tmp_path / "a.exr", capfd)


def first_chunk(data: bytes, blocks: int) -> int:
    """Offset of the first chunk: it follows the chunk table, which begins with that very number."""
    return next(at for at in range(8 * blocks, len(data)) if struct.unpack_from("<Q", data, at - 8 * blocks)[0] == at)


def test_damaged_pixels_are_refused_and_the_librarys_warning_becomes_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(whole_file(tmp_path, "zip"))
    data[-1000:] = bytes(1000)
    (tmp_path / "a.exr").write_bytes(data)
    assert "its pixels are damaged (" in refused(tmp_path / "a.exr", capfd)


def test_no_file_no_exr_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "there is no such file" in refused(tmp_path / "missing.exr", capfd)
    assert "is a folder" in refused(tmp_path, capfd)
    (tmp_path / "empty.exr").write_bytes(b"")
    assert "is empty (0 bytes)" in refused(tmp_path / "empty.exr", capfd)
    (tmp_path / "image.exr").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "is not an EXR file (it starts with 89 50 4e 47)" in refused(tmp_path / "image.exr", capfd)
    (tmp_path / "future.exr").write_bytes(b"\x76\x2f\x31\x01\x03\x00\x00\x00" + bytes(100))
    assert "has EXR version 3" in refused(tmp_path / "future.exr", capfd)


def test_deep_images_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    samples = np.empty((2, 3), dtype=object)
    for pixel in np.ndindex(2, 3):
        samples[pixel] = np.array([1.0, 2.0], np.float32)
    header = {"type": OpenEXR.deepscanline, "compression": OpenEXR.ZIPS_COMPRESSION}
    OpenEXR.File([OpenEXR.Part(header, {"Z": samples}, "")]).write(str(tmp_path / "deep.exr"))
    assert "holds deep pixels" in refused(tmp_path / "deep.exr", capfd)


def test_several_resolution_levels_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    header = tiled()
    header["tiles"].mode = OpenEXR.MIPMAP_LEVELS
    pixels = np.zeros((HEIGHT, WIDTH), np.float16)
    OpenEXR.File([OpenEXR.Part(header, {"R": pixels}, "")]).write(str(tmp_path / "mip.exr"))
    assert "holds several resolution levels" in refused(tmp_path / "mip.exr", capfd)


def with_attribute(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    at = data.index(old, data.index(name.encode() + b"\0"))
    return data[:at] + new + data[at + len(old) :]


@pytest.mark.parametrize(
    ("right", "bottom", "message"),
    [
        (2**31 - 2, 2**31 - 2, "claims 2147483647x2147483647 pixels"),
        (WIDTH - 1, 2**27, f"claims {WIDTH}x134217729 pixels"),
        (-5, 3, r"has an empty data window (0, 0) - (-5, 3)"),
        (WIDTH - 1, 4 * HEIGHT, "blocks of pixels are missing"),
    ],
)
def test_a_window_the_file_cannot_fill_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], right: int, bottom: int, message: str
) -> None:
    honest = struct.pack("<2i", WIDTH - 1, HEIGHT - 1)
    data = with_attribute(whole_file(tmp_path, "zip"), "dataWindow", honest, struct.pack("<2i", right, bottom))
    (tmp_path / "a.exr").write_bytes(data)
    assert message in refused(tmp_path / "a.exr", capfd)


def test_huge_tiles_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = with_attribute(whole_file(tmp_path, "tiled"), "tiles", struct.pack("<I", 16), struct.pack("<I", 2**31 - 1))
    (tmp_path / "a.exr").write_bytes(data)
    assert "claims tiles of 2147483647x8 pixels" in refused(tmp_path / "a.exr", capfd)


def test_random_damage_gives_an_exr_error_or_an_image(tmp_path: Path) -> None:
    dice = random.Random(7)
    files = [whole_file(tmp_path, kind) for kind in ("zip", "tiled", "multipart")]
    for _ in range(300):
        data = bytearray(dice.choice(files))
        for _ in range(dice.choice((1, 1, 3))):
            data[dice.randrange(8, 800)] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        (tmp_path / "a.exr").write_bytes(data)
        try:
            image = read_exr(tmp_path / "a.exr")
        except ExrError:
            continue
        assert all(pixels.size for part in image.parts for pixels in part.channels.values())
