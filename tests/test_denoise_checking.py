"""n2n-denoise --check says what is wrong, writes nothing, and answers with its exit code."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from apps.denoise import main
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame

SIDE = 96


def write(path: Path, seed: int, albedo: float) -> Path:
    noise = np.random.default_rng(seed).gamma(2.0, 0.5, (SIDE, SIDE, 3)).astype(np.float32)
    normal = np.zeros_like(noise)
    normal[..., 1] = 1
    write_frame(path, Frame(noise, np.full_like(noise, albedo), normal, seed=seed))
    return path


def test_a_sound_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halves = [str(write(tmp_path / f"x.{half}.exr", seed, 0.5)) for seed, half in enumerate("ab")]
    assert main([*halves, "--check"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "is what a denoiser needs" in said and "filter" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.a.exr", "x.b.exr"]


def test_an_alarm_and_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black = write(tmp_path / "black.exr", 0, 0.0)
    (tmp_path / "broken.exr").write_bytes(b"no EXR")
    assert main([str(black), "--check"]) == 1
    assert "albedo is black" in capsys.readouterr().err
    assert main([str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err
    assert "albedo is black" in said and "broken.exr" in said and not (tmp_path / "denoised").exists()


def test_normals_that_are_in_camera_space_on_purpose_raise_no_alarm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned = turn * np.sign(turn[2])  # all that is seen faces +z
    normal = turned.T[np.arange(SIDE) * 3 // SIDE][:, None].repeat(SIDE, axis=1).astype(np.float32)
    layers = {"Combined": ("RGB", rng.gamma(2.0, 0.5, (SIDE, SIDE, 3))), "Denoising Normal": ("XYZ", normal)}
    for name, code, said in (("Denoising Normal", 0, "is what a denoiser needs"), ("Normal", 0, "in camera space")):
        channels = {
            f"V.{layer.replace('Denoising Normal', name)}.{suffix}": np.ascontiguousarray(pixels[..., i], np.float32)
            for layer, (suffixes, pixels) in layers.items()
            for i, suffix in enumerate(suffixes)
        }
        path = tmp_path / f"{name}.exr"
        OpenEXR.File({"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}, channels).write(str(path))
        assert main([str(path), "--check"]) == code
        assert said in " ".join(capsys.readouterr().err.split())
