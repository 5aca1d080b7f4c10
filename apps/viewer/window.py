"""The window: puts the display of a session, the panel and the menus together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from apps.viewer import dialogs
from apps.viewer.banner import Banner
from apps.viewer.dialogs import Question, ask_open, ask_save
from apps.viewer.display import Display
from apps.viewer.events import DroppedFiles, SteeringKeys
from apps.viewer.help import HelpPage
from apps.viewer.menus import MODE_NAMES, Commands, Menus
from apps.viewer.panel import Panel
from apps.viewer.scene import OpenedScene, SceneOpener
from apps.viewer.session import Session
from apps.viewer.settings import Settings
from apps.viewer.status import StatusLine
from denoiser.model import DEFAULT_NAME
from online.records import FlythroughRecord
from online.trainer import OnlineConfig

WELCOME = "Open a scene with Ctrl+O, or drop one here"


class ViewerWindow(QMainWindow):
    """An interactive flythrough of one scene at a time; `opener` is the seam to the renderer.

    `overrides` are fields of `RenderSettings` that go before those kept. Call `finish` after the window has closed: it
    waits for the threads.
    """

    def __init__(self, opener: SceneOpener, config: OnlineConfig, settings: Settings, **overrides: Any) -> None:
        super().__init__()
        self._settings, self._busy = settings, ""
        self.session = Session(opener, config, replace(settings.render_settings(), **overrides), self)
        self.display = Display(settings.look(), self)
        self.banner, self.panel = Banner(), Panel(self.session.settings)
        self.status = StatusLine(self.statusBar())
        self._help: HelpPage | None = None
        self._lay_out()
        commands = self._commands()
        self.menus = Menus(self, commands)
        self.menus.show_recent(settings.recent())
        self.menus.show_cameras(0)
        self._connect(commands)
        self._show_look()
        self._show_message()
        self.session.worker.start()
        self.display.pictures.start()

    def _lay_out(self) -> None:
        self.setWindowTitle("n2n-viewer")
        self.resize(1240, 840)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.display.canvas, 1)
        self.setCentralWidget(middle)
        self.dock = QDockWidget("Panel", self)
        self.dock.setObjectName("dock")
        self.dock.setTitleBarWidget(QWidget())
        self.dock.setWidget(self.panel)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        geometry, docks = self._settings.layout()
        self.restoreGeometry(geometry)
        self.restoreState(docks)
        SteeringKeys(self.display.canvas, self.panel)
        DroppedFiles(self, self.session.open_file)
        self.display.canvas.setFocus()

    def _commands(self) -> Commands:
        session, display = self.session, self.display
        return Commands(
            ask_scene=self._opening(dialogs.OPEN_SCENE, session.open_scene),
            open_scene=session.open_scene,
            load_weights=self._opening(dialogs.LOAD_WEIGHTS, lambda path: session.start_trainer(str(path))),
            save_weights=self._saving(dialogs.SAVE_WEIGHTS, session.save_weights),
            save_frame=lambda ending: self._saving(dialogs.save_frame(ending), self.export)(),
            quit=self.close,
            set_look=display.set_look,
            add_exposure=display.add_exposure,
            fit=display.canvas.reset_zoom,
            toggle_panel=self.toggle_panel,
            toggle_full_screen=self.toggle_full_screen,
            enter_camera=session.enter_camera,
            play_path=self._opening(dialogs.PLAY_PATH, session.play),
            stop=self.stop,
            toggle_recording=self.toggle_recording,
            toggle_pause=self.toggle_pause,
            toggle_training=self.panel.training.toggle,
            start_trainer=session.start_trainer,
            show_help=self.show_help,
        )

    def _opening(self, question: Question, action: Callable[[Path], None]) -> Callable[[], None]:
        def ask() -> None:
            scene = self.session.scene
            ask_open(self, question, scene.path.parent if scene else None, action)

        return ask

    def _saving(self, question: Question, action: Callable[[Path], None]) -> Callable[[], None]:
        return partial(ask_save, self, question, action)

    def _connect(self, commands: Commands) -> None:
        session, canvas, panel = self.session, self.display.canvas, self.panel
        worker, navigator = session.worker, session.navigator
        session.frame_made.connect(self._show_record)
        session.scene_opened.connect(self._show_scene)
        session.trainer_begins.connect(panel.plots.clear)
        session.failed.connect(self.banner.complain)
        worker.trainer_changed.connect(self._show_origin)
        worker.notice.connect(self.banner.tell)
        worker.busy.connect(self._show_busy)
        self.display.look_changed.connect(self._show_look)
        canvas.began.connect(navigator.begin_drag)
        canvas.dragged.connect(navigator.drag)
        canvas.wheeled.connect(navigator.wheel)
        canvas.steered.connect(navigator.steer)
        canvas.hovered.connect(self._show_pixel)
        navigator.speed_changed.connect(self.status.show_speed)
        navigator.playing_changed.connect(self._show_look)
        panel.changed.connect(session.set_settings)
        panel.scratch.connect(lambda: session.start_trainer(""))
        panel.shipped.connect(lambda: session.start_trainer(DEFAULT_NAME))
        panel.load.connect(commands.load_weights)
        panel.save.connect(commands.save_weights)

    # -----------------------------------------------------------------------------------------------------------------
    # What comes of the session

    def _show_record(self, record: FlythroughRecord) -> None:
        self.display.show_record(record)
        self.panel.show_record(record, self.session.search.sentence(self.session.settings.until_error))
        self.status.show_record(record)
        if record.event:
            self.banner.tell(record.event)
        self._show_message()

    def _show_scene(self, scene: OpenedScene) -> None:
        if self.banner.is_error:
            self.banner.hide()
        self.display.show_record(None)
        self.panel.plots.clear()
        self.setWindowTitle(f"{scene.name} - n2n-viewer")
        self.status.show_scene(scene.name)
        self._settings.add_recent(scene.path)
        self.menus.show_recent(self._settings.recent())
        self.menus.show_cameras(len(scene.cameras))
        self._show_message()

    def _show_origin(self, init: str) -> None:
        self.panel.show_origin(f"Started from {init}" if init else "Started from scratch")

    def _show_busy(self, what: str) -> None:
        self._busy = what
        self._show_message()

    def _show_message(self) -> None:
        session = self.session
        waiting = WELCOME if session.scene is None else "" if session.record else "Rendering the first picture …"
        self.display.canvas.set_message(self._busy or waiting)

    # -----------------------------------------------------------------------------------------------------------------
    # What is said of the picture

    def _show_look(self) -> None:
        look, navigator, mailbox = self.display.look, self.session.navigator, self.session.worker.mailbox
        self.menus.modes[look.mode].setChecked(True)
        self.menus.tone_maps[look.tone_map].setChecked(True)
        self.display.canvas.set_badges(
            MODE_NAMES[look.mode],
            f"{look.exposure:+g} EV" if look.exposure else "",
            "paused" if mailbox.paused else "",
            "playing a path" if navigator.playing else "",
            "recording the path" if navigator.recorder is not None else "",
        )

    def _show_pixel(self, pixel: tuple[int, int] | None) -> None:
        frame = self.display.canvas.frame
        self.status.show_pixel(frame.shown.record if frame else None, pixel)

    def export(self, path: Path) -> None:
        """Write the frame on the screen to a file, EXR or PNG by its ending."""
        self.session.export(path, self.display.look, self.display.canvas.divider)

    # -----------------------------------------------------------------------------------------------------------------
    # What the menus switch

    def toggle_pause(self) -> None:
        """Hold rendering and training, or let them go on."""
        mailbox = self.session.worker.mailbox
        mailbox.pause(not mailbox.paused)
        self.menus.pause.setChecked(mailbox.paused)
        self._show_look()

    def toggle_recording(self) -> None:
        """Begin to record the camera's way; or end, and ask where to save it."""
        navigator = self.session.navigator
        if navigator.recorder is None:
            navigator.record()
        else:
            recorder = navigator.end_recording()
            if recorder is not None:
                ask_save(self, dialogs.SAVE_PATH, partial(self.session.save_path, recorder))
        self.menus.record.setChecked(navigator.recorder is not None)
        self._show_look()

    def stop(self) -> None:
        """Leave the full screen, or stop the path that plays."""
        if self.isFullScreen():
            self.toggle_full_screen()
        else:
            self.session.navigator.stop_path()

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
    # The end

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the settings and let the threads end; the window does not wait for them."""
        if self.isFullScreen():
            self.toggle_full_screen()
        self._settings.save(self.session.settings, self.display.look, self.saveGeometry(), self.saveState())
        self.session.worker.stop()
        self.display.pictures.stop()
        event.accept()

    def finish(self, wait_ms: int) -> bool:
        """Wait for the threads to end; false when the render in progress takes longer than `wait_ms`."""
        return self.display.pictures.wait(wait_ms) and self.session.worker.wait(wait_ms)
