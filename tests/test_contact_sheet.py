"""A sheet shows each picture once, and the sentence counts folders, views and bytes."""

import os
from pathlib import Path

import imageio.v3 as imageio
import pytest
from toy_pairs import write_toy_pairs

from apps.contact_sheet import main
from apps.pictures import CAPTION_HEIGHT, GAP


def test_what_is_linked_is_shown_and_counted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_toy_pairs(tmp_path / "first", 3)
    second = write_toy_pairs(tmp_path / "second", 2)
    for half in "ab":
        os.link(first / f"view2.{half}.exr", second / f"view2.{half}.exr")
    sheet = tmp_path / "sheet.png"
    command = [str(first), str(second), "-o", str(sheet), "--views", "2", "--columns", "3", "--width", "40"]
    assert main(command) == 0
    size = sum(file.stat().st_size for folder in (first, second) for file in folder.glob("view[01].?.exr"))
    size += sum(file.stat().st_size for file in first.glob("view2.?.exr"))
    assert capsys.readouterr().out == f"2 folders, 6 views, 5 of them different; {size / 1e9:.2f} GB\n"
    assert imageio.imread(sheet).shape == (2 * (30 + CAPTION_HEIGHT), 3 * (40 + GAP), 3)  # two of each folder


@pytest.mark.parametrize("wrong", [["--views", "0"], ["--columns", "0"], ["--width", "8"]])
def test_sheets_of_nothing_are_refused(tmp_path: Path, wrong: list[str]) -> None:
    folder = write_toy_pairs(tmp_path / "pairs", 1)
    assert main([str(folder), "-o", str(tmp_path / "sheet.png"), *wrong]) == 2
