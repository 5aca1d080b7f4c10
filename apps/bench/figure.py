"""What a benchmark says, and how two things are timed against each other."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One line of the table: the measured value beside what we want, and what lies behind it, mostly seconds."""

    name: str
    value: str
    wanted: str
    detail: str


def in_turn(ours: Callable[[], object], peer: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """(median of peer / ours pair by pair, median seconds of ours, of the peer), after one uncounted round."""
    times = np.array([[_seconds(ours), _seconds(peer)] for _ in range(repeats + 1)])[1:]
    ours_s, peer_s = np.median(times, axis=0)
    return float(np.median(times[:, 1] / times[:, 0])), float(ours_s), float(peer_s)


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def peak_bytes(usage: resource.struct_rusage) -> int:
    """Most memory of a process that ended."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
