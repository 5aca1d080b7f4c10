"""report.csv: a row for each file, those of earlier runs kept; and the table for people."""

import csv
import io
from pathlib import Path

from rich.console import Console

from apps.denoise.report import Report, said, table
from denoiser.inference.records import FileJob, FileRecord


def record(folder: Path, name: str, **values: object) -> FileRecord:
    job = FileJob(folder / f"{name}.a.exr", folder / "out" / f"{name}.exr", folder / f"{name}.b.exr")
    return FileRecord(job, size=(18, 30), **values)  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_of_earlier_runs_stay(tmp_path: Path) -> None:
    first = [record(tmp_path, "x", error=0.5), record(tmp_path, "y", failure="y: broken")]
    for records in (first, [record(tmp_path, "y", repaired={"color": 3}, warnings=("one", "two"))]):
        report = Report([each.job for each in records])
        for each in records:
            report.add(each)
        report.save()
    found = rows(tmp_path / "out" / "report.csv")
    assert [(Path(row["output"]).name, row["status"]) for row in found] == [("x.exr", "done"), ("y.exr", "done")]
    assert (found[0]["error"], found[0]["width"]) == ("0.5", "30")
    assert (found[1]["repaired"], found[1]["warnings"]) == ("color:3", "one; two")


def test_a_file_of_that_name_that_is_no_report_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.csv").write_bytes(b"\xff\x00 something else")
    one = record(tmp_path, "x")
    report = Report([one.job])
    report.add(one)
    report.save()
    assert len(rows(report.path)) == 1


def shown(records: list[FileRecord]) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table(records))
    return console.export_text()


def test_the_table_shows_each_file_or_only_failures_of_many(tmp_path: Path) -> None:
    some = [record(tmp_path, "x", error=0.1, fireflies=7), record(tmp_path, "y", failure="no")]
    text = shown(some)
    assert "x.exr" in text and "30x18" in text and "20.0 dB" in text and "failed" in text and "1 of 2 done" in text
    many = [record(tmp_path, f"f{i}") for i in range(60)] + some[1:]
    text = shown(many)
    assert "60 of 61 done" in text and "y.exr" in text and "f3.exr" not in text


def test_a_warning_is_told_once(tmp_path: Path) -> None:
    records = [record(tmp_path, name, warnings=("dark",)) for name in "xyz"] + [
        record(tmp_path, "w", warnings=("new",))
    ]
    assert said(records) == [f"{tmp_path}/x.a.exr and 2 more: dark", f"{tmp_path}/w.a.exr: new"]
