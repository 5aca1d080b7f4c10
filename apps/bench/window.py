"""The viewer in use: pictures a second while the camera moves, from a key to the first picture that moves, and the
longest gap between two ticks of Qt's event loop. It takes about a minute, whatever the machine has to do besides."""

from __future__ import annotations

import itertools
import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.bench.figure import Figure
from apps.viewer import need_qt
from online.records import FlythroughRecord
from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera

if TYPE_CHECKING:
    from apps.viewer.frames import DrawnFrame
    from apps.viewer.window import ViewerWindow

FLIGHTS = 6
FLY_S, REST_S = 3, 4  # flying and resting in turn: the camera rests, and trains, when a key comes
TICK_MS = 2
CLOSING_MS = 10_000
OPENING_S = 60  # until the first picture, with kernels to compile


def bench_window(scene_path: Path) -> Iterator[Figure]:
    """Key presses in the viewer, flying and at rest, training all the while; without a screen Qt draws off screen.

    Raises `SceneError` when the scene fails or there is no picture within `OPENING_S`.
    """
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
        ended = window.finish(CLOSING_MS)
    if use.failures or not ended:
        raise SceneError(use.failures[0] if use.failures else f"{scene_path}: the window did not close")
    yield from use.figures()


@dataclass(frozen=True)
class _Flight:
    """A key held: when it was pressed and let go, the processor's seconds from one to the other, and what was seen."""

    pressed: float
    released: float
    cpu_s: float
    seen: tuple[tuple[float, FlythroughRecord], ...]

    @property
    def rate(self) -> float:
        """Pictures a second, from the first that moves on."""
        times = [when for when, _ in self.seen]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0

    @property
    def wait(self) -> float:
        """From the key to the first picture that moves."""
        return self.seen[0][0] - self.pressed if self.seen else math.inf


@dataclass
class _Use:
    """A window in use: the hand on its keys, and the times of ticks and pictures."""

    window: ViewerWindow
    ticks: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    flights: list[_Flight] = field(default_factory=list)
    shown: float = field(default_factory=time.perf_counter)
    first: float | None = None
    pictures: int = 0
    pressed: tuple[float, float, Camera] | None = None
    seen: list[tuple[float, FlythroughRecord]] = field(default_factory=list)

    def tick(self) -> bool:
        """Note the time, press and let go of keys; whether it has been long enough."""
        now = time.perf_counter()
        self.ticks.append(now)
        if self.first is None:
            if now - self.shown > OPENING_S:
                self.failures.append(f"no picture within {OPENING_S} s")
            return bool(self.failures)
        flight, since = divmod(now - self.first, FLY_S + REST_S)
        held = since >= REST_S
        if held and self.pressed is None:
            self._press(now, flight)
        elif not held and self.pressed is not None:
            self._release(now)
        return bool(self.failures) or len(self.flights) >= FLIGHTS

    def _press(self, now: float, flight: float) -> None:
        navigator = self.window.session.navigator
        assert navigator.camera is not None  # there was a picture
        self.pressed, self.seen = (now, time.process_time(), navigator.camera), []
        navigator.steer({"right" if flight % 2 else "left"})

    def _release(self, now: float) -> None:
        assert self.pressed is not None
        pressed, cpu, _ = self.pressed
        self.flights.append(_Flight(pressed, now, time.process_time() - cpu, tuple(self.seen)))
        self.pressed = None
        self.window.session.navigator.steer(())

    def see(self, frame: DrawnFrame) -> None:
        """Note a picture, and that it moves if it does."""
        now, record = time.perf_counter(), frame.shown.record
        self.pictures += 1
        self.first = self.first or now
        if self.pressed is not None and not np.array_equal(record.request.camera.to_world, self.pressed[2].to_world):
            self.seen.append((now, record))

    def figures(self) -> Iterator[Figure]:
        """What the times tell."""
        assert self.first is not None
        rates = sorted(flight.rate for flight in self.flights)
        made = [record for flight in self.flights for _, record in flight.seen]
        cpu = sum(flight.cpu_s for flight in self.flights) / max(1, len(made))
        yield Figure(
            "pictures a second while the camera moves, median of flights", f"{np.median(rates):.1f}", "at least 5",
            f"{rates[0]:.1f} to {rates[-1]:.1f}; {_sizes(made)}; {cpu:.2f} s of the processors a picture",
        )  # fmt: skip
        waits = [flight.wait for flight in self.flights]
        yield Figure(
            "from a key to the first picture that moves, longest", f"{max(waits):.2f} s", "at most 0.4 s",
            ", ".join(f"{wait:.2f}" for wait in waits),
        )  # fmt: skip
        gaps = [(later - earlier, earlier < self.first) for earlier, later in itertools.pairwise(self.ticks)]
        opening, using = (
            max((gap for gap, before in gaps if before is when), default=0.0) * 1000 for when in (True, False)
        )
        yield Figure(
            "window in use, longest gap between ticks", f"{using:.0f} ms", "at most 50 ms",
            f"{self.pictures} pictures, {len(self.ticks)} ticks; before the first picture {opening:.0f} ms",
        )  # fmt: skip
        yield Figure(
            "first picture after the window", f"{self.first - self.shown:.1f} s", "at most 5 s",
            "kernels cached if it ran before",
        )  # fmt: skip


def _sizes(made: list[FlythroughRecord]) -> str:
    """The size and samples that most pictures had, and how many had it."""
    kinds = Counter((*record.request.camera.resolution, record.request.spp) for record in made)
    if not kinds:
        return "none"
    ((width, height, spp), count), *_ = kinds.most_common(1)
    return f"{count} of {len(made)} at {width}x{height}, {spp} + {spp} spp"
