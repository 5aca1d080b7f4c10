"""Figure impulse: which trainings it makes, and what is judged of which."""

from pathlib import Path

import numpy as np
import pytest

from apps.reproduce import replaced, restore
from apps.reproduce.figure import Bench, Results


def test_the_rate_of_impulse_falls_with_gamma_and_some_shares_have_a_network_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        replaced,
        "train_variants",
        lambda bench, size, variants, tests: seen.append((size, variants, tests)) or iter(()),
    )
    results = Results(tmp_path / "result.csv", restore.LABELS, restore.VALUES)
    list(replaced.IMPULSE.measure(Bench(tmp_path, results, "quick", 1)))
    assert all(size.config(0).ramp_down == 1.0 and not size.correct for size, _, _ in seen)
    assert [list(tests) for _, _, tests in seen] == [
        ["p = 0.1", "p = 0.3", "p = 0.5", "p = 0.7", "p = 0.9"], ["p = 0.3"], ["p = 0.7"], ["p = 0.9"]
    ]  # fmt: skip
    image = np.full((64, 64, 3), 2.0, np.float32)
    noisy, _ = seen[2][1][0].corrupt(image, np.random.default_rng(0))
    # 4096 pixels: 4 standard deviations of the share.
    assert (noisy != 2.0).any(axis=2).mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / 4096))


def test_impulse_is_judged_network_by_network() -> None:
    """L0 2 dB behind at p = 0.9 alone, L1 from 0.7 on, L2 everywhere."""
    behind = {("L0", 0.9): 2.0, ("L1", 0.7): 3.0, ("L1", 0.9): 3.0, **{("L2", p): 4.0 for p in replaced.OWN_SHARES}}
    own = [
        {"variant": f"{loss}, p = {p:g}", "seed": str(seed), "test": "", "psnr": 20.0 - behind.get((loss, p), 0.0)}
        for loss in ("L0", "L1", "L2", "clean targets") for p in replaced.OWN_SHARES for seed in range(2)
    ]  # fmt: skip
    mixed = [
        {"variant": name, "seed": str(seed), "test": f"p = {p:g}", "psnr": 20.0}
        for name in ("L0", "clean targets") for p in replaced.SHARES for seed in range(2)
    ]  # fmt: skip
    findings = replaced.IMPULSE.judge([*own, *mixed])
    assert [finding.holds for finding in findings] == ["holds", "does not hold", "holds", "holds", "holds"]
    assert "-2.00 ± 0.00 dB at 0.9" in findings[1].ours
