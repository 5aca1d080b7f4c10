"""A network of no cost: half the radiance, so that a test of files takes milliseconds."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from denoiser.inference import files, picture, reading
from denoiser.transforms import NetworkInput
from renderer_bridge.frame import Denoised, Frame, Pair

MODEL = SimpleNamespace(input=NetworkInput(("color",)), head="radiance")


def halve(monkeypatch: pytest.MonkeyPatch, layers: tuple[str, ...] = ("color",)) -> None:
    """From now on `denoise_picture` halves what it is given; the error of a pair is 0.25 everywhere."""

    def frame(model: Any, given: Frame, **_: Any) -> Denoised:
        return Denoised(given.color * np.float32(0.5))

    def pair(model: Any, given: Pair, **_: Any) -> Denoised:
        color = (given.a.color + given.b.color) * np.float32(0.25)
        return Denoised(color, np.full_like(color, 0.25))

    monkeypatch.setattr(picture, "denoise_frame", frame)
    monkeypatch.setattr(picture, "denoise_pair", pair)
    fake = SimpleNamespace(input=NetworkInput(layers), head="radiance")
    for module in (files, reading):
        monkeypatch.setattr(module, "model_named", lambda name: fake)
