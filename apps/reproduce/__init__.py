"""n2n-reproduce: the claims of Noise2Noise, small, each beside what was published.

    n2n-reproduce --list                        name the figures
    n2n-reproduce gaussian text -o out/ --quick         or --medium
    n2n-reproduce -o out/                       all of them, at full length

Each writes out/<figure>/: result.csv, figure.png, pictures. out/index.html and out/reproduced.md have the claim, the
published figure, ours with its interval over the seeds, and whether it holds. Running the command again goes on where
it stopped, and measures nothing twice. Sources: Lehtinen et al., "Noise2Noise", ICML 2018; Mansour and Heckel,
"Zero-Shot Noise2Noise", CVPR 2023.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.command import progress_console, run
from apps.reproduce import (
    finite,
    monte_carlo,
    mri,
    noise,
    online,
    plots,
    red30,
    replaced,
    report,
    statistics,
    zero_shot,
)
from apps.reproduce.figure import RESULTS, Bench, Figure, Results, Scale
from denoiser.training.checkpoint import open_run
from renderer_bridge.atomic import sole_writer, write_text
from renderer_bridge.errors import UsageError

FIGURES: dict[str, Figure] = {
    "statistics": statistics.STATISTICS,
    "gaussian": noise.GAUSSIAN,
    "poisson": noise.POISSON,
    "bernoulli": noise.BERNOULLI,
    "text": replaced.TEXT,
    "impulse": replaced.IMPULSE,
    "finite": finite.FINITE,
    "brown": noise.BROWN,
    "zero-shot": zero_shot.ZERO_SHOT,
    "mri": mri.MRI,
    "hdr-loss": monte_carlo.HDR_LOSS,
    "red30": red30.RED30,
    "offline": monte_carlo.OFFLINE,
    "online": online.ONLINE,
}
"""Every figure by its name on the command line, in the order in which they run."""

FINDINGS = "findings.json"
SEEDS: dict[Scale, int] = {"quick": 3, "medium": 5, "full": 5}


@dataclass(frozen=True)
class ReproduceConfig:
    """Measure the claims of the paper, each beside the published figure."""

    figures: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of figures; all when none is given."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/reproduced")
    """Folder for results, pictures, index.html and reproduced.md."""
    quick: bool = False
    """The same code for about two minutes each: small crops, few steps, of Muon instead of the paper's Adam."""
    medium: bool = False
    """Likewise for some ten minutes each."""
    seeds: int = 0
    """Trainings of everything, each from other random numbers; 0 for 5, or 3 when quick."""
    images: Path | None = None
    """Folder of pictures to test on, such as Kodak's, instead of shipped photographs."""
    train_images: Path | None = None
    """Folder of pictures to train on, likewise."""
    pairs: Path | None = None
    """Folder of pairs with references for hdr-loss and offline, instead of procedural scenes rendered here."""
    list: bool = False
    """Name the figures and their claims, and do nothing."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-reproduce; returns the exit code."""
    config = tyro.cli(ReproduceConfig, args=argv, prog="n2n-reproduce", description=__doc__)
    return run(lambda: reproduce(config))


def reproduce(config: ReproduceConfig) -> None:
    """Measure what is asked for and not there yet; write the page after each figure."""
    if config.list:
        print("\n".join(f"{name:12s} {figure.claim}" for name, figure in FIGURES.items()))
        return
    if config.quick and config.medium:
        raise UsageError("--quick and --medium: one of them is accepted")
    unknown = [name for name in config.figures if name not in FIGURES]
    if unknown or config.seeds < 0:
        wrong = f"figure {unknown[0]}" if unknown else f"--seeds {config.seeds}"
        raise UsageError(f"{wrong}; accepted: {', '.join(FIGURES)}" if unknown else f"{wrong}; at least 0 is accepted")
    for name in config.figures or tuple(FIGURES):
        with sole_writer(config.output / name), _progress() as progress:
            _measure(FIGURES[name], name, config, progress)
        report.write_page(config.output, _entries(config.output))
    for entry in _entries(config.output):
        for finding in entry.findings:
            progress_console.print(f"{entry.name}: {finding.claim}: {finding.ours}: {finding.holds}")
    print(config.output / report.PAGE)


def _measure(figure: Figure, name: str, config: ReproduceConfig, progress: Progress) -> None:
    """Measure one figure's missing cells, draw, and write its findings."""
    folder = config.output / name
    open_run(folder, _settings(config), begun=folder / RESULTS)
    results = Results(folder / RESULTS, figure.labels, figure.values)
    seeds = config.seeds or SEEDS[_scale(config)]
    bench = Bench(folder, results, _scale(config), seeds, config.images, config.train_images, config.pairs)
    before = report.read_facts(folder / FINDINGS)
    start, task = time.process_time(), progress.add_task(name, total=None)
    for step in figure.measure(bench):
        progress.update(task, description=f"{name}: {step.cell}", completed=step.done, total=step.total)
    seconds = before.get("cpu_seconds", 0.0) + time.process_time() - start
    plots.write_plots(folder, results.rows, figure.draw)
    trials = len({row[figure.trial] for row in results.rows})
    facts = {"scale": _scale(config), "seeds": trials, "cpu_seconds": round(seconds, 1)}
    findings = [dataclasses.asdict(finding) for finding in figure.judge(results.rows)]
    write_text(folder / FINDINGS, json.dumps(facts | {"findings": findings}, indent=2, ensure_ascii=False) + "\n")


def _scale(config: ReproduceConfig) -> Scale:
    return "quick" if config.quick else "medium" if config.medium else "full"


def _settings(config: ReproduceConfig) -> dict[str, Any]:
    """What makes results comparable: another scale or other pictures need another folder."""
    folders = {name: str(path and path.resolve()) for name, path in _folders(config)}
    return {"scale": _scale(config), "seeds": config.seeds, **folders}


def _folders(config: ReproduceConfig) -> Iterator[tuple[str, Path | None]]:
    yield "images", config.images
    yield "train_images", config.train_images
    yield "pairs", config.pairs


def _entries(output: Path) -> list[report.Entry]:
    """All figures that are there, in order."""
    entries = []
    for name, figure in FIGURES.items():
        facts = report.read_facts(output / name / FINDINGS)
        if facts:
            entries.append(report.entry(output / name, name, figure, facts))
    return entries


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console) as progress:
        yield progress
