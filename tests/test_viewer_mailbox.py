"""The one-slot mailbox: newest wins, the last one again, pause, wake, close."""

import threading
import time

import numpy as np
import pytest

from apps.viewer.mailbox import Mailbox
from online.records import FrameRequest
from renderer_bridge.frame import Camera

SOON_S = 10.0  # for another thread to notice; it takes microseconds unless the machine is very busy
A_WHILE_S = 0.2


def request(spp: int, cut: bool = False) -> FrameRequest:
    return FrameRequest(Camera(np.eye(4), 50.0, (16, 10)), spp=spp, cut=cut)


def taken_in_thread(mailbox: Mailbox) -> tuple[threading.Thread, list[FrameRequest | None]]:
    taken: list[FrameRequest | None] = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()), daemon=True)
    thread.start()
    return thread, taken


def test_the_newest_wins() -> None:
    mailbox = Mailbox()
    for spp in (1, 2, 3):
        mailbox.put(request(spp))
    requests = iter(mailbox)
    assert mailbox.waiting
    assert next(requests).spp == 3
    assert not mailbox.waiting
    mailbox.put(request(4))
    assert next(requests).spp == 4


def test_the_last_one_comes_again_but_cuts_only_once() -> None:
    mailbox = Mailbox()
    mailbox.put(request(2, cut=True))
    requests = iter(mailbox)
    assert [next(requests).cut for _ in range(3)] == [True, False, False]


def test_a_cut_that_was_overwritten_is_not_lost() -> None:
    mailbox = Mailbox()
    mailbox.put(request(2, cut=True))
    mailbox.put(request(3))
    first = mailbox.take()
    assert first is not None and first.cut and first.spp == 3


def test_an_empty_mailbox_waits() -> None:
    mailbox = Mailbox()
    thread, taken = taken_in_thread(mailbox)
    thread.join(A_WHILE_S)
    assert thread.is_alive()
    mailbox.put(request(5))
    thread.join(SOON_S)
    assert taken[0] is not None and taken[0].spp == 5


def test_pause_waits_without_using_the_processor() -> None:
    mailbox = Mailbox()
    mailbox.put(request(1))
    mailbox.pause()
    thread, taken = taken_in_thread(mailbox)
    before = time.process_time()
    thread.join(A_WHILE_S)
    assert thread.is_alive()
    assert time.process_time() - before < A_WHILE_S / 2
    mailbox.pause(False)
    thread.join(SOON_S)
    assert taken[0] is not None


@pytest.mark.parametrize("action", [Mailbox.close, Mailbox.wake])
def test_closing_and_waking_end_the_wait_even_while_paused(action) -> None:
    mailbox = Mailbox()
    mailbox.put(request(1))
    mailbox.pause()
    thread, taken = taken_in_thread(mailbox)
    action(mailbox)
    thread.join(SOON_S)
    assert taken == [None]


def test_closing_ends_the_iteration() -> None:
    mailbox = Mailbox()
    mailbox.put(request(1))
    requests = iter(mailbox)
    next(requests)
    mailbox.close()
    assert list(requests) == []


def test_forgetting_keeps_what_nobody_has_tried() -> None:
    mailbox = Mailbox()
    mailbox.put(request(1))
    mailbox.forget()
    assert mailbox.take() is not None
    mailbox.forget()
    thread, _ = taken_in_thread(mailbox)
    thread.join(A_WHILE_S)
    assert thread.is_alive()
    mailbox.close()
