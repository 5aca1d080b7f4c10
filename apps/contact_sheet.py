"""One picture of a whole training set, to look through: `python -m apps.contact_sheet train/*/ -o sheet.png --views 2`.

Prints how many folders, views and bytes there are. Views that share a target, as those of one color with other albedo
and normal do, are shown once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from apps.command import run
from apps.pictures import contact_sheet, write_png
from renderer_bridge.errors import UsageError
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.pair_folder import PairPaths, list_pairs


@dataclass(frozen=True)
class ContactSheetConfig:
    """Show the first views of every folder of pairs, each in an exposure that shows it, above its name."""

    pairs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PAIRS ...")]
    """Folders of pairs."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """The sheet, a PNG file."""
    views: int = 1
    """Views shown of each folder, at most."""
    columns: int = 8
    """Pictures in a row."""
    width: int = 224
    """Pixels of a picture across, at most; three quarters of it are its height."""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    config = tyro.cli(ContactSheetConfig, args=argv, prog="python -m apps.contact_sheet", description=__doc__)
    return run(lambda: show(config))


def show(config: ContactSheetConfig) -> None:
    """Write the sheet, and print what the set holds."""
    if min(config.views, config.columns, len(config.pairs)) < 1 or config.width < 16:
        raise UsageError("at least one folder, --views and --columns of 1 or more and --width of 16 or more are needed")
    views = [(folder, pair) for folder in config.pairs for pair in list_pairs(folder)]
    files = {_identity(file): file.stat().st_size for _, pair in views for file in _files(pair)}
    write_sheet(config.output, config.pairs, config.views, config.columns, config.width)
    different, size = len({_identity(_shown(pair)) for _, pair in views}), sum(files.values()) / 1e9
    print(f"{len(config.pairs)} folders, {len(views)} views, {different} of them different; {size:.2f} GB")


def write_sheet(path: Path, folders: Sequence[Path], views: int = 1, columns: int = 8, width: int = 224) -> None:
    """Up to `views` views of each pair folder, small: the target of each, where it has one, else half A."""
    chosen: dict[str, Path] = {}
    seen: set[tuple[int, int]] = set()
    for folder in folders:
        pairs = [pair for pair in list_pairs(folder) if _identity(_shown(pair)) not in seen][:views]
        seen |= {_identity(_shown(pair)) for pair in pairs}
        chosen |= {folder.name + (f" {pair.name}" if views > 1 else ""): _shown(pair) for pair in pairs}
    if chosen:
        pictures = {name: read_frame(file)[0].color for name, file in chosen.items()}
        write_png(path, contact_sheet(pictures, columns, (width, width * 3 // 4)))


def _shown(pair: PairPaths) -> Path:
    return pair.target or pair.a


def _files(pair: PairPaths) -> list[Path]:
    return [file for file in (pair.a, pair.b, pair.target) if file is not None]


def _identity(file: Path) -> tuple[int, int]:
    """What tells a file from others, under whatever names it is linked."""
    status = file.stat()
    return status.st_dev, status.st_ino


if __name__ == "__main__":
    sys.exit(main())
