"""Write the frame on the screen: as EXR with all that is known of it, or as PNG as it is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from apps.pictures import write_png
from apps.viewer.picture import Look, Shown, shown
from online.records import FlythroughRecord
from renderer_bridge.errors import UsageError
from renderer_bridge.exr_frame import write_frame

ENDINGS = (".exr", ".png")


@dataclass(frozen=True)
class Export:
    """One picture to write, captured when it was asked for. `divider` is the share left of it in split mode.

    An EXR holds the denoised radiance and the frame's layers, whatever mode is shown; a PNG what is shown. Raises
    `UsageError` when `path` ends in neither.
    """

    path: Path
    record: FlythroughRecord
    look: Look
    divider: float = 0.5

    def __post_init__(self) -> None:
        if self.path.suffix.lower() not in ENDINGS:
            raise UsageError(f"{self.path}: its name must end in {' or '.join(ENDINGS)}")

    def write(self) -> None:
        """Raises `OutputError` when the file cannot be written."""
        if self.path.suffix.lower() == ".png":
            picture: Shown = shown(self.record, self.look)
            write_png(self.path, picture.flat(self.divider))
            return
        half = self.record.pair.a  # the picture is made of both halves: twice the samples of one, and no one seed
        spp = None if half.spp is None else 2 * half.spp
        write_frame(self.path, replace(half, color=self.record.denoised.color, spp=spp, seed=None))
