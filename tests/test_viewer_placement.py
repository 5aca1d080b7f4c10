"""Where the picture lies in the canvas: letterbox, zoom, pan, pixels."""

import pytest

from apps.viewer.placement import MOST_SCREEN_PIXELS, Placement

WIDE = Placement((400, 400), (40, 20))  # ten screen pixels for one, with bars above and below


def test_the_picture_is_fitted_with_a_letterbox() -> None:
    assert WIDE.rectangle == (0, 100, 400, 200)
    assert Placement((400, 100), (40, 20)).rectangle == (100, 0, 200, 100)


def test_pixels_under_the_cursor() -> None:
    assert WIDE.pixel((0, 100)) == (0, 0)
    assert WIDE.pixel((399, 299)) == (39, 19)
    assert WIDE.pixel((200, 99)) is None


def test_zoom_keeps_what_is_under_the_cursor() -> None:
    cursor = (130.0, 170.0)
    zoomed = WIDE.zoomed(cursor, 3.0)
    assert zoomed.scale == pytest.approx(30)
    assert zoomed.to_picture(cursor) == pytest.approx(WIDE.to_picture(cursor))


def test_zoom_goes_from_the_whole_picture_to_single_pixels() -> None:
    assert WIDE.zoomed((10, 110), 1e6).scale == pytest.approx(MOST_SCREEN_PIXELS)
    assert WIDE.zoomed((10, 110), 4.0).zoomed((300, 150), 1e-6) == WIDE


def test_a_zoomed_picture_moves_with_the_hand_and_does_not_get_lost() -> None:
    zoomed = WIDE.zoomed((200, 200), 4.0)
    assert zoomed.moved(30, -20).rectangle[:2] == pytest.approx((zoomed.rectangle[0] + 30, zoomed.rectangle[1] - 20))
    assert zoomed.moved(1e6, 0).center[0] == 0


def test_another_resolution_stays_in_place() -> None:
    zoomed = WIDE.zoomed((100, 150), 2.0)
    finer = Placement(zoomed.canvas, (80, 40), zoomed.zoom, zoomed.center)
    assert finer.rectangle == pytest.approx(zoomed.rectangle)
