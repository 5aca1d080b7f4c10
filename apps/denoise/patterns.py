"""Names that stand for many files: folders, globs, and frame numbers as `%04d` or `####`.

renders/                 every .exr in the folder
renders/*.exr            a glob; what each * stood for fills the * of another name
beauty.%04d.exr          a sequence; beauty.####.exr is the same
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from renderer_bridge.errors import DatasetError, UsageError

_FRAME = re.compile(r"%0?(\d*)d|#+")
_WILD = re.compile(r"[*?[]")
_RANGE = re.compile(r"(\d+)(?:-(\d+)(?:x(\d+))?)?")
ENDING, RESULT, FIRST_HALF, SECOND_HALF = ".exr", ".denoised.exr", ".a.exr", ".b.exr"
_NOT_NOISY = (RESULT, ".ref.exr", ".t.exr")
"""Results of ours; in a folder of pairs the references and training targets."""


@dataclass(frozen=True)
class Match:
    """A file that a name stood for.

    `wild` is what each wildcard stood for, `frame` the number in a sequence, `folder` the folder that was named.
    """

    path: Path
    wild: tuple[str, ...] = ()
    frame: int | None = None
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The file's name without `.exr`, and without `.a` of a first half."""
        return self.path.name.removesuffix(FIRST_HALF).removesuffix(ENDING)


def parse_frames(text: str) -> list[int]:
    """The numbers of `1-240`, `1-240x2` (every second), `7`, or several of these with commas. Raises `UsageError`."""
    frames: dict[int, None] = {}
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None or (found[2] and int(found[2]) < int(found[1])) or found[3] == "0":
            raise UsageError(f"--frames {text}: {part!r} is no range; 1-240, 1-240x2, or 1,5,9-12 is accepted")
        frames.update(dict.fromkeys(range(int(found[1]), int(found[2] or found[1]) + 1, int(found[3] or 1))))
    return list(frames)


def is_sequence(name: str) -> bool:
    """Whether a frame number stands in the file name."""
    return _FRAME.search(Path(name).name) is not None


def is_pattern(name: str) -> bool:
    """Whether a name stands for several files."""
    return is_sequence(name) or _WILD.search(name) is not None


def expand(name: str, frames: Sequence[int] | None = None) -> list[Match]:
    """The files that `name` stands for, in order; a plain name for itself, whether or not it exists.

    `frames` are the numbers of a sequence; without them those that exist. Raises `DatasetError` when a folder, a glob
    or a sequence without `frames` stands for nothing.
    """
    if is_sequence(name):
        return _sequence(name, frames)
    if _WILD.search(name) and not Path(name).exists():
        return _glob(name)
    if Path(name).is_dir():
        return _folder(Path(name))
    return [Match(Path(name))]


def filled(name: str, match: Match) -> Path:
    """The file that `name` stands for beside `match`: the same frame, the same words for `*`, the same name elsewhere.

    Raises `UsageError` when `name` asks for a frame number that `match` has not.
    """
    if is_sequence(name):
        if match.frame is None:
            raise UsageError(f"{name}: asks for a frame number, which {match.path} has not; give a sequence as input")
        return _numbered(name, match.frame)
    if "*" in name:
        words = list(match.wild) if len(match.wild) == name.count("*") else [match.name] * name.count("*")
        return Path(re.sub(r"\*", lambda _: words.pop(0), name))
    return Path(name) / match.path.name if Path(name).is_dir() else Path(name)


def _numbered(name: str, frame: int) -> Path:
    path = Path(name)

    def digits(found: re.Match[str]) -> str:
        width = len(found[0]) if found[0].startswith("#") else int(found[1] or 1)
        return f"{frame:0{width}d}"

    return path.with_name(_FRAME.sub(digits, path.name))


def _sequence(name: str, frames: Sequence[int] | None) -> list[Match]:
    path = Path(name)
    if frames is not None:
        return [Match(_numbered(name, frame), frame=frame) for frame in frames]
    before, *_, after = _FRAME.split(path.name)[0], _FRAME.sub("\0", path.name).split("\0")[-1]
    number = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    found = [(int(m[1]), each) for each in path.parent.glob("*") if (m := number.fullmatch(each.name))]
    exact = [Match(each, frame=frame) for frame, each in sorted(found) if _numbered(name, frame) == each]
    if not exact:
        raise DatasetError(f"{name}: there is no such file of any number; give the name of a sequence that exists")
    return exact


def _glob(name: str) -> list[Match]:
    parts = Path(name).parts
    first = next(i for i, part in enumerate(parts) if _WILD.search(part))
    escaped = re.escape(str(Path(name)))
    words = re.compile(
        re.sub(r"\\\*\\\*/|\\\*|\\\?|\\\[.*?\\\]", lambda found: _as_regex(found[0]), escaped), re.DOTALL
    )
    matches = []
    for path in sorted(Path(*parts[:first]).glob("/".join(parts[first:])), key=_natural):
        if path.name.endswith(ENDING) and not path.name.endswith(RESULT) and not path.name.startswith("."):
            found = words.fullmatch(str(path))
            matches.append(Match(path, found.groups() if found else ()))
    if not matches:
        raise DatasetError(f"{name}: matches no EXR file; a glob that does is needed")
    return matches


def _natural(path: Path) -> list[tuple[int, str]]:
    """x2 before x10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def _as_regex(wildcard: str) -> str:
    if wildcard.startswith(r"\["):
        return "[" + wildcard[2:-2].replace("\\", "").replace("!", "^", 1) + "]"
    return {r"\*\*/": "(?:.*/)?", r"\*": "([^/]*)", r"\?": "[^/]"}[wildcard]


def _folder(folder: Path) -> list[Match]:
    files = [path for path in sorted(folder.glob("*" + ENDING), key=_natural) if path.is_file() and path.name[0] != "."]
    pairs = any(path.name.endswith(FIRST_HALF) for path in files)
    kept = [path for path in files if not path.name.endswith(_NOT_NOISY if pairs else RESULT)]
    if pairs and folder / "reference.exr" in kept:
        kept = [path for path in kept if path.name not in ("reference.exr", "reference.a.exr", "reference.b.exr")]
    if not kept:
        raise DatasetError(
            f"{folder}: holds no EXR file to denoise ({len(files)} found); a folder of renders is needed"
        )
    return [Match(path, folder=folder) for path in kept]
