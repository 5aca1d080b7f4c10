"""PNG and JPEG through `n2n-denoise --zero-shot`: depth, gray and alpha stay, and what is not accepted is said."""

import struct
import zlib
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image as Pillow

from apps.denoise import display, main
from denoiser.inference.zero_shot import ZeroShotConfig


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "ZeroShotConfig", lambda sampler: ZeroShotConfig(sampler, steps=2, crop=16))


@pytest.mark.parametrize(("shape", "kind"), [((20, 24, 3), np.uint8), ((20, 24, 4), np.uint8), ((20, 24), np.uint16)])
def test_a_picture_keeps_its_shape_depth_and_alpha(tmp_path: Path, shape: tuple[int, ...], kind: type) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape).astype(kind)
    imageio.imwrite(tmp_path / "x.png", pixels)
    assert main([str(tmp_path / "x.png"), "--zero-shot"]) == 0
    result = imageio.imread(tmp_path / "x.denoised.png")
    assert result.shape == shape and result.dtype == kind and not np.array_equal(result[..., :3], pixels[..., :3])
    if len(shape) == 3 and shape[2] == 4:
        assert np.array_equal(result[..., 3], pixels[..., 3])


def test_jpeg_in_png_out_into_a_folder(tmp_path: Path) -> None:
    imageio.imwrite(tmp_path / "x.jpg", np.full((16, 16, 3), 99, np.uint8))
    assert main([str(tmp_path / "x.jpg"), "--zero-shot", "-o", str(tmp_path / "out"), "--sampler", "stripe"]) == 0
    assert (tmp_path / "out" / "x.denoised.png").is_file()


def test_what_is_not_accepted_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "x.png"
    imageio.imwrite(source, np.zeros((16, 16, 3), np.uint8))
    assert main([str(source)]) == 2
    assert main([str(source), "y.exr", "--zero-shot"]) == 2
    assert main([str(source), "--zero-shot", "-o", str(source)]) == 2
    assert main([str(source), "--zero-shot", "-o", str(tmp_path / "x.exr")]) == 2
    (tmp_path / "x.denoised.png").write_bytes(b"")
    assert main([str(source), "--zero-shot"]) == 1
    (tmp_path / "z.png").write_bytes(b"nothing")
    assert main([str(tmp_path / "z.png"), "--zero-shot"]) == 1
    said = capsys.readouterr().err
    there = ("by --zero-shot", "not together", "is the input too", "end in .png", "is there already", "z.png: cannot")
    assert all(words in said for words in there)


def test_a_jpeg_is_turned_as_its_camera_asks_and_inks_are_read_as_light(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (24, 16), (255, 0, 0))
    turned = Pillow.Exif()
    turned[0x0112] = 6  # Orientation: the right side is up
    picture.save(tmp_path / "turned.jpg", exif=turned)
    picture.convert("CMYK").save(tmp_path / "inks.jpg")
    assert main([str(tmp_path / "turned.jpg"), str(tmp_path / "inks.jpg"), "--zero-shot"]) == 0
    assert imageio.imread(tmp_path / "turned.denoised.png").shape == (24, 16, 3)
    inks = imageio.imread(tmp_path / "inks.denoised.png")
    # Two steps of training move a flat picture by less than a tenth of its range.
    assert inks.shape == (16, 24, 3) and np.abs(inks.mean((0, 1)) - (254, 0, 0)).max() < 26


def test_sixteen_bits_of_color_are_not_halved_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    rows = zlib.compress(bytes(16 * (1 + 16 * 6)))
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    (tmp_path / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert main([str(tmp_path / "deep.png"), "--zero-shot"]) == 1
    assert "deep.png: is a color PNG of 16 bits" in capsys.readouterr().err
