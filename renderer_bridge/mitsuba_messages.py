"""What Mitsuba logs, in our words or not at all."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renderer_bridge.errors import N2NWarning


@contextlib.contextmanager
def logged_as_warnings(path: Path) -> Iterator[None]:
    """Turn what Mitsuba logs while loading into one `N2NWarning` each; duplicates are told once."""
    import mitsuba as mi

    messages: list[str] = []

    class Collector(mi.Appender):  # type: ignore[misc]
        def append(self, level: Any, text: str) -> None:
            if level >= mi.LogLevel.Warn:
                messages.append(plain(text))

        def log_progress(self, *args: Any) -> None:
            pass

    logger = mi.logger()
    before = [logger.appender(i) for i in range(logger.appender_count())]
    collector = Collector()
    logger.clear_appenders()
    logger.add_appender(collector)
    try:
        yield
    finally:
        logger.clear_appenders()
        for appender in before:
            logger.add_appender(appender)
        for message in dict.fromkeys(messages):
            warn(f"{path}: {message}")


@contextlib.contextmanager
def no_warnings() -> Iterator[None]:
    """Keep Mitsuba from printing a line for every invalid sample: they are counted here."""
    import mitsuba as mi

    before = mi.logger().log_level()
    mi.logger().set_log_level(mi.LogLevel.Error)
    try:
        yield
    finally:
        mi.logger().set_log_level(before)


def warn(sentence: str) -> None:
    """An `N2NWarning` of one sentence."""
    warnings.warn(sentence, N2NWarning, stacklevel=2)


def plain(text: object) -> str:
    """A Mitsuba message as one line, without date, source location, color codes, and the way a Python error took."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(str(text).split()))
    line = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ +", "", line)
    line = re.sub(r'Traceback \(most recent call last\):(?: File "[^"]*", line \d+, in \S+)* (?:\w+Error: )?', "", line)
    return re.sub(r"\[[\w.]+:\d+\] ", "", line)
