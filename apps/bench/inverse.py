"""Inverse rendering: a reflectance recovered from a noisy picture, with `<integrator type="n2n">` and without.

What is made smaller is the relative squared error, by which pictures of a large range are compared; its derivative
takes the picture below the line as constant (Lehtinen et al. 2018, sec. 3.3). The picture's own noise biases it: noise
that is squared counts more where the picture is dark.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from apps.bench.figure import Figure
from apps.bench.plugin import is_reflectance, loaded
from denoiser.paper import LOSS_EPSILON
from online.mitsuba_plugin import register, wrap
from renderer_bridge.errors import SceneError
from renderer_bridge.mitsuba_variant import set_variant

PIXELS, DEPTH = 6_000, 6
TARGET_SPP, SEEDS = 16, (1, 2)
STEPS, RATE, START = 40, 0.04, 0.5
LAST = 5  # steps whose mean error counts

Loss = Literal["relative", "squared"]


@dataclass(frozen=True)
class _Recovery:
    """What came of it: mean distance from the true reflectance, and seconds of the processor."""

    error: float
    seconds: float


def bench_inverse(scenes: Sequence[Path]) -> Iterator[Figure]:
    """Error of the reflectance after 40 steps of Adam, of n2n over prb, at equal and at four times the samples."""
    import mitsuba as mi

    set_variant("llvm")
    register()
    for path in scenes:
        scene = loaded(path, PIXELS)
        plain = mi.load_dict({"type": "prb", "max_depth": DEPTH})
        n2n = wrap(mi.load_dict({"type": "prb", "max_depth": DEPTH}))
        name = _most_seen(path, scene, plain)
        runs: list[tuple[str, Any, int, Loss]] = [
            ("n2n", n2n, 8, "relative"), ("prb", plain, 8, "relative"), ("prb", plain, 32, "relative"),
            ("n2n", n2n, 8, "squared"), ("prb", plain, 8, "squared"),
        ]  # fmt: skip
        for called, integrator, spp, loss in runs:
            found = _recovered(scene, name, integrator, spp, loss)
            yield Figure(
                f"{path.parent.name}, {name}, {loss} error, {called} at {spp} spp", f"{found.error:.3f}", "-",
                f"from {START}; CPU {found.seconds:.1f}",
            )  # fmt: skip


def _most_seen(path: Path, scene: Any, integrator: Any) -> str:
    """The plain reflectance whose change to `START` changes the picture most."""
    import mitsuba as mi

    parameters = mi.traverse(scene)
    names: list[str] = [name for name in list(parameters.keys()) if is_reflectance(name)]
    names = [name for name in names if isinstance(parameters[name], mi.Color3f)]
    if not names:
        raise SceneError(f"{path}: has no plain reflectance of one color; one is needed")
    before = _picture(scene, integrator, 0)
    changed: dict[str, float] = {}
    for name in names:
        true = mi.Color3f(parameters[name])
        _set(parameters, name, mi.Color3f(START))
        changed[name] = float(np.abs(np.log((_picture(scene, integrator, 0) + 0.01) / (before + 0.01))).mean())
        _set(parameters, name, true)
    return max(changed, key=changed.__getitem__)


def _picture(scene: Any, integrator: Any, seed: int) -> Any:
    import drjit as dr

    with dr.suspend_grad():
        return np.array(integrator.render(scene, 0, seed=seed, spp=TARGET_SPP))[..., :3]


def _set(parameters: Any, name: str, value: Any) -> None:
    parameters[name] = value
    parameters.update()


def _recovered(scene: Any, name: str, integrator: Any, spp: int, loss: Loss) -> _Recovery:
    """Mean over `SEEDS`, each with a noisy target of its own, rendered by the same integrator."""
    import mitsuba as mi

    parameters = mi.traverse(scene)
    true = mi.Color3f(parameters[name])
    found, start = [], time.process_time()
    for seed in SEEDS:
        target = mi.TensorXf(_picture(scene, integrator, 90_000 + seed))
        path = _descend(scene, parameters, name, integrator, target, spp, loss, seed)
        _set(parameters, name, mi.Color3f(true))
        wrong = np.abs(np.array(path[-LAST:]) - np.array(true).ravel())
        found.append(float(wrong.mean()))
    return _Recovery(float(np.mean(found)), (time.process_time() - start) / len(SEEDS))


def _descend(
    scene: Any, parameters: Any, name: str, integrator: Any, target: Any, spp: int, loss: Loss, seed: int
) -> list[Any]:
    """The reflectance after each step."""
    import drjit as dr
    import mitsuba as mi

    optimizer = mi.ad.Adam(lr=RATE)
    optimizer[name] = mi.Color3f(START)
    found = []
    for step in range(STEPS):
        optimizer[name] = dr.clip(optimizer[name], 0.01, 0.99)
        parameters.update(optimizer)
        seeds = (2 * (seed * STEPS + step) + half for half in (0, 1))
        image = mi.render(
            scene, parameters, integrator=integrator, spp=spp, seed=next(seeds), seed_grad=next(seeds)
        )[..., :3]  # fmt: skip
        error = dr.square(image - target)
        if loss == "relative":
            error /= dr.square(dr.detach(image) + LOSS_EPSILON)
        dr.backward(dr.mean(error, axis=None))
        optimizer.step()
        found.append(np.array(optimizer[name]).ravel())
    return found
