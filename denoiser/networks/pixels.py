"""What happens to single pixels before and after the kernel network's convolutions: on the CPU one fused pass each.

The plain forms are what the fused ones are held to in `tests/test_pixels.py`, and what gradients, a GPU and exported
graphs take. In torch each step of them is a pass over a full-resolution picture, together a quarter of a frame's time.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from denoiser.compiled import LOG2_E, bits, in_parallel, powers_of_two
from denoiser.networks.layers import shuffled, unshuffled
from denoiser.paper import TONE_MAP_GAMMA
from denoiser.transforms import tone_map

SEEN = 14
"""Channels of a pixel that the convolutions see."""

FLOOR = 0.01
"""Radiance added before the logarithm where it moves up: black can be made as bright as this times e^`MOST`."""

MOST = 4.0
"""Largest move of the logarithm, either way."""


def seen(x: Tensor, guard: float, dtype: torch.dtype) -> Tensor:
    """What the convolutions see of the network's input (N, 11, H, W): (N, 56, H/2, W/2) of `dtype`, channels last.

    Of each of 2x2 pixels color and color over albedo plus `guard`, both tone-mapped, then albedo, normal and what is
    there, as they come.
    """
    if not _fused(dtype, x):
        return seen_plainly(x, guard, dtype)
    n, _, height, width = x.shape
    result = torch.empty((n, height // 2, width // 2, 4 * SEEN), dtype=dtype)
    pixels = x.detach().float().permute(0, 2, 3, 1).contiguous()
    in_parallel(_seen, pixels.numpy(), np.float32(guard), *bits(result))
    return result.permute(0, 3, 1, 2)


def seen_plainly(x: Tensor, guard: float, dtype: torch.dtype) -> Tensor:
    """`seen`, pass by pass, with gradients and on any device."""
    color, albedo = x[:, :3].float(), x[:, 3:6].float() + guard
    return unshuffled(torch.cat([tone_map(color), tone_map(color / albedo), x[:, 3:].float()], dim=1).to(dtype))


def moved(picture: Tensor, moves: Tensor) -> Tensor:
    """A picture (N, 3, H, W) whose logarithm is moved by `moves` (N, 12, H/2, W/2) over sqrt(1 + radiance).

    The result is float32 (N, 3, H, W). Moves count up to `MOST`.
    """
    if not _fused(moves.dtype, picture, moves):
        return moved_plainly(picture, moves)
    n, _, height, width = picture.shape
    result = torch.empty((n, height, width, 3), dtype=torch.float32)
    channels_last = moves.detach().permute(0, 2, 3, 1).contiguous()
    in_parallel(_moved, picture.detach().float().contiguous().numpy(), *bits(channels_last), result.numpy())
    return result.permute(0, 3, 1, 2)


def moved_plainly(picture: Tensor, moves: Tensor) -> Tensor:
    """`moved`, pass by pass, with gradients and on any device."""
    move = shuffled(moves).float().clamp(-MOST, MOST) * torch.rsqrt(1 + picture.clamp(min=0))
    return picture + (picture + FLOOR * (move > 0)) * torch.expm1(move)


def _fused(dtype: torch.dtype, *given: Tensor) -> bool:
    """Whether nothing needs a gradient, and all is on the CPU and of a type that is read bit by bit."""
    needs_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in given)
    here = all(each.device.type == "cpu" for each in given) and dtype in (torch.bfloat16, torch.float32)
    return here and not needs_gradient and not torch.compiler.is_exporting()


# ---------------------------------------------------------------------------------------------------------------------
# Compiled: rows in parallel; in a row every loop runs over its pixels, which vectorises

_EXPONENT = np.float32(1 / TONE_MAP_GAMMA)


@numba.njit(inline="always")
def _tone_mapped(row: Any, exponent: Any, scratch: Any) -> None:
    """T(v) of a row (W,) of radiance, in place; `scratch` is the memory of `exponent` as float32."""
    width = row.shape[0]
    for x in range(width):
        v = max(row[x], np.float32(0))
        scratch[x] = v / (np.float32(1) + v)
    for x in range(width):
        mantissa = exponent[x]
        # A mantissa in [0.7, 1.4), and the exponent that goes with it
        whole = (mantissa - np.int32(0x3F3504F3)) >> np.int32(23)
        row[x] = np.float32(whole)
        exponent[x] = mantissa - (whole << np.int32(23))
    for x in range(width):
        s = (scratch[x] - np.float32(1)) / (scratch[x] + np.float32(1))
        square = s * s
        series = np.float32(1 / 9)  # log(m) = 2 (s + s^3 / 3 + s^5 / 5 ...)
        series = series * square + np.float32(1 / 7)
        series = series * square + np.float32(1 / 5)
        series = series * square + np.float32(1 / 3)
        series = series * square + np.float32(1)
        row[x] = (row[x] + np.float32(2) * LOG2_E * s * series) * _EXPONENT
    powers_of_two(row, exponent, scratch)
    for x in range(width):
        row[x] = row[x] if row[x] > np.float32(1e-17) else np.float32(0)  # the least float32 radiance but 0 gives 3e-17


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _seen(pixels: Any, guard: Any, result: Any, shift: Any) -> None:
    """`pixels` (N, H, W, 11), the bits of `result` (N, H/2, W/2, 56)."""
    images, height, width = pixels.shape[0], pixels.shape[1], pixels.shape[2]
    for index in numba.prange(images * height):
        n, y = index // height, index % height
        rows = np.empty((SEEN, width), np.float32)
        stored = rows.view(np.uint32)
        exponent = np.empty(width, np.int32)
        for c in range(3):
            for x in range(width):
                rows[c, x] = pixels[n, y, x, c]
                rows[3 + c, x] = pixels[n, y, x, c] / (pixels[n, y, x, 3 + c] + guard)
        for c in range(3, 11):
            for x in range(width):
                rows[3 + c, x] = pixels[n, y, x, c]
        for c in range(6):
            _tone_mapped(rows[c], exponent, exponent.view(np.float32))
        if shift:
            for c in range(SEEN):
                for x in range(width):  # to the nearest, to even in the middle
                    stored[c, x] += np.uint32(0x7FFF) + ((stored[c, x] >> np.uint32(16)) & np.uint32(1))
        for c in range(SEEN):
            for x in range(width):
                result[n, y // 2, x // 2, ((y % 2) * 2 + x % 2) * SEEN + c] = stored[c, x] >> shift


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _moved(picture: Any, moves: Any, shift: Any, result: Any) -> None:
    """`picture` (N, 3, H, W), the bits of `moves` (N, H/2, W/2, 12), `result` (N, H, W, 3)."""
    images, height, width = picture.shape[0], picture.shape[2], picture.shape[3]
    for index in numba.prange(images * height):
        n, y = index // height, index % height
        row = np.empty(width, np.float32)
        loaded = row.view(np.uint32)
        add = np.empty(width, np.float32)
        exponent = np.empty(width, np.int32)
        for c in range(3):
            for x in range(width):
                loaded[x] = np.uint32(moves[n, y // 2, x // 2, ((y % 2) * 2 + x % 2) * 3 + c]) << shift
            for x in range(width):
                move = min(max(row[x], np.float32(-MOST)), np.float32(MOST))
                add[x] = np.float32(FLOOR) if move > 0 else np.float32(0)
                row[x] = move * LOG2_E / np.sqrt(np.float32(1) + max(picture[n, c, y, x], np.float32(0)))
            powers_of_two(row, exponent, exponent.view(np.float32))
            for x in range(width):
                v = picture[n, c, y, x]
                result[n, y, x, c] = v + (v + add[x]) * (row[x] - np.float32(1))
