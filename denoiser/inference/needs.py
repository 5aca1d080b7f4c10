"""What a denoiser needs and an input does not have: the sentences that every run says of it."""

from __future__ import annotations

from collections.abc import Mapping

from denoiser.model import Model
from renderer_bridge.check import SPACE, Finding, check_frame, check_pair
from renderer_bridge.frame import Frame, Pair


def unmet_needs(model: Model, frames: tuple[Frame, ...]) -> tuple[str, ...]:
    """Sentences about a frame, or the two halves of a pair: layers that are missing, and each serious alarm.

    What costs little - a pass in camera space, a render that is clean already - is said by --check alone.
    """
    alarms = [finding.sentence for finding in findings_of(frames) if finding.alarm and finding.serious]
    return (*missing_layers(model, frames), *alarms)


def missing_layers(model: Model, frames: tuple[Frame, ...]) -> tuple[str, ...]:
    """Says when layers are absent that keep textures and edges sharp."""
    missing = [name for name in ("albedo", "normal") if name not in frames[0].layers()]
    if not missing:
        return ()
    return (f"no {' and no '.join(missing)} layer; with {'it' if len(missing) == 1 else 'them'} edges stay sharper",)


def findings_of(
    frames: tuple[Frame, ...], repaired: Mapping[str, int] | None = None, camera_space: bool = False
) -> list[Finding]:
    """What `renderer_bridge.check` finds in a frame, or in the two halves of a pair.

    With `camera_space` it is known that normals are so, and not asked.
    """
    found = check_frame(frames[0], repaired) if len(frames) == 1 else check_pair(Pair(frames[0], frames[1]), repaired)
    return [each for each in found if not (camera_space and each.name == SPACE)]
