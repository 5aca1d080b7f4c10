"""What a figure of the paper is here: cells that are measured once each, findings drawn from them, and a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from renderer_bridge.atomic import write_text
from renderer_bridge.errors import DatasetError

RESULTS = "result.csv"
CONFIDENCE = 0.95
T = TypeVar("T")

Row = Mapping[str, Any]
"""One row of `result.csv`: labels are strings, values are floats."""

Scale = Literal["quick", "medium", "full"]
"""How long and how large a figure is measured: some minutes, some ten minutes, hours, on one core."""

LARGE = 1e6
"""From here on decimals say nothing: a training that has diverged."""

Holds = Literal["holds", "does not hold", "open"]
"""`open`: the interval over the seeds is too wide to tell."""


@dataclass(frozen=True)
class Finding:
    """One claim beside what came of it here; `ours` is text with its interval, `published` likewise."""

    claim: str
    published: str
    ours: str
    holds: Holds


@dataclass(frozen=True)
class Progress:
    """Where a figure is: the cell in work, and steps `done` of `total` in it."""

    cell: str
    done: int
    total: int


class Results:
    """`result.csv`: rows are added a cell at a time, when it is done, and what is there is not measured again."""

    def __init__(self, path: Path, labels: Sequence[str], values: Sequence[str]) -> None:
        """Read what is there; raises `DatasetError` when the file has other columns."""
        self.path, self.labels, self.columns = path, tuple(labels), (*labels, *values)
        self.rows: list[Row] = list(self._read()) if path.exists() else []

    def has(self, **labels: object) -> bool:
        """Whether there is a row with all these labels."""
        return any(all(row[name] == str(value) for name, value in labels.items()) for row in self.rows)

    def add(self, rows: Sequence[Row]) -> None:
        """Add the rows of one cell and write the file, atomically."""
        self.rows += [
            {key: str(row[key]) if key in self.labels else float(row[key]) for key in self.columns} for row in rows
        ]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _written(value) for key, value in row.items()} for row in self.rows)
        write_text(self.path, text.getvalue())

    def _read(self) -> Iterator[Row]:
        reader = csv.DictReader(self.path.read_text(encoding="utf-8").splitlines())
        if tuple(reader.fieldnames or ()) != self.columns:
            found = ", ".join(reader.fieldnames or ())
            raise DatasetError(
                f"{self.path}: has columns {found}; {', '.join(self.columns)} are needed: delete its folder"
            )
        for row in reader:
            yield {key: value if key in self.labels else float(value) for key, value in row.items()}


@dataclass(frozen=True)
class Bench:
    """What a figure is measured with. `folder` is its own; `results` holds what was measured before."""

    folder: Path
    results: Results
    scale: Scale
    seeds: int
    images: Path | None = None
    train_images: Path | None = None
    pairs: Path | None = None

    def pick(self, quick: T, medium: T, full: T) -> T:
        """What depends on the scale."""
        return {"quick": quick, "medium": medium, "full": full}[self.scale]


@dataclass(frozen=True)
class Figure:
    """One figure or claim of the paper.

    `measure` adds to `bench.results` what is not there yet, one record now and then; `judge` and `draw` see all rows.
    `labels` and `values` are the columns of the results; `trial` the label over whose values intervals are taken.
    """

    title: str
    claim: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    measure: Callable[[Bench], Iterator[Progress]]
    judge: Callable[[Sequence[Row]], list[Finding]]
    draw: Callable[[Sequence[Row], Axes], None]
    trial: str = "seed"


# ---------------------------------------------------------------------------------------------------------------------
# Intervals


@dataclass(frozen=True)
class Estimate:
    """A mean, and the half width of its 95 % interval over the seeds (Student's t; infinite for a single value)."""

    mean: float
    half: float

    def __str__(self) -> str:
        return self.text(2)

    def text(self, digits: int, sign: bool = False) -> str:
        """The mean and its half width in so many decimals, or in powers of ten from a million on."""
        form = f".{digits}f" if abs(self.mean) < LARGE else ".1e"
        mean = f"{self.mean:{'+' if sign else ''}{form}}"
        return mean if not np.isfinite(self.half) else f"{mean} ± {self.half:{form}}"


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and interval of independent values."""
    found = np.asarray(values, dtype=np.float64)
    if found.size < 2:
        return Estimate(float(found.mean()), float("inf"))
    error = found.std(ddof=1) / np.sqrt(found.size)
    return Estimate(float(found.mean()), float(stats.t.ppf((1 + CONFIDENCE) / 2, found.size - 1) * error))


def within(found: Estimate, low: float, high: float) -> Holds:
    """`holds` when the whole interval lies in [low, high], `does not hold` when none of it does, `open` otherwise."""
    if low <= found.mean - found.half and found.mean + found.half <= high:
        return "holds"
    return "does not hold" if found.mean + found.half < low or found.mean - found.half > high else "open"


def per_seed(rows: Sequence[Row], value: str, **labels: str) -> dict[str, float]:
    """Mean of a value over the rows with these labels (images, mostly), for each seed."""
    chosen = [row for row in rows if all(row[name] == wanted for name, wanted in labels.items())]
    seeds = dict.fromkeys(row["seed"] for row in chosen)
    return {seed: float(np.mean([row[value] for row in chosen if row["seed"] == seed])) for seed in seeds}


def difference(rows: Sequence[Row], value: str, label: str, one: str, other: str, **labels: str) -> Estimate:
    """`value` where `label` is `one` less where it is `other`, paired by the seed."""
    first, second = (per_seed(rows, value, **{label: name}, **labels) for name in (one, other))
    return estimate([first[seed] - second[seed] for seed in first if seed in second])


def worst(verdicts: Sequence[Holds]) -> Holds:
    """The verdict on several conditions that must all hold."""
    return next((verdict for verdict in ("does not hold", "open") if verdict in verdicts), "holds")


def _written(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
