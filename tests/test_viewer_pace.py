"""How the size of a moving picture follows the seconds that frames take; a machine is a function of work."""

from collections.abc import Callable

import pytest

from apps.viewer.pace import LEAST_WORK, START_WORK, STEP, Pace

RESTING, SPP = (640, 360), 4
PIXELS = RESTING[0] * RESTING[1]


def machine(fixed_s: float, sample_s: float) -> Callable[[int], float]:
    return lambda work: fixed_s + sample_s * work


def flown(pace: Pace, seconds: Callable[[int], float], frames: int) -> list[Pace]:
    """The paces after each of so many frames."""
    paces = []
    for _ in range(frames):
        (width, height), spp = pace.effort(RESTING, SPP)
        pace = pace.after_frame(width * height * spp, seconds(width * height * spp))
        paces.append(pace)
    return paces


@pytest.mark.parametrize("fixed_s", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("sample_s", [1e-8, 1e-6, 5e-6, 1e-5])
def test_it_settles_below_the_budget_and_near_it(fixed_s: float, sample_s: float) -> None:
    seconds = machine(fixed_s, sample_s)
    paces = flown(Pace(rate=5), seconds, 60)
    (width, height), spp = paces[-1].effort(RESTING, SPP)
    took = seconds(width * height * spp)
    assert took <= paces[-1].budget_s
    largest = (width, height) == RESTING  # where a whole sample more may be too much
    assert largest or took > paces[-1].budget_s / STEP / 1.05  # less than a step from it, but for the rounding of sides
    assert len({pace.work for pace in paces[-20:]}) == 1  # and stays


def test_size_comes_first_then_samples() -> None:
    assert Pace(5, work=PIXELS / 4).effort(RESTING, SPP) == ((320, 180), 1)
    assert Pace(5, work=PIXELS * 2.5).effort(RESTING, SPP) == (RESTING, 2)
    assert Pace(5, work=PIXELS * 100).effort(RESTING, SPP) == (RESTING, SPP)


def test_much_too_slow_counts_at_once_a_little_only_twice_in_a_row() -> None:
    work = 2.0**16
    pace = Pace(rate=5, work=work)
    assert pace.after_frame(work, 1.0).work < work / 4
    slow = pace.after_frame(work, 1.2 * pace.budget_s)
    assert slow.work == work
    assert slow.after_frame(work, pace.budget_s / 1.01).work == work
    assert slow.after_frame(work, 1.2 * pace.budget_s).work == pytest.approx(work / STEP)


def test_it_grows_only_after_several_fast_frames_by_the_slowest_of_them() -> None:
    pace = Pace(rate=5)
    for seconds in (0.01, pace.budget_s / 2.1):
        pace = pace.after_frame(START_WORK, seconds)
        assert pace.work == START_WORK
    assert pace.after_frame(START_WORK, 0.01).work == pytest.approx(2 * START_WORK)


def test_a_machine_that_is_too_slow_gets_the_least() -> None:
    assert flown(Pace(rate=5), machine(10.0, 1e-3), 3)[-1].work == LEAST_WORK


def test_training_takes_what_is_left() -> None:
    pace = Pace(rate=5).after_frame(START_WORK, 0.06)
    assert pace.training_steps(8, None) == 0  # nobody knows yet what a step takes
    pace = pace.after_training(0.08, 4)
    assert pace.spare_s == pytest.approx(0.1)
    assert pace.training_steps(8, None) == 5 and pace.training_steps(3, None) == 3
    assert pace.training_steps(1, 10.0) == 5 and pace.training_steps(8, 0.05) == 2
    assert pace.after_frame(START_WORK, 1.0).training_steps(8, None) == 0
