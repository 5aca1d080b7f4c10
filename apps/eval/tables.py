"""What `n2n-eval` says at its end: tables for people, CSV for machines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from apps.command import progress_console
from apps.eval.report import scores_csv
from apps.eval.unreferenced import LEVEL, Comparison
from apps.eval.views import Result, gains

SCORE_FORMATS = {
    "psnr": ("PSNR", ".2f"),
    "relmse": ("relMSE", ".5f"),
    "relmse_trimmed": ("trimmed", ".5f"),
    "ssim": ("SSIM", ".4f"),
    "flip": ("FLIP", ".4f"),
    "lights": ("lights", ".3f"),
}


def print_tables(results: Sequence[Result], facts: dict[str, Any]) -> None:
    """The scores to standard output, as a table on a terminal, else as CSV; the summary for people."""
    console = Console()
    if console.is_terminal:
        console.print(_score_table(results))
    else:
        sys.stdout.write(scores_csv(results))
    if facts["mine"] and facts["peers"]:
        (console if console.is_terminal else progress_console).print(_summary_table(results, facts))


def _score_table(results: Sequence[Result]) -> Table:
    table = _table("scene", "pair", "method", title="scores; PSNR in dB")
    for title in [*(title for title, _ in SCORE_FORMATS.values()), "s"]:
        table.add_column(title, justify="right", no_wrap=True)
    last = None
    for result in results:
        view = (result.scene, result.pair)
        values = [(getattr(result.scores, name), spec) for name, (_, spec) in SCORE_FORMATS.items()]
        scores = ["-" if value is None else format(value, spec) for value, spec in values]
        if last not in (None, view):
            table.add_section()
        table.add_row(*(view if last != view else ("", "")), result.method, *scores, f"{result.seconds:.3f}")
        last = view
    return table


def _summary_table(results: Sequence[Result], facts: dict[str, Any]) -> Table:
    versus = [(mine, peer) for mine in facts["mine"] for peer in facts["peers"]]
    table = _table("scene", title="PSNR of ours minus the other's, in dB")
    for mine, other in versus:
        table.add_column(f"{mine} - {other}", justify="right")
    differences = gains(results, facts["mine"], facts["peers"])
    for scene in [*dict.fromkeys(result.scene for result in results), ""]:
        values = [differences.get((scene, *one)) for one in versus]
        table.add_row(scene or "all", *("-" if value is None else f"{value:+.2f}" for value in values))
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Unbiased scores without references, and the difference of each method to the best with its chance."""
    best = min(comparison.scores, key=lambda name: comparison.scores[name].mse)
    table = _table("method", title=f"without references: squared error of half a pair's picture, {LEVEL:.0%} intervals")
    for header in ("MSE", "+-", f"minus {best}", "+-", "p"):
        table.add_column(header, justify="right")
    for name in comparison.scores:
        score = comparison.score(name)
        row = [f"{score.value:.3g}", f"{score.half:.1g}"]
        if name != best:
            difference = comparison.difference(name, best)
            row += [f"{difference.value:.3g}", f"{difference.half:.1g}", f"{difference.p:.2g}"]
        table.add_row(name, *row)
    return table


def _table(*headers: str, title: str) -> Table:
    """A table whose eight or nine columns fit a terminal of 80 characters."""
    return Table(
        *headers, title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False
    )
