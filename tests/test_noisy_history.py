"""Noisy samples carried from frame to frame: where they land, what they are worth, and that halves stay apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_renderer import FakeRenderer, camera_at
from torch import Tensor

from denoiser.devices import TensorPair, pair_on
from denoiser.transforms import to_nchw
from online.noisy_history import NoisyHistory, carried, held
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Camera

SIZE = (64, 48)
SPP = 2
RENDERER = FakeRenderer()


def fresh(camera: Camera, seed: int) -> TensorPair:
    return pair_on(RENDERER.render(camera, SPP, (2 * seed, 2 * seed + 1)))


def truth(camera: Camera) -> Tensor:
    return to_nchw(RENDERER.truth(camera).color)


def moving(frames: int, step: float = 0.02, first: int = 0) -> list[NoisyHistory]:
    """What each frame of a flight sideways holds."""
    found: list[NoisyHistory] = []
    for index in range(frames):
        pair = fresh(camera_at(step * index, resolution=SIZE), first + index)
        found.append(held(pair, carried(found[-1], pair.a) if found else None))
    return found


def relative_noise(history: NoisyHistory) -> Tensor:
    """Half the difference of the halves over the truth, free of what they share."""
    camera = history.frame.camera
    assert camera is not None
    return (history.a - history.b) / 2 / truth(camera)


def test_a_view_without_a_past_holds_its_own_samples() -> None:
    pair = fresh(camera_at(resolution=SIZE), 0)
    own = held(pair)
    assert own.a is pair.a.color and own.b is pair.b.color and torch.all(own.spp == SPP)
    assert torch.equal(own.pair(pair).a.color, pair.a.color)


def test_samples_add_up_and_noise_falls_with_them() -> None:
    """A half's relative variance is 1 / (2 spp). Where six frames are held, at least three count."""
    history = moving(6)[-1]
    enough = history.spp[0, 0] >= 3 * SPP
    assert enough.float().mean() > 0.4  # the others are near edges of checks, of which the picture is full
    variance = relative_noise(history).square().mean(dim=1)[0][enough].mean() * 2
    assert variance < 1.3 / (2 * 3 * SPP)
    assert history.spp.max() <= 6 * SPP + 1e-3


def test_a_pixel_takes_one_pixel_and_no_mean_of_several() -> None:
    """What is carried over one step is found among the samples of the frame before, bit for bit, in both halves."""
    first = held(fresh(camera_at(resolution=SIZE), 0))
    past = carried(first, fresh(camera_at(0.013, resolution=SIZE), 1).a)
    assert past is not None
    there = past.spp[0, 0] > 0
    for half in ("a", "b"):
        values = {tuple(pixel) for pixel in getattr(first, half)[0].flatten(1).T.tolist()}
        assert {tuple(pixel) for pixel in getattr(past, half)[0][:, there].T.tolist()} <= values


def test_a_slow_motion_does_not_lag() -> None:
    """Each step is a fifth of a pixel: by rounding alone nothing would ever move. Offsets stay within a pixel, and the
    mean of many flights is the truth of the last camera, not of the first."""
    flights = [moving(8, step=0.03, first=100 * flight)[-1] for flight in range(12)]
    last = flights[0]
    assert (last.offset.abs() <= 0.6).float().mean() > 0.95  # half a pixel, but where neighbours' offsets differ
    mean = torch.stack([(each.a + each.b) / 2 for each in flights]).mean(dim=0)
    now, before = truth(camera_at(0.03 * 7, resolution=SIZE)), truth(camera_at(0.0, resolution=SIZE))
    assert (mean - now).square().mean() < 0.3 * (mean - before).square().mean()


def test_the_halves_stay_independent() -> None:
    """The product of both halves' errors, over its standard error, where pixels hold several frames (12 flights)."""
    products = []
    for flight in range(12):
        history = moving(5, step=0.02, first=1000 * flight)[-1]
        assert history.frame.camera is not None
        expected = truth(history.frame.camera)
        off = ((history.a - expected) * (history.b - expected) / expected.square()).mean(dim=1)
        flat = (history.frame.albedo is not None) & _inside_a_check(history)
        products.append(float(off[0][flat].mean()))
    assert abs(np.mean(products)) < 3 * np.std(products, ddof=1) / np.sqrt(len(products)) + 1e-4


def _inside_a_check(history: NoisyHistory) -> Tensor:
    """Pixels whose neighbourhood is of one albedo, so that no rounding of places matters."""
    assert history.frame.albedo is not None
    albedo = history.frame.albedo[0, 0]
    high = torch.nn.functional.max_pool2d(albedo[None, None], 5, 1, 2)[0, 0]
    low = -torch.nn.functional.max_pool2d(-albedo[None, None], 5, 1, 2)[0, 0]
    return (high - low) < 1e-3


def test_where_the_light_has_changed_history_gives_way() -> None:
    camera = camera_at(resolution=SIZE)
    bright = [replace(fresh(camera, 0)), fresh(camera, 1)]
    past = held(bright[0])
    lit = torch.arange(SIZE[0]) < SIZE[0] // 2  # the left half has been eight times as bright
    before = replace(past, a=torch.where(lit, 8 * past.a, past.a), b=torch.where(lit, 8 * past.b, past.b))
    now = held(bright[1], carried(before, bright[1].a))
    left, right = now.spp[..., : SIZE[0] // 2 - 8], now.spp[..., SIZE[0] // 2 + 8 :]
    assert left.mean() < 1.2 * SPP and right.mean() > 1.5 * SPP


def test_another_surface_another_albedo_and_another_size_bring_nothing() -> None:
    camera = camera_at(resolution=SIZE)
    history = held(fresh(camera, 0))
    pair = fresh(camera, 1)
    assert pair.a.normal is not None and pair.a.albedo is not None
    same = carried(history, pair.a)
    assert same is not None and torch.all(same.spp > 0) and not same.offset.any()
    for layer, changed in (("normal", -pair.a.normal), ("albedo", (pair.a.albedo + 0.3))):
        other = carried(history, replace(pair.a, **{layer: changed}))
        assert other is not None and (other.spp > 0).float().mean() < 0.4  # the sky has neither, and stays
    assert carried(history, fresh(camera_at(resolution=(60, 48)), 1).a) is None


@pytest.mark.parametrize("layer", ["camera", "position", "normal", "depth"])
def test_a_frame_that_lacks_a_layer_is_refused(layer: str) -> None:
    pair = fresh(camera_at(resolution=SIZE), 0)
    with pytest.raises(DatasetError, match=f"has no {layer}"):
        carried(held(pair), replace(pair.a, **{layer: None}))
