"""Pixels with samples of their own number: as many as were asked for, each a sample as any other."""

import numpy as np
import pytest
from small_scenes import HEIGHT, WIDTH, load, room, use_variant

from renderer_bridge import mitsuba_counts
from renderer_bridge.errors import SceneError
from renderer_bridge.mitsuba_render import render_color, render_color_at
from renderer_bridge.mitsuba_scene import MitsubaScene
from renderer_bridge.mitsuba_variant import set_variant


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    if use_variant().startswith("scalar"):
        pytest.skip("scalar variants render whole pictures")
    return load(tmp_path_factory.mktemp("room"), *room())


def test_equal_counts_are_a_render_as_any_other(scene: MitsubaScene) -> None:
    """The same samples, in another order of summation: float32's last bits."""
    even, _ = render_color(scene, scene.camera(), spp=6, seed=3)
    found, invalid = render_color_at(scene, scene.camera(), spp=np.full((HEIGHT, WIDTH), 6), seed=3)
    assert invalid == 0
    np.testing.assert_allclose(found, even, rtol=1e-5, atol=1e-6)


def test_each_pixel_gets_what_it_is_given(scene: MitsubaScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 64 times the samples a sixteenth of the variance, whatever the launches; 0.5 dB is 5 deviations of 120 pixels'
    squares, which are heavy-tailed."""
    counts = np.zeros((HEIGHT, WIDTH), dtype=np.int64)
    counts[:, : WIDTH // 2], counts[2:, WIDTH // 2 :] = 4, 256
    renders = np.array([render_color_at(scene, scene.camera(), spp=counts, seed=seed)[0] for seed in range(24)])
    assert (renders[:, counts == 0] == 0).all() and (renders[:, counts > 0].mean(axis=0) > 0).all()
    spread = renders.std(axis=0).mean(axis=-1)
    even = np.array([render_color(scene, scene.camera(), spp=4, seed=seed)[0] for seed in range(24)])
    plain = even.std(axis=0).mean(axis=-1)
    assert spread[counts == 4].mean() == pytest.approx(plain[counts == 4].mean(), rel=0.2)
    assert spread[counts == 256].mean() == pytest.approx(plain[counts == 256].mean() / 8, rel=0.2)
    whole, _ = render_color_at(scene, scene.camera(), spp=counts, seed=1)
    monkeypatch.setattr(mitsuba_counts, "CHUNK_SAMPLES", 1000)
    cut, _ = render_color_at(scene, scene.camera(), spp=counts, seed=1)
    assert cut[counts == 256].mean() == pytest.approx(whole[counts == 256].mean(), rel=0.02)
    assert not np.array_equal(cut, whole)


def test_scalar_variants_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    before = use_variant()
    try:
        set_variant("scalar")
        scalar = load(tmp_path_factory.mktemp("scalar"), *room())
        with pytest.raises(SceneError, match="llvm or cuda"):
            render_color_at(scalar, scalar.camera(), spp=np.ones((HEIGHT, WIDTH), dtype=np.int64), seed=0)
    finally:
        set_variant(before.split("_")[0])
