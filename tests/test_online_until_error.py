"""Halves of one picture grow until it is good enough; the renderer is made of numbers."""

import numpy as np

from denoiser.inference.until_error import Goal
from online.until_error import Halves, grown
from renderer_bridge.mitsuba_halves import Half

Asked = list[tuple[int, int, int]]


def render_into(asked: Asked):
    def render(half: int, index: int, spp: int) -> Half:
        asked.append((half, index, spp))
        return Half(np.full((2, 3, 3), float(index), np.float32), np.full((2, 3, 1), 1.0, np.float32))

    return render


def known_law(halves: Halves, spp: int) -> float:
    return 0.2 * spp**-0.5


def test_samples_are_added_until_it_is_good_enough() -> None:
    asked: Asked = []
    found = grown(render_into(asked), known_law, 4, Goal(0.02))
    assert 100 <= found.spp <= 120 and found.points[-1].error <= 0.02
    assert (
        sum(spp for half, _, spp in asked if half == 0) == sum(spp for half, _, spp in asked if half == 1) == found.spp
    )
    assert len({index for half, index, _ in asked if half == 0}) == len(found.points)  # each with noise of its own
    assert "falls as spp^-0.50" in found.sentence() and "would take" not in found.sentence()


def test_a_half_is_the_mean_of_all_samples() -> None:
    asked: Asked = []
    found = grown(render_into(asked), known_law, 4, Goal(0.05))
    mean = sum(index * spp for half, index, spp in asked if half == 1) / found.spp
    np.testing.assert_allclose(found.halves[1].color, mean, rtol=1e-6)  # float32
    np.testing.assert_allclose(found.halves[1].further, 1.0)


def test_at_the_limit_it_says_what_it_would_take() -> None:
    found = grown(render_into([]), known_law, 4, Goal(0.002, most_spp=20))
    assert 16 <= found.spp <= 20
    assert "0.002 would take about 10000; most_spp 40 allows no more" in found.sentence()


def test_what_is_good_enough_at_once_is_rendered_once() -> None:
    asked: Asked = []
    assert grown(render_into(asked), known_law, 4, Goal(0.5)).spp == 4 and len(asked) == 2
