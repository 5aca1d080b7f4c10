"""A renderer with known truth: a textured floor and back wall under a smooth light, plus seeded noise; no Mitsuba."""

from dataclasses import dataclass

import numpy as np

from renderer_bridge.camera_path import look_at
from renderer_bridge.frame import Camera, Frame, Image, Pair

FLOOR, WALL = -1.0, 6.0  # the floor is y = FLOOR, the wall z = WALL; above the wall's top there is nothing
WALL_TOP = 1.5


def camera_at(x: float = 0.0, z: float = 0.0, resolution: tuple[int, int] = (64, 48)) -> Camera:
    """A camera above the floor that looks at the wall."""
    return Camera(
        look_at(np.array([x, 0.2, z]), np.array([x * 0.8, 0.0, WALL]), np.array([0.0, 1.0, 0.0])), 60.0, resolution
    )


def camera_rays(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Origin (3,) and unit directions (H, W, 3) through the middles of pixels; +x of the camera points left."""
    width, height = camera.resolution
    half = np.tan(np.radians(camera.fov_deg) / 2)
    x = (1 - (np.arange(width) + 0.5) / width * 2) * half
    y = (1 - (np.arange(height) + 0.5) / height * 2) * half * height / width
    local = np.stack(np.broadcast_arrays(x[None, :], y[:, None], np.ones((height, width))), axis=-1)
    directions = local @ camera.to_world[:3, :3].T
    return camera.origin, directions / np.linalg.norm(directions, axis=-1, keepdims=True)


@dataclass
class FakeRenderer:
    """Implements `online.records.Renderer`; noise has mean 1 and variance 1 / (2 spp), independent per pixel."""

    renders: int = 0

    def truth(self, camera: Camera) -> Frame:
        """The noise-free frame."""
        origin, directions = camera_rays(camera)
        with np.errstate(divide="ignore"):
            to_floor = (FLOOR - origin[1]) / directions[..., 1]
            to_wall = (WALL - origin[2]) / directions[..., 2]
        to_floor, to_wall = (np.where(t > 0, t, np.inf) for t in (to_floor, to_wall))
        on_wall = to_wall < to_floor
        depth = np.minimum(to_floor, to_wall)
        point = origin + np.where(np.isfinite(depth), depth, 0)[..., None] * directions
        hit = np.isfinite(depth) & ~(on_wall & (point[..., 1] > WALL_TOP))
        normal = np.where(on_wall[..., None], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]) * hit[..., None]
        checks = (np.floor(point[..., 0] * 2) + np.floor(point[..., 2] * 2 + point[..., 1] * 2)) % 2
        albedo = np.where(checks[..., None] > 0, [0.8, 0.5, 0.3], [0.2, 0.3, 0.5]) * hit[..., None]
        light = 0.3 + 1.0 / (1 + 0.3 * np.square(point - [0.5, 0.5, 4.0]).sum(axis=-1))
        color = albedo * light[..., None] + 0.05 * ~hit[..., None]
        layers = {
            "albedo": albedo,
            "normal": normal,
            "position": point * hit[..., None],
            "depth": (depth * 1.0)[..., None],
        }
        layers["depth"] = np.where(hit[..., None], layers["depth"], 0.0)
        return Frame(color.astype(np.float32), camera=camera, **{k: v.astype(np.float32) for k, v in layers.items()})

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: object = None) -> Pair:
        """The truth with noise in both halves."""
        self.renders += 1
        truth = self.truth(camera)
        return Pair(*(_noisy(truth, spp, seed) for seed in seeds))


def _noisy(truth: Frame, spp: int, seed: int) -> Frame:
    noise: Image = np.random.default_rng(seed).gamma(2.0 * spp, 1 / (2.0 * spp), truth.color.shape).astype(np.float32)
    return Frame(truth.color * noise, truth.albedo, truth.normal, truth.position, truth.depth, truth.camera, spp, seed)
