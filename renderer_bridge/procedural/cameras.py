"""The scene's own camera: aspect ratio, field of view, and at times a lens with depth of field."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from renderer_bridge.procedural.markup import look_at, number, plugin, to_world, whole
from renderer_bridge.procedural.noise import chance, log_uniform
from renderer_bridge.procedural.scenery import Scenery
from renderer_bridge.procedural.sight import View

SIZES = ((256, 192), (256, 192), (288, 160), (192, 256), (224, 224), (320, 144))  # about 50,000 pixels
LENS_SHARE = 0.2


def add_camera(
    scenery: Scenery, origin: ArrayLike, target: ArrayLike, fov_deg: tuple[float, float], lens: float = LENS_SHARE
) -> None:
    """A camera at `origin`, its field of view drawn from a range; with probability `lens` focused on the target."""
    random = scenery.random
    size = SIZES[int(random.integers(len(SIZES)))]
    film = plugin("film", "hdrfilm", whole("width", size[0]), whole("height", size[1]))
    fov = log_uniform(random, *fov_deg)
    scenery.view = View(np.asarray(origin, dtype=np.float64), np.asarray(target, dtype=np.float64), fov)
    content = [number("fov", fov), '<string name="fov_axis" value="larger"/>']
    content += [number("near_clip", 0.01), to_world(look_at(origin, target)), film]
    if scenery.integrator != "path":
        content.append('<ref id="fog"/>')
    if chance(random, lens):
        distance = float(np.linalg.norm(np.asarray(target) - np.asarray(origin)))
        content.append(number("focus_distance", distance * random.uniform(0.8, 1.2)))
        content.append(number("aperture_radius", distance * log_uniform(random, 0.002, 0.015)))
        scenery.add(plugin("sensor", "thinlens", *content))
    else:
        scenery.add(plugin("sensor", "perspective", *content))
