"""Seeded procedural Mitsuba scenes: rooms and open stages with random objects, materials, textures and lights.

They widen what generic weights have seen; every scene is a function of its seed.
"""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from renderer_bridge.atomic import atomic_path, write_text
from renderer_bridge.seeds import derive_seed

Random = np.random.Generator

SIZE = (256, 256)
TEXTURE_SIZE = 256
TEXTURES = 4
OBJECTS = (8, 26)
ROOM_SHARE = 0.75  # the other scenes are a floor under a sky of constant light
METALS = ("Cu", "Au", "Al", "Ag", "Cr")


def write_scene(folder: str | Path, seed: int) -> Path:
    """Write scene number `seed` with its textures into `folder`; gives the path of its `scene.xml`."""
    folder = Path(folder)
    random = np.random.default_rng(derive_seed(seed, 31))
    for index in range(TEXTURES):
        with atomic_path(folder / f"texture_{index}.png") as temporary:
            temporary.write_bytes(imageio.imwrite("<bytes>", texture(random), extension=".png"))
    write_text(folder / "scene.xml", scene_xml(random))
    return folder / "scene.xml"


def scene_xml(random: Random) -> str:
    """A scene as Mitsuba 3 XML."""
    room = random.uniform() < ROOM_SHARE
    width, depth, height = random.uniform(3.0, 7.0), random.uniform(3.0, 7.0), random.uniform(2.4, 4.0)
    parts = [_camera(random, width, depth, height)]
    parts += _walls(random, width, depth, height) if room else _stage(random)
    count = int(random.integers(*OBJECTS))
    parts += [_object(random, width * 0.33, depth * 0.33) for _ in range(count)]
    integrator = '<integrator type="path"><integer name="max_depth" value="10"/></integrator>'
    return "\n".join(['<scene version="3.0.0">', integrator, *parts, "</scene>", ""])


# ---------------------------------------------------------------------------------------------------------------------
# Camera, room, lights


def _camera(random: Random, width: float, depth: float, height: float) -> str:
    angle = random.uniform(0, 2 * np.pi)
    away = 0.46 * np.array([width * np.cos(angle), depth * np.sin(angle)])
    origin = (away[0], random.uniform(0.5, 0.85 * height), away[1])
    target = (*random.normal(scale=0.3, size=1), random.uniform(0.2, 1.0), *random.normal(scale=0.3, size=1))
    return f"""<sensor type="perspective">
  <float name="fov" value="{random.uniform(35, 75):.2f}"/>
  <transform name="to_world"><lookat origin="{_numbers(origin)}" target="{_numbers(target)}" up="0,1,0"/></transform>
  <film type="hdrfilm"><integer name="width" value="{SIZE[0]}"/><integer name="height" value="{SIZE[1]}"/></film>
</sensor>"""


def _walls(random: Random, width: float, depth: float, height: float) -> list[str]:
    """Six walls facing inwards, and one to three lights, of which a small one is bright."""
    w, d, h = width / 2, depth / 2, height / 2
    sides = [
        ((0, 0, 0), (-90, 0), (w, d)),
        ((0, height, 0), (90, 0), (w, d)),
        ((0, h, -d), (0, 0), (w, h)),
        ((0, h, d), (0, 180), (w, h)),
        ((-w, h, 0), (0, 90), (d, h)),
        ((w, h, 0), (0, -90), (d, h)),
    ]
    walls = [_rectangle(at, turn, size, _matte(random)) for at, turn, size in sides]
    for _ in range(int(random.integers(1, 4))):
        size = float(np.exp(random.uniform(np.log(0.05), np.log(0.8))))
        power = random.uniform(2, 12) / size**2
        at = (random.uniform(-0.7, 0.7) * w, random.uniform(0.75, 0.97) * height, random.uniform(-0.7, 0.7) * d)
        walls.append(_light(random, at, size, power))
    return walls


def _stage(random: Random) -> list[str]:
    """A floor under constant light, with a sun-like sphere."""
    sky = _rgb(random.uniform(0.2, 1.0) * _tint(random, 0.3))
    sun = (random.uniform(-6, 6), random.uniform(3, 9), random.uniform(-6, 6))
    return [
        f'<emitter type="constant"><rgb name="radiance" value="{sky}"/></emitter>',
        _rectangle((0, 0, 0), (-90, 0), (14, 14), _matte(random)),
        _light(random, sun, random.uniform(0.1, 0.8), random.uniform(20, 300)),
    ]


def _light(random: Random, at: tuple[float, float, float], size: float, power: float) -> str:
    emitter = f'<emitter type="area"><rgb name="radiance" value="{_rgb(power * _tint(random, 0.25))}"/></emitter>'
    if random.uniform() < 0.5:
        scale = f'<scale value="{size / 2:.4f}"/><translate value="{_numbers(at)}"/>'
        return f'<shape type="sphere"><transform name="to_world">{scale}</transform>{emitter}</shape>'
    return _rectangle(at, (90, random.uniform(0, 90)), (size, size * random.uniform(0.3, 1)), emitter)


def _rectangle(
    at: tuple[float, float, float], turn: tuple[float, float], size: tuple[float, float], content: str
) -> str:
    steps = (
        f'<scale x="{size[0]:.4f}" y="{size[1]:.4f}"/><rotate x="1" angle="{turn[0]:.2f}"/>'
        f'<rotate y="1" angle="{turn[1]:.2f}"/><translate value="{_numbers(at)}"/>'
    )
    return f'<shape type="rectangle"><transform name="to_world">{steps}</transform>{content}</shape>'


# ---------------------------------------------------------------------------------------------------------------------
# Objects and materials


def _object(random: Random, width: float, depth: float) -> str:
    """A sphere, cube, cylinder or disk on or above the floor."""
    shape = random.choice(["sphere", "cube", "cube", "cylinder", "disk"])
    size = float(np.exp(random.uniform(np.log(0.12), np.log(0.9))))
    scale = size * random.uniform(0.4, 1.6, size=3) if shape == "cube" else np.full(3, size)
    at = (random.uniform(-width, width), scale[1] * random.choice([1.0, 1.0, 2.5]), random.uniform(-depth, depth))
    turn = "".join(
        f'<rotate {axis}="1" angle="{random.uniform(0, 360):.2f}"/>' for axis in "xyz"[: 1 + 2 * (shape != "cube")]
    )
    upright = f'<rotate y="1" angle="{random.uniform(0, 360):.2f}"/>' if shape == "cube" else turn
    steps = f'<scale value="{_numbers(scale)}"/>{upright}<translate value="{_numbers(at)}"/>'
    return f'<shape type="{shape}"><transform name="to_world">{steps}</transform>{_material(random)}</shape>'


def _material(random: Random) -> str:
    kind = random.choice(
        ["matte", "plastic", "roughplastic", "roughconductor", "conductor", "dielectric", "principled"],
        p=[0.3, 0.12, 0.16, 0.16, 0.06, 0.1, 0.1],
    )
    rough = float(np.exp(random.uniform(np.log(0.03), np.log(0.5))))
    if kind == "matte":
        return _matte(random)
    if kind == "dielectric":
        return f'<bsdf type="dielectric"><float name="int_ior" value="{random.uniform(1.3, 1.7):.3f}"/></bsdf>'
    if kind in ("plastic", "roughplastic"):
        alpha = f'<float name="alpha" value="{rough:.4f}"/>' if kind == "roughplastic" else ""
        return _twosided(f'<bsdf type="{kind}">{_reflectance(random, "diffuse_reflectance")}{alpha}</bsdf>')
    if kind in ("conductor", "roughconductor"):
        alpha = f'<float name="alpha" value="{rough:.4f}"/>' if kind == "roughconductor" else ""
        metal = random.choice(METALS)
        return _twosided(f'<bsdf type="{kind}"><string name="material" value="{metal}"/>{alpha}</bsdf>')
    numbers = {"roughness": random.uniform(0.05, 1), "metallic": random.integers(2), "specular": random.uniform(0, 1)}
    values = "".join(f'<float name="{name}" value="{value:.4f}"/>' for name, value in numbers.items())
    return _twosided(f'<bsdf type="principled">{_reflectance(random, "base_color")}{values}</bsdf>')


def _matte(random: Random) -> str:
    return _twosided(f'<bsdf type="diffuse">{_reflectance(random, "reflectance")}</bsdf>')


def _twosided(bsdf: str) -> str:
    return f'<bsdf type="twosided">{bsdf}</bsdf>'


def _reflectance(random: Random, name: str) -> str:
    """A color, a checkerboard or one of the scene's textures."""
    kind = random.choice(["color", "checkerboard", "bitmap"], p=[0.45, 0.1, 0.45])
    if kind == "color":
        return f'<rgb name="{name}" value="{_rgb(_tint(random, 0.6) * random.uniform(0.1, 0.95))}"/>'
    scale = np.exp(random.uniform(0, np.log(8)))
    to_uv = f'<transform name="to_uv"><scale x="{scale:.3f}" y="{scale:.3f}"/></transform>'
    if kind == "checkerboard":
        colors = [_rgb(_tint(random, 0.6) * random.uniform(0.05, 0.9)) for _ in range(2)]
        both = "".join(f'<rgb name="color{i}" value="{color}"/>' for i, color in enumerate(colors))
        return f'<texture type="checkerboard" name="{name}">{both}{to_uv}</texture>'
    file = f'<string name="filename" value="texture_{random.integers(TEXTURES)}.png"/>'
    return f'<texture type="bitmap" name="{name}">{file}{to_uv}</texture>'


# ---------------------------------------------------------------------------------------------------------------------
# Textures


def texture(random: Random) -> NDArray[np.uint8]:
    """An sRGB texture (S, S, 3): stripes, patches or grain between two or three colors."""
    kind = random.choice(["stripes", "patches", "grain", "marks"])
    colors = np.stack([_tint(random, 0.7) * random.uniform(0.1, 1.0) for _ in range(3)])
    smooth = _noise(random, float(np.exp(random.uniform(np.log(2), np.log(30)))))
    if kind == "stripes":
        u = np.linspace(0, 2 * np.pi * random.integers(2, 24), TEXTURE_SIZE)
        mix = (np.sin(u[None, :] + 3 * smooth * random.uniform(0, 1)) > random.uniform(-0.6, 0.6)) * 1.0
    elif kind == "patches":
        mix = np.floor(smooth * random.integers(3, 8)) / 8
    elif kind == "marks":
        mix = (_noise(random, 1.5) > 0.72) * 1.0
    else:
        mix = 0.6 * smooth + 0.4 * _noise(random, 1.0)
    mix = np.clip(mix, 0, 1)[..., None]
    image = colors[0] * (1 - mix) + colors[1] * mix + 0.15 * (colors[2] - 0.5) * _noise(random, 3.0)[..., None]
    return np.asarray(np.clip(image, 0, 1) * 255, dtype=np.uint8)


def _noise(random: Random, sigma: float) -> NDArray[np.float64]:
    """Smooth noise (S, S) in [0, 1] that wraps around."""
    noise = ndimage.gaussian_filter(random.normal(size=(TEXTURE_SIZE, TEXTURE_SIZE)), sigma, mode="wrap")
    return np.asarray((noise - noise.min()) / (np.ptp(noise) + 1e-12), dtype=np.float64)


def _tint(random: Random, strength: float) -> NDArray[np.float64]:
    """A color (3,) in [0, 1] whose brightest channel is 1."""
    color = 1 - strength * random.uniform(0, 1, size=3)
    return np.asarray(color / color.max(), dtype=np.float64)


def _rgb(color: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.4f}" for value in color)


def _numbers(values: object) -> str:
    return ", ".join(f"{float(value):.4f}" for value in values)  # type: ignore[attr-defined]
