"""What the plots show: scores and losses by frame, bounded, with gaps where a logarithm has no value."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from online.records import FlythroughRecord

CAPACITY = 6000  # frames; older ones fall out
POINTS = 400  # drawn at most: more than a plot has pixels

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


class History:
    """Frame numbers with the relative scores of denoised and noisy and the mean loss; NaN where there is none."""

    def __init__(self) -> None:
        self._rows: deque[tuple[float, float, float, float]] = deque(maxlen=CAPACITY)

    def add(self, record: FlythroughRecord) -> None:
        """Take a record in."""
        loss = float(np.mean(record.losses)) if record.losses else float("nan")
        self._rows.append((record.index, *record.relative, loss))

    def clear(self) -> None:
        """Begin anew."""
        self._rows.clear()

    def curves(self) -> dict[str, Curve]:
        """By name ("denoised", "noisy", "loss") frame numbers and positive values, at most `POINTS`.

        Beyond that each point is the mean of as many frames. Values <= 0, which an estimate from pairs may have, are
        NaN: they are gaps on a logarithmic axis.
        """
        if not self._rows:
            empty = np.empty(0)
            return {name: (empty, empty) for name in ("denoised", "noisy", "loss")}
        rows = _thinned(np.array(self._rows))
        with np.errstate(invalid="ignore"):
            values = np.where(rows[:, 1:] > 0, rows[:, 1:], np.nan)
        return {name: (rows[:, 0], values[:, i]) for i, name in enumerate(("denoised", "noisy", "loss"))}


def _thinned(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    together = -(-len(rows) // POINTS)
    if together == 1:
        return rows
    whole = rows[len(rows) % together :].reshape(-1, together, rows.shape[1])  # the newest frame stays the last
    known = ~np.isnan(whole)
    sums, counts = np.where(known, whole, 0.0).sum(axis=1), known.sum(axis=1)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
