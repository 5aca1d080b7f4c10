"""The ablation command: every variant is trained and measured, and a second run trains nothing again."""

import csv
from pathlib import Path

import imageio.v3 as imageio
import pytest
from toy_pairs import write_toy_pairs

from apps import ablate


def test_every_variant_is_measured_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = write_toy_pairs(tmp_path / "pairs", references=True)
    command = [str(pairs), "-o", str(tmp_path / "out"), "--steps", "2", "--crop", "32", "--validation-views", "1"]
    assert ablate.main(command) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "scores.csv").read_text().splitlines()))
    assert [row["variant"] for row in rows] == ["the noisy pairs themselves", *ablate.VARIANTS]
    noisy = rows[0]
    assert abs(float(noisy["mean_over_reference"]) - 1) < 0.02  # 45 000 values of relative deviation 0.5: 0.2 %
    assert imageio.imread(tmp_path / "out" / "pictures.png").shape[1] > 7 * 72
    weights = [folder / "model.safetensors" for folder in (tmp_path / "out").iterdir() if folder.is_dir()]
    before = {path: path.stat().st_mtime_ns for path in weights}
    assert len(before) == len(ablate.VARIANTS) and ablate.main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in weights} == before


def test_pairs_without_references_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = write_toy_pairs(tmp_path / "pairs")
    assert ablate.main([str(pairs), "-o", str(tmp_path / "out"), "--steps", "1"]) == 1
    assert "has no reference" in capsys.readouterr().err
