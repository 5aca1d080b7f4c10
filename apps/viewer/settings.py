"""What the window remembers from one run to the next, in the user's own settings (QSettings)."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

from apps.viewer.picture import TONE_MAPS, Look
from apps.viewer.requests import RenderSettings

ORGANISATION, APPLICATION = "n2n-denoiser", "n2n-viewer"
MOST_RECENT = 8
NUMBERS_OR_NONE = ("train_seconds", "learning_rate")


class Settings:
    """Typed reading and writing; what a file holds that makes no sense is as if it were not there."""

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store or QSettings(ORGANISATION, APPLICATION)

    def render_settings(self) -> RenderSettings:
        """As they were left."""
        defaults = RenderSettings()
        values = {each.name: self._read(each.name, getattr(defaults, each.name)) for each in fields(defaults)}
        settings = RenderSettings(**values)
        counts = settings.spp, settings.train_steps, settings.longest_side, settings.moving_rate
        fits = 0 < settings.scale_resting <= 1 and 0 <= settings.until_error < 1
        return settings if fits and min(counts) > 0 else defaults

    def look(self) -> Look:
        """Tone map as it was left; mode and exposure begin anew, for they belong to a picture."""
        name = str(self._store.value("tone_map", "paper"))
        return Look(tone_map=next((each for each in TONE_MAPS if each == name), "paper"))

    def recent(self) -> list[Path]:
        """Scenes opened lately, the last one first."""
        paths: Any = self._store.value("recent", [])
        return [Path(str(path)) for path in ([paths] if isinstance(paths, str) else paths or [])]

    def add_recent(self, path: Path) -> None:
        """Put a scene first."""
        path = path.resolve()
        others = [each for each in self.recent() if each != path]
        self._store.setValue("recent", [str(each) for each in (path, *others)][:MOST_RECENT])

    def layout(self) -> tuple[QByteArray, QByteArray]:
        """Geometry of the window, and the state of its docks; empty ones at first."""
        read = (self._store.value(name, QByteArray()) for name in ("geometry", "docks"))
        geometry, docks = (each if isinstance(each, QByteArray) else QByteArray() for each in read)
        return geometry, docks

    def save(self, settings: RenderSettings, look: Look, geometry: QByteArray, docks: QByteArray) -> None:
        """Write all to the user's settings."""
        for name, value in asdict(settings).items():
            self._store.setValue(f"render/{name}", "" if value is None else value)
        self._store.setValue("tone_map", look.tone_map)
        self._store.setValue("geometry", geometry)
        self._store.setValue("docks", docks)
        self._store.sync()

    def _read(self, name: str, default: Any) -> Any:
        """A value of the field's type, else its default; settings files hold text, and "" for None."""
        text = self._store.value(f"render/{name}")
        kind = float if name in NUMBERS_OR_NONE else type(default)
        if text is None or (not str(text) and name in NUMBERS_OR_NONE):
            return default if text is None else None
        if kind is bool:
            return str(text).lower() == "true"
        try:
            return kind(str(text))
        except ValueError:
            return default
