"""Files in, files out: layers beside, views, passes; a failure costs one file, and stopping leaves whole ones."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import torch
from fake_denoising import halve

from denoiser.inference import reading
from denoiser.inference.files import denoise_file, denoise_files, told
from denoiser.inference.records import FileJob, FileOptions, FileRecord
from denoiser.inference.until_error import told_error
from denoiser.transforms import to_nchw
from renderer_bridge.exr import read_exr

HEIGHT, WIDTH = 11, 16
OPTIONS = FileOptions()


@pytest.fixture(autouse=True)
def halving(monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch)


def planes(*layers: str, seed: int = 0, suffixes: str = "RGB") -> dict[str, Any]:
    random = np.random.default_rng(seed)
    names = [f"{layer}.{suffix}".lstrip(".") for layer in layers for suffix in suffixes]
    return {name: random.uniform(0.1, 1, (HEIGHT, WIDTH)).astype(np.float32) for name in names}


def save(path: Path, *parts: dict[str, Any], **header: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    attributes = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **header}
    named = [OpenEXR.Part(dict(attributes), dict(part), f"part{i}" if i else "") for i, part in enumerate(parts)]
    OpenEXR.File(named).write(str(path))
    return path


def channels(path: Path, part: int = 0) -> dict[str, Any]:
    return dict(read_exr(path).parts[part].channels)


def only(job: FileJob, options: FileOptions = OPTIONS) -> FileRecord:
    (record,) = denoise_files([job], options)
    assert pickle.loads(pickle.dumps(record)) == record  # it crosses to other machines
    return record


def test_many_files_in_their_order_each_whole(tmp_path: Path) -> None:
    names = [f"x{i}.exr" for i in range(5)]
    for i, name in enumerate(names):
        save(tmp_path / name, planes("", seed=i))
    jobs = [FileJob(tmp_path / name, tmp_path / "out" / name) for name in names]
    records = list(denoise_files(jobs, OPTIONS))
    assert [record.job for record in records] == jobs
    for record in records:
        assert record.failure is None and record.size == (HEIGHT, WIDTH)
        before, after = channels(record.job.source), channels(record.job.output)
        for name in "RGB":
            np.testing.assert_array_equal(after[name], before[name] / 2)
    assert records[0].warnings == ("no albedo and no normal layer; with them edges stay sharper",)


def test_a_failed_file_is_told_and_the_others_are_done(tmp_path: Path) -> None:
    save(tmp_path / "a.exr", planes(""))
    save(tmp_path / "c.exr", planes(""))
    (tmp_path / "b.exr").write_bytes(b"no EXR")
    (tmp_path / "file").write_bytes(b"")
    targets = {"a.exr": "out/a.exr", "b.exr": "out/b.exr", "c.exr": "file/c.exr"}
    jobs = [FileJob(tmp_path / name, tmp_path / target) for name, target in targets.items()]
    failures = [record.failure for record in denoise_files(jobs, OPTIONS)]
    assert failures[0] is None
    assert failures[1] is not None and "b.exr: is not an EXR file" in failures[1]
    assert failures[2] is not None and "c.exr: cannot be written" in failures[2]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.exr"]


def test_stopping_leaves_whole_files(tmp_path: Path) -> None:
    jobs = [FileJob(save(tmp_path / f"x{i}.exr", planes("")), tmp_path / "out" / f"{i}.exr") for i in range(6)]
    records = denoise_files(jobs, OPTIONS)
    next(records)
    records.close()
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found[0] == "0.exr" and len(found) <= 3
    for name in found:
        assert set(channels(tmp_path / "out" / name)) == {"R", "G", "B"}


def test_large_files_are_taken_one_at_a_time_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crypto = planes("crypto", seed=7)
    jobs = [FileJob(save(tmp_path / f"x{i}.exr", planes("", seed=i) | crypto), tmp_path / f"{i}.exr") for i in range(3)]
    monkeypatch.setattr(reading, "LARGE_PIXELS", 0)
    assert [record.failure for record in denoise_files(jobs, OPTIONS)] == [None] * 3
    for job in jobs:
        after = channels(job.output)
        np.testing.assert_array_equal(after["R"], channels(job.source)["R"] / 2)
        np.testing.assert_array_equal(after["crypto.G"], crypto["crypto.G"])


def test_a_pair_gets_its_error_as_a_layer(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a.exr", planes("")), save(tmp_path / "b.exr", planes("", seed=1))
    record = only(FileJob(a, tmp_path / "o.exr", other=b))
    picture = np.stack([channels(tmp_path / "o.exr")[name] for name in "RGB"], axis=2)
    expected = told_error(to_nchw(picture), torch.full((1, 3, HEIGHT, WIDTH), 0.25))
    assert record.error == pytest.approx(expected, rel=1e-5)  # a sum in another order
    assert told(np.tile(picture, (40, 1, 1)), np.full((40 * HEIGHT, WIDTH, 3), 0.25, np.float32)) == pytest.approx(
        expected, rel=1e-5
    )
    assert channels(tmp_path / "o.exr")["n2n.error.B"].max() == 0.25
    same = only(FileJob(a, tmp_path / "p.exr", other=a))
    assert same.failure is not None and "equal pixels" in same.failure


def test_both_views_of_a_stereo_file_are_denoised(tmp_path: Path) -> None:
    two = planes("", "right", "albedo")
    a = save(tmp_path / "a.exr", two, multiView=["left", "right"])
    b = save(tmp_path / "b.exr", planes("", "right", "albedo", seed=5), multiView=["left", "right"])
    assert only(FileJob(a, tmp_path / "o.exr", other=b)).failure is None
    after = channels(tmp_path / "o.exr")
    np.testing.assert_allclose(after["right.G"], (two["right.G"] + channels(b)["right.G"]) / 4, rtol=1e-6)
    np.testing.assert_array_equal(after["albedo.R"], two["albedo.R"])
    assert {"n2n.error.left.R", "n2n.error.right.R"} <= set(after)


def test_layers_beside_are_taken_from_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch, layers=("color", "albedo", "normal"))
    color = save(tmp_path / "c.exr", planes(""))
    albedo, normal = save(tmp_path / "a.exr", planes("")), save(tmp_path / "n.exr", planes("N", suffixes="XYZ"))
    plain = save(tmp_path / "p.exr", planes("", suffixes="XYZ"))
    assert "has no albedo and no normal layer" in str(only(FileJob(color, tmp_path / "o.exr")).failure)
    for each in (normal, plain):
        assert only(FileJob(color, tmp_path / "o.exr", albedo=albedo, normal=each)).failure is None
    assert set(channels(tmp_path / "o.exr")) == {"R", "G", "B"}
    depth = save(tmp_path / "z.exr", {"Z": planes("")["R"]})
    wrong = only(FileJob(color, tmp_path / "w.exr", albedo=depth, normal=normal))
    assert wrong.failure is not None and "z.exr: has no albedo layer" in wrong.failure


def test_the_layer_passes_and_alpha_that_are_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "x.exr", planes("", "V.Beauty", suffixes="RGBA") | planes("key", "fill", seed=3))
    options = FileOptions(layer="beauty", also=("key", "fill"), alpha=True)
    assert only(FileJob(path, tmp_path / "o.exr"), options).failure is None
    before, after = channels(path), channels(tmp_path / "o.exr")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {f"{layer}.{c}" for layer in ("key", "fill") for c in "RGB"} | {f"V.Beauty.{c}" for c in "RGBA"}
    np.testing.assert_allclose(after["V.Beauty.A"], before["V.Beauty.A"] / 2, rtol=1e-6)  # the mean of three
    for wrong in (FileOptions(layer="nothing"), FileOptions(also=("nothing",))):
        assert "has no layer 'nothing'" in str(only(FileJob(path, tmp_path / "p.exr"), wrong).failure)


@pytest.mark.parametrize(
    "names", [("DiffCol", "DiffDir", "DiffInd"), tuple(f"Diffuse {x}" for x in ("Color", "Direct", "Indirect"))]
)
def test_passes_that_cycles_divides_by_a_color_still_make_up_the_beauty(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Of a pair too, whose halves have different colors where surfaces share pixels."""
    color, *lights = names

    def composed(file: dict[str, Any], c: str) -> Any:
        surface = file[f"V.{color}.{c}"] * sum(file[f"V.{light}.{c}"] for light in lights)
        return surface + file[f"V.Emission.{c}"]

    for seed, half in enumerate("ab"):
        file = planes(*(f"V.{layer}" for layer in (*names, "Emission", "Combined")), seed=seed)
        for c in "RGB":
            file[f"V.Combined.{c}"] = composed(file, c)
        save(tmp_path / f"{half}.exr", file)
    options = FileOptions(also=(*lights, "Emission"))
    for other in (None, tmp_path / "b.exr"):
        assert only(FileJob(tmp_path / "a.exr", tmp_path / "o.exr", other), options).failure is None
        before, after = channels(tmp_path / "a.exr"), channels(tmp_path / "o.exr")
        for c in "RGB":
            np.testing.assert_array_equal(after[f"V.{color}.{c}"], before[f"V.{color}.{c}"])
            # A division and a product, each rounded to 24 bits, of a sum of three filtered passes.
            np.testing.assert_allclose(composed(after, c), after[f"V.Combined.{c}"], rtol=1e-5)


def test_light_on_black_is_none(tmp_path: Path) -> None:
    file = planes("V.Combined", "V.DiffCol", "V.DiffDir")
    file["V.DiffCol.G"][:, :8] = 0
    path = save(tmp_path / "x.exr", file)
    assert only(FileJob(path, tmp_path / "o.exr"), FileOptions(also=("diffdir",))).failure is None
    green = channels(tmp_path / "o.exr")["V.DiffDir.G"]
    assert not green[:, :8].any() and green[:, 8:].all()


def test_warnings_are_whatever_the_inspection_says(tmp_path: Path) -> None:
    path = save(tmp_path / "x.exr", planes(""))
    said = denoise_files([FileJob(path, tmp_path / "o.exr")], OPTIONS, lambda model, frames: (str(len(frames)),))
    assert next(said).warnings == ("1",)
    record = denoise_file(FileJob(path, tmp_path / "p.exr"), OPTIONS)
    assert record.failure is None and (tmp_path / "p.exr").read_bytes() == (tmp_path / "o.exr").read_bytes()
