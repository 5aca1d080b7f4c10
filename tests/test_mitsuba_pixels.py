"""From means to layers: the same in numpy and in Dr.Jit, and handed to torch without a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_scenes import use_variant

from renderer_bridge.frame import Camera
from renderer_bridge.mitsuba_pixels import from_the_camera, in_range, layer, mean, to_numpy, unit_or_zero

EXACT = 1e-6  # float32


def jit(values: object) -> Any:
    """The values as an array of the JIT variant."""
    import mitsuba as mi

    if use_variant().startswith("scalar"):
        pytest.skip("no JIT variant runs here")
    return mi.Float(np.asarray(values, np.float32))


def plain(values: object) -> Any:
    return np.asarray(values, np.float64)


KINDS = pytest.mark.parametrize("kind", [plain, jit])
Kind = Callable[[object], Any]


@KINDS
def test_normals_become_unit_or_zero(kind: Kind) -> None:
    normals = [kind(each) for each in ([0, 0, 1e-9, 0.1], [0, 0, 0, 0.1], [3, 0, 0, 0])]
    unit = np.stack([np.array(each) for each in unit_or_zero(normals)])
    np.testing.assert_allclose(unit.T, [[0, 0, 1], [0, 0, 0], [0, 0, 0], [0.5**0.5, 0.5**0.5, 0]], rtol=EXACT)


@KINDS
def test_distances_are_those_from_the_camera_and_not_from_its_near_plane(kind: Kind) -> None:
    camera = Camera(np.eye(4), 90.0, (2, 4))  # half a unit to the middle of a pixel, 0.5 and 1.5 upwards, at distance 1
    depth = kind([3.0] * 7 + [0.0])  # nothing at the last pixel
    outer, inner = np.sqrt(1 + 0.25 + 2.25), np.sqrt(1 + 0.25 + 0.25)
    expected = [3 + 2 * outer] * 2 + [3 + 2 * inner] * 4 + [3 + 2 * outer, 0]
    np.testing.assert_allclose(np.array(from_the_camera(depth, camera, 2.0)), expected, rtol=EXACT)


@KINDS
def test_means_leave_out_what_is_not_there_and_stay_finite(kind: Kind) -> None:
    (means,) = mean([kind([6.0, 0.0, np.inf])], kind([3.0, 0.0, 1.0]))
    np.testing.assert_allclose(np.array(means), [2.0, 0.0, np.finfo(np.float32).max], rtol=EXACT)
    assert np.isfinite(to_numpy(layer([means], (3, 1)))).all()
    np.testing.assert_array_equal(np.array(in_range([kind([-1.0, 0.5, 40.0])])[0]), [0.0, 0.5, 1.0])


@KINDS
def test_a_layer_has_rows_columns_and_channels(kind: Kind) -> None:
    """Two rows of three pixels."""
    pixels = layer([kind(range(6)), kind(range(10, 16))], (3, 2))
    expected = [[[0, 10], [1, 11], [2, 12]], [[3, 13], [4, 14], [5, 15]]]
    assert tuple(pixels.shape) == (2, 3, 2) and to_numpy(pixels).dtype == np.float32
    np.testing.assert_array_equal(to_numpy(pixels), expected)
    np.testing.assert_array_equal(torch.from_dlpack(pixels).numpy(), expected)


def test_torch_takes_over_a_layer_of_drjit_without_a_copy() -> None:
    import drjit as dr

    pixels = layer([jit(range(6))], (3, 2))
    dr.eval(pixels)
    once, again = torch.from_dlpack(pixels), torch.from_dlpack(pixels)
    assert once.data_ptr() == again.data_ptr() != 0
    del pixels
    assert once.flatten().tolist() == [0, 1, 2, 3, 4, 5] == again.flatten().tolist()  # the memory lives on
