"""From the panel's settings to the request for a frame."""

from dataclasses import replace

from fake_renderer import camera_at
from fake_viewer import record

from apps.viewer.pace import Pace
from apps.viewer.requests import LEAST_SIDE, RenderSettings, frame_request, paced, picture_size

CAMERA = camera_at(resolution=(1280, 720))


def test_the_longer_side_is_cut_first_and_then_scaled() -> None:
    assert picture_size((1280, 720), 1.0, 640) == (640, 360)
    assert picture_size((1280, 720), 0.5, 640) == (320, 180)
    assert picture_size((720, 1280), 1.0, 640) == (360, 640)
    assert picture_size((320, 180), 1.0, 640) == (320, 180)
    assert min(picture_size((1280, 20), 0.1, 640)) == LEAST_SIDE


def test_moving_is_what_the_pace_allows_and_resting_what_the_settings_say() -> None:
    settings = RenderSettings(spp=4, longest_side=640)
    moving = frame_request(settings, CAMERA, Pace(rate=5, work=160 * 90))
    assert (moving.camera.resolution, moving.spp, moving.train_steps, moving.moving) == ((160, 90), 1, 0, True)
    resting = frame_request(settings, CAMERA, None)
    assert (resting.camera.resolution, resting.spp, resting.moving) == ((640, 360), 4, False)
    fast = Pace(rate=5, work=2**20, spare_s=0.1, training_step_s=0.02)
    request = frame_request(settings, CAMERA, fast)
    assert (request.camera.resolution, request.spp) == ((640, 360), 4)
    assert (request.train_steps, request.train_seconds) == (5, None)


def test_a_record_in_motion_sets_the_pace() -> None:
    pace, slow = (
        Pace(rate=5, work=2.0**16),
        record(resolution=(256, 256), seconds={"render": 3.0, "train": 1.0}, losses=(0.1, 0.1)),
    )
    at_rest = paced(pace, slow)
    assert (at_rest.work, at_rest.training_step_s) == (pace.work, 0.5)
    assert paced(pace, replace(slow, request=replace(slow.request, moving=True, cut=True))).work == pace.work
    assert paced(pace, replace(slow, request=replace(slow.request, moving=True))).work < pace.work / 2


def test_training_follows_the_settings() -> None:
    by_steps = RenderSettings(train_steps=7, train_seconds=None, learning_rate=1e-4)
    request = frame_request(by_steps, CAMERA, None)
    assert (request.train_steps, request.train_seconds, request.learning_rate) == (7, None, 1e-4)
    off = frame_request(RenderSettings(training=False, train_seconds=0.5), CAMERA, None)
    assert (off.train_steps, off.train_seconds) == (0, None)


def test_the_frame_after_a_cut_comes_without_training() -> None:
    request = frame_request(RenderSettings(), CAMERA, Pace(rate=5, spare_s=1.0, training_step_s=0.1), cut=True)
    assert request.cut
    assert request.train_steps == 0
