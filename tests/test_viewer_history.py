"""What the plots show: gaps, thinning, round ticks."""

import numpy as np
import pytest
from fake_viewer import record

from apps.viewer.history import CAPACITY, POINTS, History


def test_scores_that_are_not_positive_are_gaps() -> None:
    history = History()
    for index, score in enumerate((0.2, -0.1, 0.0, 0.3)):
        history.add(record(index, score=score, losses=(1.0, 3.0) if index else ()))
    frames, denoised = history.curves()["denoised"]
    assert frames.tolist() == [0, 1, 2, 3]
    assert denoised == pytest.approx([0.2, np.nan, np.nan, 0.3], nan_ok=True)
    assert history.curves()["loss"][1] == pytest.approx([np.nan, 2, 2, 2], nan_ok=True)


def test_many_frames_are_thinned_and_the_oldest_fall_out() -> None:
    history, one = History(), record()
    for index in range(CAPACITY + 500):
        object.__setattr__(one, "index", index)
        history.add(one)
    frames, denoised = history.curves()["denoised"]
    assert len(frames) <= POINTS
    assert frames[0] >= 500 - 1
    assert denoised == pytest.approx(0.1)


def test_nothing_yet() -> None:
    history = History()
    assert all(len(frames) == 0 for frames, _ in history.curves().values())
    history.add(record())
    history.clear()
    assert len(history.curves()["noisy"][0]) == 0
