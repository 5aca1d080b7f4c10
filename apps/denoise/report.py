"""What a batch leaves to read: report.csv beside the results, and a table for people."""

from __future__ import annotations

import csv
import io
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from denoiser.inference.records import FileJob, FileRecord
from denoiser.inference.until_error import decibels
from renderer_bridge.atomic import write_text

NAME = "report.csv"
_SECONDS_BETWEEN = 10.0
_MOST_ROWS = 40
_COLUMNS = (
    "output", "input", "other", "status", "width", "height", "read_s", "denoise_s", "write_s", "repaired",
    "error", "fireflies", "taken", "shares", "warnings",
)  # fmt: skip


class Report:
    """report.csv in the folder that holds all results: one row a file, those of earlier runs kept.

    It is written every few seconds and by `save`, so that a machine that dies leaves it nearly whole.
    """

    def __init__(self, jobs: Sequence[FileJob]) -> None:
        self.path = Path(os.path.commonpath([job.output.parent for job in jobs])) / NAME
        self._rows = _old_rows(self.path)
        self._saved = time.monotonic()

    def add(self, record: FileRecord) -> None:
        row = _row(record)
        self._rows[row["output"]] = row
        if time.monotonic() - self._saved > _SECONDS_BETWEEN:
            self.save()

    def save(self) -> None:
        """Write it. Raises `OutputError` when that is impossible."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows[name] for name in sorted(self._rows))
        write_text(self.path, text.getvalue())
        self._saved = time.monotonic()


def table(records: Sequence[FileRecord]) -> Table:
    """A row for each file, or for each that failed where they are many, and the totals."""
    shown = records if len(records) <= _MOST_ROWS else [record for record in records if record.failure is not None]
    result = Table(box=box.SIMPLE, show_footer=True, padding=0)  # whole names in a window of 80 columns
    done = [record for record in records if record.failure is None]
    totals = {
        "result": f"{len(done)} of {len(records)} done",
        "size": "",
        "seconds": f"{sum(record.denoise_s for record in done):.1f}",
        "repaired": str(sum(_repaired(record) for record in done)),
        "fireflies": str(sum(record.fireflies for record in done)),
        "told PSNR": "",
        "warnings": str(sum(len(record.warnings) for record in done)),
    }
    for column, total in totals.items():
        result.add_column(column, total, justify="left" if column == "result" else "right", overflow="fold")
    for record in shown:
        result.add_row(*_cells(record))
    return result


def said(records: Iterable[FileRecord]) -> list[str]:
    """The warnings, each once, with how many files it is about."""
    records = list(records)
    counts = Counter(warning for record in records for warning in record.warnings)
    first = {warning: record.job.source for record in reversed(records) for warning in record.warnings}
    return [
        f"{first[warning]}{f' and {count - 1} more' if count > 1 else ''}: {warning}"
        for warning, count in counts.items()
    ]


def _cells(record: FileRecord) -> list[str]:
    name = record.job.output.name
    if record.failure is not None:
        return [name, "failed"]
    height, width = record.size
    error = "" if record.error is None else f"{decibels(record.error):.1f} dB"
    numbers = [str(_repaired(record)), str(record.fireflies), error, str(len(record.warnings))]
    return [name, f"{width}x{height}", f"{record.denoise_s:.2f}", *numbers]


def _repaired(record: FileRecord) -> int:
    return sum(record.repaired.values())


def _row(record: FileRecord) -> dict[str, str]:
    height, width = record.size
    return {
        "output": str(record.job.output),
        "input": str(record.job.source),
        "other": str(record.job.other or ""),
        "status": record.failure or "done",
        "width": str(width),
        "height": str(height),
        "read_s": f"{record.read_s:.3f}",
        "denoise_s": f"{record.denoise_s:.3f}",
        "write_s": f"{record.write_s:.3f}",
        "repaired": " ".join(f"{layer}:{count}" for layer, count in record.repaired.items()),
        "error": "" if record.error is None else f"{record.error:.6g}",
        "fireflies": str(record.fireflies),
        "taken": f"{record.taken:.6g}",
        "shares": " ".join(f"{name}:{share:.3f}" for name, share in record.shares.items()),
        "warnings": "; ".join(record.warnings),
    }


def _old_rows(path: Path) -> dict[str, dict[str, str]]:
    """The rows of an earlier run; a file that is no report of ours is left out, and replaced."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader) if tuple(reader.fieldnames or ()) == _COLUMNS else []
    except (OSError, UnicodeDecodeError):
        return {}
    return {row["output"]: row for row in rows}
