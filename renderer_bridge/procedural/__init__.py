"""Seeded procedural Mitsuba scenes: furnished rooms, studios, halls, gardens, boxes.

They widen what generic weights have seen; every scene is a function of its seed and, where a folder with pictures and
meshes of others is given, of what lies there.

    mesh noise patterns pictures     forms and textures
    markup scenery assets sight      XML, the scene while it grows, files of others, what its camera sees
    materials skies lights cameras   what Mitsuba has plugins for
    things furniture rooms outdoors stages    what one sees
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renderer_bridge.atomic import atomic_path, write_text
from renderer_bridge.procedural.assets import Assets
from renderer_bridge.procedural.markup import plugin, whole
from renderer_bridge.procedural.materials import choose_palette
from renderer_bridge.procedural.noise import Random, chance, log_uniform, pick
from renderer_bridge.procedural.outdoors import build_outdoors
from renderer_bridge.procedural.rooms import build_room
from renderer_bridge.procedural.scenery import Scenery
from renderer_bridge.procedural.sight import is_worth_seeing
from renderer_bridge.procedural.stages import build_box, build_hall, build_studio
from renderer_bridge.seeds import derive_seed

__all__ = ["Assets", "build", "scene_xml", "write_scene"]

SCENE_STREAM = 32  # derive_seed
KINDS = {"room": 4.5, "studio": 2.0, "outdoors": 1.5, "hall": 1.0, "box": 1.0}
TRIES = 6
FOG_SHARE = 0.25  # of the halls
BUILDERS = {
    "room": build_room,
    "studio": build_studio,
    "outdoors": build_outdoors,
    "hall": build_hall,
    "box": build_box,
}


def write_scene(folder: str | Path, seed: int, assets: Assets | None = None) -> Path:
    """Write scene number `seed` with its meshes and textures into `folder`; gives the path of its `scene.xml`.

    Raises `OutputError` where it cannot be written. The XML comes last: a folder that has it is complete.
    """
    folder = Path(folder)
    scenery = build(seed, assets)
    for name, data in scenery.files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(data)
    write_text(folder / "scene.xml", scene_xml(scenery))
    return folder / "scene.xml"


def build(seed: int, assets: Assets | None = None) -> Scenery:
    """Scene number `seed`, in memory; the first of some tries whose camera has an open view."""
    for attempt in range(TRIES):
        scenery = _build(np.random.default_rng(derive_seed(seed, SCENE_STREAM, attempt)), assets or Assets())
        if scenery.view is not None and is_worth_seeing(scenery.view, scenery.solids):
            break
    return scenery


def _build(random: Random, assets: Assets) -> Scenery:
    kind = pick(random, KINDS)
    fog = kind == "hall" and chance(random, FOG_SHARE)
    power, palette = _power(random), choose_palette(random)
    scenery = Scenery(random, assets, palette, power, integrator="volpath" if fog else "path")
    scenery.add(plugin("integrator", scenery.integrator, whole("max_depth", int(random.integers(6, 17)))))
    BUILDERS[kind](scenery)
    return scenery


def scene_xml(scenery: Scenery) -> str:
    """As Mitsuba 3 XML."""
    return "\n".join(['<scene version="3.0.0">', *scenery.parts, "</scene>", ""])


def _power(random: Random) -> float:
    """What all lights of a scene are multiplied by: mostly about 1, at times a dark or a glaring scene."""
    kind = pick(random, {"even": 0.8, "dark": 0.12, "bright": 0.08})
    low, high = {"even": (0.4, 2.5), "dark": (0.02, 0.2), "bright": (5.0, 50.0)}[kind]
    return log_uniform(random, low, high)
