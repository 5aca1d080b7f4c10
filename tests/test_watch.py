"""The watch: it trusts what beats the noisy frame, and calls lost what stays worse after having been better."""

import json

import pytest
import torch
from fake_renderer import FakeRenderer, camera_at

from denoiser.devices import frame_on, pair_on
from online.watch import CELL, PATIENCE, Watch, better_elsewhere, relative_errors, runaway


def test_a_network_from_scratch_is_never_lost_before_it_was_good() -> None:
    watch = Watch()
    assert {watch.observe(5.0, 1.0) for _ in range(5 * PATIENCE)} == {"fair"} and not watch.trusted


def test_lost_after_patience_and_only_in_a_row() -> None:
    watch = Watch()
    assert watch.observe(0.1, 1.0) == "good" and watch.trusted
    assert [watch.observe(2.0, 1.0) for _ in range(PATIENCE - 1)] == ["fair"] * (PATIENCE - 1)
    assert watch.observe(0.1, 1.0) == "good"
    assert [watch.observe(2.0, 1.0) for _ in range(PATIENCE)][-1] == "lost"
    watch.forgive()
    assert watch.observe(2.0, 1.0) == "fair"


def test_weights_are_kept_near_the_best_only() -> None:
    watch = Watch()
    watch.observe(0.1, 1.0)
    assert watch.observe(0.5, 1.0) == "fair"
    assert [watch.observe(0.5, 1.0) for _ in range(100)][-1] == "good"  # an easy view is no mark for ever


def test_its_state_survives_json() -> None:
    watch = Watch()
    fresh = Watch()
    fresh.set_state(json.loads(json.dumps(watch.state())))
    assert fresh == watch
    watch.observe(0.2, 1.0)
    fresh.set_state(json.loads(json.dumps(watch.state())))
    assert fresh == watch


def test_relative_errors_are_those_of_the_truth() -> None:
    """Noise of relative variance 1/8, and a denoiser 10 % too bright."""
    renderer = FakeRenderer()
    camera = camera_at(resolution=(160, 96))
    pair, truth = pair_on(renderer.render(camera, 4, (1, 2))), frame_on(renderer.truth(camera)).color
    bright = truth * 1.1
    score, noisy = relative_errors(bright, bright, pair.a.color, pair.b.color)
    # Brightness is that of the smoothed gray picture, so colors weigh a little otherwise: 25 %.
    assert noisy == pytest.approx(1 / 8, rel=0.25) and score == pytest.approx(0.01, rel=0.5)


def test_where_a_denoised_half_runs_away_is_found_and_nothing_else() -> None:
    renderer = FakeRenderer()
    camera = camera_at(resolution=(90, 70))
    pair, truth = pair_on(renderer.render(camera, 1, (1, 2))), frame_on(renderer.truth(camera)).color
    pair.b.color[..., 60, 80] = 1e4  # a firefly is no proof
    assert not runaway(truth, pair.a.color, pair.b.color).any()
    wild = truth.clone()
    wild[..., 20:30, 20:30] = 50.0
    away = runaway(wild, pair.a.color, pair.b.color)
    assert away.shape == (1, 1, 70, 90) and away[..., 20:30, 20:30].all() and not away[..., 5 * CELL :].any()
    assert better_elsewhere(wild, pair.a.color, pair.b.color, away)
    assert not better_elsewhere(truth * 0 + 50, pair.a.color, pair.b.color, away)
    assert not better_elsewhere(wild, pair.a.color, pair.b.color, torch.ones_like(away))
