"""`n2n-render-pairs --until-error`: passes are added to each view until its denoised picture is good enough.

errors.csv    samples per pixel of each half, and the told error of the picture denoised from both, of each look
errors.png    the same, and the law that was fitted
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from denoiser.devices import TensorPair, compute_device, pair_on
from denoiser.inference.select import Candidate
from denoiser.inference.until_error import (
    ErrorPoint,
    Goal,
    decibels,
    expected_squares,
    fit,
    sentence,
    told_error,
    wanted_passes,
)
from renderer_bridge.adaptive import share_of_squares
from renderer_bridge.atomic import atomic_path, write_text
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_pairs import PairRequest
from renderer_bridge.mitsuba_passes import Shares, add_passes, scouts, view_paths
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.pair_folder import read_pair
from renderer_bridge.passes import total_spp

CSV, PNG = "errors.csv", "errors.png"
MOST_LINES = 12
"""Views that errors.png shows, at most."""


@dataclass(frozen=True)
class Look:
    """One look at a view: all points so far, in order of their samples, and whether the view is done."""

    view: str
    index: int
    views: int
    points: tuple[ErrorPoint, ...]
    goal: Goal
    done: bool

    def sentence(self) -> str:
        """What came of it."""
        return f"{self.view}: {sentence(self.points, self.goal, f'--most-spp {self.goal.most_spp:g}')}"


def grow(
    scene: MitsubaScene,
    request: PairRequest,
    folder: Path,
    cameras: Sequence[Camera],
    goal: Goal,
    denoise: Callable[[TensorPair], Candidate],
    adaptive: bool = False,
) -> Iterator[Look]:
    """Add passes to view after view until each is good enough; yields a record at each look, after files were written.

    With `adaptive` samples go where the error is. What earlier looks found is read from errors.csv. Raises as
    `add_passes` and `denoise` do.
    """
    known = _known(folder / CSV)
    for index, camera in enumerate(cameras):
        name = request.view_name(index)
        shares = _shares(scene, request, folder, camera, index, denoise) if adaptive else None
        before = known.get(name, [])
        for points, done in _grow_view(scene, request, folder, camera, index, goal, denoise, before, shares):
            known[name] = points
            write_text(folder / CSV, _table(known))
            yield Look(name, index, len(cameras), tuple(points), goal, done)
    _plot(folder / PNG, known, goal)


def _grow_view(
    scene: MitsubaScene,
    request: PairRequest,
    folder: Path,
    camera: Camera,
    index: int,
    goal: Goal,
    denoise: Callable[[TensorPair], Candidate],
    points: list[ErrorPoint],
    shares: Shares | None,
) -> Iterator[tuple[list[ErrorPoint], bool]]:
    first = request.spp.draw(request.seed, index)
    passes, wanted = -1, 0
    while wanted > passes:
        paths, passes = add_passes(scene, request, folder, camera, index, wanted, shares)
        spp = total_spp(first, passes)
        picture = denoise(pair_on(read_pair(paths)[0], compute_device()))
        error = told_error(picture.color, picture.error)
        points = [point for point in points if point.spp < spp] + [ErrorPoint(spp, error)]
        wanted = wanted_passes(points, goal, first, passes)
        yield points, wanted == passes


def _shares(
    scene: MitsubaScene,
    request: PairRequest,
    folder: Path,
    camera: Camera,
    index: int,
    denoise: Callable[[TensorPair], Candidate],
) -> Shares:
    """How the squares of a view, whose first pass is there when it is asked, share further samples; asked once."""

    @cache
    def shares() -> NDArray[np.float64]:
        pair, _ = read_pair(view_paths(request, folder, index))
        scout = denoise(pair_on(scouts(scene, request, camera, index, pair), compute_device()))
        return share_of_squares(expected_squares(scout))

    return shares


# ---------------------------------------------------------------------------------------------------------------------
# errors.csv, errors.png


def _known(path: Path) -> dict[str, list[ErrorPoint]]:
    """What a file says; nothing where it is missing or no table of ours."""
    found: dict[str, list[ErrorPoint]] = {}
    try:
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            found.setdefault(row["view"], []).append(ErrorPoint(float(row["spp"]), float(row["error"])))
    except (OSError, KeyError, ValueError, TypeError):
        return {}
    return found


def _table(known: Mapping[str, Sequence[ErrorPoint]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("view", "spp", "error", "psnr"))
    for view, points in known.items():
        writer.writerows((view, f"{p.spp:g}", f"{p.error:.6g}", f"{decibels(p.error):.3f}") for p in points)
    return text.getvalue()


def _plot(path: Path, known: Mapping[str, Sequence[ErrorPoint]], goal: Goal) -> None:
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot(
        xlabel="samples per pixel of each half", ylabel="told error of the denoised picture", xscale="log", yscale="log"
    )
    for color, (view, points) in enumerate(list(known.items())[:MOST_LINES]):
        spp, law = [point.spp for point in points], fit(points)
        axis.plot(spp, [point.error for point in points], "o", color=f"C{color % 10}", label=view)
        if law is not None:
            ends = [spp[0], max(spp[-1], min(law.spp_for(goal.error), 10 * spp[-1]))]
            axis.plot(ends, [law.scale * end**-law.exponent for end in ends], "--", color=f"C{color % 10}", linewidth=1)
    axis.axhline(goal.error, color="0.5", linewidth=1, label="asked for")
    axis.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
