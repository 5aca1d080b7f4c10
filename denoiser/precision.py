"""bfloat16 or float32: which one networks compute in here."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "bf16", "fp32"]


def uses_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether to compute in bfloat16: as asked, or, for "auto", where `device` has instructions for it.

    Those are AVX-512 BF16 and AMX on a CPU (2 times faster on Zen 4), and the bf16 units of a GPU.
    """
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
