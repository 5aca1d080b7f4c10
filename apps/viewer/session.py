"""What is open: one scene, its frames, the network in training; and what can be asked of the thread that makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from apps.viewer.export import Export
from apps.viewer.navigator import Navigator
from apps.viewer.pace import Pace
from apps.viewer.paths import PathRecorder
from apps.viewer.picture import Look
from apps.viewer.requests import RenderSettings, frame_request, paced
from apps.viewer.scene import OpenedScene, SceneOpener
from apps.viewer.until import Search
from apps.viewer.worker import ViewerWorker
from online.records import FlythroughRecord
from online.trainer import OnlineConfig
from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.errors import N2NError
from renderer_bridge.frame import Camera


class Session(QObject):
    """Holds worker and navigator, the scene they fly through and its last frame; knows no widget.

    `scene_opened` carries an `OpenedScene`, `frame_made` a `FlythroughRecord`, both after they are held here.
    `trainer_begins` says that learning begins anew, `failed` in one sentence why something asked for was not done.
    """

    scene_opened = Signal(object)
    frame_made = Signal(object)
    trainer_begins = Signal()
    failed = Signal(str)

    def __init__(
        self, opener: SceneOpener, config: OnlineConfig, settings: RenderSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.scene: OpenedScene | None = None
        self.record: FlythroughRecord | None = None
        self.settings = settings
        self.pace, self.search = Pace(settings.moving_rate), Search()
        self._config = config
        self.worker = ViewerWorker(opener, config, self)
        self.navigator = Navigator(self)
        self.worker.record.connect(self._take_record)
        self.worker.scene_opened.connect(self._take_scene)
        self.worker.trainer_changed.connect(self._take_trainer)
        self.worker.failed.connect(self.failed)
        self.navigator.moved.connect(self._request)

    # -----------------------------------------------------------------------------------------------------------------
    # From the worker

    def _take_record(self, record: FlythroughRecord) -> None:
        self.record = record
        self.pace, self.search = paced(self.pace, record), self.search.after(record)
        if self.search.reached(self.settings.until_error):
            self.worker.mailbox.forget()  # nothing more, until there is another camera or goal
        self.navigator.see(record.pair.a)
        self.frame_made.emit(record)

    def _take_scene(self, scene: OpenedScene) -> None:
        self.scene, self.record, self.pace = scene, None, Pace(self.settings.moving_rate)
        self.scene_opened.emit(scene)
        self.enter_camera(0, new_scene=True)

    def _take_trainer(self, init: str) -> None:
        self._config = replace(self._config, init=init)

    def _request(self, camera: Camera, moving: bool, cut: bool) -> None:
        self.worker.mailbox.put(frame_request(self.settings, camera, self.pace if moving else None, cut=cut))

    # -----------------------------------------------------------------------------------------------------------------
    # What can be asked

    def open_file(self, path: Path) -> None:
        """Open a file by its ending: a camera path, weights, or a scene."""
        if path.suffix.lower() == ".json":
            self.play(path)
        elif path.suffix.lower() == ".safetensors":
            self.start_trainer(str(path))
        else:
            self.open_scene(path)

    def open_scene(self, path: Path) -> None:
        """Open a scene; the one before stays until the new one renders."""
        self.worker.open_scene(path)

    def enter_camera(self, index: int, new_scene: bool = False) -> None:
        """Cut to one of the scene's cameras."""
        if self.scene is not None:
            self.navigator.enter(self.scene.cameras[index], new_scene)

    def set_settings(self, settings: RenderSettings) -> None:
        """Make frames otherwise, from the next one on."""
        self.settings, self.pace = settings, replace(self.pace, rate=settings.moving_rate)
        self.navigator.again()

    def start_trainer(self, init: str) -> None:
        """Start learning anew: from weights (a file or a shipped name), or "" from scratch."""
        self.trainer_begins.emit()
        self.worker.new_trainer(replace(self._config, init=init))

    def save_weights(self, path: Path) -> None:
        """Write the weights as they are now."""
        self.worker.save_weights(path)

    def export(self, path: Path, look: Look, divider: float) -> None:
        """Write the last frame to a file, EXR or PNG by its ending; `divider` is the share left of it in split mode."""
        record = self.record
        if record is None:
            self.failed.emit("There is no frame to save yet.")
            return
        self._tried(lambda: self.worker.export(Export(path, record, look, divider)))

    def play(self, path: Path) -> None:
        """Play a camera path."""
        self._tried(lambda: self.navigator.play(load_camera_path(path)))

    def save_path(self, recorder: PathRecorder, path: Path) -> None:
        """Write a recorded camera path."""
        self._tried(lambda: recorder.save(path))

    def _tried(self, action: Callable[[], None]) -> None:
        try:
            action()
        except N2NError as error:
            self.failed.emit(str(error))
