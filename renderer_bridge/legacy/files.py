"""Files that a scene names, found as the author's computer would have found them.

Names are tried as written, with Windows separators turned, without regard to case, and, for a `.mip` cache of Mitsuba
0.5, as the picture of the same name beside it. What cannot be found is reported all at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

PICTURES = (".exr", ".hdr", ".png", ".jpg", ".jpeg", ".bmp", ".tga", ".pfm", ".rgbe", ".ppm")


LFS = b"version https://git-lfs.github.com/spec/"  # how the pointer begins that stands for a file not yet fetched


def is_pointer(path: Path) -> bool:
    """Whether a file is only the pointer that Git LFS keeps in its place."""
    with path.open("rb") as file:
        return file.read(len(LFS)) == LFS


def find_file(name: str, folders: Sequence[Path]) -> Path | None:
    """The file that `name` means, looked for in `folders` in turn; None where there is none."""
    turned = re.sub("^[A-Za-z]:(?=/)", "", name.strip().replace("\\", "/"))
    if not turned or "\0" in turned:
        return None
    for candidate in dict.fromkeys((name, turned)):
        for folder in folders:
            found = _in_any_case(folder, candidate) or _beside_mip(folder, candidate)
            if found is not None:
                return found
    if turned != name.strip() and "/" in turned:  # a path of another computer: its file may lie here
        return find_file(turned.rsplit("/", 1)[1], folders)
    return None


def _in_any_case(folder: Path, name: str) -> Path | None:
    """`folder / name`, or the file that differs from it in upper and lower case only."""
    exact = folder / name
    if _is_file(exact):
        return exact
    here = Path(exact.anchor) if Path(name).is_absolute() else folder
    for part in Path(name).parts[1 if Path(name).is_absolute() else 0 :]:
        if part in ("..", ".") or _exists(here / part):
            here = here / part
            continue
        alike = sorted(entry for entry in _entries(here) if entry.name.lower() == part.lower())
        if not alike:
            return None
        here = alike[0]
    return here if _is_file(here) else None


def _beside_mip(folder: Path, name: str) -> Path | None:
    if not name.lower().endswith(".mip"):
        return None
    stem = name[:-4]
    names = [stem] if Path(stem).suffix.lower() in PICTURES else [stem + ending for ending in PICTURES]
    return next((found for name in names if (found := _in_any_case(folder, name))), None)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
