"""Work that is left between two operations: when, and that torch is afterwards as it was."""

import itertools
from collections.abc import Callable

import pytest
import torch

from online.giving_up import asking
from renderer_bridge.giving_up import GivenUp, ask


def after(answers: int) -> Callable[[], bool]:
    """Yes, after so many times no."""
    asked = itertools.count()
    return lambda: next(asked) >= answers


def test_nobody_is_asked_without_a_question() -> None:
    ask(None)
    with asking(None):
        assert torch.ones(2).sum() == 2


def test_it_is_left_before_the_next_operation() -> None:
    done = []
    with pytest.raises(GivenUp), asking(after(2)):
        for step in range(5):
            torch.ones(1).neg()
            done.append(step)
    assert done == [0, 1]
    assert torch.ones(1).neg() == -1  # nobody is asked outside


@pytest.mark.parametrize("answers", range(8))
def test_gradients_are_on_again_wherever_it_is_left(answers: int) -> None:
    """What turns them off and on is an operation of torch too, of no tensor."""
    with pytest.raises(GivenUp), asking(after(answers)):
        while True:
            with torch.no_grad():
                torch.ones(1).neg().neg()
    assert torch.is_grad_enabled()
