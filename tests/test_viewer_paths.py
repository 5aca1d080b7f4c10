"""A recorded path is one that plays."""

from dataclasses import replace

import numpy as np
import pytest
from fake_renderer import camera_at

from apps.viewer.moves import look
from apps.viewer.paths import PathRecorder
from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.errors import OutputError, UsageError


def test_a_recorded_path_goes_through_the_cameras(tmp_path) -> None:
    recorder, cameras = PathRecorder(3.0), []
    for index in range(4):
        camera = look(camera_at(0.3 * index, 0.2 * index, (64, 36)), 5.0 * index, 3.0, np.array([0.0, 1, 0]))
        cameras.append(replace(camera, fov_deg=50.0 + index))
        recorder.add(0.25 * index, cameras[-1])
    recorder.save(tmp_path / "path.json")
    path = load_camera_path(tmp_path / "path.json")
    for index, camera in enumerate(cameras):
        played = path.camera(0.25 * index, (64, 36))
        assert played.to_world == pytest.approx(camera.to_world, abs=1e-5)  # six decimals in the file
        assert played.fov_deg == pytest.approx(camera.fov_deg)


def test_a_time_that_does_not_increase_is_left_out() -> None:
    recorder = PathRecorder(1.0)
    for time_s in (0.0, 0.25, 0.25, 0.1):
        recorder.add(time_s, camera_at())
    assert recorder.seconds == 0.25


def test_too_short_a_path_and_an_impossible_file_are_refused(tmp_path) -> None:
    recorder = PathRecorder(1.0)
    recorder.add(0.0, camera_at())
    with pytest.raises(UsageError, match="two keyframes"):
        recorder.save(tmp_path / "path.json")
    recorder.add(1.0, camera_at(1.0))
    with pytest.raises(OutputError):
        recorder.save(tmp_path)
