"""How samples grow by passes."""

from hypothesis import given
from hypothesis import strategies as st

from renderer_bridge.passes import passes_to, total_spp


@given(st.integers(1, 64), st.integers(0, 30))
def test_samples_rise_with_passes(first: int, passes: int) -> None:
    assert total_spp(first, 0) == first and total_spp(first, passes + 1) > total_spp(first, passes)
    assert passes_to(first, total_spp(first, passes)) == passes
    assert passes_to(first, total_spp(first, passes) + 0.5) == passes + 1
