"""Names that stand for many files: what they find, and what they say of other names."""

from pathlib import Path

import pytest

from apps.denoise.patterns import Match, expand, filled, is_pattern, is_sequence, parse_frames
from renderer_bridge.errors import DatasetError, UsageError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def found(matches: list[Match]) -> list[str]:
    return [match.path.name for match in matches]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", [3]), ("1-4", [1, 2, 3, 4]), ("1-9x4", [1, 5, 9]), ("5, 1-2,5", [5, 1, 2]), ("0-0", [0])],
)
def test_ranges(text: str, expected: list[int]) -> None:
    assert parse_frames(text) == expected


@pytest.mark.parametrize("text", ["", "a", "4-1", "1-4x0", "1,,2", "-3"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no range; 1-240"):
        parse_frames(text)


def test_a_sequence_is_what_exists_or_what_is_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "b.0002.exr", "b.0010.exr", "b.12.exr", "b.0001.exr.tmp", "bx0003.exr")
    for name in ("b.####.exr", "b.%04d.exr"):
        assert [(m.path.name, m.frame) for m in expand(str(tmp_path / name))] == [("b.0002.exr", 2), ("b.0010.exr", 10)]
        assert found(expand(str(tmp_path / name), [2, 3])) == ["b.0002.exr", "b.0003.exr"]
    assert found(expand(str(tmp_path / "b.%d.exr"))) == ["b.12.exr"]
    assert found(expand("b.####.exr", [123456])) == ["b.123456.exr"]
    with pytest.raises(DatasetError, match="no such file of any number"):
        expand(str(tmp_path / "c.####.exr"))


def test_a_glob_tells_what_its_stars_stood_for(tmp_path: Path) -> None:
    touch(tmp_path, "kitchen/x2.a.exr", "kitchen/x10.a.exr", "hall/x1.a.exr", "hall/.x.a.exr", "hall/x1.a.denoised.exr")
    matches = expand(str(tmp_path / "*" / "*.a.exr"))
    assert [match.wild for match in matches] == [("hall", "x1"), ("kitchen", "x2"), ("kitchen", "x10")]
    assert filled("b/*/*.b.exr", matches[1]) == Path("b/kitchen/x2.b.exr")
    assert filled("b/*.exr", matches[1]) == Path("b/x2.exr")  # another number of stars: the name
    assert found(expand(str(tmp_path / "**" / "x[0-2].a.exr"))) == ["x1.a.exr", "x2.a.exr"]
    with pytest.raises(DatasetError, match="matches no EXR file"):
        expand(str(tmp_path / "*.exr"))


def test_a_folder_of_pairs_leaves_references_out(tmp_path: Path) -> None:
    touch(tmp_path, "x.a.exr", "x.b.exr", "x.ref.exr", "x.t.exr", "reference.exr", "reference.a.exr", "y.denoised.exr")
    touch(tmp_path, "denoised/x.exr", "notes.txt", ".hidden.exr")
    assert found(expand(str(tmp_path))) == ["x.a.exr", "x.b.exr"]

    with pytest.raises(DatasetError, match="holds no EXR file"):
        expand(str(empty(tmp_path)))


def empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_plain_name_stands_for_itself(tmp_path: Path) -> None:
    assert expand("none.exr") == [Match(Path("none.exr"))]
    touch(tmp_path, "odd[1].exr")
    assert found(expand(str(tmp_path / "odd[1].exr"))) == ["odd[1].exr"]
    assert not is_pattern("x.exr") and is_pattern("x*.exr") and is_sequence("x.#.exr") and not is_sequence("%d/x.exr")


def test_another_name_is_filled_from_the_frame_the_name_or_nothing(tmp_path: Path) -> None:
    frame = Match(Path("b.0007.exr"), frame=7)
    assert filled("albedo/n.###.exr", frame) == Path("albedo/n.007.exr")
    assert filled(str(tmp_path), frame) == tmp_path / "b.0007.exr"
    assert filled("out/*.exr", Match(Path("in/x.a.exr"))) == Path("out/x.exr")
    assert filled("albedo.exr", frame) == Path("albedo.exr")
    with pytest.raises(UsageError, match="asks for a frame number"):
        filled("n.####.exr", Match(Path("x.exr")))
