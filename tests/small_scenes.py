"""Small Mitsuba scenes for tests, as XML, with known answers where there are any."""

import warnings
from pathlib import Path

from renderer_bridge.errors import N2NWarning
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant

WIDTH, HEIGHT = 16, 10
PATH = '<integrator type="path"><integer name="max_depth" value="6"/></integrator>'
SKY = '<emitter type="constant"><rgb name="radiance" value="0.5, 1, 2"/></emitter>'
SPHERE = '<shape type="sphere"><point name="center" x="0.3" y="-0.2" z="4"/>{}</shape>'
"""A unit sphere before the camera of `sensor()`, which stands in the origin; filled by its material or light."""


def use_variant() -> str:
    """Set the fastest variant of this machine, whichever it is; give its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", N2NWarning)
        return set_variant()


def sensor(width: int = WIDTH, height: int = HEIGHT, content: str = "", kind: str = "perspective") -> str:
    """A camera in the origin that looks along +z, 50 degrees wide."""
    size = f'<integer name="width" value="{width}"/><integer name="height" value="{height}"/>'
    return f'<sensor type="{kind}"><float name="fov" value="50"/><film type="hdrfilm">{size}</film>{content}</sensor>'


def write(path: Path, *parts: str, version: str = "3.0.0") -> Path:
    """Write a scene of these parts to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<scene version="{version}">{"".join(parts)}</scene>')
    return path


def load(folder: Path, *parts: str) -> MitsubaScene:
    """Load a scene of these parts, under whichever variant is set."""
    return load_scene(write(folder / "scene.xml", *parts))


def room() -> tuple[str, ...]:
    """A closed noisy room, 4 wide, 3 high and 6 deep, with a small light, a ball and a metal box; the camera in it."""
    gray, red, green = matte("0.7, 0.7, 0.7"), matte("0.7, 0.2, 0.2"), matte("0.2, 0.6, 0.2")
    light = '<emitter type="area"><rgb name="radiance" value="30, 28, 25"/></emitter>'
    metal = '<bsdf type="roughconductor"><string name="material" value="Cu"/><float name="alpha" value="0.2"/></bsdf>'
    return (
        PATH,
        sensor(),
        shape("rectangle", '<scale x="2" y="3"/><rotate x="1" angle="-90"/><translate y="-1" z="2"/>', gray),
        shape("rectangle", '<scale x="2" y="3"/><rotate x="1" angle="90"/><translate y="2" z="2"/>', gray),
        shape("rectangle", '<scale x="2" y="1.5"/><rotate y="1" angle="180"/><translate y="0.5" z="5"/>', gray),
        shape("rectangle", '<scale x="2" y="1.5"/><translate y="0.5" z="-1"/>', gray),
        shape("rectangle", '<scale x="3" y="1.5"/><rotate y="1" angle="90"/><translate x="-2" y="0.5" z="2"/>', red),
        shape("rectangle", '<scale x="3" y="1.5"/><rotate y="1" angle="-90"/><translate x="2" y="0.5" z="2"/>', green),
        shape("rectangle", '<scale value="0.3"/><rotate x="1" angle="90"/><translate y="1.95" z="3"/>', light),
        shape("sphere", '<scale value="0.5"/><translate x="-0.6" y="-0.5" z="3.5"/>', matte("0.9, 0.8, 0.2")),
        shape("cube", '<scale value="0.4"/><translate x="0.8" y="-0.6" z="3"/>', metal),
    )


def matte(color: str) -> str:
    """A diffuse material of that reflectance."""
    return f'<bsdf type="diffuse"><rgb name="reflectance" value="{color}"/></bsdf>'


def shape(kind: str, steps: str, content: str) -> str:
    """A shape moved by `steps`; Mitsuba's rectangle and cube reach from -1 to 1, the former faces +z."""
    return f'<shape type="{kind}"><transform name="to_world">{steps}</transform>{content}</shape>'
