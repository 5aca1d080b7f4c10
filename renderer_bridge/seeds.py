"""Seeds as a function of (seed, view, half, ...), so that any part of a dataset can be rendered again alone."""

from __future__ import annotations

import numpy as np

SEED_BITS = 32


def derive_seed(seed: int, *path: int) -> int:
    """A 32-bit seed for the place `path` (view, half, chunk, ...) under the user's `seed`; all below 2**32.

    Uses numpy's `SeedSequence`, whose outputs for different paths are statistically independent. Paths that differ only
    in zeros at the end count as one: (view,) is (view, 0).
    """
    return int(np.random.SeedSequence([seed, *path]).generate_state(1, np.uint32)[0])


def pair_seeds(seed: int, view: int) -> tuple[int, int]:
    """The seeds of halves A and B of one view; never equal."""
    a, b = derive_seed(seed, view, 0), derive_seed(seed, view, 1)
    return (a, b) if a != b else (a, (b + 1) % 2**SEED_BITS)
