"""What a frame leaves to the next one, as the notes and arrays of a flight's state file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from denoiser.devices import frame_on, frame_to_host
from denoiser.transforms import to_image, to_nchw
from online.noisy_history import NoisyHistory
from online.records import FlythroughRecord
from online.reprojection import History
from renderer_bridge.frame import Camera, Frame, Image

LAYERS = ("albedo", "normal", "position", "depth")
SAMPLES = ("a", "b", "spp", "offset")


def notes(record: FlythroughRecord) -> dict[str, Any]:
    """The camera of the frame; empty when it leaves nothing."""
    camera = record.history.frame.camera if record.history is not None else None
    if camera is None:
        return {}
    return {"to_world": camera.to_world.tolist(), "fov_deg": camera.fov_deg, "resolution": list(camera.resolution)}


def arrays(record: FlythroughRecord) -> dict[str, Image]:
    """Its pictures (H, W, C)."""
    if record.history is None:
        return {}
    layers = frame_to_host(record.history.frame).layers()
    found = {"result": to_image(record.history.color), "age": to_image(record.history.age)}
    found |= {name: layers[name] for name in LAYERS}
    if record.samples is not None:
        found |= {f"samples {name}": to_image(getattr(record.samples, name)) for name in SAMPLES}
    return found


def restored(notes: Mapping[str, Any], arrays: Mapping[str, Image]) -> tuple[History | None, NoisyHistory | None]:
    """Result and samples that the next frame takes along, of what both of them gave."""
    if not notes:
        return None, None
    camera = Camera(np.array(notes["to_world"]), notes["fov_deg"], tuple(notes["resolution"]))
    albedo, normal, position, depth = (arrays[name] for name in LAYERS)
    frame = frame_on(Frame(arrays["result"], albedo, normal, position, depth, camera))
    history = History(to_nchw(arrays["result"]), to_nchw(arrays["age"]), frame)
    if f"samples {SAMPLES[0]}" not in arrays:
        return history, None
    a, b, spp, offset = (to_nchw(arrays[f"samples {name}"]) for name in SAMPLES)
    return history, NoisyHistory(a, b, spp, offset, frame)
