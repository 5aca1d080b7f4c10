"""The renderer for moving cameras: halves that share their AOVs, on the device, and given up between launches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_scenes import HEIGHT, WIDTH, load, room, use_variant

from denoiser.devices import pair_on, pair_to_host
from renderer_bridge import mitsuba_launch
from renderer_bridge.giving_up import GivenUp
from renderer_bridge.mitsuba_render import render_aovs, render_color
from renderer_bridge.mitsuba_renderer import AOV_SPP, MitsubaRenderer
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.mitsuba_variant import set_variant


@pytest.fixture(scope="module", params=[None, "scalar_rgb"])
def noisy_room(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    set_variant(request.param) if request.param else use_variant()
    return load(tmp_path_factory.mktemp("room"), *room())


def test_a_pair_is_that_of_the_pictures_rendered_singly(noisy_room: MitsubaScene) -> None:
    camera = noisy_room.camera()
    pair = MitsubaRenderer(noisy_room).render(camera, 2, (3, 4))
    assert (pair.a.spp, pair.a.seed, pair.b.seed) == (2, 3, 4) and pair.a.camera == camera
    host = pair_to_host(pair_on(pair))
    for half, seed in ((host.a, 3), (host.b, 4)):
        np.testing.assert_array_equal(half.color, render_color(noisy_room, camera, spp=2, seed=seed)[0])
    layers = render_aovs(noisy_room, camera, ["albedo", "sh_normal", "position", "depth"], spp=AOV_SPP, seed=3)
    for name, layer in layers.items():
        assert getattr(pair.a, name) is getattr(pair.b, name)
        np.testing.assert_array_equal(getattr(host.a, name), layer)


def test_torch_takes_it_over_without_a_copy(noisy_room: MitsubaScene) -> None:
    """As a GPU's would be: the JIT variants give Dr.Jit tensors, and torch computes in their memory."""
    pair = MitsubaRenderer(noisy_room).render(noisy_room.camera(), 1, (1, 2))
    taken = pair_on(pair, torch.device("cpu"))
    for ours, theirs in zip(taken.a.layers().values(), pair.a.layers().values(), strict=True):
        assert tuple(ours.shape) == (1, theirs.shape[2], HEIGHT, WIDTH)
        assert ours.data_ptr() == torch.from_dlpack(theirs).data_ptr()  # type: ignore[attr-defined]
    jit = not noisy_room.variant.startswith("scalar")
    assert all(isinstance(layer, np.ndarray) is not jit for layer in pair.a.layers().values())


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_what_nobody_waits_for_is_given_up_between_launches(noisy_room: MitsubaScene, asked: int) -> None:
    """Of layers, A and B in turn: each is one launch, for the picture is small."""
    answers = iter([False] * asked + [True])
    with pytest.raises(GivenUp):
        MitsubaRenderer(noisy_room).render(noisy_room.camera(), 1, (1, 2), lambda: next(answers))
    assert next(answers, None) is None


def test_short_launches_make_the_same_picture_but_for_its_noise(
    noisy_room: MitsubaScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mitsuba_launch, "LEAST_SAMPLES", 40)
    monkeypatch.setattr(mitsuba_launch, "GROWTH", 1.5)
    asked: list[bool] = []
    camera, spp = noisy_room.camera(), 64
    short = MitsubaRenderer(noisy_room).render(camera, spp, (1, 2), lambda: bool(asked.append(False)))
    whole = MitsubaRenderer(noisy_room).render(camera, spp, (1, 2))
    assert len(asked) > 3 or noisy_room.variant.startswith("scalar")  # which render whole pictures
    host, other = (pair_to_host(pair_on(pair)) for pair in (short, whole))
    np.testing.assert_allclose(host.a.depth, other.a.depth, rtol=0.2, atol=0.02)  # means over pixels with edges
    noise = np.square(other.a.color - other.b.color).mean()
    assert np.square(host.a.color - other.b.color).mean() < 1.5 * noise  # independent halves of the same picture: 1
    assert not np.array_equal(host.a.color, host.b.color)
