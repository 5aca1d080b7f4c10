"""Load a Mitsuba scene so that noisy pairs can be rendered from it.

Any XML from version 0.5 to 3.x that Mitsuba can upgrade. Unknown properties are warnings. An integrator that cannot
render noisy pairs is replaced, with a warning; every film gets a box filter and every sampler becomes independent,
since a wider filter would correlate the noise of neighbouring pixels.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renderer_bridge.errors import N2NWarning, SceneError
from renderer_bridge.frame import Camera

NOISY_INTEGRATORS = ("path", "volpath", "volpathmis", "direct")
WRAPPING_INTEGRATORS = ("aov", "moment", "stokes")
PERSPECTIVE_SENSORS = ("perspective", "thinlens")
BUILTIN_SCENE = Path(__file__).parent / "scenes" / "builtin" / "scene.xml"


@dataclass(frozen=True)
class MitsubaScene:
    """A loaded scene; `scene`, `sensors` and `integrator` are Mitsuba's objects of the variant named."""

    path: Path
    variant: str
    scene: Any
    sensors: tuple[Any, ...]
    integrator: Any
    integrator_name: str

    def sensor(self, index: int) -> Any:
        """The sensor of that index. Raises `SceneError` when there is none, or when it has no perspective."""
        if not 0 <= index < len(self.sensors):
            raise SceneError(f"{self.path}: no sensor {index}; it has {len(self.sensors)}, numbered from 0")
        sensor = self.sensors[index]
        if "x_fov" not in _parameters(sensor):
            raise SceneError(
                f"{self.path}: sensor {index} is a {sensor.class_name()}; "
                f"a perspective one is needed ({', '.join(PERSPECTIVE_SENSORS)})"
            )
        return sensor

    def camera(self, index: int = 0) -> Camera:
        """The scene's own camera number `index`, at the film's size."""
        sensor = self.sensor(index)
        parameters = _parameters(sensor)
        matrix = np.array(sensor.world_transform().matrix, dtype=np.float64).reshape(4, 4)
        width, height = (int(n) for n in np.array(sensor.film().size()).ravel())
        return Camera(matrix, float(np.array(parameters["x_fov"]).ravel()[0]), (width, height))

    def place(self, index: int, camera: Camera) -> Any:
        """Move sensor `index` to `camera` (position, field of view, size) and return it; compiles no new kernel."""
        import mitsuba as mi

        sensor = self.sensor(index)
        parameters = _parameters(sensor)
        parameters["to_world"] = mi.AffineTransform4f(camera.to_world)
        parameters["x_fov"] = camera.fov_deg
        size = mi.ScalarVector2u(*camera.resolution)
        if tuple(int(n) for n in np.array(parameters["film.size"]).ravel()) != camera.resolution:
            parameters["film.size"] = size
            parameters["film.crop_size"] = size
            parameters["film.crop_offset"] = mi.ScalarPoint2u(0, 0)
        parameters.update()
        return sensor


def load_scene(
    path: str | Path,
    *,
    defines: Mapping[str, str] | None = None,
    width: int | None = None,
    height: int | None = None,
) -> MitsubaScene:
    """Load `path` with `$name` parameters from `defines`, under the variant that is set (see `set_variant`).

    `width` and `height` replace those of every film before the cameras are built, so that a field of view given along
    another axis keeps its meaning; with one of the two the other follows the film's aspect ratio. Raises `SceneError`
    with Mitsuba's own explanation when the file, a plugin, a mesh or a texture is missing or malformed.
    """
    import mitsuba as mi

    path = Path(path)
    if not path.is_file():
        raise SceneError(f"{path}: no such file; a Mitsuba scene (XML) is needed")
    variant = mi.variant()
    config = mi.parser.ParserConfig(variant)
    config.unused_properties = mi.LogLevel.Warn
    with _mitsuba_warnings(path), _resolver_folder(path.resolve().parent):
        try:
            state = mi.parser.parse_file(config, str(path), **dict(defines or {}))
            mi.parser.transform_all(config, state)
            name = _prepare_nodes(path, state.nodes, width, height)
            loaded = mi.parser.instantiate(config, state)
        except (RuntimeError, ValueError, TypeError) as error:
            raise SceneError(f"{path}: cannot be loaded: {_plain(error)}") from error
    scene = loaded[0] if isinstance(loaded, list) else loaded
    if not isinstance(scene, mi.Scene):
        raise SceneError(f"{path}: holds a {type(scene).__name__}; a <scene> is needed")
    sensors = tuple(scene.sensors())
    if not sensors:
        raise SceneError(f"{path}: has no sensor; at least one perspective sensor is needed")
    return MitsubaScene(path, variant, scene, sensors, scene.integrator(), name)


# ---------------------------------------------------------------------------------------------------------------------
# The parsed scene, before anything is built


def _prepare_nodes(path: Path, nodes: Any, width: int | None, height: int | None) -> str:
    """Fix integrator, filters, samplers and films of the parsed nodes; return the integrator's name."""
    import mitsuba as mi

    kinds = mi.ObjectType
    media = any(node.type == kinds.Medium for node in nodes)
    name = "path"
    for node in nodes:
        if node.type == kinds.Integrator:
            name = _prepare_integrator(path, node, nodes, media)
        elif node.type == kinds.ReconstructionFilter:
            node.props = _replacement(node.props, "box")
        elif node.type == kinds.Sampler:
            node.props = _replacement(node.props, "independent")
        elif node.type == kinds.Film:
            _prepare_film(node.props, width, height)
            if not any(child.type == kinds.ReconstructionFilter for child in _children(node, nodes)):
                node.props["box"] = mi.load_dict({"type": "box"})
    return name


def _prepare_integrator(path: Path, node: Any, nodes: Any, media: bool) -> str:
    """Keep a path tracer; put the one nested in a wrapper in its place; replace anything else."""
    import mitsuba as mi

    found = str(node.props.plugin_name())
    if found in NOISY_INTEGRATORS:
        return found
    if found in WRAPPING_INTEGRATORS:
        nested = [child.props for child in _children(node, nodes)]
        inner = [props for props in nested if props.plugin_name() in NOISY_INTEGRATORS]
        if inner:
            node.props = mi.Properties(inner[0])
            return str(inner[0].plugin_name())
    name = "volpath" if media else "path"
    replacement = _replacement(node.props, name)
    for key in ("max_depth", "rr_depth", "hide_emitters"):
        if node.props.has_property(key):
            replacement[key] = node.props[key]
    node.props = replacement
    warnings.warn(
        f"{path}: integrator {found!r} cannot render noisy pairs and was replaced by {name!r}; "
        f"kept as they are: {', '.join(NOISY_INTEGRATORS)}",
        N2NWarning,
        stacklevel=5,
    )
    return name


def _children(node: Any, nodes: Any) -> list[Any]:
    """The nodes nested in `node`."""
    import mitsuba as mi

    values = [node.props[key] for key in node.props.keys()]  # noqa: SIM118 - not a dict
    return [nodes[value.index()] for value in values if isinstance(value, mi.Properties.ResolvedReference)]


def _replacement(props: Any, plugin: str) -> Any:
    import mitsuba as mi

    replacement = mi.Properties(plugin)
    replacement.set_id(props.id())
    return replacement


def _prepare_film(props: Any, width: int | None, height: int | None) -> None:
    """Set the film's size, and drop a crop window: pairs always show the whole picture."""
    old_width = int(props["width"]) if props.has_property("width") else 768
    old_height = int(props["height"]) if props.has_property("height") else 576
    props["width"] = width or (max(1, round(height * old_width / old_height)) if height else old_width)
    props["height"] = height or (max(1, round(width * old_height / old_width)) if width else old_height)
    for key in ("crop_width", "crop_height", "crop_offset_x", "crop_offset_y"):
        if props.has_property(key):
            props.remove_property(key)


# ---------------------------------------------------------------------------------------------------------------------
# Mitsuba's objects


def _parameters(sensor: Any) -> Any:
    import mitsuba as mi

    return mi.traverse(sensor)


@contextlib.contextmanager
def _resolver_folder(folder: Path) -> Iterator[None]:
    """Let Mitsuba find meshes and textures beside the scene, for the time of loading."""
    import mitsuba as mi

    before = mi.file_resolver()
    within = mi.FileResolver(before)
    within.prepend(str(folder))
    mi.set_file_resolver(within)
    try:
        yield
    finally:
        mi.set_file_resolver(before)


@contextlib.contextmanager
def _mitsuba_warnings(path: Path) -> Iterator[None]:
    """Turn what Mitsuba logs while loading into one `N2NWarning` each; duplicates are told once."""
    import mitsuba as mi

    messages: list[str] = []

    class Collector(mi.Appender):  # type: ignore[misc]
        def append(self, level: Any, text: str) -> None:
            messages.append(_plain(text))

        def log_progress(self, *args: Any) -> None:
            pass

    logger = mi.logger()
    before = [logger.appender(i) for i in range(logger.appender_count())]
    collector = Collector()
    logger.clear_appenders()
    logger.add_appender(collector)
    try:
        yield
    finally:
        logger.clear_appenders()
        for appender in before:
            logger.add_appender(appender)
        for message in dict.fromkeys(messages):
            warnings.warn(f"{path}: {message}", N2NWarning, stacklevel=5)


def _plain(text: object) -> str:
    """A Mitsuba message as one line, without date, source location and color codes."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(str(text).split()))
    line = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ +", "", line)
    return re.sub(r"\[[\w.]+:\d+\] ", "", line)
