"""n2n-denoise --check: whether the inputs are what a denoiser needs, and what to change in the renderer where not."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from apps.command import DONE, FAILED, progress_console
from denoiser.inference.needs import findings_of
from denoiser.inference.reading import read_job
from denoiser.inference.records import FileJob, FileOptions
from renderer_bridge.check import Finding
from renderer_bridge.errors import N2NError


def check(jobs: Sequence[FileJob], options: FileOptions) -> int:
    """Say it of each; 1 where an alarm is serious or a file cannot be read. Of a single job all measures are shown."""
    code = DONE
    for job in jobs:
        name = f"{job.source} and {job.other}" if job.other is not None else f"{job.source}"
        try:
            given = read_job(job, options)
        except N2NError as error:
            progress_console.print(f"error: {error}")
            code = FAILED
            continue
        for view, frames in given.frames.items():
            findings = [*given.findings, *findings_of(frames, given.repaired, given.camera_space)]
            if len(jobs) == 1:
                progress_console.print(_table(findings))
            code = max(code, _say(name + (f", view {view}" if view else ""), findings))
    return code


def _say(name: str, findings: list[Finding]) -> int:
    alarms = [finding for finding in findings if finding.alarm]
    for finding in alarms:
        progress_console.print(f"{name}: {'' if finding.serious else 'note: '}{finding.sentence}")
    if not alarms:
        progress_console.print(f"{name}: is what a denoiser needs, as far as {len(findings)} tests tell")
    return FAILED if any(finding.serious for finding in alarms) else DONE


def _table(findings: list[Finding]) -> Table:
    table = Table(box=box.SIMPLE)
    for column in ("test", "measured", "alarm", "chance"):
        table.add_column(column, justify="left" if column == "test" else "right")
    for finding in findings:
        alarm = f"{finding.side} {finding.threshold:g}"
        mark = " !" if finding.alarm else ""
        table.add_row(finding.name, f"{finding.statistic:.3g}{mark}", alarm, f"{finding.p_value:.1g}")
    return table
