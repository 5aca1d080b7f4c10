"""What the passes compiled by numba share: their threads, bfloat16 as bits, and the exponential function."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

numba.config.THREADING_LAYER = "workqueue"  # type: ignore[attr-defined]
"""The default, OpenMP, shares libgomp with torch: a training step took 3.9 s of processor time, where it takes 0.21."""

_MOST_THREADS: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]

_ONE_AT_A_TIME = threading.Lock()
"""Calls of the work queue from several threads at once would end the process."""

LOG2_E = np.float32(1.4426950408889634)
_LN_2 = np.float32(0.6931471805599453)


def bits(tensor: Tensor) -> tuple[NDArray[Any], np.uint32]:
    """The bits of a tensor as unsigned integers, and the shift to those of float32: bfloat16 is their upper half."""
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy(), np.uint32(16)
    return tensor.float().view(torch.uint32).numpy(), np.uint32(0)


def is_plain(*given: Tensor) -> bool:
    """Whether a compiled pass cannot take these: a gradient is wanted, or one is not float32 on the CPU."""
    needs_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in given)
    return needs_gradient or any(each.device.type != "cpu" or each.dtype != torch.float32 for each in given)


def in_parallel(compiled: Callable[..., None], *arrays: Any) -> None:
    """Run it with as many threads as torch uses."""
    with _ONE_AT_A_TIME:
        numba.set_num_threads(min(torch.get_num_threads(), _MOST_THREADS))
        compiled(*arrays)


@numba.njit(inline="always")
def powers_of_two(row: Any, exponent: Any, power: Any) -> None:
    """2 to the power of a row (W,), in place, to 2e-7; `power` is the memory of `exponent` as float32."""
    for x in range(row.shape[0]):
        t = max(row[x], np.float32(-120.0))
        whole = np.int32(np.floor(t))
        p = (t - np.float32(whole)) * _LN_2
        exponent[x] = (whole + np.int32(127)) << np.int32(23)
        value = np.float32(1 / 5040)  # the Taylor series of e^p
        value = value * p + np.float32(1 / 720)
        value = value * p + np.float32(1 / 120)
        value = value * p + np.float32(1 / 24)
        value = value * p + np.float32(1 / 6)
        value = value * p + np.float32(0.5)
        value = value * p + np.float32(1)
        row[x] = value * p + np.float32(1)
    for x in range(row.shape[0]):
        row[x] *= power[x]
