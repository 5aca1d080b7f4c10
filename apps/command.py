"""What all commands share: how an error becomes one sentence and an exit code, and where progress goes."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console

from renderer_bridge.errors import N2NError, N2NWarning, UsageError

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

progress_console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
"""Progress, tables and notes for people: standard error, so that standard output stays clean for machines."""


def run(command: Callable[[], int | None]) -> int:
    """Run a command; gives its exit code: its own or 0, 1 or 2 for an `N2NError`, 1 for lack of memory, 130 for Ctrl-C.

    An error is printed as one sentence on standard error, without a traceback, and so is each `N2NWarning`. A
    KeyboardInterrupt may carry a sentence of its own, such as how to go on. SIGTERM, as `timeout` and batch systems
    send it, counts as Ctrl-C.
    """
    try:
        with _plain_warnings(), _interrupted_by_sigterm():
            return command() or DONE
    except UsageError as error:
        return _say(f"error: {error}", WRONG_USAGE)
    except N2NError as error:
        return _say(f"error: {error}", FAILED)
    except MemoryError as error:
        return _say(f"error: not enough memory{': ' if error.args else ''}{error}", FAILED)
    except KeyboardInterrupt as interrupt:
        return _say(f"interrupted{': ' if interrupt.args else ''}{interrupt}", INTERRUPTED)


def defines(pairs: Sequence[str]) -> dict[str, str]:
    """The values of -D name=value, which may be given several times. Raises `UsageError` where there is no "="."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"-D {pair}: name=value is accepted")
    return dict(pair.split("=", 1) for pair in pairs)


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as SIGINT does; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show an `N2NWarning` as a sentence for people, without the line of code that gave it."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", N2NWarning)
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, N2NWarning):
                print(f"warning: {message}", file=sys.stderr)
            else:
                show_others(message, category, *where)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
