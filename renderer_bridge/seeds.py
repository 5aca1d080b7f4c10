"""Seeds, and samples per pixel, as a function of (seed, view, half, ...), so that any part of a dataset can be rendered
again alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from renderer_bridge.errors import UsageError

SEED_BITS = 32
SPP_STREAM = 11  # derive_seed: apart from the seeds of the halves (0 and 1)


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


@dataclass(frozen=True)
class SppRange:
    """Samples per pixel of a view: drawn log-uniformly from `low` to `high`, both included."""

    low: int
    high: int

    @classmethod
    def parse(cls, text: str) -> SppRange:
        """From "8" or "1..32". Raises `UsageError` for anything else, or below 1."""
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:\.\.\s*([0-9]{1,9})\s*)?", text)
        if found is None:
            raise UsageError(f"spp {text!r}: a number such as 8 or a range such as 1..32 is accepted")
        low, high = int(found[1]), int(found[2] or found[1])
        if low < 1 or high < low:
            raise UsageError(f"spp {text!r}: at least 1 sample per pixel is needed, and a range must not fall")
        return cls(low, high)

    def draw(self, seed: int, view: int) -> int:
        """The samples per pixel of one view, a function of (seed, view)."""
        uniform = np.random.default_rng([seed, view, SPP_STREAM]).uniform()
        return min(self.high, int(self.low * ((self.high + 1) / self.low) ** uniform))
