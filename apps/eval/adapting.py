"""Methods of `n2n-eval` that choose between pictures, or train on the very pair that is measured first.

Both halves are all they see. Training is for `STEPS` steps, not for a time, so that a table is the same on a busy
machine; each call trains anew, which `--repeats 1` keeps to one.
"""

from __future__ import annotations

import math

from apps.eval.views import Method
from denoiser.inference.denoise import denoise_pair
from denoiser.inference.piloted import Pilot
from denoiser.inference.select import select_pair
from denoiser.model import Model
from denoiser.training.adapt import AdaptConfig, adapt
from renderer_bridge.frame import Denoised, Pair

STEPS = 120
"""Steps of adapting: about 22 s of one core at four crops of 128x128."""


def adapted_alone(model: Model) -> Method:
    """`n2n-denoise --adapt`: the network, adapted to the pair, and its residual."""
    return lambda pair: denoise_pair(_adapted(model, pair), pair)


def selected(model: Model, pilot: Pilot | None = None) -> Method:
    """`n2n-denoise --select`: the best of noisy mean, network, and pilot, place by place."""
    return lambda pair: select_pair(pair, model, pilot)


def selected_adapted(model: Model, pilot: Pilot) -> Method:
    """`n2n-denoise --select --pilot --adapt`: the same with the adapted network as one more picture."""

    def method(pair: Pair) -> Denoised:
        trained = _adapted(model, pair)
        return select_pair(pair, model, pilot, None if trained is model else trained)

    return method


def _adapted(model: Model, pair: Pair) -> Model:
    looks = adapt(model, [pair], AdaptConfig(seconds=math.inf, steps=STEPS))
    while True:
        try:
            next(looks)
        except StopIteration as end:
            adapted: Model = end.value
            return adapted
