"""Environment maps and pictures made by code: light from above, a sun that is small, files that are read back."""

import numpy as np
import pytest

from renderer_bridge.procedural import pictures, skies
from renderer_bridge.procedural.noise import blackbody_tint, log_uniform, pick, smooth_noise
from renderer_bridge.procedural.patterns import PATTERNS

MADE = {"day": skies.day, "dusk": skies.dusk, "overcast": skies.overcast, "studio": skies.studio, "night": skies.night}


@pytest.mark.parametrize("kind", MADE)
def test_skies_shine_from_above(kind: str) -> None:
    sky = MADE[kind](np.random.default_rng(3))
    assert sky.shape == (*skies.SIZE, 3) and np.isfinite(sky).all() and sky.min() >= 0
    above, below = np.split(sky.mean(axis=(1, 2)), 2)
    assert above.mean() > below.mean() * 0.9 > 0  # a studio or a street may have lights a little below the horizon


def test_a_sun_is_small_and_outshines_its_sky() -> None:
    luminance = skies.day(np.random.default_rng(1)).mean(axis=2)
    bright = luminance > 20 * np.median(luminance)
    assert 0 < bright.mean() < 0.01


def test_a_float_map_is_read_back() -> None:
    image = np.random.default_rng(0).uniform(0, 100, (3, 5, 3))
    header, data = pictures.pfm(image).split(b"-1.0\n", 1)
    assert header == b"PF\n5 3\n"
    rows = np.frombuffer(data, "<f4").reshape(3, 5, 3)[::-1]  # the lowest row comes first
    np.testing.assert_allclose(rows, image, rtol=6e-4)  # four digits


def test_textures_are_colored_and_normals_are_of_unit_length() -> None:
    made = [pictures.colored(np.random.default_rng(seed), pictures.THINGS) for seed in range(8)]
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in made)
    assert min(picture.std() for picture in made) > 1 and max(picture.mean() for picture in made) > 60
    relief = pictures.normals(PATTERNS["tiles"](np.random.default_rng(1)), 2.0) / 127.5 - 1
    np.testing.assert_allclose(np.linalg.norm(relief, axis=2), 1, atol=0.02)  # 8 bits a component


def test_draws() -> None:
    random = np.random.default_rng(5)
    assert 0.1 <= min(log_uniform(random, 0.1, 10) for _ in range(99)) < 1
    assert {pick(random, {"a": 1.0, "b": 1.0, "never": 0.0}) for _ in range(50)} == {"a", "b"}
    field = smooth_noise(random, (16, 24), 2)
    assert field.shape == (16, 24) and (field.min(), field.max()) == pytest.approx((0, 1))
    warm, cold = blackbody_tint(2500), blackbody_tint(9000)
    assert warm[0] == 1 and warm[2] < 0.3 and cold[2] == 1 and cold[0] < 0.9
