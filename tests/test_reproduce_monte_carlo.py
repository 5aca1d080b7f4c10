"""Figures on renders: shorter runs train the kernel network on pairs of one's own, and the full run asks more."""

from pathlib import Path

import numpy as np
import pytest
import torch

from apps import reproduce
from apps.reproduce import monte_carlo, restore
from apps.reproduce.figure import Bench, Results
from denoiser.transforms import NetworkInput, tone_map
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame

SMALL = restore.Size(steps=2, crop=32, test_side=64, learning_rate=2e-3, batch=1, curve=2, optimizer="muon")
LAYERS = {name: torch.full((1, 3, 4, 4), 2.0) for name in ("color", "albedo", "normal")}


def write_pairs(folder: Path) -> Path:
    """Two views with references: a gray picture with noise of a quarter of its radiance."""
    for view in range(2):
        for name, sigma, seed in (("a", 0.25, 1), ("b", 0.25, 2), ("ref", 0.0, 3)):
            random = np.random.default_rng((view, seed))
            color = (0.5 * (1 + sigma * random.standard_normal((32, 48, 3)))).clip(0).astype(np.float32)
            albedo, normal = np.full_like(color, 0.5), np.zeros_like(color)
            normal[..., 2] = 1
            path = folder / f"{view:03d}.{name}.exr"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_frame(path, Frame(color, albedo, normal, seed=seed))
    return folder


def test_a_quick_run_leaves_linear_input_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = write_pairs(tmp_path / "pairs")
    monkeypatch.setattr(monte_carlo, "size", lambda bench, steps, curve, correct: SMALL)
    options = ["--quick", "--seeds", "1", "--pairs", str(pairs), "-o", str(tmp_path / "out")]
    assert reproduce.main(["hdr-loss", *options]) == 0
    table = (tmp_path / "out" / "reproduced.md").read_text()
    assert "L_HDR is better than L2" in table and monte_carlo.LINEAR not in table


def test_the_plot_of_offline_has_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = write_pairs(tmp_path / "pairs")
    monkeypatch.setattr(monte_carlo, "size", lambda bench, steps, curve, correct: SMALL)
    options = ["--quick", "--seeds", "1", "--pairs", str(pairs), "-o", str(tmp_path / "out")]
    assert reproduce.main(["offline", *options]) == 0
    rows = Results(tmp_path / "out" / "offline" / "result.csv", monte_carlo.LABELS, monte_carlo.VALUES).rows
    assert {row["step"] for row in rows} == {"1", "2"}
    axes = pytest.importorskip("matplotlib.figure").Figure().add_subplot()
    monte_carlo.OFFLINE.draw(rows, axes)
    assert "input" in axes.get_legend_handles_labels()[1]


@pytest.mark.parametrize(("scale", "network"), [("quick", "kernel"), ("medium", "kernel"), ("full", "unet")])
def test_the_full_run_trains_the_network_of_the_paper(tmp_path: Path, scale: str, network: str) -> None:
    results = Results(tmp_path / "result.csv", monte_carlo.LABELS, monte_carlo.VALUES)
    bench = Bench(tmp_path, results, scale, 1)  # type: ignore[arg-type]
    assert monte_carlo._size(bench, 1).network == network


def test_linear_input_is_not_tone_mapped() -> None:
    taken = NetworkInput()
    given = monte_carlo.Training("x").stack(taken, LAYERS)
    linear = monte_carlo.Training("x", linear=True).stack(taken, LAYERS)
    assert torch.equal(linear[:, :3], LAYERS["color"]) and torch.equal(given[:, :3], tone_map(LAYERS["color"]))
    assert torch.equal(linear[:, 3:], given[:, 3:])
