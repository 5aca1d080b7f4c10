"""Views around a still: which are taken, that none counts twice, and that a still is better with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_renderer import FakeRenderer, camera_at

from apps.denoise import main
from online import views
from online.views import ViewsAround
from renderer_bridge.errors import DatasetError
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Image, Pair

SIZE, SPP, RENDERER = (64, 48), 2, FakeRenderer()


def write_views(folder: Path, count: int, step: float = 0.02) -> list[Pair]:
    """Views a step aside each, the first of which is the still."""
    pairs = []
    for index in range(count):
        pair = RENDERER.render(camera_at(step * index, resolution=SIZE), SPP, (2 * index, 2 * index + 1))
        for half, frame in (("a", pair.a), ("b", pair.b)):
            write_frame(folder / f"view_{index:04d}.{half}.exr", frame)
        pairs.append(pair)
    return pairs


def error(pair: Pair) -> float:
    """Relative to the truth of the camera."""
    assert pair.a.camera is not None
    truth = RENDERER.truth(pair.a.camera).color
    return float(np.mean((((pair.a.color + pair.b.color) / 2 - truth) / (truth + 0.1)) ** 2))


def test_a_still_holds_the_samples_of_the_views_around_it(tmp_path: Path) -> None:
    still = write_views(tmp_path, 6)[0]
    with_views = ViewsAround(tmp_path)(tmp_path / "view_0000.a.exr", still)
    assert error(with_views) < 0.6 * error(still)  # edges of checks, of which the picture is full, keep their noise
    assert with_views.a.albedo is not None and np.array_equal(with_views.a.albedo, still.a.albedo)


def test_the_still_and_copies_of_its_halves_do_not_count_again(tmp_path: Path) -> None:
    still = write_views(tmp_path, 2)[0]
    write_frame(tmp_path / "turned.a.exr", still.b)
    write_frame(tmp_path / "turned.b.exr", still.a)
    others = list(ViewsAround(tmp_path).around(tmp_path / "view_0000.a.exr", still))
    assert len(others) == 1 and others[0].a.seed == 2


def test_of_a_long_sequence_the_nearest_frames_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_VIEWS", 2)
    pairs = write_views(tmp_path, 5)
    others = ViewsAround(tmp_path).around(tmp_path / "view_0003.a.exr", pairs[3])
    assert sorted(other.a.seed or 0 for other in others) == [4, 8]  # the second and the last: seeds are twice the index


def test_a_small_view_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, read = write_views(tmp_path, 3), []
    monkeypatch.setattr(views, "_read", lambda paths: read.append(paths.name) or pairs[int(paths.name[-1])])
    around = ViewsAround(tmp_path)
    for index in (0, 1):
        around(tmp_path / f"view_000{index}.a.exr", pairs[index])
    assert sorted(read) == ["view_0000", "view_0001", "view_0002"]


def test_views_without_positions_are_refused_by_name(tmp_path: Path) -> None:
    still = write_views(tmp_path, 2)[0]
    flat = Pair(replace(still.a, position=None), replace(still.b, position=None))
    with pytest.raises(DatasetError, match="--views needs them"):
        ViewsAround(tmp_path)(tmp_path / "view_0000.a.exr", flat)
    assert read_frame(tmp_path / "view_0001.a.exr", position=True)[0].position is not None


def test_a_still_is_denoised_with_its_views(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Never worse than alone, by the truth, and what was taken is told."""
    still = write_views(tmp_path / "views", 5)[0]
    halves = [str(tmp_path / "views" / f"view_0000.{half}.exr") for half in "ab"]
    assert main([*halves, "-o", str(tmp_path / "alone.exr")]) == 0
    assert main([*halves, "-o", str(tmp_path / "with.exr"), "--views", str(tmp_path / "views")]) == 0
    assert "network with views" in capsys.readouterr().err
    alone, with_views = (read_frame(tmp_path / f"{name}.exr")[0].color for name in ("alone", "with"))
    assert error(replace_colors(still, with_views)) < error(replace_colors(still, alone))


def replace_colors(pair: Pair, color: Image) -> Pair:
    return Pair(replace(pair.a, color=color), replace(pair.b, color=color + np.float32(1e-6)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--views", "absent"], "absent: does not exist"),
        (["--views", ".", "--dask", "local"], "--views with --dask"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_views(tmp_path, 1)
    assert main([*(str(tmp_path / f"view_0000.{half}.exr") for half in "ab"), *options]) != 0
    assert sentence in capsys.readouterr().err
