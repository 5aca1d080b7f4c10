"""How a picture is cut into launches; what launches render is tested with the pictures, in test_mitsuba_render."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderer_bridge.mitsuba_launch import CHUNK_SAMPLES, _chunks


@given(st.integers(1, 500), st.integers(1, 40), st.integers(1, 200))
def test_chunks_hold_every_sample_once_within_the_limit(pixels: int, spp: int, limit: int) -> None:
    counts = np.zeros(pixels, dtype=int)
    for part, samples in _chunks(pixels, spp, limit):
        assert 0 < (part.stop - part.start) * samples <= limit
        counts[part] += samples
    assert (counts == spp).all()


def test_4k_at_64_spp_stays_within_the_chunk() -> None:
    chunks = list(_chunks(3840 * 2160, 64, CHUNK_SAMPLES))
    assert max((part.stop - part.start) * samples for part, samples in chunks) <= CHUNK_SAMPLES
