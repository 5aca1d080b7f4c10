"""Camera paths: the spline against its textbook formula, look-at against Mitsuba, and every bad file a sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer_bridge.camera_path import catmull_rom, horizontal_fov, load_camera_path, look_at
from renderer_bridge.errors import SceneError

TIMES = np.arange(5.0)
POINTS = np.random.default_rng(3).normal(size=(5, 3))
UNEVEN = np.array([0.0, 0.3, 2.0, 2.1, 7.0])


def keyframe(time: float, **changes: Any) -> dict[str, Any]:
    return {"time": time, "origin": [time, 1, 5], "target": [0, 1, 0], "up": [0, 1, 0], "fov": 40.0, **changes}


def write(path: Path, *keyframes: dict[str, Any], **document: Any) -> Path:
    path.write_text(json.dumps({**document, "keyframes": list(keyframes)}))
    return path


# ---------------------------------------------------------------------------------------------------------------------
# Interpolation


def textbook(p: Any, t: float) -> Any:
    """The uniform Catmull-Rom segment from p[1] to p[2] (Catmull and Rom 1974, tension 1/2)."""
    return 0.5 * (
        2 * p[1]
        + (p[2] - p[0]) * t
        + (2 * p[0] - 5 * p[1] + 4 * p[2] - p[3]) * t**2
        + (3 * p[1] - p[0] - 3 * p[2] + p[3]) * t**3
    )


@given(st.floats(0, 4))
def test_even_times_give_the_textbook_formula_with_repeated_ends(time: float) -> None:
    segment = min(int(time), 3)
    around = [POINTS[int(np.clip(segment + k, 0, 4))] for k in (-1, 0, 1, 2)]
    # The two formulas round differently: a few units of the last of 53 bits, of values below 10.
    np.testing.assert_allclose(catmull_rom(TIMES, POINTS, time), textbook(around, time - segment), atol=1e-13)


@pytest.mark.parametrize("times", [TIMES, UNEVEN])
def test_the_curve_goes_through_its_keyframes(times: Any) -> None:
    for time, point in zip(times, POINTS, strict=True):
        np.testing.assert_allclose(catmull_rom(times, POINTS, time), point, rtol=1e-14)


def test_the_curve_has_no_kink_where_times_are_uneven() -> None:
    step = 1e-6
    for time in UNEVEN[1:-1]:
        before = (catmull_rom(UNEVEN, POINTS, time) - catmull_rom(UNEVEN, POINTS, time - step)) / step
        after = (catmull_rom(UNEVEN, POINTS, time + step) - catmull_rom(UNEVEN, POINTS, time)) / step
        # One-sided differences are off by step / 2 times the curvature, which the 0.1 s segment raises to about 1e3.
        np.testing.assert_allclose(before, after, atol=2e-3)


def test_an_even_motion_stays_even_at_uneven_times() -> None:
    line = UNEVEN[:, None] * np.array([[1.0, -2.0, 0.5]])
    # Central differences over time know a line's velocity; at the ends, where points are repeated, they halve it.
    for time in np.linspace(UNEVEN[1], UNEVEN[-2], 9):
        np.testing.assert_allclose(catmull_rom(UNEVEN, line, time), time * line[-1] / UNEVEN[-1], rtol=1e-12)


@pytest.mark.parametrize(("time", "index"), [(-5.0, 0), (99.0, -1)])
def test_time_is_clamped_to_the_ends(time: float, index: int) -> None:
    np.testing.assert_array_equal(catmull_rom(UNEVEN, POINTS, time), POINTS[index])


# ---------------------------------------------------------------------------------------------------------------------
# Cameras


def test_look_at_is_mitsubas() -> None:
    mi = pytest.importorskip("mitsuba")
    mi.set_variant(mi.variant() or "scalar_rgb")
    origin, target, up = [1.0, 2.0, 3.0], [-2.0, 0.5, -4.0], [0.1, 1.0, 0.2]
    theirs = np.array(mi.ScalarTransform4f().look_at(origin=origin, target=target, up=up).matrix)
    ours = look_at(np.array(origin), np.array(target), np.array(up))
    np.testing.assert_allclose(ours, theirs.reshape(4, 4), atol=1e-6)  # Mitsuba computes with 24 bits


def test_look_at_needs_a_direction_and_an_up() -> None:
    here, up = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0])
    with pytest.raises(SceneError, match="looking at"):
        look_at(here, here, up)
    with pytest.raises(SceneError, match="not parallel"):
        look_at(here, here + 2 * up, up)


def test_vertical_field_of_view_on_a_wide_picture() -> None:
    # tan(45 degrees) = 1, times 20 / 10 = 2: the horizontal half angle is atan(2).
    assert horizontal_fov(90.0, "y", (20, 10)) == pytest.approx(2 * np.degrees(np.arctan(2.0)))
    assert horizontal_fov(90.0, "x", (20, 10)) == 90.0


def test_cameras_of_a_file(tmp_path: Path) -> None:
    wide = keyframe(3.0, fov=60.0, up=[1, 1, 0])
    path = load_camera_path(write(tmp_path / "path.json", keyframe(1.0), wide, fps=4, fov_axis="y"))
    assert path.frames == 9  # two seconds at four frames a second, both ends included
    first, middle, last = path.cameras(3, (20, 10))
    assert first.origin.tolist() == [1.0, 1.0, 5.0] and last.origin.tolist() == [3.0, 1.0, 5.0]
    assert middle.fov_deg == pytest.approx(horizontal_fov(50.0, "y", (20, 10)))
    assert middle.resolution == (20, 10)
    np.testing.assert_allclose(middle.to_world, look_at(middle.origin, np.array([0, 1, 0]), np.array([0.5, 1, 0])))


def test_one_frame_is_the_first_keyframe(tmp_path: Path) -> None:
    path = load_camera_path(write(tmp_path / "path.json", keyframe(0.0), keyframe(1.0)))
    assert (path.fps, path.fov_axis) == (24.0, "x")
    (camera,) = path.cameras(1, (5, 3))
    assert camera.origin.tolist() == [0.0, 1.0, 5.0]


# ---------------------------------------------------------------------------------------------------------------------
# Bad files


@pytest.mark.parametrize(
    ("keyframes", "document", "found"),
    [
        ([keyframe(0.0)], {}, "1 keyframes; at least two"),
        ([], {}, "three numbers"),
        ([keyframe(1.0), keyframe(1.0)], {}, "increasing times"),
        ([keyframe(0.0), keyframe(1.0, origin=[0, np.nan, 0])], {}, "origin must be three numbers"),
        ([keyframe(0.0), keyframe(1.0, up=[0, 1])], {}, "ValueError"),
        ([keyframe(0.0), keyframe(1.0, fov="wide")], {}, "ValueError"),
        ([keyframe(0.0), keyframe(10**400)], {}, "OverflowError"),
        ([keyframe(0.0), keyframe(1.0, fov=180)], {}, "fov from 40 to 180 degrees"),
        ([keyframe(0.0), keyframe(1.0, target=[1, 1, 5])], {}, "keyframe 1: .* looking at"),
        ([keyframe(0.0), {"time": 1.0}], {}, "KeyError: 'origin'"),
        ([keyframe(0.0), keyframe(1.0)], {"interpolation": "linear"}, "interpolation 'linear'; only catmull-rom"),
        ([keyframe(0.0), keyframe(1.0)], {"fov_axis": "diagonal"}, "fov_axis 'diagonal'"),
        ([keyframe(0.0), keyframe(1.0)], {"fps": 0}, "fps 0"),
        ([keyframe(0.0), keyframe(1.0)], {"fps": np.nan}, "fps nan"),
    ],
)
def test_bad_paths(tmp_path: Path, keyframes: list[Any], document: dict[str, Any], found: str) -> None:
    path = write(tmp_path / "path.json", *keyframes, **document)
    with pytest.raises(SceneError, match=rf"^{path}: .*{found}"):
        load_camera_path(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000])
def test_files_that_are_no_camera_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "path.json"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=rf"^{path}: not a camera path"):
        load_camera_path(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="no such file"):
        load_camera_path(tmp_path / "none.json")
    with pytest.raises(SceneError, match="IsADirectory"):
        load_camera_path(tmp_path)
