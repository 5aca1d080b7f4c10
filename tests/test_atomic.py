"""Files are complete or absent."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from renderer_bridge.atomic import atomic_path, sole_writer, write_text
from renderer_bridge.errors import OutputError


def test_the_file_appears_complete(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "a.txt", "grün")
    assert (tmp_path / "new" / "folder" / "a.txt").read_text(encoding="utf-8") == "grün"
    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == ["a.txt"]


def test_the_temporary_keeps_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "x.exr") as temporary:
        assert (temporary.suffix, temporary.parent) == (".exr", tmp_path)
        assert not (tmp_path / "x.exr").exists()
        temporary.write_bytes(b"pixels")
    assert (tmp_path / "x.exr").read_bytes() == b"pixels"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_midway_leaves_the_old_file_and_no_temporary(tmp_path: Path, error: type[BaseException]) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(error), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the n")
        raise error
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_an_output_error(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with (
        pytest.raises(OutputError, match=r"a\.txt: cannot be written \(No space left"),
        atomic_path(tmp_path / "a.txt"),
    ):
        raise OSError(28, "No space left on device")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        write_text(tmp_path, "text")


def test_a_file_in_place_of_the_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.txt: cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_the_file_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "atomic", "")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")}
    assert len(modes) == 1


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = (
        "import pathlib, sys; from renderer_bridge.atomic import sole_writer\n"
        "with sole_writer(pathlib.Path(sys.argv[1])): pass"
    )
    other = [sys.executable, "-c", code, str(folder)]
    with sole_writer(folder):
        (folder / "log.csv").touch()
        refused = subprocess.run(other, capture_output=True, text=True, check=False)
        assert refused.returncode != 0 and "another process is writing there" in refused.stderr
    assert subprocess.run(other, check=False).returncode == 0
    assert sorted(each.name for each in folder.iterdir()) == [".lock", "log.csv"]


def test_a_folder_in_which_nothing_was_written_does_not_stay(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad scene"), sole_writer(tmp_path / "run"):
        raise ValueError("bad scene")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"run: cannot be written \("), sole_writer(tmp_path / "file" / "run"):
        pass
