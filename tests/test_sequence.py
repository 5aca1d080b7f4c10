"""Frames of a sequence take the last result along: by positions, or by motion vectors of any sign."""

import dataclasses

import numpy as np
import pytest
from fake_renderer import FakeRenderer, camera_at

from denoiser.metrics import tone_map
from online.flicker import temporal_error
from online.sequence import SIGNS, Steady
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Denoised, Frame, Image, Motion

FRAMES = 5
NOISE = 0.2


def noisy(color: Image, seed: int) -> Denoised:
    """As a denoiser leaves it: some error, and an estimate of it."""
    error = NOISE * color
    left = np.random.default_rng(seed).normal(size=color.shape).astype(np.float32) * error
    return Denoised((color + left).clip(min=0), error)


def error_of(picture: Image, truth: Image) -> float:
    return float(np.sqrt(np.mean((tone_map(picture) - tone_map(truth)) ** 2)))


@pytest.mark.parametrize("with_depth", [True, False])
def test_positions_and_a_camera_lead_to_the_last_result(with_depth: bool) -> None:
    truths = [FakeRenderer().truth(camera_at(x=0.02 * i)) for i in range(FRAMES)]
    frames = [truth if with_depth else dataclasses.replace(truth, depth=None) for truth in truths]
    steady, alone, steadied = Steady(), [], []
    for i, (frame, truth) in enumerate(zip(frames, truths, strict=True)):
        denoised = noisy(truth.color, i)
        alone.append(denoised.color)
        steadied.append(steady("", frame, None, denoised))
    assert error_of(steadied[-1], truths[-1].color) < 0.8 * error_of(alone[-1], truths[-1].color)
    flicker = [temporal_error(each[-1], truths[-1], each[-2], truths[-2]) for each in (steadied, alone)]
    assert flicker[0] < 0.7 * flicker[1]  # 0.61 of it here: history counts for two frames at most


def scrolled(step: int, size: tuple[int, int] = (40, 60)) -> Image:
    """A smooth pattern that moves 2 pixels to the right and 1 down each frame."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    wave = 1.5 + np.sin((columns - 2 * step) / 4) * np.cos((rows - step) / 5)
    return np.repeat(wave[..., None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("signs", SIGNS)
def test_motion_vectors_of_any_sign_lead_there_too(signs: tuple[float, float]) -> None:
    steady, motion = Steady(), np.zeros((40, 60, 2), np.float32)
    motion[...] = np.array([-2, -1]) * signs
    for i in range(FRAMES):
        denoised = noisy(scrolled(i), i)
        steadied = steady("", Frame(denoised.color), Motion(motion), denoised)
    assert not steady.astray
    assert error_of(steadied, scrolled(FRAMES - 1)) < 0.85 * error_of(denoised.color, scrolled(FRAMES - 1))


def test_motion_that_leads_nowhere_is_not_believed() -> None:
    steady = Steady()
    wrong = np.full((40, 60, 2), [9.0, -5.0], np.float32)
    still = np.zeros_like(wrong)
    for i in range(3):
        result = steady("", Frame(scrolled(0)), Motion(wrong), noisy(scrolled(0), i))
    expected = Steady()
    for i in range(3):
        plain = expected("", Frame(scrolled(0)), Motion(still), noisy(scrolled(0), i))
    np.testing.assert_array_equal(result, plain)
    assert steady.astray == 2 and not expected.astray  # the first has no last frame


def test_known_signs_are_not_guessed() -> None:
    """Under wrong ones a motion leads nowhere, though others would do."""
    motion = np.zeros((40, 60, 2), np.float32) + np.float32([-2, 1])  # to the last place; y upwards, as in Cycles
    known, wrong = Steady(), Steady()
    for i in range(FRAMES):
        denoised = noisy(scrolled(i), i)
        right = known("", Frame(denoised.color), Motion(motion, (1.0, -1.0)), denoised)
        wrong("", Frame(denoised.color), Motion(motion, (-1.0, 1.0)), denoised)
    assert not known.astray and wrong.astray == FRAMES - 1
    assert error_of(right, scrolled(FRAMES - 1)) < 0.85 * error_of(denoised.color, scrolled(FRAMES - 1))


def test_a_lamp_that_moves_leaves_no_trail_on_the_wall_behind_it() -> None:
    """The wall beside it lies within what the neighbourhood allows, with the same normal; depth tells them apart."""
    steady = Steady()
    for i in range(FRAMES):
        lamp = slice(10 + 3 * i, 20 + 3 * i)
        color, depth = np.full((40, 60, 3), 0.3, np.float32), np.full((40, 60, 1), 6.0, np.float32)
        motion = np.zeros((40, 60, 2), np.float32)
        color[10:30, lamp], depth[10:30, lamp], motion[10:30, lamp] = 20, 5, (-3, 0)
        error = np.full_like(color, 0.1)
        frame = Frame(color, normal=np.full_like(color, (0, 0, 1)), depth=depth)
        picture = steady("", frame, Motion(motion, (1.0, -1.0)), Denoised(color, error))
    # Without noise, what came along from the right surface is the picture itself, but for rounding.
    np.testing.assert_allclose(picture, color, rtol=1e-5)


def test_a_cut_and_another_size_begin_anew() -> None:
    steady = Steady()
    for i, x in enumerate((0.0, 0.02, 50.0)):
        truth = FakeRenderer().truth(camera_at(x=x))
        denoised = noisy(truth.color, i)
        picture = steady("", truth, None, denoised)
    np.testing.assert_allclose(picture, denoised.color, rtol=1e-6)
    small, motion = noisy(scrolled(0, (20, 30)), 0), np.zeros((20, 30, 2), np.float32)
    np.testing.assert_allclose(steady("", Frame(small.color), Motion(motion), small), small.color, rtol=1e-6)


def test_views_have_a_history_each() -> None:
    steady = Steady()
    motion = Motion(np.zeros((40, 60, 2), np.float32))
    first, second = noisy(scrolled(0), 0), noisy(scrolled(7), 1)
    steady("left", Frame(first.color), motion, first)
    np.testing.assert_allclose(steady("right", Frame(second.color), motion, second), second.color, rtol=1e-6)


def test_frames_without_either_are_refused() -> None:
    with pytest.raises(DatasetError, match="neither motion vectors nor camera, position and normal"):
        Steady()("", Frame(scrolled(0)), None, Denoised(scrolled(0)))
