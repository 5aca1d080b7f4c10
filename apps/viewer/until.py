"""Rendering until a resting picture is good enough: what the frames tell of its error, and when that is."""

from __future__ import annotations

from dataclasses import dataclass

from denoiser.inference.until_error import ErrorPoint, Goal, sentence
from online.records import FlythroughRecord
from renderer_bridge.passes import STEP


@dataclass(frozen=True)
class Search:
    """The told errors of a resting view, in the order of their samples; none while the camera moves."""

    points: tuple[ErrorPoint, ...] = ()

    def after(self, record: FlythroughRecord) -> Search:
        """With what a frame tells. Of points closer than a pass only the newest stays: a law through them is chance."""
        if record.told_error is None:
            return Search()
        points = self.points if record.accumulated > 1 else ()
        if len(points) > 1 and points[-1].spp < STEP * points[-2].spp:
            points = points[:-1]
        return Search((*points, ErrorPoint(record.pictures.pair.a.spp or 1, record.told_error)))

    def reached(self, error: float) -> bool:
        """Whether the last told error is at most that."""
        return bool(self.points) and self.points[-1].error <= error

    def sentence(self, error: float) -> str:
        """Error, law, and the samples that `error` would take; empty while nothing is known."""
        return sentence(self.points, Goal(error)) if self.points else ""
