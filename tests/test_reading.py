"""A job is read as it would be denoised, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest
from fake_denoising import halve

from denoiser.inference import reading
from denoiser.inference.reading import load, read_job, read_pair_of
from denoiser.inference.records import FileJob, FileOptions
from renderer_bridge.exr import ExrImage, ExrPart, write_exr
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame

COLOR = np.full((11, 16, 3), 0.5, np.float32)


@pytest.fixture(autouse=True)
def halving(monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch)


def job(folder: Path) -> FileJob:
    for name, color in (("a", COLOR), ("b", 2 * COLOR)):
        write_frame(folder / f"{name}.exr", Frame(color))
    return FileJob(folder / "a.exr", folder / "o.exr")


def test_a_job_is_read_without_being_done(tmp_path: Path) -> None:
    given = read_job(job(tmp_path), FileOptions())
    assert [len(frames) for frames in given.frames.values()] == [1] and not given.repaired and not given.findings
    assert not (tmp_path / "o.exr").exists()


def test_both_halves_are_read(tmp_path: Path) -> None:
    pair = read_pair_of(FileJob(job(tmp_path).source, tmp_path / "o.exr", other=tmp_path / "b.exr"), FileOptions())
    np.testing.assert_array_equal(pair.a.color, COLOR)
    np.testing.assert_array_equal(pair.b.color, 2 * COLOR)


def test_large_pictures_keep_albedo_and_normal_as_the_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And weights that adapt are given float32 all the same."""
    layers = [np.random.default_rng(seed).uniform(0, 0.5, COLOR.shape).astype(np.float16) for seed in (0, 1)]
    albedo, normal = (layer.astype(np.float32) for layer in layers)
    for name, color in (("a", COLOR), ("b", 2 * COLOR)):
        write_frame(tmp_path / f"{name}.exr", Frame(color, albedo, normal))
    pair = FileJob(tmp_path / "a.exr", tmp_path / "o.exr", other=tmp_path / "b.exr")
    monkeypatch.setattr("denoiser.inference.reading.LARGE_PIXELS", 0)
    frames = read_job(pair, FileOptions()).frames[""]
    for frame in frames:
        assert frame.albedo is not None and frame.normal is not None and frame.albedo.dtype == np.float16
        np.testing.assert_array_equal(frame.albedo, albedo)
        np.testing.assert_array_equal(frame.normal, normal)
    whole = read_pair_of(pair, FileOptions())
    assert {layer.dtype for layer in whole.b.layers().values()} == {np.dtype(np.float32)}


def test_a_layer_beside_serves_both_halves(tmp_path: Path) -> None:
    write_frame(tmp_path / "albedo.exr", Frame(COLOR / 4))
    pair = FileJob(job(tmp_path).source, tmp_path / "o.exr", tmp_path / "b.exr", albedo=tmp_path / "albedo.exr")
    a, b = read_job(pair, FileOptions()).frames[""]
    assert a.albedo is b.albedo and a.albedo is not None
    np.testing.assert_array_equal(a.albedo, COLOR / 4)


def test_motion_of_cycles_comes_with_its_signs(tmp_path: Path) -> None:
    channels = {name: np.ones((4, 5), np.float32) for name in ("R", "G", "B")}
    vectors = {f"ViewLayer.Vector.{c}": np.full((4, 5), i, np.float32) for i, c in enumerate("XYZW")}
    write_exr(tmp_path / "x.exr", ExrImage((ExrPart("", {}, channels | vectors),), tmp_path / "x.exr"))
    options = FileOptions(temporal=True)
    loaded = load(reading.model_named(options.model), FileJob(tmp_path / "x.exr", tmp_path / "o.exr"), options)
    motion = loaded.pictures[""].motion
    assert motion is not None and motion.signs == (1, -1)
    np.testing.assert_array_equal(motion.pixels[0, 0], [0, 1])
