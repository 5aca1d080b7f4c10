"""n2n-viewer: fly through a Mitsuba scene while the denoiser trains itself on what is seen.

    n2n-viewer
    n2n-viewer scene.xml --from-scratch --spp 2

Without a scene the built-in one is opened. F1 shows keys and mouse. Needs the extra `viewer`; works without OpenGL.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from apps.command import defines, run
from denoiser.inference.piloted import GenericPilotName, find_pilot
from denoiser.model import DEFAULT_NAME
from renderer_bridge.errors import MissingPackageError, SceneError, UsageError
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE

CLOSING_MS = 1500
"""A render in progress cannot be interrupted; the window is gone at once, the process after this at the latest."""

SIGNAL_MS = 200  # how often Python looks for Ctrl-C while Qt's loop has nothing to do


@dataclass(frozen=True)
class ViewerConfig:
    """Fly through a scene while the denoiser trains itself."""

    scene: Annotated[Path, tyro.conf.Positional] = BUILTIN_SCENE
    """Mitsuba scene, XML of version 0.5 to 3.x; by default the built-in one."""
    weights: str = DEFAULT_NAME
    """Weights to start from: a .safetensors file or the name of shipped weights."""
    from_scratch: bool = False
    """Start from random weights instead."""
    pilot: GenericPilotName | None = None
    """Another denoiser to start from: oidn (Open Image Denoise), auto, which takes it if it is there, or none; by
    default as the window was left, at first none."""
    spp: int | None = None
    """Samples per pixel of each half; by default as the window was left, at first 4."""
    width: int | None = None
    """Picture width in pixels at full size; by default the scene's."""
    height: int | None = None
    """Picture height in pixels at full size; by default the scene's."""
    variant: str = "auto"
    """auto, cuda, llvm or scalar."""
    define: Annotated[list[str], tyro.conf.arg(aliases=["-D"]), tyro.conf.UseAppendAction] = field(default_factory=list)
    """Value of a $name parameter of the scene, as name=value; may be given several times."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-viewer; returns the exit code."""
    config = tyro.cli(ViewerConfig, args=argv, prog="n2n-viewer", description=__doc__)
    return run(lambda: view(config))


def view(config: ViewerConfig) -> int:
    """Check the options, open the window, and stay until it is closed."""
    _check(config)
    need_qt()
    application, window = _open(config)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    code = int(application.exec())
    if not window.finish(CLOSING_MS):
        sys.stderr.flush()
        os._exit(code)  # settings are saved; waiting for the render would only keep the user waiting
    return code


def _open(config: ViewerConfig) -> tuple[Any, Any]:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from apps.viewer.scene import mitsuba_opener
    from apps.viewer.settings import Settings
    from apps.viewer.theme import apply_theme
    from apps.viewer.window import ViewerWindow
    from denoiser.model import find_weights
    from online.trainer import OnlineConfig

    if not config.from_scratch:
        find_weights(config.weights)
    opener = mitsuba_opener(config.variant, defines(config.define), config.width, config.height)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    apply_theme(application)
    trainer = OnlineConfig(init="" if config.from_scratch else config.weights)
    gc.freeze()  # see the worker
    window = ViewerWindow(opener, trainer, Settings(), **_overrides(config))
    window.session.open_scene(config.scene)
    window.show()
    ticks = QTimer(window, interval=SIGNAL_MS)
    ticks.timeout.connect(lambda: None)
    ticks.start()
    return application, window


def _overrides(config: ViewerConfig) -> dict[str, Any]:
    """What is asked for on the command line goes before what the window remembers."""
    asked = {"spp": config.spp, "pilot": None if config.pilot is None else find_pilot(config.pilot) is not None}
    return {name: value for name, value in asked.items() if value is not None}


def _check(config: ViewerConfig) -> None:
    for name in ("spp", "width", "height"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: at least 1 is needed")
    if not config.scene.is_file():
        raise SceneError(f"{config.scene}: no such file; a Mitsuba scene (XML) is needed")
    defines(config.define)


def need_qt() -> None:
    """Raise `MissingPackageError` when what the window is made of cannot be imported."""
    for name in ("PySide6.QtWidgets", "pyqtgraph"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingPackageError(
                f"n2n-viewer cannot start: {name} cannot be imported ({error}); pip install 'n2n-denoiser[viewer]' "
                "brings it, and on Linux Qt's system libraries are needed too"
            ) from error
