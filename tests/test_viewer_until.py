"""What a resting picture's frames tell of its error, and when it is good enough."""

import itertools
from dataclasses import replace

from fake_viewer import record

from apps.viewer.until import Search
from denoiser.devices import TensorPair
from online.records import FlythroughRecord


def told(spp: int, error: float | None, accumulated: int = 2) -> FlythroughRecord:
    frame = record()
    pair = frame.pictures.pair
    halves = TensorPair(replace(pair.a, spp=spp), replace(pair.b, spp=spp))
    return replace(frame, pictures=replace(frame.pictures, pair=halves), told_error=error, accumulated=accumulated)


def test_points_are_a_pass_apart_and_the_newest_is_always_there() -> None:
    search = Search()
    for renders in range(1, 41):
        search = search.after(told(4 * renders, renders**-0.5, renders))
    spps = [point.spp for point in search.points]
    assert spps[-1] == 160 and len(spps) < 20
    assert all(later >= 1.18 * earlier for earlier, later in itertools.pairwise(spps[:-1]))
    assert search.sentence(0.01).startswith(
        "error 0.1581 (16.0 dB) at 160 + 160 spp, falls as spp^-0.50; 0.01 would take"
    )
    assert "would take" not in search.sentence(0.2)


def test_it_is_reached_and_begins_anew_in_motion_and_for_another_view() -> None:
    search = Search().after(told(4, 0.1, 1)).after(told(8, 0.05))
    assert search.reached(0.05) and not search.reached(0.04)
    assert search.after(told(4, None)) == Search() and Search().sentence(0.1) == "" and not Search().reached(1.0)
    assert len(search.after(told(4, 0.2, 1)).points) == 1
