"""Folders of pairs: which files belong together, and what is no pair."""

from pathlib import Path

import numpy as np
import pytest

from renderer_bridge.errors import DatasetError, ExrError
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame, Image
from renderer_bridge.pair_folder import PairPaths, list_pairs, read_pair, read_target

HEIGHT, WIDTH = 3, 5


def noise(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Image:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def write(folder: Path, name: str, pixels: Image, spp: int | None = None, seed: int | None = None) -> Path:
    write_frame(folder / name, Frame(pixels, spp=spp, seed=seed))
    return folder / name


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_pairs_are_sorted_and_other_files_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "b.a.exr", "b.b.exr", "a.0002.a.exr", "a.0002.b.exr", "c.exr", "pairs.json", ".x.a.exr", "log.csv")
    assert list_pairs(tmp_path) == [
        PairPaths("a.0002", tmp_path / "a.0002.a.exr", tmp_path / "a.0002.b.exr"),
        PairPaths("b", tmp_path / "b.a.exr", tmp_path / "b.b.exr"),
    ]


def test_a_views_own_reference_comes_before_the_folders(tmp_path: Path) -> None:
    touch(tmp_path, "x.a.exr", "x.b.exr", "y.a.exr", "y.b.exr", "y.ref.exr", "reference.exr")
    assert [pair.reference for pair in list_pairs(str(tmp_path))] == [
        tmp_path / "reference.exr",
        tmp_path / "y.ref.exr",
    ]


def test_halves_of_the_reference_are_no_pair(tmp_path: Path) -> None:
    halves = ("reference.a.exr", "reference.b.exr")
    touch(tmp_path, "x.a.exr", "x.b.exr", *halves)
    assert [pair.name for pair in list_pairs(tmp_path)] == ["reference", "x"]
    touch(tmp_path, "reference.exr")
    assert [pair.name for pair in list_pairs(tmp_path)] == ["x"]


@pytest.mark.parametrize(("there", "missing"), [("x.a.exr", "x.b.exr"), ("x.b.exr", "x.a.exr")])
def test_a_missing_half_is_named(tmp_path: Path, there: str, missing: str) -> None:
    touch(tmp_path, "w.a.exr", "w.b.exr", there)
    with pytest.raises(DatasetError) as caught:
        list_pairs(tmp_path)
    assert str(caught.value) == f"{tmp_path / there}: its other half {missing} is missing; a pair needs both"


def test_folders_without_pairs(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no pairs \(0 EXR files found\)"):
        list_pairs(tmp_path)
    touch(tmp_path, "frame.exr")
    with pytest.raises(DatasetError, match=r"holds no pairs \(1 EXR files found\); <view>\.a\.exr"):
        list_pairs(tmp_path)
    with pytest.raises(DatasetError, match=r"frame\.exr: is a file"):
        list_pairs(tmp_path / "frame.exr")
    with pytest.raises(DatasetError, match=r"nowhere: does not exist"):
        list_pairs(tmp_path / "nowhere")


def test_both_halves_and_the_reference_are_read(tmp_path: Path) -> None:
    write(tmp_path, "x.a.exr", noise(1), spp=4, seed=10)
    write(tmp_path, "x.b.exr", noise(2), spp=4, seed=11)
    write(tmp_path, "x.ref.exr", noise(3))
    (paths,) = list_pairs(tmp_path)
    pair, repaired = read_pair(paths, reference=True)
    np.testing.assert_array_equal(pair.a.color, noise(1))
    np.testing.assert_array_equal(pair.b.color, noise(2))
    assert pair.reference is not None and repaired == {}
    np.testing.assert_array_equal(pair.reference, noise(3))
    assert read_pair(paths)[0].reference is None


def test_repaired_pixels_of_both_halves_are_added(tmp_path: Path) -> None:
    for half, seed in (("a", 1), ("b", 2)):
        albedo = noise(seed + 10)
        albedo[0, :seed] = -1.0
        write_frame(tmp_path / f"x.{half}.exr", Frame(noise(seed), albedo))
    assert read_pair(list_pairs(tmp_path)[0])[1] == {"albedo": 3}


def test_files_that_are_no_noisy_pair_are_both_named(tmp_path: Path) -> None:
    a, b = write(tmp_path, "x.a.exr", noise(1), seed=5), write(tmp_path, "x.b.exr", noise(2), seed=5)
    with pytest.raises(DatasetError) as caught:
        read_pair(PairPaths("x", a, b))
    assert str(caught.value).startswith(f"{a} and {b}: A and B share the seed 5")


def test_a_reference_of_another_size_is_named(tmp_path: Path) -> None:
    a, b = write(tmp_path, "x.a.exr", noise(1)), write(tmp_path, "x.b.exr", noise(2))
    write_frame(tmp_path / "reference.exr", Frame(noise(3, WIDTH, HEIGHT)))
    with pytest.raises(DatasetError, match=r"reference\.exr: reference has shape \(5, 3, 3\)"):
        read_pair(PairPaths("x", a, b, tmp_path / "reference.exr"), reference=True)


def test_a_half_that_cannot_be_read_is_an_exr_error(tmp_path: Path) -> None:
    a = write(tmp_path, "x.a.exr", noise(1))
    touch(tmp_path, "x.b.exr")
    with pytest.raises(ExrError, match=r"x\.b\.exr: is empty"):
        read_pair(PairPaths("x", a, tmp_path / "x.b.exr"))


# ---------------------------------------------------------------------------------------------------------------------
# Targets


def pair_with_target(folder: Path, target: Image, spp: int | None = 64, seed: int | None = 3) -> PairPaths:
    write(folder, "x.a.exr", noise(1), spp=4, seed=1)
    write(folder, "x.b.exr", noise(2), spp=4, seed=2)
    write(folder, "x.t.exr", target, spp, seed)
    (paths,) = list_pairs(folder)
    assert paths.target == folder / "x.t.exr" and paths.reference is None
    return paths


def test_a_target_is_read_beside_its_pair(tmp_path: Path) -> None:
    paths = pair_with_target(tmp_path, noise(3))
    target, repaired = read_target(paths, read_pair(paths)[0])
    assert target.spp == 64 and repaired == {}
    np.testing.assert_array_equal(target.color, noise(3))


@pytest.mark.parametrize(
    ("pixels", "seed", "told"),
    [
        (noise(3), 1, r"x\.a\.exr and .*x\.t\.exr, its target, as A and B: A and B share the seed 1"),
        (noise(3), 2, r"x\.b\.exr and .*x\.t\.exr, its target, as A and B: A and B share the seed 2"),
        (noise(2), None, r"x\.b\.exr and .*x\.t\.exr, its target, as A and B: A and B hold equal pixels"),
        (noise(3, WIDTH, HEIGHT), 3, r"x\.a\.exr and .*: A is 5x3 but B is 3x5"),
    ],
)
def test_what_is_no_independent_render_is_refused(tmp_path: Path, pixels: Image, seed: int | None, told: str) -> None:
    paths = pair_with_target(tmp_path, pixels, seed=seed)
    with pytest.raises(DatasetError, match=told):
        read_target(paths, read_pair(paths)[0])


def test_a_view_without_target_is_told(tmp_path: Path) -> None:
    write(tmp_path, "x.a.exr", noise(1))
    write(tmp_path, "x.b.exr", noise(2))
    (paths,) = list_pairs(tmp_path)
    assert paths.target is None
    with pytest.raises(DatasetError, match=r"x\.a\.exr: has no target; x\.t\.exr beside it is needed"):
        read_target(paths, read_pair(paths)[0])
