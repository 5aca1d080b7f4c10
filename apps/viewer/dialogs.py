"""File dialogs: what the user is asked before something is opened or saved; "cancel" does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

WEIGHTS, SCENES, PATHS = "Weights (*.safetensors)", "Mitsuba scenes (*.xml)", "Camera paths (*.json)"


@dataclass(frozen=True)
class Question:
    """The title of a dialog, the files it shows, and for saving a name, whose ending is added where none is given."""

    title: str
    kind: str
    suggestion: str = ""


OPEN_SCENE = Question("Open a scene", SCENES)
LOAD_WEIGHTS = Question("Load weights", WEIGHTS)
PLAY_PATH = Question("Play a camera path", PATHS)
SAVE_WEIGHTS = Question("Save weights", WEIGHTS, "model.safetensors")
SAVE_PATH = Question("Save the camera path", PATHS, "camera_path.json")


def save_frame(ending: str) -> Question:
    """Where to save the frame, as a file of that ending."""
    return Question("Save the frame", f"Images (*{ending})", f"frame{ending}")


def ask_open(parent: QWidget, question: Question, folder: Path | None, action: Callable[[Path], None]) -> None:
    """Ask for a file that is there, at first in `folder`, and do `action` with it."""
    name, _ = QFileDialog.getOpenFileName(parent, question.title, str(folder or ""), question.kind)
    if name:
        action(Path(name))


def ask_save(parent: QWidget, question: Question, action: Callable[[Path], None]) -> None:
    """Ask for a file to write, and do `action` with it."""
    name, _ = QFileDialog.getSaveFileName(parent, question.title, question.suggestion, question.kind)
    if name:
        path = Path(name)
        action(path if path.suffix else path.with_suffix(Path(question.suggestion).suffix))
