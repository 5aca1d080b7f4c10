"""One process or several: `torchrun` tells each its rank, and training asks here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import distributed

from denoiser.devices import compute_device


@dataclass(frozen=True)
class Processes:
    """This process among its equals: `rank` of `count`, and the device it computes on."""

    rank: int
    count: int
    device: torch.device

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            distributed.barrier()


@contextlib.contextmanager
def join_processes() -> Iterator[Processes]:
    """Meet the other processes of `torchrun` (nccl with GPUs, gloo without), or be the only one; part at the end."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    device = compute_device()
    gpu = device.type == "cuda"
    if gpu:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if count > 1:
        if gpu:
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield Processes(int(os.environ.get("RANK", "0")), count, device)
    finally:
        if count > 1:
            distributed.destroy_process_group()
