"""From what was typed to jobs: which files are a pair, what lies beside them, and where the result goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.denoise.patterns import (
    ENDING,
    FIRST_HALF,
    RESULT,
    SECOND_HALF,
    Match,
    expand,
    filled,
    is_pattern,
    is_sequence,
    parse_frames,
)
from denoiser.inference.records import FileJob
from renderer_bridge.errors import UsageError

_OTHER_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".hdr", ".pfm")

Halves = tuple[Match, Path | None]
"""What to denoise, and its other half."""


def find_jobs(
    inputs: Sequence[str],
    output: str | None,
    *,
    frames: str | None = None,
    pair: tuple[str, str] | None = None,
    albedo: str | None = None,
    normal: str | None = None,
) -> list[FileJob]:
    """The jobs that the command line asks for, in the order of the inputs.

    Raises `UsageError` when options do not fit one another, `DatasetError` when a name stands for no file.
    """
    found = _halves(inputs, output, frames, pair)
    if output is not None and not is_pattern(output) and Path(output).suffix.lower() in _OTHER_PICTURES:
        raise UsageError(f"{output}: its name must end in .exr")
    if _is_file(output) and len(found) > 1:
        raise UsageError(
            f"{len(found)} inputs; one frame, or the two halves of a pair, is accepted with -o {output}; "
            "-o folder/ takes any number"
        )
    jobs = [
        FileJob(
            match.path,
            _target(output, match),
            other,
            None if albedo is None else filled(albedo, match),
            None if normal is None else filled(normal, match),
            match.frame,
        )
        for match, other in found
    ]
    _check_outputs(jobs)
    return jobs


def _halves(
    inputs: Sequence[str], output: str | None, frames: str | None, pair: tuple[str, str] | None
) -> list[Halves]:
    numbers = None if frames is None else parse_frames(frames)
    if bool(inputs) == (pair is not None):
        raise UsageError("either inputs or --pair A B are accepted, and one of them is needed")
    names = list(inputs) if pair is None else [pair[0]]
    if numbers is not None and not any(map(is_sequence, names)):
        raise UsageError(f"--frames {frames}: needs a sequence such as beauty.%04d.exr or beauty.####.exr as input")
    matches = [match for name in names for match in expand(name, numbers)]
    if pair is not None:
        return [(match, _second(match, pair)) for match in matches]
    if _is_file(output) and not any(map(is_pattern, names)) and all(match.folder is None for match in matches):
        return [(matches[0], matches[1].path)] if len(matches) == 2 else [(match, None) for match in matches]
    return _by_name(matches)


def _second(match: Match, pair: tuple[str, str]) -> Path:
    other = filled(pair[1], match)
    if other == match.path:
        raise UsageError(f"--pair {pair[0]} {pair[1]}: {other} would be both halves; two renders are needed")
    return other


def _by_name(matches: Sequence[Match]) -> list[Halves]:
    """`x.a.exr` with `x.b.exr` are a pair where both are there; what is named twice is done once."""
    unique = {match.path: match for match in matches}
    found: list[Halves] = []
    for path, match in unique.items():
        first = path.with_name(path.name.removesuffix(SECOND_HALF) + FIRST_HALF)
        if path.name.endswith(SECOND_HALF) and first in unique:
            continue
        second = path.with_name(path.name.removesuffix(FIRST_HALF) + SECOND_HALF)
        found.append((match, second if path.name.endswith(FIRST_HALF) and second in unique else None))
    return found


def _is_file(output: str | None) -> bool:
    """Whether one file is asked for."""
    return output is not None and output.lower().endswith(ENDING) and not is_pattern(output)


def _target(output: str | None, match: Match) -> Path:
    if output is None:
        return (
            match.path.with_name(match.name + RESULT)
            if match.folder is None
            else match.folder / "denoised" / (match.name + ENDING)
        )
    if is_pattern(output):
        path = filled(output, match)
        if path.suffix.lower() != ENDING:
            raise UsageError(f"{output}: its name must end in .exr")
        return path
    return Path(output) if _is_file(output) else Path(output) / (match.name + ENDING)


def _check_outputs(jobs: Sequence[FileJob]) -> None:
    sources: dict[Path, Path] = {}
    given = {_identity(path) for job in jobs for path in (job.source, job.other) if path is not None}
    for job in jobs:
        other = sources.setdefault(job.output.resolve(), job.source)
        if other != job.source:
            raise UsageError(f"{job.output}: would be the result of both {other} and {job.source}; give other names")
        if _identity(job.output) in given:
            raise UsageError(f"{job.output}: is an input too; another name is needed, so that the noisy file stays")


def _identity(path: Path) -> tuple[int, int] | Path:
    """The same for all names of one file: links of both kinds."""
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    return status.st_dev, status.st_ino


def lone_halves(jobs: Sequence[FileJob]) -> str | None:
    """A sentence on first halves whose second is not among the inputs: they are denoised as single frames."""
    lone = [job.source for job in jobs if job.other is None and job.source.name.endswith(FIRST_HALF)]
    if not lone:
        return None
    second = lone[0].with_name(lone[0].name.removesuffix(FIRST_HALF) + SECOND_HALF)
    beside = f"{second.name} lies beside it; name both" if second.exists() else f"a pair needs its {SECOND_HALF} too"
    return f"{lone[0]}{f' and {len(lone) - 1} more' if len(lone) > 1 else ''}: denoised alone; {beside}"
