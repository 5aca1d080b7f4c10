"""Frames that nobody waits for any more: work that takes long asks on the way, and leaves such a frame at once."""

from __future__ import annotations

from collections.abc import Callable

Outdated = Callable[[], bool]
"""Whether a frame in progress is of no use any more."""


class GivenUp(Exception):
    """A frame was left unfinished because nobody waits for it; no error, and nothing that a user sees."""


def ask(outdated: Outdated | None) -> None:
    """Raise `GivenUp` when `outdated` says so; None asks nobody."""
    if outdated is not None and outdated():
        raise GivenUp
