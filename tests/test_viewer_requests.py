"""From the panel's settings to the request for a frame."""

from fake_renderer import camera_at

from apps.viewer.requests import LEAST_SIDE, RenderSettings, frame_request, picture_size

CAMERA = camera_at(resolution=(1280, 720))


def test_the_longer_side_is_cut_first_and_then_scaled() -> None:
    assert picture_size((1280, 720), 1.0, 640) == (640, 360)
    assert picture_size((1280, 720), 0.5, 640) == (320, 180)
    assert picture_size((720, 1280), 1.0, 640) == (360, 640)
    assert picture_size((320, 180), 1.0, 640) == (320, 180)
    assert min(picture_size((1280, 20), 0.1, 640)) == LEAST_SIDE


def test_moving_is_smaller_than_resting() -> None:
    settings = RenderSettings(scale_moving=0.25, scale_resting=1.0, longest_side=640)
    assert frame_request(settings, CAMERA, moving=True).camera.resolution == (160, 90)
    assert frame_request(settings, CAMERA, moving=False).camera.resolution == (640, 360)


def test_training_follows_the_settings() -> None:
    by_steps = RenderSettings(train_steps=7, train_seconds=None, learning_rate=1e-4)
    request = frame_request(by_steps, CAMERA, moving=False)
    assert (request.train_steps, request.train_seconds, request.learning_rate) == (7, None, 1e-4)
    off = frame_request(RenderSettings(training=False, train_seconds=0.5), CAMERA, moving=False)
    assert (off.train_steps, off.train_seconds) == (0, None)


def test_the_frame_after_a_cut_comes_without_training() -> None:
    request = frame_request(RenderSettings(), CAMERA, moving=True, cut=True)
    assert request.cut
    assert request.train_steps == 0
