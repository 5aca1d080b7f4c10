"""The reproduction: one figure from end to end, what is refused, and that a killed run goes on to the same figures."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from apps import reproduce
from apps.reproduce import FIGURES, noise, restore
from apps.reproduce.figure import Bench, Results
from denoiser.networks.unet import UNet

ROOT = Path(__file__).parent.parent
SMALL = restore.Size(steps=4, crop=32, test_side=64, learning_rate=1e-3, batch=1, curve=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Pictures of one's own to train and to test on, so that no package is needed."""
    random = np.random.default_rng(0)
    arguments = []
    for option, count in (("--images", 2), ("--train-images", 1)):
        folder = tmp_path_factory.mktemp("pictures")
        for index in range(count):
            imageio.imwrite(folder / f"{index}.png", random.integers(0, 255, (70, 90, 3), dtype=np.uint8))
        arguments += [option, str(folder)]
    return arguments


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "size", lambda bench, **more: SMALL)


def test_a_figure_from_end_to_end_and_nothing_is_measured_twice(
    tmp_path: Path, folders: list[str], small: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["gaussian", "-o", str(tmp_path), "--quick", "--seeds", "2", *folders]
    assert reproduce.main(command) == 0
    rows = (tmp_path / "gaussian" / "result.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2 * 2 * 2  # variants, seeds, looks, pictures
    findings = json.loads((tmp_path / "gaussian" / "findings.json").read_text())
    assert findings["scale"] == "quick" and findings["seeds"] == 2 and len(findings["findings"]) == 1
    table = (tmp_path / "reproduced.md").read_text()
    assert "31.61 against 31.63 dB" in table and "| gaussian |" in table
    page = (tmp_path / "index.html").read_text()
    assert "<code>n2n-reproduce gaussian --quick</code>" in page
    for name in ("figure.png", "figure.dark.png", "pictures/test/input.png", "pictures/test/clean.png"):
        assert f"gaussian/{name}" in page and (tmp_path / "gaussian" / name).is_file()
    assert not list(tmp_path.rglob("optimizer.safetensors"))
    before = (tmp_path / "gaussian" / "result.csv").stat().st_mtime_ns
    assert reproduce.main(command) == 0
    assert (tmp_path / "gaussian" / "result.csv").stat().st_mtime_ns == before
    assert reproduce.main([*command[:-4], "--images", str(tmp_path), *command[-2:]]) == 1
    assert "images was" in capsys.readouterr().err


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from apps.reproduce import noise, restore
from apps.reproduce.figure import Bench, Results

torch.set_num_threads(1)
folder, images, training, stop = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
restore.CHECKPOINT_EVERY = 3
noise.size = lambda bench, **more: restore.Size(4, 32, 64, 1e-3, 1, 2)
results = Results(folder / "result.csv", noise.GAUSSIAN.labels, noise.GAUSSIAN.values)
bench = Bench(folder, results, "quick", 1, images, training)
for count, step in enumerate(noise.GAUSSIAN.measure(bench), 1):
    if count == stop:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_figures(tmp_path: Path, folders: list[str]) -> None:
    def measured(folder: Path, *stops: int) -> str:
        for stop in (*stops, 0):
            command = [sys.executable, "-c", KILLED, str(folder), folders[1], folders[3], str(stop)]
            code = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False).returncode
            assert code == (-signal.SIGKILL if stop else 0)
        rows = (folder / "result.csv").read_text().splitlines()
        return "\n".join(row.rsplit(",", 1)[0] for row in rows)  # without step_s, which is a time

    whole = measured(tmp_path / "whole")
    # After step 2 of 4, before a checkpoint but after a look; then after step 3 + 3, in the second variant.
    assert measured(tmp_path / "killed", 2, 6) == whole


def test_every_figure_is_named_with_its_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES) and all(len(line.split()) > 3 for line in lines)


def test_an_unknown_figure_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce.main(["gaussian", "mona-lisa", "-o", str(tmp_path)]) == 2
    assert "mona-lisa; accepted: statistics" in capsys.readouterr().err


def test_a_noisy_target_is_another_draw_and_a_clean_one_is_the_crop() -> None:
    pictures = {"slope": np.linspace(0, 1, 40 * 50 * 3, dtype=np.float32).reshape(40, 50, 3)}
    corrupt = noise.unmasked(lambda image, random: image + random.standard_normal(image.shape).astype(np.float32))
    for clean in (False, True):
        draw = restore.drawer(restore.Variant("v", corrupt, clean), pictures, SMALL)
        batch, again = draw(np.random.default_rng(1)), draw(np.random.default_rng(1))
        assert all(np.array_equal(batch[name], again[name]) for name in batch)
        added = batch["target"] - batch["input"]
        # The difference of two noises of variance 1, or one of them: 3072 values, 4 standard deviations of 2.6 %.
        assert added.var().item() == pytest.approx(1.0 if clean else 2.0, rel=0.1)


def test_short_runs_learn_what_to_add_and_the_full_one_the_papers_network(tmp_path: Path) -> None:
    results = Results(tmp_path / "result.csv", restore.LABELS, restore.VALUES)
    x = torch.rand(1, 3, 32, 32)
    for scale, correct in (("quick", True), ("medium", True), ("full", False)):
        size = restore.size(Bench(tmp_path, results, scale, 1))  # type: ignore[arg-type]
        torch.manual_seed(0)
        network = size.built(lambda: UNet(3))()
        torch.manual_seed(0)
        alone = UNet(3)(x)
        torch.testing.assert_close(network(x), x + alone if correct else alone)
        assert size.config(0).ramp_down == 0.3
    assert restore.size(Bench(tmp_path, results, "quick", 1), correct=False).correct is False


def test_results_are_typed_kept_and_refused_with_other_columns(tmp_path: Path) -> None:
    results = Results(tmp_path / "r.csv", ("name", "seed"), ("psnr",))
    results.add([{"name": "a,b", "seed": 0, "psnr": 1 / 3}])
    again = Results(tmp_path / "r.csv", ("name", "seed"), ("psnr",))
    assert again.has(name="a,b", seed=0) and not again.has(name="a,b", seed=1)
    assert again.rows[0]["psnr"] == pytest.approx(1 / 3, rel=1e-5) and again.rows[0]["seed"] == "0"
    with pytest.raises(reproduce.report.DatasetError, match=r"has columns name, seed, psnr; name, error are needed"):
        Results(tmp_path / "r.csv", ("name",), ("error",))
    assert Bench(tmp_path, again, "medium", seeds=1).pick(1, 2, 3) == 2
