"""Where answers and copies are kept that can be made again: nothing there is missed when it is gone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder; a temporary one for a user without a home."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen) / "n2n-denoiser"
    try:
        return Path.home() / ".cache" / "n2n-denoiser"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "n2n-denoiser"
