"""The figure online on a renderer of known truth: clean targets are references, killed flights go on to the same."""

from pathlib import Path

import numpy as np
import pytest
from fake_renderer import FakeRenderer

from apps.flythrough.measure import References
from apps.reproduce import online
from apps.reproduce.figure import Bench, Results
from apps.reproduce.noise import CLEAN, NOISY
from renderer_bridge.frame import Camera, Image

FLIGHT = online.Flight(frames=3, size=(48, 32), steps=1, crop=32, reference_spp=2)


def fly(folder: Path, variant: str, stop: int = 0) -> Bench:
    """Fly, or stop after so many frames as a kill would."""
    fake = FakeRenderer()

    def reference(camera: Camera, index: int, half: int) -> Image:
        return fake.truth(camera).color

    bench = Bench(folder, Results(folder / "result.csv", online.LABELS, online.VALUES), "quick", seeds=1)
    references = References(folder / "references", 1, reference)
    for count, _ in enumerate(online._fly(bench, FLIGHT, fake, references, variant, 0), 1):
        if count == stop:
            break
    return bench


@pytest.mark.parametrize("variant", [NOISY, CLEAN])
def test_a_killed_flight_goes_on_to_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    whole = fly(tmp_path / "whole", variant)
    monkeypatch.setattr(online, "CHECKPOINT_EVERY", 2)
    assert not fly(tmp_path / "killed", variant, stop=2).results.rows  # nothing is told of half a flight
    assert list((tmp_path / "killed").rglob(online.STATE))
    went_on = fly(tmp_path / "killed", variant)
    assert went_on.results.rows == whole.results.rows and len(whole.results.rows) == FLIGHT.frames
    assert not list((tmp_path / "killed").rglob(online.STATE))
    assert (tmp_path / "killed" / "pictures" / "last frame" / f"{variant}.png").is_file()


def test_both_flights_see_the_same_noise_and_learn_from_other_targets(tmp_path: Path) -> None:
    noisy, clean = (fly(tmp_path / name, name).results.rows for name in (NOISY, CLEAN))
    assert [row["input_psnr"] for row in noisy] == [row["input_psnr"] for row in clean]
    assert noisy[0]["psnr"] == clean[0]["psnr"]  # before anything was learned
    assert noisy[-1]["psnr"] != clean[-1]["psnr"]


def test_the_second_half_of_the_flight_is_judged() -> None:
    rows = [
        {"variant": variant, "seed": str(seed), "frame": str(frame), "input_psnr": 20.0,
         **dict.fromkeys(("psnr", "shown_psnr"), 30.0 + seed + (behind if frame > 2 else 9 * behind))}
        for variant, behind in ((NOISY, -0.1), (CLEAN, 0.0))
        for seed in range(3)
        for frame in range(1, 5)
    ]  # fmt: skip
    findings = online._judge(rows)
    assert [finding.holds for finding in findings] == ["holds", "holds"]
    assert "difference -0.10 ± 0.00 (all frames -0.50 ± 0.00; input 20.00)" in findings[0].ours


def test_the_path_stays_in_the_room() -> None:
    origins = np.stack([camera.origin for camera in online.PATH.cameras(50, (16, 9))])
    low, high = np.array([-2.1, 0.5, -0.8]), np.array([2.1, 2.5, 2.9])  # walls, stool and sideboard, see scene.xml
    assert np.all(origins > low) and np.all(origins < high)
