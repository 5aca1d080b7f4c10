"""File dialogs: what the menus ask the user before something is opened or saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

if TYPE_CHECKING:
    from apps.viewer.window import ViewerWindow

WEIGHTS, SCENES, PATHS = "Weights (*.safetensors)", "Mitsuba scenes (*.xml)", "Camera paths (*.json)"


class Dialogs:
    """One method for each question; an answer of "cancel" does nothing."""

    def __init__(self, window: ViewerWindow) -> None:
        self._window = window

    def open_scene(self) -> None:
        """Open a scene."""
        self._open("Open a scene", SCENES, self._window.open_scene)

    def load_weights(self) -> None:
        """Start from weights in a file."""
        self._open("Load weights", WEIGHTS, lambda path: self._window.start_trainer(str(path)))

    def play_path(self) -> None:
        """Play a camera path."""
        self._open("Play a camera path", PATHS, self._window.play)

    def save_weights(self) -> None:
        """Save the weights."""
        self._save("Save weights", WEIGHTS, "model.safetensors", self._window.save_weights)

    def save_frame(self, ending: str) -> None:
        """Save the frame as a file of that ending."""
        self._save("Save the frame", f"Images (*{ending})", f"frame{ending}", self._window.export)

    def save_path(self, action: Callable[[Path], None]) -> None:
        """Save a camera path with `action`."""
        self._save("Save the camera path", PATHS, "camera_path.json", action)

    def _open(self, title: str, kind: str, action: Callable[[Path], None]) -> None:
        scene = self._window.scene
        name, _ = QFileDialog.getOpenFileName(self._window, title, str(scene.path.parent if scene else ""), kind)
        if name:
            action(Path(name))

    def _save(self, title: str, kind: str, suggestion: str, action: Callable[[Path], None]) -> None:
        name, _ = QFileDialog.getSaveFileName(self._window, title, suggestion, kind)
        if name:
            path = Path(name)
            action(path if path.suffix else path.with_suffix(Path(suggestion).suffix))
