"""Scenes seen by a moving camera, with known truth: what warping and blending are tested on."""

from __future__ import annotations

import numpy as np
from fake_renderer import FakeRenderer, camera_rays
from numpy.typing import NDArray

from denoiser.metrics import tone_map
from renderer_bridge.camera_path import look_at
from renderer_bridge.frame import Camera, Frame, Image

SIZE = (64, 40)  # width, height
TRUTH = FakeRenderer().truth
CURVATURE = 2e-3  # of the smooth patterns below between pixels: what interpolation may miss of values near 1

PANEL, BACK = 3.0, 6.0  # depths of a panel, |x| < HALF, and of the endless wall behind it
HALF = 0.6


def looking(origin: tuple[float, float, float], target: tuple[float, float, float], size: tuple[int, int]) -> Camera:
    return Camera(look_at(np.array(origin), np.array(target), np.array([0.0, 1.0, 0.0])), 60.0, size)


def pattern(frame: Frame) -> Image:
    """A smooth color of the world position, or of the direction where nothing is hit: (H, W, 3) in [0.2, 1.2]."""
    assert frame.camera and frame.position is not None and frame.depth is not None
    directions = camera_rays(frame.camera)[1]
    place = np.where(frame.depth > 0, frame.position, 3 * directions)
    return (0.7 + 0.5 * np.sin(place * [0.9, 1.1, 0.5] + [0, 1, 2])).astype(np.float32)


def panel_scene(camera: Camera) -> Frame:
    """A panel in front of a wall, both facing the camera: occlusion is known exactly."""
    origin, directions = camera_rays(camera)
    to_panel, to_back = ((z - origin[2]) / directions[..., 2] for z in (PANEL, BACK))
    on_panel = np.abs(origin[0] + to_panel * directions[..., 0]) < HALF
    depth = np.where(on_panel, to_panel, to_back)[..., None]
    color = np.where(on_panel[..., None], [5.0, 0.0, 0.0], [0.1, 0.2, 0.3])
    layers = {
        "color": color,
        "position": origin + depth * directions,
        "normal": np.broadcast_to([0.0, 0.0, -1.0], color.shape),
        "depth": depth,
    }
    return Frame(**{name: layer.astype(np.float32) for name, layer in layers.items()}, camera=camera)


def noisy(image: Image, seed: int, amount: float = 0.15) -> Image:
    """What a denoiser leaves: relative errors in blotches of 4x4 pixels."""
    height, width = image.shape[:2]
    blotches = np.random.default_rng(seed).normal(1, amount, (-(-height // 4), -(-width // 4), 3))
    return (image * blotches.repeat(4, 0).repeat(4, 1)[:height, :width]).clip(0).astype(np.float32)


def distance(a: Image, b: Image, where: NDArray[np.bool_] | None = None) -> float:
    difference = np.abs(tone_map(a) - tone_map(b))
    return float((difference if where is None else difference[where]).mean())
