"""Photographs as they are looked at."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from apps.photograph import read_photograph
from apps.reproduce.photographs import of_folder
from renderer_bridge.errors import DatasetError


def test_inks_of_a_printer_are_the_colors_that_one_sees(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (32, 32), (200, 100, 50))
    picture.convert("CMYK").save(tmp_path / "inks.jpg", quality=100)
    seen = read_photograph(tmp_path / "inks.jpg")
    assert seen.shape == (32, 32, 3)
    assert np.abs(seen.astype(int) - (200, 100, 50)).max() <= 4  # JPEG rounds, twice
    np.testing.assert_allclose(of_folder(tmp_path)["inks"][0, 0], seen[0, 0] / 255, atol=1e-6)


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_photograph(tmp_path / "x.png")
