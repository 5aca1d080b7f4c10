"""Renders as a user gives them: sound ones, and each thing that spoils them done for real, for `apps.bench.check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from denoiser.inference.pilots import OpenImageDenoise
from denoiser.paper import TONE_MAP_GAMMA
from renderer_bridge.check.normals import camera_rays
from renderer_bridge.frame import Camera, Frame, Image, Pair
from renderer_bridge.mitsuba_render import render_color, render_pair
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.seeds import derive_seed

SOUND_SPP, CLAMPED_SPP, CONVERGED_SPP = (1, 4, 16), 4, 128
FILTERS = {4: ("gaussian", "tent"), 16: ("gaussian",)}
SAMPLE_CLAMP = 10.0  # the default of Cycles' Clamp Indirect
ROULETTE = 16  # one sample in so many is kept, and counts so many times
TONE = ("display color", "display range")
EXPOSURE = 1.5
Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)  # from a world with y up to Blender's
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Case:
    """An input, and the alarm, or one of those, that it must raise; None for a sound one."""

    kind: str
    alarm: str | tuple[str, ...] | None
    given: Frame | Pair


def cases_of_scene(scene: MitsubaScene, oidn: OpenImageDenoise) -> Iterator[Case]:
    """Sound and spoiled inputs of one scene, at several samples per pixel."""
    camera = scene.camera()
    for spp in SOUND_SPP:
        pair = render_pair(scene, camera, spp=spp, seeds=(2 * spp, 2 * spp + 1))
        yield from cases_of_pair(pair, oidn)
        for kind in FILTERS.get(spp, ()):
            colors = [_filtered(scene, camera, kind, spp, seed) for seed in (3 * spp, 3 * spp + 1)]
            yield from _both(f"film filter {kind}", "filter", _with_colors(pair, *colors))
    clamped = (_clamped_samples(scene, camera, seed) for seed in (71, 72))
    layers = _each(pair, lambda frame: replace(frame, spp=CLAMPED_SPP))
    yield Case("samples clamped, as in Cycles", "clamped", _with_colors(layers, *clamped))
    small = replace(camera, resolution=(camera.resolution[0] // 2, camera.resolution[1] // 2))
    yield from _both("sound, converged", None, render_pair(scene, small, spp=CONVERGED_SPP, seeds=(5, 6)))


def cases_of_pair(pair: Pair, oidn: OpenImageDenoise) -> Iterator[Case]:
    """What can be made of a sound pair without rendering; layers and camera are needed."""
    yield from _both("sound", None, pair)
    yield from _both("sound, color alone", None, _each(pair, _color_alone))
    yield Case("sound, black background", None, _each(pair, _cut_out))
    yield Case("sound, as Blender writes it", None, _blender(pair.a))
    yield Case("sound, mirrored camera", None, _mirrored(pair.a))
    yield from _spoiled_noise(pair, oidn)
    yield from _spoiled_color(pair)
    yield from _spoiled_layers(pair)


def _both(kind: str, alarm: str | tuple[str, ...] | None, pair: Pair) -> Iterator[Case]:
    yield Case(kind, alarm, pair)
    yield Case(kind, alarm, pair.a)


def _each(pair: Pair, change: Callable[[Frame], Frame]) -> Pair:
    return Pair(change(pair.a), change(pair.b))


def _with_colors(pair: Pair, a: Image, b: Image) -> Pair:
    return Pair(replace(pair.a, color=a), replace(pair.b, color=b))


# ---------------------------------------------------------------------------------------------------------------------
# Sound, in other renderers' ways


def _color_alone(frame: Frame) -> Frame:
    return Frame(frame.color, spp=frame.spp, seed=frame.seed)


def _cut_out(frame: Frame) -> Frame:
    """What lies in the middle, before black nothing."""
    height, width = frame.size
    y, x = np.mgrid[:height, :width]
    inside = (np.square(y / height - 0.5) + np.square(x / width - 0.5) < 0.1)[..., None]
    return Frame(**{name: layer * inside for name, layer in frame.layers().items()}, seed=frame.seed)


def _blender(frame: Frame) -> Frame:
    """World with z up, normals towards the viewer, half floats, no camera in the file."""
    assert frame.normal is not None and frame.camera is not None
    turned = np.where(_facing(frame) > 0, -frame.normal, frame.normal) @ Z_UP.T
    color = np.clip(frame.color, 0, np.finfo(np.float16).max).astype(np.float16).astype(np.float32)
    return Frame(color, frame.albedo, turned.astype(np.float32))


def _mirrored(frame: Frame) -> Frame:
    """The world and its camera seen in a mirror."""
    assert frame.normal is not None and frame.camera is not None
    camera = replace(frame.camera, to_world=MIRROR @ frame.camera.to_world)
    return replace(frame, normal=frame.normal * _vector(-1, 1, 1), camera=camera)


# ---------------------------------------------------------------------------------------------------------------------
# Noise


def _spoiled_noise(pair: Pair, oidn: OpenImageDenoise) -> Iterator[Case]:
    a, b = pair.a, pair.b
    stamped = a.color.copy()
    stamped[: a.size[0] // 20, : a.size[1] // 5] = 0.9
    yield Case("same seed, a stamp in one half", "same noise", _with_colors(pair, a.color, stamped))
    longer = replace(b, color=(a.color + b.color) / np.float32(2), spp=None)
    yield Case("same seed, twice the samples in one half", "same noise", Pair(a, longer))
    yield Case("one half brighter", "halves differ", _with_colors(pair, a.color, b.color * np.float32(EXPOSURE)))
    denoised = [oidn.denoise(half.color, half.albedo, half.normal) for half in (a, b)]
    yield from _both("denoised", "denoised", _with_colors(pair, *denoised))
    if a.spp == 1:
        kept = [np.random.default_rng(seed).random((*a.size, 1)) < 1 / ROULETTE for seed in (1, 2)]
        few = [half.color * keep * np.float32(ROULETTE) for half, keep in zip((a, b), kept, strict=True)]
        yield from _both("1/16 of a sample per pixel", "noise level", _with_colors(pair, *few))


def _filtered(scene: MitsubaScene, camera: Camera, kind: str, spp: int, seed: int) -> Image:
    """Mitsuba's own film with that reconstruction filter."""
    import mitsuba as mi

    width, height = camera.resolution
    film = {"type": "hdrfilm", "width": width, "height": height, "rfilter": {"type": kind}, "pixel_format": "rgb"}
    sensor = mi.load_dict(
        {
            "type": "perspective",
            "fov": camera.fov_deg,
            "to_world": mi.ScalarTransform4f(camera.to_world),
            "film": film | {"component_format": "float32"},
        }
    )
    color = mi.render(scene.scene, sensor=sensor, integrator=scene.integrator, spp=spp, seed=seed)
    return np.nan_to_num(np.array(color, dtype=np.float32), posinf=0, neginf=0)


def _clamped_samples(scene: MitsubaScene, camera: Camera, seed: int) -> Image:
    """The mean of samples whose radiance was limited one by one, hue kept."""
    total: Any = 0
    for sample in range(CLAMPED_SPP):
        color, _ = render_color(scene, camera, spp=1, seed=derive_seed(seed, sample))
        total = total + color * np.minimum(1, SAMPLE_CLAMP / np.maximum(color.mean(axis=2, keepdims=True), 1e-9))
    return np.asarray(total / CLAMPED_SPP, dtype=np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Color, albedo, normal


def _spoiled_color(pair: Pair) -> Iterator[Case]:
    changes: dict[tuple[str, str | tuple[str, ...]], Callable[[Image], Image]] = {
        ("clamped to [0, 1]", "clamped"): lambda color: np.clip(color, 0, 1),
        ("sRGB, clamped", "clamped"): lambda color: _encoded(np.clip(color, 0, 1)),
        ("tone-mapped", TONE): lambda color: _encoded(color / (1 + color)),
        ("tone-mapped, 1 - exp(-color)", TONE): _exposed,
        ("gamma, not clamped", TONE): _encoded,
    }
    for (kind, alarm), change in changes.items():
        yield from _both(kind, alarm, _with_colors(pair, change(pair.a.color), change(pair.b.color)))


def _exposed(linear: Image) -> Image:
    """As film answers to light, encoded for a screen; it reaches 1 in the brightest lamps only."""
    return _encoded(-np.expm1(-np.maximum(linear, 0)))


def _encoded(linear: Image) -> Image:
    return np.asarray(np.maximum(linear, 0) ** np.float32(1 / TONE_MAP_GAMMA), dtype=np.float32)


def _spoiled_layers(pair: Pair) -> Iterator[Case]:
    frame = pair.a
    assert frame.albedo is not None and frame.normal is not None and frame.camera is not None
    albedo, normal = frame.albedo, frame.normal
    yield from _both(
        "albedo in sRGB", "display albedo", _each(pair, lambda half: replace(half, albedo=_encoded(albedo)))
    )
    yield Case("black albedo", "black albedo", replace(frame, albedo=np.zeros_like(albedo)))
    yield Case("normals as colors", "normal range", replace(frame, normal=normal * np.float32(0.5) + np.float32(0.5)))
    yield Case("normals of length 0.8", "normal length", replace(frame, normal=normal * np.float32(0.8)))
    yield Case("normals of length 2", "normal length", replace(frame, normal=normal * np.float32(2)))
    axes = frame.camera.to_world[:3, :3] / np.linalg.norm(frame.camera.to_world[:3, :3], axis=0)
    facing: Image = np.asarray(np.where(_facing(frame) > 0, -normal, normal) @ axes, dtype=np.float32)
    ahead = replace(frame, normal=facing * _vector(-1, 1, 1))
    back = replace(frame, normal=facing * _vector(-1, 1, -1), camera=None)
    yield Case("normals in camera space", "normal space", ahead)
    yield Case("normals in camera space, no camera in the file", "normal space", back)


def _vector(x: float, y: float, z: float) -> Image:
    return np.array([x, y, z], np.float32)


def _facing(frame: Frame) -> Image:
    """Cosine between normal and viewing ray, (H, W, 1); negative where the surface faces the viewer."""
    assert frame.camera is not None and frame.normal is not None
    rays = camera_rays(frame.camera) @ frame.camera.to_world[:3, :3].T
    return np.asarray((frame.normal * rays).sum(axis=2, keepdims=True), dtype=np.float32)
