"""The page and the table of what was reproduced, `index.html` and `reproduced.md`, from what the figures' folders hold.

The page is `page.html.j2`, filled in by Jinja2; it needs nothing but the files beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apps.reproduce import plots
from apps.reproduce.figure import Figure, Finding
from renderer_bridge.atomic import write_text
from renderer_bridge.errors import DatasetError, MissingPackageError

PAGE, TABLE, TEMPLATE = "index.html", "reproduced.md", "page.html.j2"
FIRST = ("input", "clean")
"""Pictures that come first in a strip: what was given, and what was wanted."""


@dataclass(frozen=True)
class Entry:
    """One figure on the page: `command` measures it, `strips` are (caption, address) by the corruption tested."""

    name: str
    title: str
    claim: str
    findings: list[Finding]
    scale: str
    command: str
    light: str
    dark: str
    strips: dict[str, list[tuple[str, str]]]


def read_facts(path: Path) -> dict[str, Any]:
    """What a figure's `findings.json` says; empty when there is none. Raises `DatasetError` when it is damaged."""
    if not path.exists():
        return {}
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path}: cannot be read ({error}); delete it and run again") from error
    return facts


def entry(folder: Path, name: str, figure: Figure, facts: Mapping[str, Any]) -> Entry:
    """One figure as the page shows it."""
    minutes = facts["cpu_seconds"] / 60
    scale = f"{facts['scale']} run, {facts['seeds']} trials, {minutes:.1f} CPU minutes"
    command = f"n2n-reproduce {name}" + ("" if facts["scale"] == "full" else f" --{facts['scale']}")
    findings = [Finding(**finding) for finding in facts["findings"]]
    light, dark = (f"{name}/{file}" for file in (plots.LIGHT, plots.DARK))
    return Entry(name, figure.title, figure.claim, findings, scale, command, light, dark, _strips(folder, name))


def write_page(output: Path, entries: Sequence[Entry]) -> None:
    """Write page and table. Raises `MissingPackageError` without Jinja2, `OutputError` when they cannot be written."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    except ImportError as error:
        raise MissingPackageError(
            f"jinja2: cannot be loaded ({error}); install it with `pip install n2n-denoiser[reproduce]`"
        ) from error
    environment = Environment(
        loader=PackageLoader("apps.reproduce", ""),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    write_text(output / PAGE, environment.get_template(TEMPLATE).render(entries=entries))
    write_text(output / TABLE, table(entries))


def table(entries: Sequence[Entry]) -> str:
    """The findings as a Markdown table: figure, claim, published, ours, holds, scale."""
    lines = [
        "| figure | claim | published | ours, with its 95 % interval over seeds | | run |",
        "|---|---|---|---|---|---|",
    ]
    for each in entries:
        for finding in each.findings:
            cells = (each.name, finding.claim, finding.published, finding.ours, finding.holds, each.scale)
            lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _strips(folder: Path, name: str) -> dict[str, list[tuple[str, str]]]:
    """Pictures by corruption, those of `FIRST` first, the others by age: the order in which they were made."""
    strips = {}
    for place in sorted((path for path in (folder / "pictures").glob("*") if path.is_dir()), key=_natural):
        files = sorted(place.glob("*.png"), key=lambda path: (_rank(path.stem), path.stat().st_mtime_ns))
        strips[place.name] = [(path.stem, quote(f"{name}/pictures/{place.name}/{path.name}")) for path in files]
    return strips


def _natural(path: Path) -> list[tuple[int, str]]:
    """Names in the order of their numbers: 4 before 16."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _rank(stem: str) -> int:
    return FIRST.index(stem) if stem in FIRST else len(FIRST)
