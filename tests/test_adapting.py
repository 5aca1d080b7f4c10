"""`n2n-denoise --adapt`: the weights that denoise are those that the pairs made, and stay where they were told to."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_pairs import write_toy_pairs

from apps.denoise import adapting, main
from denoiser.model import Description, Model, load_model, save_weights
from denoiser.networks.kernel import KernelNetwork
from denoiser.training.adapt import AdaptRecord
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.frame import Pair


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "start.safetensors"
    save_weights(path, KernelNetwork(), Description("kernel", optional=("albedo", "normal")))
    return path


def adapts(monkeypatch: pytest.MonkeyPatch, proven: bool) -> list[Sequence[Pair]]:
    """An adaptation of no cost that doubles one bias, or changes nothing; what it was given."""
    given: list[Sequence[Pair]] = []

    def fake(model: Model, pairs: Sequence[Pair], config: Any) -> Generator[AdaptRecord, None, Model]:
        given.append(pairs)
        yield AdaptRecord(20, 1.0, 0.01, 0.001, 0.01 if proven else 0.0)
        if not proven:
            return model
        changed = KernelNetwork().requires_grad_(False).eval()
        changed.load_state_dict(model.network.state_dict())
        changed.get_submodule("head0").bias.fill_(2.0)
        return Model(changed, model.input, model.head, model.info)

    monkeypatch.setattr(adapting, "adapt", fake)
    return given


def test_adapted_weights_denoise_and_are_kept(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, pairs = adapts(monkeypatch, proven=True), write_toy_pairs(tmp_path / "pairs", 3)
    kept = tmp_path / "kept.safetensors"
    options = ["--model", str(weights), "--adapt", "5", "--save-model", str(kept), "-o", str(tmp_path / "out")]
    assert main([str(pairs), *options]) == 0
    assert [len(each) for each in given] == [3]
    assert torch.all(load_model(kept).network.get_submodule("head0").bias == 2.0)
    assert load_model(kept).info["data"] == f"{weights}, adapted to 3 pairs"
    assert "relative error -0.01" in capsys.readouterr().err
    assert len(list((tmp_path / "out").glob("*.exr"))) == 3


def test_without_proof_it_says_so(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    adapts(monkeypatch, proven=False)
    a, b = (str(write_toy_pairs(tmp_path / "pairs", 1) / f"view0.{half}.exr") for half in "ab")
    assert main([a, b, "-o", str(tmp_path / "x.exr"), "--model", str(weights), "--adapt", "5"]) == 0
    assert "no proven gain" in capsys.readouterr().err
    assert main([a, b, "-o", str(tmp_path / "y.exr"), "--model", str(weights)]) == 0
    assert (tmp_path / "x.exr").read_bytes() == (tmp_path / "y.exr").read_bytes()


def test_many_pairs_are_thinned_evenly(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = adapts(monkeypatch, proven=False)
    monkeypatch.setattr(adapting, "MOST_PAIRS", 2)
    pairs = write_toy_pairs(tmp_path / "pairs", 4)
    assert main([str(pairs), "--model", str(weights), "--adapt", "5"]) == 0
    first, second = (pair.a.color for pair in given[0])
    expected = [read_frame(pairs / f"view{index}.a.exr")[0].color for index in (0, 2)]
    assert np.array_equal(first, expected[0]) and np.array_equal(second, expected[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--adapt", "-1"], "seconds above 0 are needed"),
        (["--save-model", "x.safetensors"], "seconds above 0 are needed"),
        (["--adapt", "5", "--dask", "local"], "need --save-model"),
        (["--adapt", "5", "--pilot", "oidn"], "--pilot takes the network's place"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = write_toy_pairs(tmp_path / "pairs", 1)
    assert main([str(pairs), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_frame_without_its_other_half_is_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = write_toy_pairs(tmp_path / "pairs", 1)
    assert main([str(pairs / "view0.a.exr"), "-o", str(tmp_path / "x.exr"), "--adapt", "5"]) == 2
    assert "no pair among the inputs" in capsys.readouterr().err


def test_with_select_adapted_weights_are_one_of_several(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    adapts(monkeypatch, proven=True)
    pairs = write_toy_pairs(tmp_path / "pairs", 1)
    options = ["--model", str(weights), "--select", "--adapt", "5", "-o", str(tmp_path / "out.exr")]
    assert main([str(pairs), *options]) == 0
    said = capsys.readouterr().err
    assert all(f"{name} " in said.split("taken from")[1] for name in ("adapted", "network", "noisy"))


def test_select_needs_a_pair(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = write_toy_pairs(tmp_path / "pairs", 1)
    assert main([str(pairs / "view0.a.exr"), "--model", str(weights), "--select", "-o", str(tmp_path / "out.exr")]) == 2
    assert "--select: there is no pair" in capsys.readouterr().err


def test_views_are_learnt_from_but_not_denoised(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = adapts(monkeypatch, proven=False)
    monkeypatch.setattr(adapting, "MOST_PAIRS", 3)
    monkeypatch.setattr("apps.denoise._around", lambda config: lambda source, pair: pair)
    pairs = write_toy_pairs(tmp_path / "pairs", 5)
    still = [str(pairs / f"view0.{half}.exr") for half in "ab"]
    options = ["--model", str(weights), "--adapt", "5", "--views", str(pairs), "-o", str(tmp_path / "out.exr")]
    assert main([*still, *options]) == 0
    expected = [read_frame(pairs / f"view{index}.a.exr")[0].color for index in (0, 1, 3)]  # the still, and 2 of 4
    assert all(np.array_equal(pair.a.color, color) for pair, color in zip(given[0], expected, strict=True))
