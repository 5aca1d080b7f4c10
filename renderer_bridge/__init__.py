"""What a renderer gives us: frames, pairs, EXR files, cameras, and Mitsuba.

Knows nothing of networks, and loads Mitsuba only when `set_variant` is called.
"""

from renderer_bridge.camera_path import CameraPath, load_camera_path
from renderer_bridge.errors import (
    DatasetError,
    ExrError,
    MissingPackageError,
    N2NError,
    N2NWarning,
    OutputError,
    SceneError,
    UsageError,
    WeightsError,
)
from renderer_bridge.exr import ExrImage, read_exr, write_exr
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Camera, Denoised, Frame, Pair
from renderer_bridge.mitsuba_pairs import PairRequest, ViewRecord, render_pairs
from renderer_bridge.mitsuba_render import render_aovs, render_color, render_frame, render_pair
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE, MitsubaScene, load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.pair_folder import PairPaths, list_pairs, read_pair, read_target
from renderer_bridge.seeds import SppRange

__all__ = [
    "BUILTIN_SCENE",
    "Camera",
    "CameraPath",
    "DatasetError",
    "Denoised",
    "ExrError",
    "ExrImage",
    "Frame",
    "MissingPackageError",
    "MitsubaScene",
    "N2NError",
    "N2NWarning",
    "OutputError",
    "Pair",
    "PairPaths",
    "PairRequest",
    "SceneError",
    "SppRange",
    "UsageError",
    "ViewRecord",
    "WeightsError",
    "list_pairs",
    "load_camera_path",
    "load_scene",
    "read_exr",
    "read_frame",
    "read_pair",
    "read_target",
    "render_aovs",
    "render_color",
    "render_frame",
    "render_pair",
    "render_pairs",
    "set_variant",
    "write_exr",
    "write_frame",
]
