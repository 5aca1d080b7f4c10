"""Whether normals are unit vectors in world space."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.check.finding import Finding, sign_test
from renderer_bridge.check.patches import patches
from renderer_bridge.frame import Camera, Frame, Image

Vectors = NDArray[np.float64]
"""(N, 3)"""

SPACE = "normal space"
"""The name of that finding."""

LENGTH_OFF = 0.05
"""How far a length may be from 1: normals of neighbouring surfaces that meet in a pixel shorten their mean."""

MOST_OFF = 0.5
"""Share of the surfaces whose normals may be off. Sound, means of unit normals over a pixel: up to 0.2 (leaves)."""

NEGATIVE, NONE_NEGATIVE = -1e-3, 0.999
"""Share of the surfaces from which on no component counts as negative: then they are colors, not vectors."""

TOWARDS = 0.05
"""Cosine by which a visible surface may be turned away from the camera: shading normals are, at silhouettes."""

CAMERA_FITS, WORLD_FITS = 0.98, 0.9
"""Shares of the surfaces that face the viewer, read as camera space and as world space. Camera space: 1.00, and 0.27 to
0.87, or 1.00 where the camera looks along an axis. Sound, front and back sides mixed as Mitsuba has them: at most 0.8,
and at least 0.71."""

ALONG_AXIS, AXIS_SHARE = 0.9998, 0.02
"""Cosine (1.1 degrees) of normals that lie along an axis, and their share. World space: floors and
walls make 0.26 and more; camera space: 0.001, unless the camera looks along an axis."""

AXIS_SHARE_SOUND = 0.1

PLANE_SHARE, PLANE_STEPS, RIGHT_ANGLE = 0.05, 100, 0.03
"""Without two planes at right angles, each of that share, nothing need be upright. Planes are told from normals in
steps of 0.01; a right angle has a cosine up to `RIGHT_ANGLE`."""

BEHIND, BEHIND_SHARE = 0.5, 0.002
"""Cosine to the viewing axis beyond which no surface in view can be turned, in a picture 60 degrees wide, and the share
that may be."""

LEAST_VECTORS = 500

LENGTH_TEXT = (
    "normals are not of unit length: write the shading normal itself, neither scaled nor interpolated between vertices "
    "without normalising (Arnold: N with closest or box filter; Mitsuba: sh_normal)"
)
ENCODED_TEXT = (
    "normals are encoded as colors from 0 to 1: write the vectors themselves, from -1 to 1 (V-Ray: normals render "
    "element, not clamped; compositors: no remap to 0..1)"
)
CAMERA_TEXT = (
    "normals are in camera space; a single picture is denoised well with them, reprojection and the viewer need world "
    'space (Blender: pass Normal instead of Denoising Normal; pbrt: film gbuffer with "string coordinatesystem" '
    '"world"; V-Ray: normals render element in world space)'
)


def check_normals(frame: Frame, mended: int = 0) -> list[Finding]:
    """Tests of the normals; `mended` is the number of them that were longer than 1 in the file."""
    vectors = patches(frame.normal).reshape(-1, 3)
    surface = np.asarray(vectors.any(axis=1))
    if surface.sum() < LEAST_VECTORS:
        return []
    length = _length(vectors[surface], mended / (frame.size[0] * frame.size[1]))
    return [length] if length.alarm else [length, _camera_space(vectors, surface, frame.camera)]


def _length(normals: Vectors, mended: float) -> Finding:
    """Share of the normals off unit length; those that were too long have been shortened to it, `mended` of all."""
    off = float((np.abs(np.linalg.norm(normals, axis=1) - 1) > LENGTH_OFF).mean())
    share = min(off + mended, 1.0)
    p_value = sign_test(round(share * len(normals)), len(normals), MOST_OFF)
    colors = (normals >= NEGATIVE).all(axis=1).mean() > NONE_NEGATIVE
    name, text = ("normal range", ENCODED_TEXT) if colors else ("normal length", LENGTH_TEXT)
    return Finding(name, share, MOST_OFF, "above", p_value, text)


def _camera_space(vectors: Vectors, surface: NDArray[np.bool_], camera: Camera | None) -> Finding:
    """Told from the camera where there is one, else, or where it cannot tell, from what ought to stand upright."""
    facing = None if camera is None else _facing(vectors, surface, camera)
    return facing if facing is not None and facing.alarm else _upright(vectors[surface])


def _facing(vectors: Vectors, surface: NDArray[np.bool_], camera: Camera) -> Finding:
    """Share of the surfaces that face the viewer in world space, small where camera space explains them all.

    Camera space differs between renderers: x to the left or right, z ahead or back.
    """
    rays = np.concatenate([patches(each[..., None]) for each in _rays(camera)], axis=3).reshape(-1, 3)[surface]
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    normals = vectors[surface]
    axes = camera.to_world[:3, :3] / np.linalg.norm(camera.to_world[:3, :3], axis=0)
    in_world = float(((normals * (rays @ axes.T)).sum(axis=1) <= TOWARDS).mean())
    in_camera = max(
        float(((normals * (x, 1, z) * rays).sum(axis=1) <= TOWARDS).mean())
        for x, z in itertools.product((1, -1), repeat=2)
    )
    p_value = (
        sign_test(round((1 - in_world) * len(rays)), len(rays), 1 - WORLD_FITS) if in_camera > CAMERA_FITS else 1.0
    )
    return Finding(SPACE, in_world, WORLD_FITS, "below", p_value, CAMERA_TEXT, serious=False)


def _upright(normals: Vectors) -> Finding:
    """Share of the normals along an axis, small where planes are tilted and all that is seen faces +z or -z."""
    along = int((np.abs(normals).max(axis=1) > ALONG_AXIS).sum())
    depth = normals[:, 2] * np.sign(normals[:, 2].sum())
    possible = (depth < -BEHIND).mean() < BEHIND_SHARE and _has_corner(normals)
    p_value = sign_test(len(normals) - along, len(normals), 1 - AXIS_SHARE_SOUND) if possible else 1.0
    return Finding(SPACE, along / len(normals), AXIS_SHARE, "below", p_value, CAMERA_TEXT, serious=False)


def _has_corner(normals: Vectors) -> bool:
    """Whether there are two planes at right angles."""
    steps = np.rint(normals * PLANE_STEPS).astype(np.int64) @ (1, 1000, 1000000)
    _, first, counts = np.unique(steps, return_index=True, return_counts=True)
    planes = normals[first[counts > PLANE_SHARE * len(normals)]]
    return bool((np.abs(planes @ planes.T) < RIGHT_ANGLE).any())


def camera_rays(camera: Camera) -> Image:
    """Directions through the middles of the pixels, in the camera's own space, (H, W, 3), with a z of 1."""
    return np.stack(_rays(camera), axis=-1, dtype=np.float32)


def _rays(camera: Camera) -> tuple[NDArray[np.float64], ...]:
    """Their components x, y, z, each (H, W), in little memory."""
    width, height = camera.resolution
    half = np.tan(np.radians(camera.fov_deg) / 2)
    x = (1 - (np.arange(width) + 0.5) / width * 2) * half
    y = (1 - (np.arange(height) + 0.5) / height * 2) * half * height / width
    return np.broadcast_arrays(x[None, :], y[:, None], np.float64(1))
