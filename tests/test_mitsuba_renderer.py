"""The renderer for moving cameras: halves that share their AOVs, on the device, and given up between launches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_scenes import HEIGHT, WIDTH, load, room, use_variant

from denoiser.devices import pair_on, pair_to_host
from renderer_bridge import mitsuba_renderer
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
    assert pair is not None and (pair.a.spp, pair.a.seed, pair.b.seed) == (2, 3, 4) and pair.a.camera == camera
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
    assert pair is not None
    taken = pair_on(pair, torch.device("cpu"))
    for ours, theirs in zip(taken.a.layers().values(), pair.a.layers().values(), strict=True):
        assert tuple(ours.shape) == (1, theirs.shape[2], HEIGHT, WIDTH)
        assert ours.data_ptr() == torch.from_dlpack(theirs).data_ptr()  # type: ignore[attr-defined]
    jit = not noisy_room.variant.startswith("scalar")
    assert all(isinstance(layer, np.ndarray) is not jit for layer in pair.a.layers().values())


@pytest.mark.parametrize("launches", [1, 2])
def test_what_nobody_waits_for_is_given_up_between_launches(
    noisy_room: MitsubaScene, monkeypatch: pytest.MonkeyPatch, launches: int
) -> None:
    made: list[int] = []
    color = mitsuba_renderer.color_on_device

    def counted(*args: object, seed: int, **options: object) -> object:
        made.append(seed)
        return color(*args, seed=seed, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(mitsuba_renderer, "color_on_device", counted)
    answers = iter([False] * (launches - 1) + [True])
    assert MitsubaRenderer(noisy_room).render(noisy_room.camera(), 1, (1, 2), lambda: next(answers)) is None
    assert made == [1, 2][: launches - 1]
    assert MitsubaRenderer(noisy_room).render(noisy_room.camera(), 1, (1, 2), lambda: False) is not None
