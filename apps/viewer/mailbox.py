"""The way from the window to the worker: one slot for a request, in which the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from online.records import FrameRequest


class Mailbox:
    """An endless iterable of `FrameRequest`: the newest one, and the last one again when nothing new has come.

    A resting camera thus goes on accumulating and training. While paused or empty it blocks without using the
    processor. Any thread may put; one thread takes.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._slot: FrameRequest | None = None
        self._taken = True
        self._woken = False
        self._paused = False
        self._closed = False

    def __iter__(self) -> Iterator[FrameRequest]:
        while not self.closed:
            request = self.take()
            if request is not None:
                yield request

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def paused(self) -> bool:
        """Whether requests are held back."""
        return self._paused

    @property
    def waiting(self) -> bool:
        """Whether a request lies there that nobody has taken yet."""
        with self._changed:
            return not self._taken

    def put(self, request: FrameRequest) -> None:
        """Replace whatever lies in the slot; a cut that nobody has taken yet is not lost."""
        with self._changed:
            if self._slot is not None and self._slot.cut and not self._taken:
                request = replace(request, cut=True)
            self._slot, self._taken = request, False
            self._changed.notify_all()

    def take(self) -> FrameRequest | None:
        """Wait for a request and return it; None when woken or closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._woken or not (self._paused or self._slot is None))
            woken, self._woken = self._woken, False
            if self._closed or woken or self._slot is None:
                return None
            request, self._taken = self._slot, True
            self._slot = replace(request, cut=False)  # the same view again is no cut
            return request

    def wake(self) -> None:
        """Make the next `take`, or the one that waits, return None: there is something else to do."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def forget(self) -> None:
        """Empty the slot, unless it holds a request that nobody has tried yet."""
        with self._changed:
            if self._taken:
                self._slot = None

    def pause(self, paused: bool = True) -> None:
        """Hold requests back, or let them through again."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def close(self) -> None:
        """End the iteration for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
