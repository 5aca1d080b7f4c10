"""How the window answers while it renders and trains: the longest gap between two ticks of Qt's event loop."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.bench.figure import Figure
from apps.viewer import need_qt
from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera

if TYPE_CHECKING:
    from apps.viewer.frames import DrawnFrame
    from apps.viewer.window import ViewerWindow

SECONDS = 60
TICK_MS = 2
FLY_S, REST_S = 4, 6  # flying and resting in turn
CLOSING_MS = 10_000


def bench_window(scene_path: Path) -> Iterator[Figure]:
    """A minute of the viewer, flying and at rest, training all the while; without a screen Qt draws off screen."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    need_qt()
    from PySide6.QtCore import QSettings, Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from apps.viewer.scene import mitsuba_opener
    from apps.viewer.settings import Settings
    from apps.viewer.theme import apply_theme
    from apps.viewer.window import ViewerWindow
    from online.trainer import OnlineConfig

    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    apply_theme(application)
    with tempfile.TemporaryDirectory() as folder:
        store = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        window = ViewerWindow(mitsuba_opener(), OnlineConfig(), Settings(store))
        use = _Use(window)
        window.display.pictures.made.connect(use.see)
        window.session.failed.connect(use.failures.append)
        timer = QTimer(window, interval=TICK_MS)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: application.quit() if use.tick() else None)
        window.session.open_scene(scene_path)
        window.show()
        timer.start()
        application.exec()
        timer.stop()
        window.close()
        window.finish(CLOSING_MS)
    if use.failures:
        raise SceneError(use.failures[0])
    yield from use.figures()


@dataclass
class _Use:
    """A window in use: the hand on its keys, and the times of ticks and pictures."""

    window: ViewerWindow
    ticks: list[float] = field(default_factory=list)
    pictures: list[float] = field(default_factory=list)
    held: frozenset[str] = frozenset()
    pressed: tuple[float, Camera] | None = None
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    shown: float = field(default_factory=time.perf_counter)

    def tick(self) -> bool:
        """Note the time, press and let go of keys; whether it has been long enough."""
        now = time.perf_counter()
        self.ticks.append(now)
        if self.failures:
            return True
        if not self.pictures:
            return False
        since = now - self.pictures[0]
        held = frozenset[str]()
        if since % (FLY_S + REST_S) < FLY_S:
            held = frozenset({"right" if since // (FLY_S + REST_S) % 2 else "left"})
        if held != self.held:
            camera = self.window.session.navigator.camera
            self.pressed = (now, camera) if held and camera is not None else None
            self.held = held
            self.window.session.navigator.steer(held)
        return since > SECONDS

    def see(self, frame: DrawnFrame) -> None:
        """Note the time of a picture, and how long it took since a key was pressed if it is the first that moves."""
        self.pictures.append(time.perf_counter())
        if self.pressed is not None:
            since, camera = self.pressed
            if not np.array_equal(frame.shown.record.request.camera.to_world, camera.to_world):
                self.waits.append(self.pictures[-1] - since)
                self.pressed = None

    def figures(self) -> Iterator[Figure]:
        """What the times tell."""
        first = self.pictures[0]
        gaps = [(later - earlier, earlier < first) for earlier, later in itertools.pairwise(self.ticks)]
        opening, using = (
            max((gap for gap, before in gaps if before is when), default=0.0) * 1000 for when in (True, False)
        )
        yield Figure(
            f"window in use, longest gap between ticks in {SECONDS} s", f"{using:.0f} ms", "at most 50 ms",
            f"{len(self.pictures)} pictures, {len(self.ticks)} ticks; before the first picture {opening:.0f} ms",
        )  # fmt: skip
        longest = max(self.waits, default=float("nan"))
        yield Figure(
            "from a key to the first picture that moves, longest", f"{longest:.1f} s", "-",
            ", ".join(f"{wait:.1f}" for wait in self.waits),
        )  # fmt: skip
        seconds = first - self.shown
        yield Figure(
            "first picture after the window", f"{seconds:.1f} s", "at most 5 s", "kernels cached if it ran before"
        )
