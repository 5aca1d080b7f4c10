"""--list: what a file holds and what would be used as what."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from rich.console import Console

from apps.denoise.listing import tables
from renderer_bridge.errors import ExrError


def save(path: Path, *parts: tuple[str, list[str]]) -> Path:
    pixels: Any = np.ones((4, 6), np.float16)
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.PIZ_COMPRESSION}
    OpenEXR.File([OpenEXR.Part(dict(header), dict.fromkeys(names, pixels), name) for name, names in parts]).write(
        str(path)
    )
    return path


def shown(path: Path, layer: str | None = None) -> list[str]:
    console = Console(width=110, file=io.StringIO())
    for each in tables(path, layer):
        console.print(each)
    assert isinstance(console.file, io.StringIO)
    return [line.strip("│┃ ") for line in console.file.getvalue().splitlines()]


def row(lines: list[str], layer: str) -> list[str]:
    return next([cell.strip() for cell in line.split("│")] for line in lines if line.startswith(layer + " "))


def test_a_file_of_several_parts(tmp_path: Path) -> None:
    path = save(tmp_path / "x.exr", ("rgba", ["R", "G", "B", "A"]), ("N", ["N.X", "N.Y", "N.Z"]), ("id", ["Z"]))
    lines = shown(path)
    assert "3 parts: 6x4, scanline, piz" in " ".join(" ".join(lines).split())  # a long path wraps the title
    assert row([line for line in lines if "R G" in line], "rgba") == ["rgba", "R G B", "half", "color, replaced"]
    assert row(lines, "N") == ["N", "X Y Z", "half", "normal"]


def test_parts_that_differ_have_tables_of_their_own(tmp_path: Path) -> None:
    pixels: Any = np.ones((4, 6), np.float32)
    methods = {"Combined": OpenEXR.ZIP_COMPRESSION, "Vector": OpenEXR.ZIP_COMPRESSION, "id": OpenEXR.NO_COMPRESSION}
    suffixes = {"Combined": "RGB", "Vector": "WXYZ", "id": "I"}
    parts = [
        OpenEXR.Part(
            {"type": OpenEXR.scanlineimage, "compression": method},
            {f"{name}.{suffix}": pixels for suffix in suffixes[name]},
            name,
        )
        for name, method in methods.items()
    ]
    OpenEXR.File(parts).write(str(tmp_path / "x.exr"))
    said = " ".join(" ".join(shown(tmp_path / "x.exr")).split())
    assert "2 parts: 6x4, scanline, zip" in said and "part 'id': 6x4, scanline, no" in said
    assert "X Y │ float │ motion" in said and "Z W │ float │ kept" in said  # as people say them


def test_cycles_shows_what_is_read_and_what_is_replaced(tmp_path: Path) -> None:
    names = [f"V.{layer}.{c}" for layer in ("Noisy Image", "Combined", "GlossDir") for c in "RGB"]
    lines = shown(save(tmp_path / "x.exr", ("", names)))
    assert row(lines, "V.Noisy Image")[3] == "color"
    assert row(lines, "V.Combined")[3] == "replaced by the denoised color"
    assert row(lines, "V.GlossDir")[3] == "kept"
    assert row(shown(tmp_path / "x.exr", "glossdir"), "V.GlossDir")[3] == "color, replaced"
    with pytest.raises(ExrError, match=r"has no layer 'light' .* found V.Combined, V.GlossDir, V.Noisy Image$"):
        shown(tmp_path / "x.exr", "light")
