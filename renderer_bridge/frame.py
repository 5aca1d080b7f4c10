"""The values that cross walls: `Camera`, `Frame`, `Pair`, `Motion`, `Denoised`. Frozen, and checked when built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
"""A float32 image (H, W, C), row 0 at the top; C is 3 unless said otherwise."""

Pixels = Any
"""An image (H, W, C) of float32 as anything that speaks DLPack: a numpy array, a Dr.Jit or torch tensor on any
device."""


@dataclass(frozen=True)
class Camera:
    """A perspective camera.

    `to_world` is the camera-to-world matrix (4, 4), float64, Mitsuba's convention: the camera looks along its +z, +y is
    up, +x points left. `fov_deg` is the *horizontal* field of view in degrees, in (0, 180). `resolution` is
    (width, height) in pixels.
    """

    to_world: NDArray[np.float64]
    fov_deg: float
    resolution: tuple[int, int]

    def __post_init__(self) -> None:
        if self.to_world.shape != (4, 4) or not np.isfinite(self.to_world).all():
            raise ValueError(f"to_world must be a finite (4, 4) matrix, not {self.to_world.shape}")
        if not 0.0 < self.fov_deg < 180.0:
            raise ValueError(f"fov_deg must lie in (0, 180), not {self.fov_deg}")
        if min(self.resolution) < 1:
            raise ValueError(f"resolution must be at least 1x1, not {self.resolution}")

    @property
    def origin(self) -> NDArray[np.float64]:
        """Position of the camera in world space, (3,)."""
        return self.to_world[:3, 3]


@dataclass(frozen=True)
class Frame:
    """One noisy render with its AOVs, all float32 (H, W, 3), finite.

    The arrays are numpy's, or, while a picture stays on the device that made it, any that speak DLPack (`Pixels`): a
    Dr.Jit tensor, a torch tensor. Of those only the shape is checked here, for to look at values is to wait for the
    device; whoever makes them sees to it that they are finite.

    `color` is linear radiance, `albedo` lies in [0, 1], `normal` is the unit shading normal in world space in [-1, 1]
    (zero where a ray left the scene), `position` the world-space hit point, `depth` (H, W, 1) the distance from the
    camera in world units (0 where there is none). `spp` is samples per pixel. Albedo and normal of large pictures may
    be float16, as most files hold them. Raises ValueError when a shape, a type or a value does not fit.
    """

    color: Image
    albedo: Image | None = None
    normal: Image | None = None
    position: Image | None = None
    depth: Image | None = None
    camera: Camera | None = None
    spp: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, layer in self.layers().items():
            channels = 1 if name == "depth" else 3
            shape, wanted = tuple(layer.shape), (*self.color.shape[:2], channels)
            if len(shape) != 3 or shape != wanted:
                raise ValueError(f"{name} must have shape {wanted}, not {shape}")
            if not isinstance(layer, np.ndarray):
                continue
            if layer.dtype != np.float32 and not (layer.dtype == np.float16 and name in ("albedo", "normal")):
                raise ValueError(f"{name} must be float32, not {layer.dtype}")
            if not np.isfinite(layer).all():
                raise ValueError(f"{name} has infinite or NaN values")
        if self.spp is not None and self.spp < 1:
            raise ValueError(f"spp must be at least 1, not {self.spp}")

    def layers(self) -> dict[str, Image]:
        """The layers that are present, by name, color first."""
        names = ("color", "albedo", "normal", "position", "depth")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.color.shape[0], self.color.shape[1]


@dataclass(frozen=True)
class Pair:
    """Two renders of one view whose noise is independent.

    Raises ValueError when the halves differ in size, camera or spp, share a seed, or hold the same pixels; such files
    are no noisy pair, and training on them would teach the network to copy its input.
    """

    a: Frame
    b: Frame
    reference: Image | None = None

    def __post_init__(self) -> None:
        a, b = self.a, self.b
        if a.size != b.size:
            raise ValueError(
                f"A is {a.size[1]}x{a.size[0]} but B is {b.size[1]}x{b.size[0]}: both halves must have one size"
            )
        if a.spp is not None and b.spp is not None and a.spp != b.spp:
            raise ValueError(f"A has {a.spp} spp but B has {b.spp}: both halves must have the same samples per pixel")
        if a.seed is not None and a.seed == b.seed:
            raise ValueError(
                f"A and B share the seed {a.seed}: their noise would be the same; different seeds are needed"
            )
        if a.camera is not None and b.camera is not None and not _same_view(a.camera, b.camera):
            raise ValueError("A and B have different cameras: both halves must show the same view")
        if isinstance(a.color, np.ndarray) and _same_picture(a.color, b.color):
            raise ValueError("A and B hold equal pixels: two renders with different seeds are needed")
        if self.reference is not None and self.reference.shape != a.color.shape:
            raise ValueError(f"reference has shape {self.reference.shape}, the halves {a.color.shape}")


def _same_picture(a: Image, b: Image) -> bool:
    """Whether two pictures are equal, and not of one color, as noise-free backgrounds are."""
    return bool(np.array_equal(a, b) and np.any(a != a[:1, :1]))


def _same_view(a: Camera, b: Camera) -> bool:
    return bool(np.allclose(a.to_world, b.to_world) and np.isclose(a.fov_deg, b.fov_deg))


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame were in the last one, or are in relation to it.

    `pixels` is float32 (H, W, 2), distances in pixels along rows and columns. Times `signs` they lead to the place in
    the last frame, to the right and down; None where nobody knows what signs the renderer gives them.
    """

    pixels: Image
    signs: tuple[float, float] | None = None


@dataclass(frozen=True)
class Denoised:
    """A denoised picture.

    `color` is linear radiance, float32 (H, W, 3), finite. `error` is the estimated standard error per pixel in linear
    radiance, (H, W, 3), or None where only one half was given. `repaired` counts the pixels, by layer, that were
    infinite, NaN or outside their range and were mended before denoising. `shares` tells of a picture that was chosen
    from several, place by place, how much of each it is, by name; they sum to 1.
    """

    color: Image
    error: Image | None = None
    repaired: dict[str, int] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
