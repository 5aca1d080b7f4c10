"""How samples grow by passes: each brings every pixel to a fifth more samples, or to one more."""

from __future__ import annotations

STEP = 2**0.25
"""Factor from one pass to the next: a number of samples is met within a fifth, in few launches."""


def total_spp(first: int, passes: int) -> int:
    """Samples per pixel of a half after the first pass, of `first` samples, and `passes` further ones; it rises."""
    return max(round(first * STEP**passes), first + passes)


def passes_to(first: int, spp: float) -> int:
    """How many further passes bring `spp` samples per pixel, or just more."""
    passes = 0
    while total_spp(first, passes) < spp:
        passes += 1
    return passes
