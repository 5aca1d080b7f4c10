"""Records and scenes for tests of the viewer, from the fake renderer; no Mitsuba, no threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from fake_renderer import FakeRenderer, camera_at

from apps.viewer.scene import OpenedScene
from denoiser.devices import pair_on
from denoiser.score import PairScore
from denoiser.transforms import to_nchw
from online.records import FlythroughRecord, FrameRequest, Pictures
from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera, Image, Pair


def record(
    index: int = 0,
    resolution: tuple[int, int] = (20, 12),
    score: float = 0.1,
    losses: tuple[float, ...] = (),
    color: Image | None = None,
    seconds: Mapping[str, float] | None = None,
) -> FlythroughRecord:
    """One frame done: the truth as the denoised picture, a tenth of it as its error."""
    camera, renderer = camera_at(resolution=resolution), FakeRenderer()
    pair, truth = renderer.render(camera, 4, (1, 2)), renderer.truth(camera).color
    picture = truth if color is None else color
    shown, same = to_nchw(picture), to_nchw(truth)
    pictures = Pictures(pair_on(pair), shown, shown * 0.1, (same, same), shown)
    scores = PairScore(score, 0.01), PairScore(0.4, 0.01)
    return FlythroughRecord(
        index,
        FrameRequest(camera),
        pictures,
        *scores,
        (score, 0.4),
        losses,
        seconds=dict(seconds or {"render": 0.5, "train": 0.0}),
    )


class GatedRenderer(FakeRenderer):
    """Renders as the fake does while its gate is open, and waits before it while closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        self.cameras: list[Camera] = []

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: object = None) -> Pair:
        """As the protocol says."""
        if not self.gate.is_set():
            self.waiting.set()
            self.gate.wait(timeout=60)
        self.cameras.append(camera)
        return super().render(camera, spp, seeds)


class FakeScenes:
    """A `SceneOpener`: scenes with two cameras, each with a `GatedRenderer`; a file named `broken` does not load."""

    def __init__(self, resolution: tuple[int, int] = (64, 48)) -> None:
        self.resolution = resolution
        self.renderers: list[GatedRenderer] = []

    def __call__(self, path: Path) -> OpenedScene:
        if path.stem == "broken":
            raise SceneError(f"{path}: cannot be loaded: an unknown plugin; a Mitsuba scene is needed")
        renderer = GatedRenderer()
        self.renderers.append(renderer)
        cameras = camera_at(resolution=self.resolution), camera_at(0.5, 1.0, self.resolution)
        return OpenedScene(path, renderer, cameras)
