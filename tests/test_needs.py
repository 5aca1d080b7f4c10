"""What every run says of its input."""

from types import SimpleNamespace

import numpy as np

from denoiser.inference.needs import findings_of, missing_layers, unmet_needs
from renderer_bridge.frame import Frame

MODEL = SimpleNamespace()


def frame(color: float = 1.0, albedo: float | None = None, normal: float | None = None, seed: int = 0) -> Frame:
    """Even layers, and noise in color."""
    noise = np.random.default_rng(seed).gamma(2.0, 0.5, (96, 128, 3)).astype(np.float32)
    layers = {
        name: None if value is None else np.full_like(noise, value)
        for name, value in (("albedo", albedo), ("normal", normal))
    }
    return Frame(color * noise, **layers)


def test_missing_layers_are_told() -> None:
    assert missing_layers(MODEL, (frame(normal=0),)) == ("no albedo layer; with it edges stay sharper",)  # type: ignore[arg-type]
    assert missing_layers(MODEL, (frame(normal=0, albedo=0.5),)) == ()  # type: ignore[arg-type]


def test_alarms_are_told_and_notes_are_not() -> None:
    assert unmet_needs(MODEL, (frame(albedo=0.5, normal=0),)) == ()  # type: ignore[arg-type]
    (black,) = unmet_needs(MODEL, (frame(albedo=0, normal=1 / np.sqrt(3)),))  # type: ignore[arg-type]
    assert black.startswith("albedo is black: ")
    clean = frame(albedo=0.5, normal=0)
    clean = Frame(1 + clean.color / 200, clean.albedo, clean.normal)
    assert [finding.name for finding in findings_of((clean,)) if finding.alarm] == ["noise level"]
    assert unmet_needs(MODEL, (clean,)) == ()  # type: ignore[arg-type]


def test_halves_are_held_against_each_other() -> None:
    a, b = frame(seed=1), frame(2.0, seed=2)
    assert any("brighter" in sentence for sentence in unmet_needs(MODEL, (a, b)))  # type: ignore[arg-type]
