"""Freed memory stays, or goes back to the system."""

import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from denoiser.allocation import keep_freed

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc is what it sets")

PICTURE = 200_000_000  # bytes; other objects of the test come and go in far less


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    yield
    keep_freed(False)


@pytest.mark.parametrize("keep", [True, False])
def test_freed_memory_stays_where_it_was_asked_to(keep: bool) -> None:
    keep_freed(keep)
    picture = np.ones(PICTURE, np.uint8)
    with_it = resident()
    del picture
    assert (resident() > with_it - PICTURE / 2) == keep


def test_it_goes_back_when_it_is_no_longer_kept() -> None:
    keep_freed(True)
    np.ones(PICTURE, np.uint8)
    kept = resident()
    keep_freed(False)
    assert resident() < kept - PICTURE / 2
