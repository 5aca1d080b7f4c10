"""Pictures for people."""

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from apps.pictures import BACKGROUND, CAPTION_HEIGHT, GAP, contact_sheet, side_by_side, to_display, write_png
from renderer_bridge.errors import OutputError


def test_radiance_is_tone_mapped_as_the_paper_does() -> None:
    radiance = np.array([[[-1.0, 0.0, 1.0]], [[1e-3, 3.0, 1e9]]], dtype=np.float32)
    expected = [255 * (v / (1 + v)) ** (1 / 2.2) for v in (0, 0, 1, 1e-3, 3, 1e9)]
    shown = to_display(radiance)
    assert shown.dtype == np.uint8 and shown.shape == (2, 1, 3)
    np.testing.assert_array_equal(shown.ravel(), np.rint(expected))


def test_pictures_stand_side_by_side_above_their_captions() -> None:
    red, blue = np.zeros((20, 60, 3), np.uint8), np.zeros((20, 80, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 100
    sheet = side_by_side([red, blue], ["first", "second"])
    assert sheet.shape == (20 + CAPTION_HEIGHT, 60 + GAP + 80, 3)
    np.testing.assert_array_equal(sheet[:20, :60], red)
    np.testing.assert_array_equal(sheet[:20, 60 + GAP :], blue)
    assert (sheet[:20, 60 : 60 + GAP] == BACKGROUND).all()
    for columns in (slice(0, 60), slice(60 + GAP, None)):
        assert (sheet[20:, columns] != BACKGROUND).any()  # there is ink


def test_a_caption_wider_than_its_picture_is_not_cut_and_not_overlapped() -> None:
    red, blue = np.full((4, 10, 3), (200, 0, 0), np.uint8), np.full((4, 10, 3), (0, 0, 100), np.uint8)
    sheet = side_by_side([red, blue], ["a caption much wider than ten pixels", "b"])
    columns = np.flatnonzero((sheet[:4] == (0, 0, 100)).all(axis=(0, 2)))
    inked = np.flatnonzero((sheet[4:] != BACKGROUND).any(axis=(0, 2)))
    assert len(columns) == 10 and (inked < columns[0] - GAP).any() and inked[0] > 0


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


def test_a_contact_sheet_shows_dark_and_bright_pictures_alike() -> None:
    pictures = {f"view {level}": np.full((30, 40, 3), level, np.float32) for level in (1e-3, 1.0, 1e3)}
    sheet = contact_sheet(pictures, columns=2, cell=(80, 60))
    assert sheet.shape == (2 * (60 + CAPTION_HEIGHT), 2 * (80 + GAP), 3)
    middles = [sheet[30, 40], sheet[30, 40 + 80 + GAP], sheet[30 + 60 + CAPTION_HEIGHT, 40]]
    assert [middle.tolist() for middle in middles] == [to_display(np.full((1, 1, 3), 0.35))[0, 0].tolist()] * 3


def test_a_long_name_on_a_contact_sheet_stays_in_its_cell() -> None:
    pictures = {
        "a name much longer than its cell": np.ones((30, 40, 3), np.float32),
        "b": np.ones((30, 40, 3), np.float32),
    }
    sheet = contact_sheet(pictures, columns=2, cell=(80, 60))
    alone = contact_sheet({"": pictures["b"], "b": pictures["b"]}, columns=2, cell=(80, 60))
    np.testing.assert_array_equal(sheet[:, 80 + GAP // 2 :], alone[:, 80 + GAP // 2 :])
    assert not np.array_equal(sheet[60:, :80], alone[60:, :80])
