"""What all commands share: how an error becomes one sentence and an exit code, and where progress goes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console

from renderer_bridge.errors import N2NError, UsageError

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

progress_console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
"""Progress, tables and notes for people: standard error, so that standard output stays clean for machines."""


def run(command: Callable[[], int | None]) -> int:
    """Run a command; gives its exit code: its own, 0 for None, 1 or 2 for an `N2NError`, 130 for Ctrl-C.

    An error is printed as one sentence on standard error, without a traceback. A KeyboardInterrupt may carry a sentence
    of its own, such as how to go on.
    """
    try:
        return command() or DONE
    except UsageError as error:
        return _say(f"error: {error}", WRONG_USAGE)
    except N2NError as error:
        return _say(f"error: {error}", FAILED)
    except KeyboardInterrupt as interrupt:
        return _say(f"interrupted{': ' if interrupt.args else ''}{interrupt}", INTERRUPTED)


def _say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
