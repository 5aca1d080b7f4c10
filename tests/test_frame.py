"""Frames and pairs refuse what they cannot be."""

from typing import Any

import numpy as np
import pytest

from renderer_bridge.frame import Camera, Frame, Image, Pair

HEIGHT, WIDTH = 3, 5


def noise(seed: int, channels: int = 3) -> Image:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, channels), dtype=np.float32)


def camera(x: float = 0.0, fov_deg: float = 40.0) -> Camera:
    to_world = np.eye(4)
    to_world[0, 3] = x
    return Camera(to_world, fov_deg, (WIDTH, HEIGHT))


def frame(seed: int, **fields: Any) -> Frame:
    return Frame(noise(seed), seed=seed, **fields)


def test_size_is_height_and_width() -> None:
    assert frame(0).size == (HEIGHT, WIDTH)


def test_layers_are_those_present_color_first() -> None:
    full = frame(0, depth=noise(1, 1), albedo=noise(2))
    assert list(full.layers()) == ["color", "albedo", "depth"]


def test_camera_origin_is_the_last_column() -> None:
    assert camera(x=2.5).origin.tolist() == [2.5, 0.0, 0.0]


@pytest.mark.parametrize("name", ["albedo", "normal", "position"])
def test_a_transposed_layer_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} must have shape \(3, 5, 3\)"):
        frame(0, **{name: noise(1).transpose(1, 0, 2)})


def test_depth_has_one_channel() -> None:
    with pytest.raises(ValueError, match="depth must have shape"):
        frame(0, depth=noise(1))


def test_other_types_and_values_are_refused() -> None:
    with pytest.raises(ValueError, match="color must be float32, not float64"):
        Frame(noise(0).astype(np.float64))  # type: ignore[arg-type]
    broken = noise(0)
    broken[1, 2, 0] = np.inf
    with pytest.raises(ValueError, match="color has infinite or NaN"):
        Frame(broken)
    with pytest.raises(ValueError, match="spp must be at least 1"):
        frame(0, spp=0)


@pytest.mark.parametrize(
    ("to_world", "fov_deg", "resolution"),
    [
        (np.eye(3), 40.0, (5, 3)),
        (np.full((4, 4), np.nan), 40.0, (5, 3)),
        (np.eye(4), 180.0, (5, 3)),
        (np.eye(4), 40.0, (0, 3)),
    ],
)
def test_impossible_cameras_are_refused(to_world: Any, fov_deg: float, resolution: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"must|not"):
        Camera(to_world, fov_deg, resolution)


def test_a_pair_of_two_seeds_is_accepted() -> None:
    pair = Pair(frame(1, spp=4, camera=camera()), frame(2, spp=4, camera=camera()), noise(3))
    assert pair.reference is not None


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (frame(1), Frame(noise(2).transpose(1, 0, 2).copy()), "A is 5x3 but B is 3x5"),
        (frame(1, spp=4), frame(2, spp=8), "A has 4 spp but B has 8"),
        (frame(1), Frame(noise(2), seed=1), "share the seed 1"),
        (frame(1, camera=camera()), frame(2, camera=camera(x=1.0)), "different cameras"),
        (frame(1, camera=camera()), frame(2, camera=camera(fov_deg=50.0)), "different cameras"),
        (Frame(noise(1)), Frame(noise(1)), "equal pixels"),
    ],
)
def test_no_pairs(a: Frame, b: Frame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pair(a, b)


def test_black_halves_may_be_equal() -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    Pair(Frame(black), Frame(black))


def test_a_reference_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="reference has shape"):
        Pair(frame(1), frame(2), np.zeros((WIDTH, HEIGHT, 3), np.float32))
