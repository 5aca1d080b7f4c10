"""Lossy methods are told where they change a layer in use: by method, type, and for DWA by name."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from fake_denoising import halve

from denoiser.inference.files import denoise_files
from denoiser.inference.reading import read_job
from denoiser.inference.records import FileJob, FileOptions
from renderer_bridge.check import check_compression
from renderer_bridge.exr import ExrImage, read_exr

SIZE = (40, 48)


def saved(path: Path, compression: OpenEXR.Compression, kinds: dict[str, type]) -> ExrImage:
    random = np.random.default_rng(0)
    channels = {name: random.uniform(0, 1, SIZE).astype(kind) for name, kind in kinds.items()}
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))
    return read_exr(path)


def color(kind: type) -> dict[str, type]:
    return dict.fromkeys("RGB", kind)


LAYERS = {f"albedo.{c}": np.float16 for c in "RGB"} | {f"normal.{c}": np.float16 for c in "XYZ"}


@pytest.mark.parametrize(
    ("compression", "kinds", "found"),
    [
        (OpenEXR.ZIP_COMPRESSION, color(np.float16), None),
        (OpenEXR.PIZ_COMPRESSION, color(np.float32), None),
        (OpenEXR.B44_COMPRESSION, color(np.float16) | LAYERS, "color and albedo and normal went through B44 "),
        (OpenEXR.B44A_COMPRESSION, color(np.float32), None),
        (OpenEXR.B44A_COMPRESSION, color(np.float32) | LAYERS, "albedo and normal went through B44A "),
        (OpenEXR.PXR24_COMPRESSION, color(np.float16), None),
        (OpenEXR.PXR24_COMPRESSION, color(np.float32) | LAYERS, "color went through PXR24 "),
        (OpenEXR.DWAA_COMPRESSION, color(np.float32) | LAYERS, "color and albedo and normal went"),  # normal.Y is a Y
        (OpenEXR.DWAA_COMPRESSION, color(np.uint32), None),
        (OpenEXR.DWAB_COMPRESSION, color(np.float16), "color went through DWAB "),
    ],
)
def test_what_is_lost(tmp_path: Path, compression: OpenEXR.Compression, kinds: dict[str, type], found: str) -> None:
    image = saved(tmp_path / "x.exr", compression, kinds)
    findings = check_compression(image, image.select())
    assert len(findings) == (found is not None)
    for finding in findings:
        assert finding.alarm and finding.sentence.startswith(found)
        assert finding.serious == ("PXR24" not in found)


def test_the_method_does_change_what_is_told_and_no_other(tmp_path: Path) -> None:
    """What a channel loses is found by writing it again: it reads as it was, or not."""
    for method in ("ZIP", "PIZ", "B44", "PXR24", "DWAA"):
        for kind in (np.float16, np.float32):
            path, compression = tmp_path / f"{method}.exr", getattr(OpenEXR, f"{method}_COMPRESSION")
            image = saved(path, compression, color(kind))
            random = np.random.default_rng(0)
            true = {name: random.uniform(0, 1, SIZE).astype(kind) for name in "RGB"}
            changed = any((image.parts[0].channels[name] != true[name]).any() for name in "RGB")
            assert changed == bool(check_compression(image, image.select())), (method, kind)


def test_every_run_says_it_once_of_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch)
    saved(tmp_path / "a.exr", OpenEXR.DWAA_COMPRESSION, color(np.float16))
    random = np.random.default_rng(1)
    channels = {name: random.uniform(0, 1, SIZE).astype(np.float16) for name in "RGB"}
    with OpenEXR.File({"compression": OpenEXR.DWAA_COMPRESSION}, channels) as file:
        file.write(str(tmp_path / "b.exr"))
    job = FileJob(tmp_path / "a.exr", tmp_path / "o.exr", other=tmp_path / "b.exr")
    (record,) = denoise_files([job], FileOptions(), inspect=lambda model, frames: ())
    assert len(record.warnings) == 1 and "DWAA" in record.warnings[0]
    assert [finding.name for finding in read_job(job, FileOptions()).findings] == ["lossy compression"]
