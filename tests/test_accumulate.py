"""Accumulation: each half its own mean, weighted by samples, and a stop without a jump."""

import dataclasses

import numpy as np
import torch
from fake_renderer import FakeRenderer, camera_at

from denoiser.devices import TensorPair, pair_on
from denoiser.transforms import to_image
from online.accumulate import SETTLE_ERRORS, Accumulated, same_camera, settle


def rendered(renderer: FakeRenderer, spp: int, seeds: tuple[int, int]) -> TensorPair:
    return pair_on(renderer.render(camera_at(), spp, seeds))


def test_halves_grow_apart_from_each_other_and_are_weighted_by_their_samples() -> None:
    renderer = FakeRenderer()
    first, second = (rendered(renderer, spp, seeds) for spp, seeds in ((2, (1, 2)), (6, (3, 4))))
    view = Accumulated(first).extended(second)
    assert view.renders == 2 and view.pair.a.spp == view.pair.b.spp == 8
    np.testing.assert_allclose(view.pair.a.color, (2 * first.a.color + 6 * second.a.color) / 8, rtol=1e-6)
    np.testing.assert_allclose(view.pair.b.color, (2 * first.b.color + 6 * second.b.color) / 8, rtol=1e-6)


def test_the_mean_goes_to_the_truth_and_the_halves_stay_independent() -> None:
    renderer, camera = FakeRenderer(), camera_at()
    truth = renderer.truth(camera).color
    view = Accumulated(rendered(renderer, 1, (0, 1)))
    for k in range(1, 64):
        view = view.extended(rendered(renderer, 1, (2 * k, 2 * k + 1)))
    lit = truth > 0
    a, b = ((to_image(half.color) / np.maximum(truth, 1e-6) - 1)[lit] for half in (view.pair.a, view.pair.b))
    # Relative variance 1/2 at 1 spp, 1/128 at 64; about 9000 values: standard error of a variance is 1.5 %.
    assert abs(a.var() * 128 - 1) < 0.06
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)


def test_normals_keep_their_length() -> None:
    renderer = FakeRenderer()
    view = Accumulated(rendered(renderer, 1, (1, 2))).extended(rendered(renderer, 1, (3, 4)))
    assert view.pair.a.normal is not None
    lengths = np.linalg.norm(to_image(view.pair.a.normal), axis=2)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


def test_a_camera_rests_when_nothing_of_it_changes() -> None:
    camera = camera_at()
    view = Accumulated(rendered(FakeRenderer(), 1, (1, 2)))
    assert view.shows(camera_at())
    assert not view.shows(camera_at(x=1e-9))
    assert not same_camera(camera, dataclasses.replace(camera, fov_deg=camera.fov_deg + 1e-9))
    assert not same_camera(camera, dataclasses.replace(camera, resolution=(48, 64)))


def test_what_motion_left_fades() -> None:
    color, past = torch.zeros(1, 3, 3, 5), torch.ones(1, 3, 3, 5)
    age, error = torch.full((1, 1, 3, 5), 4.0), torch.full((1, 3, 3, 5), 10.0)
    shares = [float(settle(color, error, past, age, renders)[0, 0, 0, 0]) for renders in (1, 4, 396)]
    np.testing.assert_allclose(shares, [0.8, 0.5, 0.01], rtol=1e-6)
    assert not settle(color, error, past, age * 0, 1).any()
    np.testing.assert_allclose(settle(color, error / 1000, past, age, 4), SETTLE_ERRORS * 0.01 * 0.5, rtol=1e-6)
