"""Seeded cameras around a scene's own: clear of geometry, and looking at something lit.

Every camera is a function of (seed, index). Clearance is tested by casting rays: the way from the scene's camera to the
new one must be free, and so must a sphere around it. Light and detail are tested by a tiny render.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.camera_path import look_at
from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_aovs import AovKind
from renderer_bridge.mitsuba_render import render_aovs, render_color
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import derive_seed

Vector = NDArray[np.float64]

TRIES = 60  # per view; most scenes need fewer than 5
MOVE = (0.05, 0.6)  # distance from the scene's camera, as a share of the median distance it sees
CLEARANCE = 0.06  # free space around a camera, as the same share
CLEARANCE_RAYS = 128
FOV_FACTOR = (0.75, 1.25)
NEAR_MOVE = (0.01, 0.06)  # as MOVE, of views that are to see what the scene's camera sees
NEAR_CLEARANCE = 0.01  # the scene's own camera may stand at a wall, as in the classroom
PROBE_SIDE, PROBE_SPP = 24, 8  # longer side in pixels
PROBED: AovKind = "first-hit"  # whatever the pairs show: the same seed places the same cameras
LEAST_LIGHT = 0.1  # mean radiance of a view over that of the scene's own view
LEAST_SEEN = 0.5  # share of the rays that must hit something, over that of the scene's own view
LEAST_DETAIL = 0.5  # spread of albedo and normal over that of the scene's own view: no picture of a bare wall
CAMERA_STREAM = (0, 0, 7)  # derive_seed: longer than the paths of the renders, (view, half), and so apart from them


@dataclass(frozen=True)
class _Surroundings:
    """What the scene's own camera sees: hit points (N, 3), their median distance, and how much there is to see."""

    points: Vector
    distance: float
    sight: _Sight


@dataclass(frozen=True)
class _Sight:
    """Mean radiance, share of rays that hit, and spread of albedo and normal, in a tiny render."""

    light: float
    seen: float
    detail: float


def seeded_cameras(scene: MitsubaScene, count: int, seed: int, sensor: int = 0, near: bool = False) -> list[Camera]:
    """`count` cameras: the scene's own first, then seeded ones around it; `near` ones a step aside, looking at the same
    middle, as the next frames of a shot would.

    Raises `SceneError` when no free and lit place is found, which happens when the scene's camera sees nothing.
    """
    own = scene.camera(sensor)
    if count == 1:
        return [own]
    around = _look_around(scene, own, sensor, seed)
    return [own] + [_find_camera(scene, own, around, sensor, seed, index, near) for index in range(1, count)]


def _look_around(scene: MitsubaScene, camera: Camera, sensor: int, seed: int) -> _Surroundings:
    probe_seed = derive_seed(seed, *CAMERA_STREAM)
    layers = render_aovs(
        scene, _small(camera), ["position", "depth"], spp=1, seed=probe_seed, sensor=sensor, kind=PROBED
    )
    depth = layers["depth"][..., 0]
    if not depth.any():
        raise SceneError(f"{scene.path}: its camera sees no geometry, so no views around it can be chosen; use --path")
    points = layers["position"][depth > 0].astype(np.float64)
    return _Surroundings(points, float(np.median(depth[depth > 0])), _sight(scene, camera, sensor, probe_seed))


def _sight(scene: MitsubaScene, camera: Camera, sensor: int, seed: int) -> _Sight:
    small = _small(camera)
    layers = render_aovs(scene, small, ["albedo", "sh_normal", "depth"], spp=1, seed=seed, sensor=sensor, kind=PROBED)
    color, _ = render_color(scene, small, spp=PROBE_SPP, seed=seed, sensor=sensor)
    detail = layers["albedo"].std(axis=(0, 1)).mean() + layers["normal"].std(axis=(0, 1)).mean()
    return _Sight(float(color.mean()), float((layers["depth"] > 0).mean()), float(detail))


def _find_camera(
    scene: MitsubaScene, own: Camera, around: _Surroundings, sensor: int, seed: int, index: int, near: bool
) -> Camera:
    propose, clearance = (_propose_near, NEAR_CLEARANCE) if near else (_propose, CLEARANCE)
    for attempt in range(TRIES):
        random = np.random.default_rng([seed, *CAMERA_STREAM, index, attempt])
        camera = propose(random, own, around)
        if camera is None or not _is_free(scene, own, camera, clearance * around.distance):
            continue
        if _is_worth_a_view(scene, camera, around, sensor, seed):
            return camera
    raise SceneError(
        f"{scene.path}: no free and lit place for view {index} in {TRIES} tries around its camera; "
        "give a camera path with --path"
    )


def _propose(random: np.random.Generator, own: Camera, around: _Surroundings) -> Camera | None:
    """A camera moved by a random step that looks near a point the scene's own camera sees."""
    direction = random.normal(size=3)
    step = direction / np.linalg.norm(direction) * random.uniform(*MOVE) * around.distance
    origin = own.origin + step
    target = around.points[random.integers(len(around.points))] + random.normal(size=3) * 0.1 * around.distance
    if np.linalg.norm(target - origin) < 0.25 * around.distance:
        return None
    half_width = np.tan(np.radians(own.fov_deg) / 2) * random.uniform(*FOV_FACTOR)
    fov_deg = float(np.degrees(2 * np.arctan(half_width)))
    return Camera(look_at(origin, target, own.to_world[:3, 1]), fov_deg, own.resolution)


def _propose_near(random: np.random.Generator, own: Camera, around: _Surroundings) -> Camera:
    """A camera moved by a small random step that looks at the same point ahead."""
    direction = random.normal(size=3)
    step = direction / np.linalg.norm(direction) * random.uniform(*NEAR_MOVE) * around.distance
    target = own.origin + own.to_world[:3, 2] * around.distance
    return Camera(look_at(own.origin + step, target, own.to_world[:3, 1]), own.fov_deg, own.resolution)


def _is_free(scene: MitsubaScene, own: Camera, camera: Camera, clearance: float) -> bool:
    """Whether the way from the scene's own camera is free, and a sphere of `clearance` around the new one."""
    way = camera.origin - own.origin
    length = float(np.linalg.norm(way))
    if cast_rays(scene, own.origin, way[None] / length)[0] < length + clearance:
        return False
    sphere = np.random.default_rng(0).normal(size=(CLEARANCE_RAYS, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    return bool(cast_rays(scene, camera.origin, sphere).min() > clearance)


def _is_worth_a_view(scene: MitsubaScene, camera: Camera, around: _Surroundings, sensor: int, seed: int) -> bool:
    own, new = around.sight, _sight(scene, camera, sensor, derive_seed(seed, *CAMERA_STREAM, 1))
    lit, seen = new.light >= LEAST_LIGHT * own.light, new.seen >= LEAST_SEEN * own.seen
    return lit and seen and new.detail >= LEAST_DETAIL * own.detail


def _small(camera: Camera) -> Camera:
    width, height = (max(1, round(PROBE_SIDE * side / max(camera.resolution))) for side in camera.resolution)
    return Camera(camera.to_world, camera.fov_deg, (width, height))


def cast_rays(scene: MitsubaScene, origin: Vector, directions: Vector) -> Vector:
    """Distance to the first surface along unit `directions` (N, 3) from `origin` (3,); infinity where there is none."""
    import mitsuba as mi

    if scene.variant.startswith("scalar"):
        hits = [scene.scene.ray_intersect_preliminary(mi.Ray3f(list(origin), list(d))) for d in directions]
        return np.array([hit.t if hit.is_valid() else np.inf for hit in hits])
    origins = np.broadcast_to(origin, directions.shape)  # as an array: a literal would compile a kernel for each origin
    points, vectors = (np.ascontiguousarray(each.T, dtype=np.float32) for each in (origins, directions))
    rays: Any = mi.Ray3f(mi.Point3f(points), mi.Vector3f(vectors))
    return np.array(scene.scene.ray_intersect_preliminary(rays).t, dtype=np.float64)
