"""Who moves the camera: keys held, drags, the wheel, a path that plays; and when it is at rest."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from apps.viewer.moves import (
    Vector,
    direction,
    dolly,
    fly,
    look,
    orbit,
    pan,
    point_ahead,
    point_under,
    typical_distance,
    world_up,
)
from apps.viewer.paths import INTERVAL_S, PathRecorder
from renderer_bridge.camera_path import CameraPath
from renderer_bridge.frame import Camera, Frame

TICK_MS = 16
REST_MS = 300  # without movement, until the picture is made at its full size
LONGEST_TICK_S = 0.1  # a hiccup of the window must not throw the camera through a wall
LOOK_DEG, ORBIT_DEG = 1.5, 180.0  # for a drag across the picture: look in fields of view, orbit in degrees
SPEED_STEP, DOLLY_STEP = 1.2, 0.9  # for a notch of the wheel
SPEED_OF_DISTANCE = 0.4  # first speed, in typical distances a second
FAST = 4.0


class Navigator(QObject):
    """Holds the camera, at the resolution of the scene's film, and says whenever it is another one.

    `moved(camera, moving, cut)` asks for a frame; `moving` is false once it rests. `speed_changed` is in world units a
    second. `playing_changed` says that a path began or ended.
    """

    moved = Signal(object, bool, bool)
    speed_changed = Signal(float)
    playing_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.camera: Camera | None = None
        self.speed = 1.0
        self.recorder: PathRecorder | None = None
        self._up: Vector = np.array([0.0, 1.0, 0.0])
        self._distance: float | None = None
        self._frame: Frame | None = None
        self._step: Vector = np.zeros(3)
        self._pivot: Vector = np.zeros(3)
        self._moving = True
        self._path: CameraPath | None = None
        self._since = self._recording_since = 0.0
        self._flight = self._timer(TICK_MS, self._fly_on)
        self._rest = self._timer(REST_MS, self._come_to_rest, single=True)
        self._play = self._timer(TICK_MS, self._play_on)
        self._record = self._timer(round(INTERVAL_S * 1000), self._record_on)

    def _timer(self, interval_ms: int, slot: object, single: bool = False) -> QTimer:
        timer = QTimer(self, interval=interval_ms, singleShot=single)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(slot)
        return timer

    # -----------------------------------------------------------------------------------------------------------------
    # Scene and frames

    def enter(self, camera: Camera, new_scene: bool = False) -> None:
        """Cut to a camera, which stays in motion until its first frame is seen: that one must come fast."""
        self.stop_path()
        self._rest.stop()
        if new_scene:
            self._distance = None
        self.camera, self._up, self._frame = camera, world_up(camera), None
        self._moving = True
        self.moved.emit(camera, True, True)

    def see(self, frame: Frame) -> None:
        """Tell what the camera sees; the first frame of a scene sets the speed."""
        self._frame = frame
        if self._distance is None:
            self._distance = typical_distance(frame)
            self.set_speed(SPEED_OF_DISTANCE * (self._distance or 1.0))
        if self._moving and not self._busy and not self._rest.isActive():
            self._rest.start()

    def again(self) -> None:
        """Ask for the same frame anew: how frames are made has changed."""
        if self.camera is not None:
            self.moved.emit(self.camera, self._moving, False)

    def set_speed(self, speed: float) -> None:
        """World units a second."""
        self.speed = speed
        self.speed_changed.emit(speed)

    @property
    def playing(self) -> bool:
        """Whether a path leads the camera."""
        return self._play.isActive()

    @property
    def _busy(self) -> bool:
        return self._flight.isActive() or self._play.isActive()

    def _go(self, camera: Camera, cut: bool = False) -> None:
        self.camera, self._moving = camera, True
        if not self._busy:
            self._rest.start()
        self.moved.emit(camera, True, cut)

    def _come_to_rest(self) -> None:
        if self.camera is not None and not self._busy:
            self._moving = False
            self.moved.emit(self.camera, False, False)

    # -----------------------------------------------------------------------------------------------------------------
    # Keys and mouse

    def steer(self, actions: Collection[str], fast: bool = False) -> None:
        """Fly as the actions held say, until told otherwise; none come to a stop."""
        self._step = direction(actions) * (FAST if fast else 1.0)
        if self.camera is None or not self._step.any():
            if self._flight.isActive():
                self._flight.stop()
                self._rest.start()
            return
        self.stop_path()
        if not self._flight.isActive():
            self._rest.stop()
            self._since = time.perf_counter()
            self._flight.start()

    def _fly_on(self) -> None:
        now = time.perf_counter()
        seconds = min(now - self._since, LONGEST_TICK_S)
        self._since = now
        if self.camera is not None:
            self._go(fly(self.camera, self._step * self.speed * seconds, self._up))

    def begin_drag(self, x: float, y: float) -> None:
        """Take the point under (x, y), shares of the picture, as what orbit and pan hold on to."""
        self.stop_path()
        self._pivot = self._point(x, y)

    def drag(self, kind: str, right: float, down: float) -> None:
        """Look, orbit or pan by a drag, in picture widths."""
        if self.camera is None:
            return
        if kind == "look":
            degrees = LOOK_DEG * self.camera.fov_deg
            self._go(look(self.camera, right * degrees, -down * degrees, self._up))
        elif kind == "orbit":  # the scene follows the hand, so the camera goes the other way
            self._go(orbit(self.camera, self._pivot, -right * ORBIT_DEG, down * ORBIT_DEG, self._up))
        else:
            self._go(pan(self.camera, self._pivot, right, down))

    def wheel(self, kind: str, notches: float, x: float, y: float) -> None:
        """Change the speed, or go towards the point under (x, y)."""
        if kind == "speed":
            self.set_speed(self.speed * SPEED_STEP**notches)
        elif self.camera is not None:
            self.stop_path()
            self._go(dolly(self.camera, self._point(x, y), DOLLY_STEP**notches))

    def _point(self, x: float, y: float) -> Vector:
        assert self.camera is not None or self._frame is None
        point = None
        if self._frame is not None and 0 <= x < 1 and 0 <= y < 1:
            height, width = self._frame.size
            point = point_under(self._frame, int(x * width), int(y * height))
        if point is None and self.camera is not None:
            point = point_ahead(self.camera, self._distance or 1.0)
        return np.zeros(3) if point is None else point

    # -----------------------------------------------------------------------------------------------------------------
    # Paths

    def play(self, path: CameraPath) -> None:
        """Follow a path from its beginning, at its own speed, and rest at its end."""
        if self.camera is None:
            return
        self._rest.stop()
        self._path, self._since = path, time.perf_counter()
        self._play.start(max(1, round(1000 / path.fps)))
        self.playing_changed.emit(True)
        self._go(path.camera(float(path.times[0]), self.camera.resolution), cut=True)

    def stop_path(self) -> None:
        """Stay where the path has led."""
        if self._play.isActive():
            self._play.stop()
            self._path = None
            self._rest.start()
            self.playing_changed.emit(False)

    def _play_on(self) -> None:
        if self._path is None or self.camera is None:
            return
        now = float(self._path.times[0]) + time.perf_counter() - self._since
        camera = self._path.camera(now, self.camera.resolution)
        self._up = world_up(camera)
        self._go(camera)
        if now >= self._path.times[-1]:
            self.stop_path()

    def record(self) -> None:
        """Begin to record the camera's way."""
        if self.camera is not None:
            self.recorder = PathRecorder(self._distance or 1.0)
            self._recording_since = time.perf_counter()
            self._record_on()
            self._record.start()

    def end_recording(self) -> PathRecorder | None:
        """What was recorded; None when nothing was begun."""
        self._record_on()
        self._record.stop()
        recorder, self.recorder = self.recorder, None
        return recorder

    def _record_on(self) -> None:
        if self.recorder is not None and self.camera is not None:
            self.recorder.add(time.perf_counter() - self._recording_since, replace(self.camera))
