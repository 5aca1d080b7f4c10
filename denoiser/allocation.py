"""Whether memory that was freed stays with the process.

A picture of 1920x1080 takes some hundred arrays of megabytes. The C library gives each back to the system when it is
freed, and every page of the next one is a fault again: a quarter of the time of a picture. Of small arrays it keeps
half a gigabyte instead, which large pictures have no use for.
"""

from __future__ import annotations

import ctypes
import functools
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h of glibc; see mallopt(3)
_MOST = 2**31 - 1
_DEFAULT_TRIM, _DEFAULT_MAPS = 128 * 1024, 65536

_kept = False


def keep_freed(keep: bool) -> None:
    """Keep freed memory for the next picture of the same size, or give back what is free now and from now on.

    It is a setting of the whole process, for commands; nothing happens where the C library is not glibc. Keeping takes
    some 15 % more memory at 1920x1080.
    """
    global _kept
    library = _glibc()
    if library is None:
        return
    library.mallopt(_M_MMAP_MAX, 0 if keep else _DEFAULT_MAPS)
    library.mallopt(_M_TRIM_THRESHOLD, _MOST if keep else _DEFAULT_TRIM)
    _kept = keep
    give_back()


def give_back() -> None:
    """Return freed memory to the system, unless it is to be kept."""
    library = _glibc()
    if library is not None and not _kept:
        library.malloc_trim(0)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
