"""Menus of the window: every action with its shortcut, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from apps.viewer.picture import MODES, TONE_MAPS
from denoiser.model import DEFAULT_NAME

MODE_NAMES = {
    "denoised": "Denoised",
    "noisy": "Noisy",
    "split": "Split: noisy | denoised",
    "albedo": "Albedo",
    "normal": "Normal",
    "error": "Estimated error",
}
TONE_MAP_NAMES = {"paper": "(v / (1 + v))^(1 / 2.2), as the paper", "sRGB": "sRGB, clipped", "filmic": "Filmic (ACES)"}


@dataclass(frozen=True)
class Commands:
    """What the menus do when an action is chosen, each a callable; `set_look` takes fields of `Look` by name."""

    ask_scene: Callable[[], None]
    open_scene: Callable[[Path], None]
    load_weights: Callable[[], None]
    save_weights: Callable[[], None]
    save_frame: Callable[[str], None]  # as a file of this ending
    quit: Callable[[], object]
    set_look: Callable[..., None]
    add_exposure: Callable[[float], None]  # stops
    fit: Callable[[], None]
    toggle_panel: Callable[[], None]
    toggle_full_screen: Callable[[], None]
    enter_camera: Callable[[int], None]
    play_path: Callable[[], None]
    stop: Callable[[], None]
    toggle_recording: Callable[[], None]
    toggle_pause: Callable[[], None]
    toggle_training: Callable[[], None]
    start_trainer: Callable[[str], None]  # from a weights file, a shipped name, or "" for scratch
    show_help: Callable[[], None]


class Menus:
    """Fills the menu bar of a window and keeps those actions and submenus that change."""

    def __init__(self, window: QMainWindow, commands: Commands) -> None:
        self._window, self._commands = window, commands
        self.modes: dict[str, QAction] = {}
        self.tone_maps: dict[str, QAction] = {}
        self._file()
        self._view()
        self._camera()
        self._training()
        help_menu = self._menu("&Help")
        self._add(help_menu, "Keyboard and mouse", "F1", commands.show_help)

    def all_actions(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """For the help page: each menu with the names and shortcuts of its actions."""
        menus = [menu for menu in self._window.menuBar().findChildren(QMenu) if menu.title().startswith("&")]
        return [
            (
                menu.title().replace("&", ""),
                [
                    (action.text().replace("&", "").rstrip(" …"), action.shortcut().toString())
                    for action in (*menu.actions(), *(a for sub in menu.findChildren(QMenu) for a in sub.actions()))
                    if not action.shortcut().isEmpty()
                ],
            )
            for menu in menus
        ]

    def show_recent(self, paths: list[Path]) -> None:
        """Fill the submenu of recent scenes."""
        self.recent.clear()
        self.recent.setEnabled(bool(paths))
        for path in paths:
            _entry(self.recent, str(path), partial(self._commands.open_scene, path))

    def show_cameras(self, count: int) -> None:
        """Fill the submenu of the scene's cameras."""
        self.cameras.clear()
        self.cameras.setEnabled(count > 1)
        for index in range(count):
            _entry(self.cameras, f"Camera {index + 1}", partial(self._commands.enter_camera, index))

    def _file(self) -> None:
        commands, menu = self._commands, self._menu("&File")
        self._add(menu, "Open scene …", "Ctrl+O", commands.ask_scene)
        self.recent = menu.addMenu("Recent scenes")
        menu.addSeparator()
        self._add(menu, "Load weights …", "Ctrl+L", commands.load_weights)
        self._add(menu, "Save weights …", "Ctrl+S", commands.save_weights)
        menu.addSeparator()
        self._add(menu, "Save frame as EXR …", "Ctrl+E", lambda: commands.save_frame(".exr"))
        self._add(menu, "Save picture as PNG …", "Ctrl+Shift+E", lambda: commands.save_frame(".png"))
        menu.addSeparator()
        self._add(menu, "Quit", "Ctrl+Q", commands.quit)

    def _view(self) -> None:
        commands, menu = self._commands, self._menu("&View")
        group = QActionGroup(self._window)
        for index, mode in enumerate(MODES):
            self.modes[mode] = self._add(
                menu, MODE_NAMES[mode], str(index + 1), partial(commands.set_look, mode=mode), checkable=True
            )
            group.addAction(self.modes[mode])
        menu.addSeparator()
        self._add(menu, "Exposure up half a stop", "+", lambda: commands.add_exposure(0.5), more=("=",))
        self._add(menu, "Exposure down half a stop", "-", lambda: commands.add_exposure(-0.5))
        self._add(menu, "Exposure as rendered", "0", lambda: commands.set_look(exposure=0.0))
        self._tone_maps(menu.addMenu("Tone map"))
        menu.addSeparator()
        self._add(menu, "Fit the picture", "F", commands.fit)
        self._add(menu, "Panel", "Tab", commands.toggle_panel)
        self._add(menu, "Full screen", "F11", commands.toggle_full_screen)

    def _tone_maps(self, menu: QMenu) -> None:
        group = QActionGroup(self._window)
        for name in TONE_MAPS:
            self.tone_maps[name] = self._add(
                menu, TONE_MAP_NAMES[name], "", partial(self._commands.set_look, tone_map=name), checkable=True
            )
            group.addAction(self.tone_maps[name])

    def _camera(self) -> None:
        commands, menu = self._commands, self._menu("&Camera")
        self._add(menu, "Reset to the scene's camera", "Home", lambda: commands.enter_camera(0), more=("R",))
        self.cameras = menu.addMenu("Scene's cameras")
        menu.addSeparator()
        self._add(menu, "Play a camera path …", "P", commands.play_path)
        self._add(menu, "Stop the path", "Escape", commands.stop)
        self.record = self._add(menu, "Record own path", "Ctrl+R", commands.toggle_recording, checkable=True)

    def _training(self) -> None:
        commands, menu = self._commands, self._menu("&Training")
        self.pause = self._add(menu, "Pause", "Space", commands.toggle_pause, checkable=True)
        self._add(menu, "Train while flying, on and off", "T", commands.toggle_training)
        menu.addSeparator()
        self._add(menu, "From scratch", "", lambda: commands.start_trainer(""))
        self._add(menu, "Shipped weights", "", lambda: commands.start_trainer(DEFAULT_NAME))

    def _menu(self, title: str) -> QMenu:
        return self._window.menuBar().addMenu(title)

    def _add(
        self,
        menu: QMenu,
        text: str,
        shortcut: str,
        slot: Callable[[], object],
        *,
        checkable: bool = False,
        more: tuple[str, ...] = (),
    ) -> QAction:
        action = QAction(text, self._window, checkable=checkable)
        action.setShortcuts([QKeySequence(key) for key in (shortcut, *more) if key])
        action.triggered.connect(lambda checked=False: slot())
        menu.addAction(action)
        self._window.addAction(action)  # its shortcut lives on when the menu bar is hidden
        return action


def _entry(menu: QMenu, text: str, slot: Callable[[], object]) -> None:
    """An action without shortcut; Qt would hand its check mark to `slot`."""
    menu.addAction(text).triggered.connect(lambda checked=False: slot())
