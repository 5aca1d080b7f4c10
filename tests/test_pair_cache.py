"""The cache of decoded pairs: exact, rebuilt when stale, complete or absent."""

import os
from pathlib import Path

import numpy as np
import pytest
from toy_pairs import HEIGHT, WIDTH, noisy, sphere_normals, write_toy_pairs

from denoiser.training.pair_cache import FOLDER_NAME, PIXEL, CacheRecord, build_cache, find_views, open_array
from renderer_bridge.errors import DatasetError, ExrError, OutputError, UsageError
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Frame


def build(folder: Path, **options: Path) -> list[CacheRecord]:
    return list(build_cache(find_views([folder], **options), references=True))


def test_the_array_holds_both_halves_exactly(tmp_path: Path) -> None:
    write_toy_pairs(tmp_path, 1, references=True)
    (record,) = build(tmp_path)
    (view,) = find_views([tmp_path])
    assert record == CacheRecord("view0", 1, 1, True, {})
    pixels = open_array(view.pixels)
    assert pixels.shape == (2, HEIGHT, WIDTH) and pixels.dtype == PIXEL and pixels.dtype.itemsize == 24
    assert isinstance(pixels, np.memmap)
    for half, path in enumerate((view.paths.a, view.paths.b)):
        frame = read_frame(path)[0]
        np.testing.assert_array_equal(pixels["color"][half], frame.color)
        for layer in ("albedo", "normal"):
            np.testing.assert_array_equal(pixels[layer][half], getattr(frame, layer))  # half in the file, half here
    assert view.reference is not None and view.paths.reference is not None
    np.testing.assert_array_equal(open_array(view.reference), read_frame(view.paths.reference)[0].color)


def test_only_what_changed_is_built_again(tmp_path: Path) -> None:
    write_toy_pairs(tmp_path, 3)
    assert [record.built for record in build(tmp_path)] == [True] * 3
    assert [record.built for record in build(tmp_path)] == [False] * 3
    changed = tmp_path / "view1.b.exr"
    frame = read_frame(changed)[0]
    write_frame(changed, Frame(frame.color * 2, frame.albedo, frame.normal))
    assert [record.built for record in build(tmp_path)] == [False, True, False]
    pixels = open_array(find_views([tmp_path])[1].pixels)
    np.testing.assert_array_equal(pixels["color"][1], frame.color * 2)


def test_a_kill_between_array_and_note_leads_to_a_rebuild(tmp_path: Path) -> None:
    write_toy_pairs(tmp_path, 1)
    build(tmp_path)
    note = tmp_path / FOLDER_NAME / "view0.npy.json"
    note.unlink()
    assert build(tmp_path)[0].built
    note.write_bytes(b"\xff\xfe")
    assert build(tmp_path)[0].built


def test_the_cache_can_lie_elsewhere_and_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    folders = [write_toy_pairs(tmp_path / parent / "pairs", 1) for parent in ("x", "y")]
    views = find_views(folders, tmp_path / "cache")
    assert len({view.pixels for view in views}) == 2
    list(build_cache(views))
    assert all(view.pixels.is_relative_to(tmp_path / "cache") and view.pixels.exists() for view in views)
    assert not any((folder / FOLDER_NAME).exists() for folder in folders)


def test_a_read_only_folder_is_left_alone(tmp_path: Path) -> None:
    folder = write_toy_pairs(tmp_path / "pairs", 1)
    folder.chmod(0o555)
    try:
        (view,) = find_views([folder], fallback=tmp_path / "run")
        assert view.pixels.is_relative_to(tmp_path / "run" / FOLDER_NAME)
        list(build_cache([view]))
        assert not (folder / FOLDER_NAME).exists()
    finally:
        folder.chmod(0o755)
    assert find_views([folder], fallback=tmp_path / "run")[0].pixels.parent == folder / FOLDER_NAME


@pytest.mark.parametrize("missing", ["albedo", "normal"])
def test_a_missing_layer_is_named_with_its_file(tmp_path: Path, missing: str) -> None:
    write_toy_pairs(tmp_path, 1)
    layers = {"albedo": sphere_normals() * 0, "normal": sphere_normals()}
    del layers[missing]
    color = noisy(np.ones((HEIGHT, WIDTH, 3), np.float32), 5)
    write_frame(tmp_path / "view0.b.exr", Frame(color, **layers))
    with pytest.raises(DatasetError) as caught:
        build(tmp_path)
    assert str(tmp_path / "view0.b.exr") in str(caught.value) and f"has no {missing};" in str(caught.value)


def test_a_damaged_exr_and_an_absent_folder_are_errors(tmp_path: Path) -> None:
    write_toy_pairs(tmp_path, 1)
    (tmp_path / "view0.a.exr").write_bytes(b"no picture")
    with pytest.raises(ExrError):
        build(tmp_path)
    with pytest.raises(DatasetError):
        find_views([tmp_path / "absent"])
    with pytest.raises(UsageError):
        find_views([])


def test_a_damaged_array_says_what_to_do(tmp_path: Path) -> None:
    write_toy_pairs(tmp_path, 1)
    build(tmp_path)
    array = tmp_path / FOLDER_NAME / "view0.npy"
    os.truncate(array, 1000)
    with pytest.raises(OutputError, match="delete its folder and run again"):
        open_array(array)
