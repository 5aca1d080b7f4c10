"""NVIDIA's OptiX denoiser as Mitsuba brings it: on CUDA devices only.

Source: Mitsuba 3's reference of `mitsuba.OptixDenoiser`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderer_bridge.errors import N2NError
from renderer_bridge.frame import Frame, Image
from renderer_bridge.mitsuba_variant import cuda_runs, set_variant


def optix_denoised(frame: Frame) -> Image:
    """What OptiX makes of a frame's linear radiance with its albedo and normal; (H, W, 3) of the same size.

    Normals are turned into the camera's space where the frame tells its camera. Raises `N2NError` without CUDA. Not run
    on a CUDA device yet.
    """
    require_optix()
    import mitsuba as mi

    height, width = frame.color.shape[:2]
    layers = {} if frame.albedo is None else {"albedo": frame.albedo}
    if frame.albedo is not None and frame.normal is not None:
        layers["normals"] = frame.normal
    denoiser = mi.OptixDenoiser((width, height), albedo="albedo" in layers, normals="normals" in layers)
    given: dict[str, Any] = {name: mi.TensorXf(np.ascontiguousarray(layer)) for name, layer in layers.items()}
    if "normals" in layers:
        to_world = np.eye(4) if frame.camera is None else frame.camera.to_world
        given["to_sensor"] = mi.ScalarTransform4f(np.linalg.inv(to_world))
    return np.array(denoiser(mi.TensorXf(frame.color), **given), dtype=np.float32)


def require_optix() -> None:
    """Set Mitsuba's CUDA variant; raises `N2NError` where it does not run."""
    if not cuda_runs():
        raise N2NError("optix: Mitsuba finds no CUDA device with OptiX on this machine; oidn runs on any")
    set_variant("cuda")
