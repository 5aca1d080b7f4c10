"""How often `renderer_bridge.check` is right: alarms over sound renders, and over the same ones spoiled one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from apps.bench.figure import Figure
from apps.bench.spoil import Case, cases_of_pair, cases_of_scene
from apps.command import progress_console
from denoiser.inference.pilots import OpenImageDenoise
from renderer_bridge.check import Finding, check_frame, check_pair
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Frame, Pair
from renderer_bridge.mitsuba_scene import load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.pair_folder import list_pairs, read_pair
from renderer_bridge.procedural import write_scene

PIXELS = 40_000
PROCEDURAL = range(200, 206)
"""Seeds of the scenes that are checked where none are given."""

Counts = dict[tuple[str, str], list[str]]
"""By kind and input (pairs, single frames): of each input the scene, where the check was wrong, or nothing."""


def bench_check(sources: Sequence[Path]) -> Iterator[Figure]:
    """True and false alarms, by kind of input; each input is written to an EXR file and read again.

    A source is a scene, or a folder of rendered pairs, of which everything is made that needs no rendering.
    """
    counts: Counts = {}
    with tempfile.TemporaryDirectory() as folder, OpenImageDenoise() as oidn:
        for path in sources or [write_scene(Path(folder) / str(seed), seed) for seed in PROCEDURAL]:
            for case in _cases(path, oidn):
                _count(counts, case, path.name if path.is_dir() else path.parent.name, Path(folder))
            progress_console.print(f"{path}: checked")
    for (kind, given), wrong in counts.items():
        yield _figure(kind, given, wrong)


def _cases(path: Path, oidn: OpenImageDenoise) -> Iterator[Case]:
    if path.is_dir():
        for paths in list_pairs(path):
            yield from cases_of_pair(read_pair(paths)[0], oidn)
        return
    set_variant()
    width, height = load_scene(path).camera().resolution
    factor = (PIXELS / (width * height)) ** 0.5
    yield from cases_of_scene(load_scene(path, width=round(width * factor), height=round(height * factor)), oidn)


def _count(counts: Counts, case: Case, scene: str, folder: Path) -> None:
    alarms = {finding.name for finding in _findings(case.given, folder) if finding.alarm and not _is_quiet(finding)}
    wanted = {case.alarm} if isinstance(case.alarm, str) else set(case.alarm or ())
    right = bool(wanted & alarms) if wanted else not alarms
    given = "pairs" if isinstance(case.given, Pair) else "single frames"
    told = ", ".join(sorted(alarms)) or "no alarm"
    counts.setdefault((case.kind, given), []).append("" if right else f"{scene}: {told}")


def _is_quiet(finding: Finding) -> bool:
    """A converged render is sound; that there is little to gain is said of it all the same."""
    return finding.name == "noise level" and not finding.serious


def _findings(given: Frame | Pair, folder: Path) -> list[Finding]:
    """What `n2n-denoise` would say of these files."""
    frames = [given.a, given.b] if isinstance(given, Pair) else [given]
    read: list[Frame] = []
    repaired: dict[str, int] = {}
    for half, frame in zip("ab", frames, strict=False):
        write_frame(folder / f"{half}.exr", frame)
        mended, counts = read_frame(folder / f"{half}.exr")
        read.append(mended)
        repaired = {name: repaired.get(name, 0) + counts.get(name, 0) for name in repaired | counts}
    return check_pair(Pair(read[0], read[1]), repaired) if len(read) == 2 else check_frame(read[0], repaired)


def _figure(kind: str, given: str, wrong: list[str]) -> Figure:
    missed = [each for each in wrong if each]
    sound = kind.startswith("sound")
    alarms = len(missed) if sound else len(wrong) - len(missed)
    return Figure(f"{kind}, {given}", f"{alarms} of {len(wrong)}", "none" if sound else "all", "; ".join(missed))
