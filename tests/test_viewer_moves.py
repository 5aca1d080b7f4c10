"""How the viewer's camera moves: signs, exact distances and angles, limits."""

import numpy as np
import pytest
from fake_renderer import FakeRenderer, camera_at
from hypothesis import given
from hypothesis import strategies as st

from apps.viewer.moves import (
    STEEPEST_DEG,
    direction,
    dolly,
    fly,
    look,
    orbit,
    pan,
    point_ahead,
    point_under,
    rotation,
    typical_distance,
    world_up,
)
from renderer_bridge.camera_path import look_at
from renderer_bridge.frame import Camera, Frame

UP = np.array([0.0, 1.0, 0.0])
ROUNDING = 1e-9  # double precision after a few products of numbers near 1

angles = st.floats(-170, 170)


def camera(matrix: np.ndarray | None = None, resolution: tuple[int, int] = (64, 36)) -> Camera:
    """A camera in the origin that looks along +z, +x to its left, 90 degrees wide."""
    return Camera(np.eye(4) if matrix is None else matrix, 90.0, resolution)


def in_picture(view: Camera, point: np.ndarray) -> tuple[float, float]:
    """Where a point lies in the picture: shares of the *width* from its middle, to the right and down."""
    left, up, forward = np.linalg.inv(view.to_world)[:3, :3] @ (point - view.origin)
    scale = 2 * np.tan(np.radians(view.fov_deg) / 2) * forward
    return -left / scale, -up / scale


def test_flying_goes_right_up_and_forward_as_seen() -> None:
    moved = fly(camera(), np.array([2.0, 3.0, 5.0]), UP)
    assert moved.origin.tolist() == [-2.0, 3.0, 5.0]
    assert moved.to_world[:3, :3].tolist() == np.eye(3).tolist()


def test_flying_ignores_the_scale_of_a_camera() -> None:
    scaled = camera(np.diag([3.0, 3.0, 3.0, 1.0]))
    assert fly(scaled, np.array([0.0, 0.0, 1.0]), UP).origin == pytest.approx([0, 0, 1])


def test_keys_held_together_go_no_faster() -> None:
    assert np.linalg.norm(direction({"forward", "right"})) == pytest.approx(1.0)
    assert direction({"forward", "back"}).tolist() == [0, 0, 0]
    assert direction(set()).tolist() == [0, 0, 0]


def test_looking_right_moves_things_left_and_looking_up_moves_them_down() -> None:
    ahead = np.array([0.0, 0.0, 4.0])
    assert in_picture(look(camera(), 10, 0, UP), ahead)[0] == pytest.approx(-np.tan(np.radians(10)) / 2)
    assert in_picture(look(camera(), 0, 10, UP), ahead)[1] == pytest.approx(np.tan(np.radians(10)) / 2)


def test_a_mirrored_camera_turns_as_it_is_seen() -> None:
    mirrored = camera(np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert in_picture(look(mirrored, 10, 0, UP), np.array([0.0, 0.0, 4.0]))[0] < 0


def test_looking_stops_before_straight_up() -> None:
    steep = look(camera(), 0, 500, UP)
    assert np.degrees(np.arcsin(steep.to_world[1, 2])) == pytest.approx(STEEPEST_DEG)
    assert steep.to_world[1, 1] > 0  # not overturned


@given(angles, angles)
def test_turning_keeps_the_axes_perpendicular_and_the_horizon_level(right: float, up: float) -> None:
    turned = look(camera(), right, up, UP).to_world[:3, :3]
    assert turned @ turned.T == pytest.approx(np.eye(3), abs=ROUNDING)
    assert turned[1, 0] == pytest.approx(0, abs=ROUNDING)


@given(angles, st.floats(-80, 80))
def test_orbit_keeps_the_point_in_its_place(right: float, up: float) -> None:
    point = np.array([0.7, -0.4, 3.0])
    swung = orbit(camera(), point, right, up, UP)
    assert in_picture(swung, point) == pytest.approx(in_picture(camera(), point), abs=1e-7)
    assert np.linalg.norm(swung.origin - point) == pytest.approx(np.linalg.norm(point))


def test_orbit_to_the_right_and_up_goes_there() -> None:
    point = np.array([0.0, 0.0, 5.0])
    assert orbit(camera(), point, 30, 0, UP).origin[0] == pytest.approx(-2.5)  # +x is left
    assert orbit(camera(), point, 0, 30, UP).origin[1] == pytest.approx(2.5)


@given(st.floats(-0.5, 0.5), st.floats(-0.3, 0.3))
def test_pan_moves_the_point_with_the_hand(right: float, down: float) -> None:
    point, view = np.array([0.5, -0.2, 3.0]), camera(look_at(np.array([1.0, 2, -1]), np.zeros(3), UP))
    before, after = in_picture(view, point), in_picture(pan(view, point, right, down), point)
    assert (after[0] - before[0], after[1] - before[1]) == pytest.approx((right, down), abs=1e-7)


def test_dolly_shortens_the_way_and_keeps_the_direction() -> None:
    point = np.array([1.0, 0.0, 4.0])
    assert dolly(camera(), point, 0.5).origin.tolist() == [0.5, 0.0, 2.0]


def test_the_point_under_the_cursor_is_the_one_seen_there() -> None:
    view = camera_at(resolution=(30, 16))  # not square: a column beyond the height must work
    frame = FakeRenderer().truth(view)
    point = point_under(frame, 25, 9)
    assert point is not None
    x, y = in_picture(view, point)
    assert (x, y) == pytest.approx(((25.5 - 15) / 30, (9.5 - 8) / 30), abs=1e-5)  # float32 positions
    assert point_under(frame, 0, 0) is None  # the sky
    assert point_under(Frame(frame.color), 25, 9) is None


def test_typical_distance_is_of_what_is_seen() -> None:
    frame = FakeRenderer().truth(camera_at())
    assert 1 < (typical_distance(frame) or 0) < 10
    assert typical_distance(Frame(frame.color)) is None


def test_world_up_is_the_nearest_axis() -> None:
    z_up = camera(look_at(np.zeros(3), np.array([1.0, 1, -0.3]), np.array([0.0, 0, 1])))
    assert world_up(z_up).tolist() == [0, 0, 1]
    assert world_up(camera(np.diag([-1.0, -1, 1, 1]))).tolist() == [0, -1, 0]


def test_rotation_is_right_handed() -> None:
    assert rotation(UP, 90) @ np.array([0.0, 0, 1]) == pytest.approx([1, 0, 0])


def test_point_ahead_lies_on_the_view() -> None:
    assert point_ahead(camera(), 3.0).tolist() == [0, 0, 3]
