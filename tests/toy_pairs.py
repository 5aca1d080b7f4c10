"""A toy scene for the trainer's tests: a shaded sphere with known radiance, normals and albedo, plus seeded noise."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame, Image

HEIGHT, WIDTH = 72, 104
LIGHT = np.array([0.3, 0.5, 0.8])


def sphere_normals(height: int = HEIGHT, width: int = WIDTH, shift: float = 0.0) -> Image:
    """Unit normals of a sphere seen by an orthographic camera along -z, x right, y up; zero beside the sphere."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = (x + 0.5 - width / 2 - shift) / (0.45 * height), (height / 2 - y - 0.5) / (0.45 * height)
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    return np.where((z > 0)[..., None], np.stack([x, y, z], axis=2), 0).astype(np.float32)


def shaded(normals: Image, light: NDArray[np.float64] = LIGHT) -> Image:
    """Radiance of a white diffuse sphere under a directional light, over a grey background; (H, W, 3)."""
    lit = np.clip(normals @ light, 0, None) + 0.1
    return np.repeat(lit[..., None], 3, axis=2).astype(np.float32)


def noisy(truth: Image, seed: int) -> Image:
    """The truth times noise of mean 1 and variance 1/2, independent in each pixel."""
    return (truth * np.random.default_rng(seed).gamma(2.0, 0.5, truth.shape)).astype(np.float32)


def write_toy_pairs(folder: Path, views: int = 6, references: bool = False) -> Path:
    """Write `views` pairs view0, view1, ... of a sphere that moves to the right; with `references` their truth too."""
    folder.mkdir(parents=True, exist_ok=True)
    for view in range(views):
        normals = sphere_normals(shift=3.0 * view)
        truth, albedo = shaded(normals), np.full_like(normals, 0.5)
        for half, name in enumerate("ab"):
            frame = Frame(noisy(truth, 2 * view + half), albedo, normals, seed=2 * view + half, spp=2)
            write_frame(folder / f"view{view}.{name}.exr", frame)
        if references:
            write_frame(folder / f"view{view}.ref.exr", Frame(truth))
    return folder
