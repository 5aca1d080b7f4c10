"""Open a scene for the viewer: what the worker needs to render it, and the window to fly through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from online.records import Renderer
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_renderer import MitsubaRenderer
from renderer_bridge.mitsuba_scene import load_scene
from renderer_bridge.mitsuba_variant import set_variant

TRIAL_SIDE = 32  # pixels of the longer side of the render that proves a new scene, and compiles its kernels


@dataclass(frozen=True)
class OpenedScene:
    """A scene that renders. `cameras` are its own, at the size of their films; there is at least one."""

    path: Path
    renderer: Renderer
    cameras: tuple[Camera, ...]

    @property
    def name(self) -> str:
        """What people call it: scenes are often `scene.xml` in a folder with a name."""
        return self.path.parent.name if self.path.stem == "scene" and self.path.parent.name else self.path.stem


SceneOpener = Callable[[Path], OpenedScene]
"""Loads a scene in the thread that will render it; raises `N2NError` when that fails. The seam to the renderer."""


def mitsuba_opener(
    variant: str = "auto",
    defines: Mapping[str, str] | None = None,
    width: int | None = None,
    height: int | None = None,
) -> SceneOpener:
    """An opener for Mitsuba scenes with the options of the command line; `defines` are `$name` parameters."""

    def open_scene(path: Path) -> OpenedScene:
        set_variant(variant)
        scene = load_scene(path, defines=defines, width=width, height=height)
        first = min(scene.cameras, default=0)
        scene.camera(first)  # says what is wrong with a scene that has no camera to look through
        return OpenedScene(path, MitsubaRenderer(scene, sensor=first), tuple(scene.cameras.values()))

    return open_scene


def try_scene(scene: OpenedScene) -> None:
    """Render the first camera tiny: errors come now, while the old scene is still there, and kernels are compiled."""
    camera = scene.cameras[0]
    factor = TRIAL_SIDE / max(camera.resolution)
    width, height = (max(1, round(side * factor)) for side in camera.resolution)
    scene.renderer.render(replace(camera, resolution=(width, height)), 1, (0, 1))
