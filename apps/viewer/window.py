"""The window: puts canvas, panel, navigator and worker together, and holds what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from apps.viewer.banner import Banner
from apps.viewer.canvas import Canvas
from apps.viewer.dialogs import Dialogs
from apps.viewer.events import DroppedFiles, SteeringKeys
from apps.viewer.export import Export
from apps.viewer.frames import DrawnFrame, PictureMaker
from apps.viewer.help import HelpPage
from apps.viewer.menus import MODE_NAMES, Menus
from apps.viewer.navigator import Navigator
from apps.viewer.panel import Panel
from apps.viewer.picture import EXPOSURES, Look
from apps.viewer.requests import RenderSettings, frame_request
from apps.viewer.scene import OpenedScene, SceneOpener
from apps.viewer.settings import Settings
from apps.viewer.status import StatusLine
from apps.viewer.worker import ViewerWorker
from denoiser.model import DEFAULT_NAME
from online.records import FlythroughRecord
from online.trainer import OnlineConfig
from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.errors import N2NError
from renderer_bridge.frame import Camera

WELCOME = "Open a scene with Ctrl+O, or drop one here"


class ViewerWindow(QMainWindow):
    """An interactive flythrough of one scene at a time; `open_scene` of the worker is the seam to the renderer.

    `overrides` are fields of `RenderSettings` that go before those kept. Call `finish` after the window has closed: it
    waits for the threads.
    """

    def __init__(self, opener: SceneOpener, config: OnlineConfig, settings: Settings, **overrides: Any) -> None:
        super().__init__()
        self.scene: OpenedScene | None = None
        self.record: FlythroughRecord | None = None
        self.look: Look = settings.look()
        self._settings, self._config, self._busy = settings, config, ""
        self.render_settings: RenderSettings = replace(settings.render_settings(), **overrides)
        self.worker = ViewerWorker(opener, config, self)
        self.pictures = PictureMaker(self)
        self.navigator = Navigator(self)
        self.canvas, self.banner, self.panel = Canvas(), Banner(), Panel(self.render_settings)
        self.status = StatusLine(self.statusBar())
        self.dialogs = Dialogs(self)
        self._help: HelpPage | None = None
        self._lay_out()
        self.menus = Menus(self)
        self.menus.show_recent(settings.recent())
        self.menus.show_cameras(0)
        self._connect()
        self._show_look()
        self._show_message()
        self.worker.start()
        self.pictures.start()

    def _lay_out(self) -> None:
        self.setWindowTitle("n2n-viewer")
        self.resize(1240, 840)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.canvas, 1)
        self.setCentralWidget(middle)
        self.dock = QDockWidget("Panel", self)
        self.dock.setObjectName("dock")
        self.dock.setTitleBarWidget(QWidget())
        self.dock.setWidget(self.panel)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        geometry, docks = self._settings.layout()
        self.restoreGeometry(geometry)
        self.restoreState(docks)
        SteeringKeys(self.canvas, self.panel)
        DroppedFiles(self, self.open_file)
        self.canvas.setFocus()

    def _connect(self) -> None:
        worker, canvas, navigator, panel = self.worker, self.canvas, self.navigator, self.panel
        worker.record.connect(self._take_record)
        worker.scene_opened.connect(self._take_scene)
        worker.trainer_changed.connect(self._take_trainer)
        worker.notice.connect(self.banner.tell)
        worker.failed.connect(self.banner.complain)
        worker.busy.connect(self._take_busy)
        self.pictures.made.connect(self._take_picture)
        canvas.began.connect(navigator.begin_drag)
        canvas.dragged.connect(navigator.drag)
        canvas.wheeled.connect(navigator.wheel)
        canvas.steered.connect(navigator.steer)
        canvas.hovered.connect(self._show_pixel)
        navigator.moved.connect(self._request)
        navigator.speed_changed.connect(self.status.show_speed)
        navigator.playing_changed.connect(self._show_look)
        panel.changed.connect(self._take_settings)
        panel.scratch.connect(lambda: self.start_trainer(""))
        panel.shipped.connect(lambda: self.start_trainer(DEFAULT_NAME))
        panel.load.connect(self.dialogs.load_weights)
        panel.save.connect(self.dialogs.save_weights)

    # -----------------------------------------------------------------------------------------------------------------
    # From the worker

    def _take_record(self, record: FlythroughRecord) -> None:
        self.record = record
        self.pictures.make(record, self.look)
        self.panel.show_record(record)
        self.status.show_record(record)
        self.navigator.see(record.pair.a)
        if record.event:
            self.banner.tell(record.event)
        self._show_message()

    def _take_picture(self, frame: DrawnFrame) -> None:
        if self.record is not None:  # else it is of the scene before
            self.canvas.show_frame(frame)

    def _take_scene(self, scene: OpenedScene) -> None:
        self.scene, self.record = scene, None
        if self.banner.is_error:
            self.banner.hide()
        self.canvas.show_frame(None)
        self.panel.plots.clear()
        self.setWindowTitle(f"{scene.name} - n2n-viewer")
        self.status.show_scene(scene.name)
        self._settings.add_recent(scene.path)
        self.menus.show_recent(self._settings.recent())
        self.menus.show_cameras(len(scene.cameras))
        self.enter_camera(0, new_scene=True)
        self._show_message()

    def _take_trainer(self, init: str) -> None:
        self._config = replace(self._config, init=init)
        self.panel.show_origin(f"Started from {init}" if init else "Started from scratch")

    def _take_busy(self, what: str) -> None:
        self._busy = what
        self._show_message()

    def _show_message(self) -> None:
        waiting = WELCOME if self.scene is None else "" if self.record else "Rendering the first picture …"
        self.canvas.set_message(self._busy or waiting)

    # -----------------------------------------------------------------------------------------------------------------
    # To the worker

    def _request(self, camera: Camera, moving: bool, cut: bool) -> None:
        self.worker.mailbox.put(frame_request(self.render_settings, camera, moving=moving, cut=cut))

    def _take_settings(self, settings: RenderSettings) -> None:
        self.render_settings = settings
        self.navigator.again()

    def open_scene(self, path: Path) -> None:
        """Open a scene; the one before stays until the new one renders."""
        self.worker.open_scene(path)

    def enter_camera(self, index: int, new_scene: bool = False) -> None:
        """Cut to one of the scene's cameras."""
        if self.scene is not None:
            self.navigator.enter(self.scene.cameras[index], new_scene)

    def start_trainer(self, init: str) -> None:
        """Start learning anew: from weights (a file or a shipped name), or "" from scratch."""
        self.panel.plots.clear()
        self.worker.new_trainer(replace(self._config, init=init))

    def save_weights(self, path: Path) -> None:
        """Write the weights as they are now."""
        self.worker.save_weights(path)

    def export(self, path: Path) -> None:
        """Write the frame on the screen to a file, EXR or PNG by its ending."""
        if self.record is None:
            self.banner.complain("There is no frame to save yet.")
            return
        record = self.record
        self._tried(lambda: self.worker.export(Export(path, record, self.look, self.canvas.divider)))

    def play(self, path: Path) -> None:
        """Play a camera path."""
        self._tried(lambda: self.navigator.play(load_camera_path(path)))

    def _tried(self, action: Callable[[], None]) -> None:
        try:
            action()
        except N2NError as error:
            self.banner.complain(str(error))

    # -----------------------------------------------------------------------------------------------------------------
    # What is shown

    def set_look(self, **changes: Any) -> None:
        """Change mode, exposure or tone map of the picture."""
        self.look = replace(self.look, **changes)
        if self.record is not None:
            self.pictures.make(self.record, self.look)
        self._show_look()

    def add_exposure(self, stops: float) -> None:
        """Make the picture brighter, or darker."""
        low, high = EXPOSURES
        self.set_look(exposure=min(max(self.look.exposure + stops, low), high))

    def _show_look(self) -> None:
        self.menus.modes[self.look.mode].setChecked(True)
        self.menus.tone_maps[self.look.tone_map].setChecked(True)
        self.canvas.set_badges(
            MODE_NAMES[self.look.mode],
            f"{self.look.exposure:+g} EV" if self.look.exposure else "",
            "paused" if self.worker.mailbox.paused else "",
            "playing a path" if self.navigator.playing else "",
            "recording the path" if self.navigator.recorder is not None else "",
        )

    def _show_pixel(self, pixel: tuple[int, int] | None) -> None:
        self.status.show_pixel(self.canvas.frame.shown.record if self.canvas.frame else None, pixel)

    def toggle_pause(self) -> None:
        """Hold rendering and training, or let them go on."""
        self.worker.mailbox.pause(not self.worker.mailbox.paused)
        self.menus.pause.setChecked(self.worker.mailbox.paused)
        self._show_look()

    def toggle_recording(self) -> None:
        """Begin to record the camera's way; or end, and ask where to save it."""
        if self.navigator.recorder is None:
            self.navigator.record()
        else:
            recorder = self.navigator.end_recording()
            if recorder is not None:
                self.dialogs.save_path(lambda path: self._tried(lambda: recorder.save(path)))
        self.menus.record.setChecked(self.navigator.recorder is not None)
        self._show_look()

    def stop(self) -> None:
        """Leave the full screen, or stop the path that plays."""
        if self.isFullScreen():
            self.toggle_full_screen()
        else:
            self.navigator.stop_path()

    def toggle_panel(self) -> None:
        """Show or hide the panel."""
        self.dock.setVisible(not self.dock.isVisible())

    def toggle_full_screen(self) -> None:
        """Nothing but the picture and the panel, or a window again."""
        full = not self.isFullScreen()
        self.menuBar().setVisible(not full)
        self.statusBar().setVisible(not full)
        (self.showFullScreen if full else self.showNormal)()

    def show_help(self) -> None:
        """List keys and mouse."""
        if self._help is None:
            self._help = HelpPage(self.menus.all_actions(), self)
        self._help.show()
        self._help.raise_()

    # -----------------------------------------------------------------------------------------------------------------
    # Events

    def open_file(self, path: Path) -> None:
        """Open a file by its ending."""
        if path.suffix.lower() == ".json":
            self.play(path)
        elif path.suffix.lower() == ".safetensors":
            self.start_trainer(str(path))
        else:
            self.open_scene(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the settings and let the threads end; the window does not wait for them."""
        if self.isFullScreen():
            self.toggle_full_screen()
        self._settings.save(self.render_settings, self.look, self.saveGeometry(), self.saveState())
        self.worker.stop()
        self.pictures.stop()
        event.accept()

    def finish(self, wait_ms: int) -> bool:
        """Wait for the threads to end; false when the render in progress takes longer than `wait_ms`."""
        return self.pictures.wait(wait_ms) and self.worker.wait(wait_ms)
