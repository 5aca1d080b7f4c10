"""Choose the Mitsuba variant: `cuda_ad_rgb`, else `llvm_ad_rgb` with an LLVM library that works, else `scalar_rgb`.

Dr.Jit's LLVM backend aborts the whole process with some LLVM versions (15 and 16 on CPUs with AVX-512), which no
`except` can catch. So the library is chosen before Dr.Jit loads it: LLVM 19 is proven, 16 and older are never used, any
other is probed in a child process that renders a few pixels, and the answer is kept in the user's cache folder. A CUDA
device is probed likewise: in many containers OptiX, which comes with the driver, is missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

from renderer_bridge.atomic import write_text
from renderer_bridge.cache_folder import cache_folder
from renderer_bridge.errors import N2NError, N2NWarning, UsageError

VARIANTS = ("cuda_ad_rgb", "llvm_ad_rgb", "scalar_rgb")
PROVEN_LLVM = 19
LEAST_THREADS = 2
"""With one, on one core, Mitsuba 3.9.1 waits for ever for a scene with bitmaps: a texture waits for its own reader."""

NEWEST_BROKEN_LLVM = 16
PROBE_TIMEOUT_S = 120
LIBRARY_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
)
LLVM_FOLDERS = (("/usr/lib", "llvm-*/lib"), ("/opt/homebrew/opt", "llvm*/lib"))
HOW_TO_GET_LLVM = "on Debian: apt-get install libllvm19"


def set_variant(name: str = "auto") -> str:
    """Set Mitsuba's variant and return its name.

    `name` is "auto" (the fastest that works here), "cuda", "llvm", "scalar" or a full variant name of those. Warns
    (`N2NWarning`) when only the slow scalar variant is left. Raises `UsageError` for an unknown name and `N2NError`
    when the variant asked for does not run on this machine.
    """
    full = {"cuda": "cuda_ad_rgb", "llvm": "llvm_ad_rgb", "scalar": "scalar_rgb"}.get(name, name)
    if full not in (*VARIANTS, "auto"):
        raise UsageError(f"--variant {name}: not a variant; auto, cuda, llvm or scalar is accepted")
    if full == "auto":
        full = _best_variant()
    elif full == "cuda_ad_rgb" and not cuda_runs():
        raise N2NError(
            "--variant cuda: Mitsuba finds no CUDA device with OptiX on this machine; llvm or scalar is accepted here"
        )
    elif full == "llvm_ad_rgb" and not choose_llvm():
        raise N2NError(f"--variant llvm: no LLVM library newer than {NEWEST_BROKEN_LLVM} works here; {HOW_TO_GET_LLVM}")
    import drjit as dr
    import mitsuba as mi

    if mi.variant() != full:
        mi.set_variant(full)
    if dr.thread_count() < LEAST_THREADS:
        dr.set_thread_count(LEAST_THREADS)
    return full


def _best_variant() -> str:
    if cuda_runs():
        return "cuda_ad_rgb"
    if _cuda_driver() is not None:
        warnings.warn(
            "Mitsuba cannot render on the CUDA device of this machine (OptiX, a part of the driver, may be missing); "
            "the processor renders instead",
            N2NWarning,
            stacklevel=3,
        )
    if choose_llvm():
        return "llvm_ad_rgb"
    warnings.warn(
        f"Mitsuba runs in its scalar variant, 2-3 times slower: no LLVM library newer than {NEWEST_BROKEN_LLVM} works "
        f"here ({HOW_TO_GET_LLVM})",
        N2NWarning,
        stacklevel=3,
    )
    return "scalar_rgb"


# ---------------------------------------------------------------------------------------------------------------------
# CUDA


def cuda_runs() -> bool:
    """Whether there is a CUDA device and Mitsuba renders on it."""
    driver = _cuda_driver()
    return driver is not None and _renders("cuda_ad_rgb", driver, {})


def _cuda_driver() -> str | None:
    """What identifies the CUDA driver, its devices and whether OptiX is there; None without driver or device."""
    windows = platform.system() == "Windows"
    driver = _library("nvcuda.dll" if windows else "libcuda.so.1")
    count, version = ctypes.c_int(0), ctypes.c_int(0)
    if driver is None or driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    driver.cuDriverGetVersion(ctypes.byref(version))
    optix = windows or _library("libnvoptix.so.1") is not None
    return f"cuda {version.value}, {count.value} devices, optix {optix}"


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


# ---------------------------------------------------------------------------------------------------------------------
# LLVM: which library Dr.Jit may load


def choose_llvm() -> Path | None:
    """Point `DRJIT_LIBLLVM_PATH` at an LLVM library that works, and return it; None when there is none.

    A path the user has set in that variable goes first, and is refused all the same, with an `N2NWarning`, when it is
    missing or aborts.
    """
    chosen = os.environ.get("DRJIT_LIBLLVM_PATH")
    for library in _llvm_candidates(chosen):
        if _llvm_works(library):
            if chosen and library != Path(chosen):
                warnings.warn(
                    f"DRJIT_LIBLLVM_PATH names {chosen}, which does not work with Dr.Jit (it is missing, "
                    f"LLVM {NEWEST_BROKEN_LLVM} or older, or aborts); {library} is used instead",
                    N2NWarning,
                    stacklevel=3,
                )
            os.environ["DRJIT_LIBLLVM_PATH"] = str(library)
            return library
    return None


def llvm_version(library: Path) -> int | None:
    """The major version in a library's file name (`libLLVM.so.19.1`, `libLLVM-15.so`); None where it names none.

    Of a link, the name of the file it leads to counts first.
    """
    for name in (library.resolve().name, library.name):
        match = re.search(r"LLVM(?:-C)?(?:-|\.so\.|\.)(\d+)", name)
        if match:
            return int(match.group(1))
    return None


def _llvm_works(library: Path) -> bool:
    version = llvm_version(library)
    if version is not None and version <= NEWEST_BROKEN_LLVM:
        return False
    if version == PROVEN_LLVM:
        return True
    stat = library.stat()
    identity = f"{library.resolve()}|{stat.st_mtime_ns}|{stat.st_size}"
    return _renders("llvm_ad_rgb", identity, {"DRJIT_LIBLLVM_PATH": str(library)})


def _llvm_candidates(chosen: str | None) -> list[Path]:
    """Existing libraries, the user's own first, then the proven version, then newest to oldest."""
    folders = [Path(folder) for folder in LIBRARY_FOLDERS]
    folders += [folder for parent, pattern in LLVM_FOLDERS for folder in sorted(Path(parent).glob(pattern))]
    found = {path.resolve() for folder in folders for path in folder.glob("libLLVM[-.]*") if _is_library(path)}

    def order(path: Path) -> tuple[bool, int, str]:
        version = llvm_version(path) or 0
        return version != PROVEN_LLVM, -version, str(path)

    own = [Path(chosen)] if chosen and Path(chosen).is_file() else []
    return own + sorted(found, key=order)


def _is_library(path: Path) -> bool:
    return bool(re.fullmatch(r"libLLVM([-.].*)?\.(so(\.[\d.]+)?|dylib)", path.name)) and path.is_file()


# ---------------------------------------------------------------------------------------------------------------------
# Probing in a child process

_PROBE = (
    "import sys, math, mitsuba as mi; mi.set_variant(sys.argv[1]); "
    "sys.exit(not math.isfinite(float(mi.render(mi.load_dict(mi.cornell_box()), spp=1).array[0])))"
)


def _renders(variant: str, identity: str, environment: Mapping[str, str]) -> bool:
    """Whether a child process renders in `variant`; the answer is kept for this `identity` and version of Dr.Jit."""
    key = f"{variant}|{identity}|{importlib.metadata.version('drjit')}"
    answer = cache_folder() / f"{variant}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.txt"
    with contextlib.suppress(OSError):
        return answer.read_text(encoding="utf-8").strip() == "works"
    works = _child_renders(variant, environment)
    with contextlib.suppress(N2NError):  # a read-only home only means probing again next time
        write_text(answer, "works\n" if works else "fails\n")
    return works


def _child_renders(variant: str, environment: Mapping[str, str]) -> bool:
    command = [sys.executable, "-c", _PROBE, variant]
    try:
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
