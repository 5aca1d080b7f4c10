"""`n2n-render-pairs --until-error`: samples are added until it is good enough, or it says how many that would take."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_scenes import PATH, SKY, SPHERE, sensor, use_variant, write
from torch import Tensor

from apps import render_pairs as command
from apps.render_pairs import main, until
from apps.render_pairs.until import CSV, PNG
from denoiser.devices import TensorPair
from denoiser.inference.select import Candidate
from renderer_bridge.adaptive import SIDE
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import read_frame, samples_in
from renderer_bridge.pair_folder import list_pairs, read_pair


def known(halves: TensorPair, model: object) -> Candidate:
    """A picture whose error is the samples it was made from."""
    assert halves.a.spp is not None
    spp = torch.full_like(halves.a.color, halves.a.spp)
    return Candidate("known", spp, spp, spp, spp)


def known_law(color: Tensor, spp: Tensor) -> float:
    return 0.0332 * float(spp.mean()) ** -0.5


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "load_model", lambda: None)
    monkeypatch.setattr(command, "network_candidate", known)
    monkeypatch.setattr(until, "told_error", known_law)
    return write(tmp_path / "scene.xml", PATH, sensor(), SPHERE.format(""), SKY)


def test_samples_are_added_until_it_is_good_enough(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pairs"
    options = [str(scene), "-o", str(folder), "--views", "2", "--spp", "2"]
    assert main([*options, "--until-error", "0.01"]) == 0
    said = capsys.readouterr().err
    assert "falls as spp^-0.5" in said and (folder / PNG).stat().st_size > 1000
    needed = 3.32**2
    for paths in list_pairs(folder):
        pair, _ = read_pair(paths)
        assert pair.a.spp is not None and needed <= pair.a.spp <= 1.2 * needed + 1
    rows = (folder / CSV).read_text().splitlines()
    assert rows[0] == "view,spp,error,psnr" and {row.split(",")[0] for row in rows[1:]} == {"view_0000", "view_0001"}
    before = {path.name: path.read_bytes() for path in folder.glob("*.exr")}
    assert main([*options, "--until-error", "0.01"]) == 0  # nothing is left to do
    assert before == {path.name: path.read_bytes() for path in folder.glob("*.exr")}
    assert rows == (folder / CSV).read_text().splitlines()


def test_at_the_limit_it_says_what_it_would_take(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--until-error", "0.001", "--most-spp", "16", "--spp", "2"]
    assert main([str(scene), "-o", str(tmp_path / "pairs"), *options]) == 0
    said = " ".join(capsys.readouterr().err.split())
    found = re.search(r"0.001 would take about (\d+); --most-spp 16 allows no more", said)
    assert found is not None and int(found[1]) == pytest.approx(1101, rel=0.03)
    spp = read_frame(tmp_path / "pairs" / "view_0000.a.exr")[0].spp
    assert spp is not None and 13 <= spp <= 16


def test_samples_go_where_the_error_is(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the square of the two that the denoised scouts differ in."""
    if use_variant().startswith("scalar"):
        pytest.skip("scalar variants render whole pictures")

    def denoised(halves: TensorPair, model: object) -> Candidate:
        a = torch.zeros_like(halves.a.color)
        b = a.clone()
        b[..., :SIDE] = 1
        return replace(known(halves, model), color=a, a=a, b=b)

    monkeypatch.setattr(command, "network_candidate", denoised)
    options = ["--until-error", "0.01", "--spp", "2", "--width", str(2 * SIDE), "--adaptive"]
    assert main([str(scene), "-o", str(tmp_path / "pairs"), *options]) == 0
    for half in "ab":
        samples = samples_in(read_exr(tmp_path / "pairs" / f"view_0000.{half}.exr"))
        assert samples[:, :SIDE].min() > samples[:, SIDE:].max() and samples.mean() >= 3.32**2 - 0.5


def test_adaptive_is_for_samples_until_an_error(scene: Path, tmp_path: Path) -> None:
    assert main([str(scene), "-o", str(tmp_path / "pairs"), "--adaptive"]) == 2


@pytest.mark.parametrize("wrong", [["--until-error", "0"], ["--until-error", "0.1", "--dask", "local"]])
def test_what_does_not_fit_is_refused(
    wrong: list[str], scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(scene), "-o", str(tmp_path / "pairs"), *wrong]) == 2
    assert "--until-error" in capsys.readouterr().err and not (tmp_path / "pairs").exists()
