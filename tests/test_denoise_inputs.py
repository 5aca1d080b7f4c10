"""From the command line to jobs: pairs, files beside, and where results go."""

from pathlib import Path
from typing import Any

import pytest

from apps.denoise.inputs import find_jobs, lone_halves
from denoiser.inference.records import FileJob
from renderer_bridge.errors import UsageError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def jobs(folder: Path, *inputs: str, output: str | None = None, **options: Any) -> list[tuple[str, ...]]:
    """(source, other, output) of each job, relative to the folder."""
    given = [str(folder / name) for name in inputs]
    found = find_jobs(given, None if output is None else str(folder / output), **options)
    return [
        tuple(str(path.relative_to(folder)) for path in (job.source, job.other, job.output) if path is not None)
        for job in found
    ]


def test_without_an_output_results_go_beside(tmp_path: Path) -> None:
    touch(tmp_path, "r/x.exr", "r/y.a.exr", "r/y.b.exr")
    assert jobs(tmp_path, "r/x.exr") == [("r/x.exr", "r/x.denoised.exr")]
    assert jobs(tmp_path, "r/y.a.exr", "r/y.b.exr") == [("r/y.a.exr", "r/y.b.exr", "r/y.denoised.exr")]
    assert jobs(tmp_path, "r") == [
        ("r/x.exr", "r/denoised/x.exr"),
        ("r/y.a.exr", "r/y.b.exr", "r/denoised/y.exr"),
    ]


def test_outputs_are_files_folders_or_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "r/x.0001.exr", "r/x.0002.exr")
    assert jobs(tmp_path, "r/x.0001.exr", output="o.exr") == [("r/x.0001.exr", "o.exr")]
    assert jobs(tmp_path, "r", output="o") == [("r/x.0001.exr", "o/x.0001.exr"), ("r/x.0002.exr", "o/x.0002.exr")]
    expected = [("r/x.0001.exr", "o/c.01.exr"), ("r/x.0002.exr", "o/c.02.exr")]
    assert jobs(tmp_path, "r/x.####.exr", output="o/c.%02d.exr") == expected
    assert jobs(tmp_path, "r/*.exr", output="o/*_c.exr")[1] == ("r/x.0002.exr", "o/x.0002_c.exr")


def test_two_files_into_one_are_a_pair_and_into_a_folder_are_two(tmp_path: Path) -> None:
    touch(tmp_path, "1.exr", "2.exr")
    assert jobs(tmp_path, "1.exr", "2.exr", output="o.exr") == [("1.exr", "2.exr", "o.exr")]
    assert jobs(tmp_path, "1.exr", "2.exr", output="o") == [("1.exr", "o/1.exr"), ("2.exr", "o/2.exr")]


def test_pairs_of_any_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.exr", "a/y.exr", "b/x.exr", "b/y.exr", "n.0001.exr")
    for first, second in (("a", "b"), ("a/*.exr", "b/*.exr")):
        found = jobs(tmp_path, output="o", pair=(str(tmp_path / first), str(tmp_path / second)))
        assert found == [("a/x.exr", "b/x.exr", "o/x.exr"), ("a/y.exr", "b/y.exr", "o/y.exr")]
    pair = (str(tmp_path / "n.####.exr"), str(tmp_path / "m.####.exr"))
    assert jobs(tmp_path, pair=pair, frames="1-1") == [("n.0001.exr", "m.0001.exr", "n.0001.denoised.exr")]
    with pytest.raises(UsageError, match="would be both halves"):
        jobs(tmp_path, pair=(pair[0], pair[0]))


def test_layers_beside(tmp_path: Path) -> None:
    touch(tmp_path, "x.0003.exr")
    name = str(tmp_path / "x.####.exr")
    (job,) = find_jobs([name], "o", albedo="alb/a.###.exr", normal=str(tmp_path))
    assert job == FileJob(
        tmp_path / "x.0003.exr", Path("o/x.0003.exr"), None, Path("alb/a.003.exr"), tmp_path / "x.0003.exr", 3
    )


def test_a_first_half_alone_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "x.a.exr", "y.exr")
    said = lone_halves(find_jobs([str(tmp_path)], None))
    assert said == f"{tmp_path / 'x.a.exr'}: denoised alone; a pair needs its .b.exr too"
    touch(tmp_path, "x.b.exr", "z.a.exr")
    assert lone_halves(find_jobs([str(tmp_path / "x.a.exr"), str(tmp_path / "x.b.exr")], None)) is None
    said = lone_halves(find_jobs([str(tmp_path / "?.a.exr")], None))
    assert said == f"{tmp_path / 'x.a.exr'} and 1 more: denoised alone; x.b.exr lies beside it; name both"


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        ([], {}, "one of them is needed"),
        (["x.exr"], {"pair": ("a", "b")}, "one of them is needed"),
        (["x.exr"], {"frames": "1-2"}, "needs a sequence"),
        (["x.exr"], {"output": "o.png"}, "must end in .exr"),
        (["x.####.exr"], {"output": "o.####", "frames": "1-2"}, "must end in .exr"),
        (["x.####.exr"], {"output": "o.exr", "frames": "1-2"}, "2 inputs; one frame"),
        (["a/x.exr", "b/x.exr"], {"output": "o"}, "would be the result of both"),
        (["x.exr"], {"output": "sub/../x.exr"}, "is an input too"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, inputs: list[str], options: dict[str, Any], words: str) -> None:
    touch(tmp_path, "x.exr", "a/x.exr", "b/x.exr", "sub/y")
    with pytest.raises(UsageError, match=words):
        jobs(tmp_path, *inputs, **options)
