"""Pictures for people."""

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from apps._pictures import BACKGROUND, CAPTION_HEIGHT, GAP, side_by_side, to_display, write_png
from renderer_bridge.errors import OutputError


def test_radiance_is_tone_mapped_as_the_paper_does() -> None:
    radiance = np.array([[[-1.0, 0.0, 1.0]], [[1e-3, 3.0, 1e9]]], dtype=np.float32)
    expected = [255 * (v / (1 + v)) ** (1 / 2.2) for v in (0, 0, 1, 1e-3, 3, 1e9)]
    shown = to_display(radiance)
    assert shown.dtype == np.uint8 and shown.shape == (2, 1, 3)
    np.testing.assert_array_equal(shown.ravel(), np.rint(expected))


def test_pictures_stand_side_by_side_above_their_captions() -> None:
    red, blue = np.zeros((20, 30, 3), np.uint8), np.zeros((20, 50, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 100
    sheet = side_by_side([red, blue], ["first", "second"])
    assert sheet.shape == (20 + CAPTION_HEIGHT, 30 + GAP + 50, 3)
    np.testing.assert_array_equal(sheet[:20, :30], red)
    np.testing.assert_array_equal(sheet[:20, 30 + GAP :], blue)
    assert (sheet[:20, 30 : 30 + GAP] == BACKGROUND).all()
    for columns in (slice(0, 30), slice(30 + GAP, None)):
        assert (sheet[20:, columns] != BACKGROUND).any()  # there is ink


def test_every_picture_needs_a_caption() -> None:
    with pytest.raises(ValueError, match="shorter"):
        side_by_side([np.zeros((4, 4, 3), np.uint8)] * 2, ["one"])


def test_pictures_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, size=(5, 9, 3), dtype=np.uint8)
    write_png(tmp_path / "new" / "a.png", picture)
    np.testing.assert_array_equal(imageio.imread(tmp_path / "new" / "a.png"), picture)
    with pytest.raises(OutputError):
        write_png(tmp_path / "new" / "a.png" / "b.png", picture)
    assert len(list((tmp_path / "new").iterdir())) == 1
