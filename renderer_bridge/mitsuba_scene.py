"""Load a Mitsuba scene so that noisy pairs can be rendered from it.

Any XML from version 0.5 to 3.x: `renderer_bridge.legacy` writes it for Mitsuba 3 and says what it replaced. Every film
becomes a plain RGB one with a box filter, and every sampler independent, since a wider filter would correlate the noise
of neighbouring pixels.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera
from renderer_bridge.legacy import translate
from renderer_bridge.mitsuba_messages import logged_as_warnings, plain, warn

DEFAULT_FILM_SIZE = (768, 576)  # Mitsuba's own, (width, height)
PERSPECTIVE_SENSORS = ("perspective", "thinlens")
BUILTIN_SCENE = Path(__file__).parent / "scenes" / "builtin" / "scene.xml"


@dataclass(frozen=True)
class MitsubaScene:
    """A loaded scene; `scene`, `sensors` and `integrator` are Mitsuba's objects of the variant named.

    `cameras` are those of the perspective sensors, by index, as the file says. `defines` are the values given to the
    `$name` parameters of the file.
    """

    path: Path
    variant: str
    scene: Any
    sensors: tuple[Any, ...]
    cameras: Mapping[int, Camera]
    integrator: Any
    integrator_name: str
    defines: Mapping[str, str] = field(default_factory=dict)

    def sensor(self, index: int) -> Any:
        """The sensor of that index. Raises `SceneError` when there is none, or when it has no perspective."""
        if not 0 <= index < len(self.sensors):
            raise SceneError(f"{self.path}: no sensor {index}; it has {len(self.sensors)}, numbered from 0")
        sensor = self.sensors[index]
        if index not in self.cameras:
            raise SceneError(
                f"{self.path}: sensor {index} is of class {sensor.class_name()}; "
                f"a perspective one is needed ({', '.join(PERSPECTIVE_SENSORS)})"
            )
        return sensor

    def camera(self, index: int = 0) -> Camera:
        """The scene's own camera number `index`, at the film's size; where `place` has moved it does not matter."""
        self.sensor(index)
        return self.cameras[index]

    def place(self, index: int, camera: Camera) -> Any:
        """Move sensor `index` to `camera` (position, field of view) and return it; compiles no new kernel.

        The film gets the camera's size only where that is needed, since its size is a literal in the kernels: in scalar
        variants, and where the principal point is off the middle. Elsewhere whoever makes rays allows for the film's
        own aspect ratio.
        """
        import mitsuba as mi

        sensor = self.sensor(index)
        parameters = _parameters(sensor)
        parameters["to_world"] = mi.AffineTransform4f(camera.to_world)
        parameters["x_fov"] = camera.fov_deg
        size = mi.ScalarVector2u(*camera.resolution)
        differs = tuple(int(n) for n in np.array(parameters["film.size"]).ravel()) != camera.resolution
        if differs and (self.variant.startswith("scalar") or _is_off_centre(parameters)):
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
    skip_missing: bool = False,
) -> MitsubaScene:
    """Load `path` with `$name` parameters from `defines`, under the variant that is set (see `set_variant`).

    `width` and `height` replace those of every film before the cameras are built, so that a field of view given along
    another axis keeps its meaning; with one of the two the other follows the film's aspect ratio. Raises `SceneError`
    with an explanation when the file or a plugin is missing or malformed, and one that names them all when meshes or
    textures are missing; with `skip_missing` those are left out, with a warning.
    """
    import mitsuba as mi

    path = Path(path)
    translation = translate(path, defines, skip_missing=skip_missing)
    for note in translation.notes:
        warn(f"{path}: {note}")
    variant = mi.variant()
    config = mi.parser.ParserConfig(variant)
    config.unused_properties = mi.LogLevel.Warn
    with logged_as_warnings(path), files_found_in(first=[path.resolve().parent]):
        try:
            state = mi.parser.parse_string(config, translation.text)
            mi.parser.transform_all(config, state)
            name = _prepare_nodes(state.nodes, width, height)
            loaded = mi.parser.instantiate(config, state)
        except (RuntimeError, ValueError, TypeError) as error:
            raise SceneError(f"{path}: cannot be loaded: {_placed(plain(error))}") from error
    scene = loaded[0] if isinstance(loaded, list) else loaded
    if not isinstance(scene, mi.Scene):
        raise SceneError(f"{path}: holds a {type(scene).__name__}; a <scene> is needed")
    sensors = tuple(scene.sensors())
    if not sensors:
        raise SceneError(f"{path}: has no sensor; at least one perspective sensor is needed")
    integrator = scene.integrator()
    cameras = {index: camera_of(sensor) for index, sensor in enumerate(sensors) if "x_fov" in _parameters(sensor)}
    return MitsubaScene(path, variant, scene, sensors, cameras, integrator, name, dict(defines or {}))


def _placed(message: str) -> str:
    """Mitsuba's message, with lines of the translated scene told as such."""
    return re.sub(r"string \((line \d+), col \d+\)", r"\1 of what n2n-render-pairs --print-scene prints", message)


# ---------------------------------------------------------------------------------------------------------------------
# The parsed scene, before anything is built


def _prepare_nodes(nodes: Any, width: int | None, height: int | None) -> str:
    """Fix samplers and films of the parsed nodes; return the integrator's name."""
    import mitsuba as mi

    kinds = mi.ObjectType
    for node in nodes:
        if node.type == kinds.Sampler:
            node.props = _replacement(node.props, "independent")
        elif node.type == kinds.Sensor:
            _prepare_film(node, nodes, width, height)
    own = next((node for node in nodes if node.type == kinds.Integrator), None)
    return "" if own is None else str(own.props.plugin_name())


def _child_indices(node: Any) -> list[int]:
    """Indices of the nodes nested in `node`."""
    import mitsuba as mi

    values = [node.props[key] for key in node.props.keys()]  # noqa: SIM118 - not a dict
    return [int(value.index()) for value in values if isinstance(value, mi.Properties.ResolvedReference)]


def _prepare_film(sensor: Any, nodes: Any, width: int | None, height: int | None) -> None:
    """Give the sensor a plain film of the old one's size, or of that asked for, without a crop window."""
    import mitsuba as mi

    films = [nodes[index] for index in _child_indices(sensor) if nodes[index].type == mi.ObjectType.Film]
    old_width, old_height = _film_size(films[0].props) if films else DEFAULT_FILM_SIZE
    new_width = width or (max(1, round(height * old_width / old_height)) if height else old_width)
    new_height = height or (max(1, round(width * old_height / old_width)) if width else old_height)
    if not films:
        film = {"type": "hdrfilm", "width": new_width, "height": new_height, "filter": {"type": "box"}}
        sensor.props["film"] = mi.load_dict(film)
    for node in films:
        node.props = _replacement(node.props, "hdrfilm")
        node.props["width"], node.props["height"] = new_width, new_height
        node.props["filter"] = mi.load_dict({"type": "box"})


def _film_size(props: Any) -> tuple[int, int]:
    width, height = DEFAULT_FILM_SIZE
    return int(props.get("width", width)), int(props.get("height", height))


def _replacement(props: Any, plugin: str) -> Any:
    import mitsuba as mi

    replacement = mi.Properties(plugin)
    replacement.set_id(props.id())
    return replacement


# ---------------------------------------------------------------------------------------------------------------------
# Mitsuba's objects


def camera_of(sensor: Any) -> Camera:
    """The camera that a perspective sensor is at the moment."""
    matrix = np.array(sensor.world_transform().matrix, dtype=np.float64).reshape(4, 4)
    width, height = (int(n) for n in np.array(sensor.film().size()).ravel())
    return Camera(matrix, float(np.array(_parameters(sensor)["x_fov"]).ravel()[0]), (width, height))


def _is_off_centre(parameters: Any) -> bool:
    """Whether a perspective sensor's principal point is not the middle of its film, or its crop not the whole film.

    A thin lens has its principal point in the middle, and no parameters for it.
    """
    names = [f"principal_point_offset_{axis}" for axis in "xy"]
    offsets = [parameters[name] for name in names if name in parameters]
    cropped = not np.array_equal(np.array(parameters["film.size"]), np.array(parameters["film.crop_size"]))
    return cropped or any(np.array(offset).any() for offset in offsets)


def _parameters(sensor: Any) -> Any:
    import mitsuba as mi

    return mi.traverse(sensor)


@contextlib.contextmanager
def files_found_in(*, first: Sequence[Path] = (), last: Sequence[Path] = ()) -> Iterator[None]:
    """Let Mitsuba look for meshes and textures in these folders too, before or after where it looks anyway."""
    import mitsuba as mi

    before = mi.file_resolver()
    within = mi.FileResolver(before)
    for folder in first:
        within.prepend(str(folder))
    for folder in last:
        within.append(str(folder))
    mi.set_file_resolver(within)
    try:
        yield
    finally:
        mi.set_file_resolver(before)
