"""Choose the Mitsuba variant: `cuda_ad_rgb`, else `llvm_ad_rgb` with an LLVM library that works, else `scalar_rgb`.

Dr.Jit's LLVM backend aborts the whole process with some LLVM versions (15 and 16 on CPUs with AVX-512), which no
`except` can catch. So the library is chosen before Dr.Jit loads it: LLVM 19 is proven, 16 and older are never used, any
other is probed in a child process that renders a few pixels, and the answer is kept in the user's cache folder.
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
from pathlib import Path

from renderer_bridge.atomic import write_text
from renderer_bridge.errors import N2NError, N2NWarning, UsageError

VARIANTS = ("cuda_ad_rgb", "llvm_ad_rgb", "scalar_rgb")
PROVEN_LLVM = 19
NEWEST_BROKEN_LLVM = 16
PROBE_TIMEOUT_S = 120
LIBRARY_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
)
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
        raise N2NError("--variant cuda: no CUDA device was found on this machine; llvm or scalar is accepted here")
    elif full == "llvm_ad_rgb" and not choose_llvm():
        raise N2NError(f"--variant llvm: no LLVM library newer than {NEWEST_BROKEN_LLVM} works here; {HOW_TO_GET_LLVM}")
    import mitsuba as mi

    if mi.variant() != full:
        mi.set_variant(full)
    return full


def _best_variant() -> str:
    if cuda_runs():
        return "cuda_ad_rgb"
    if choose_llvm():
        return "llvm_ad_rgb"
    warnings.warn(
        f"Mitsuba runs in its scalar variant, 2-3 times slower: no LLVM library newer than {NEWEST_BROKEN_LLVM} works "
        f"here ({HOW_TO_GET_LLVM})",
        N2NWarning,
        stacklevel=3,
    )
    return "scalar_rgb"


def cuda_runs() -> bool:
    """Whether the CUDA driver is present and reports at least one device."""
    name = "nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


# ---------------------------------------------------------------------------------------------------------------------
# LLVM: which library Dr.Jit may load


def choose_llvm() -> Path | None:
    """Point `DRJIT_LIBLLVM_PATH` at an LLVM library that works, and return it; None when there is none.

    A path the user has set in that variable goes first, and is refused all the same when it is known to abort.
    """
    for library in _llvm_candidates():
        version = llvm_version(library)
        if version is not None and version <= NEWEST_BROKEN_LLVM:
            continue
        if version == PROVEN_LLVM or _probed(library):
            os.environ["DRJIT_LIBLLVM_PATH"] = str(library)
            return library
    return None


def llvm_version(library: Path) -> int | None:
    """The major version in a library's file name (`libLLVM.so.19.1`, `libLLVM-15.so`); None where it names none."""
    for name in (library.name, library.resolve().name):
        match = re.search(r"LLVM(?:-C)?(?:-|\.so\.|\.)(\d+)", name)
        if match:
            return int(match.group(1))
    return None


def _llvm_candidates() -> list[Path]:
    """Existing libraries, the user's own first, then the proven version, then newest to oldest."""
    chosen = os.environ.get("DRJIT_LIBLLVM_PATH")
    folders = [Path(folder) for folder in LIBRARY_FOLDERS]
    folders += sorted(Path("/usr/lib").glob("llvm-*/lib")) + sorted(Path("/opt/homebrew/opt").glob("llvm*/lib"))
    found = {path.resolve() for folder in folders for path in folder.glob("libLLVM[-.]*") if _is_library(path)}

    def order(path: Path) -> tuple[bool, int]:
        version = llvm_version(path) or 0
        return version != PROVEN_LLVM, -version

    ordered = sorted(found, key=order)
    return ([Path(chosen)] if chosen and Path(chosen).exists() else []) + ordered


def _is_library(path: Path) -> bool:
    return bool(re.fullmatch(r"libLLVM([-.].*)?\.(so(\.[\d.]+)?|dylib)", path.name)) and path.is_file()


def _probed(library: Path) -> bool:
    """Whether a child process renders with `library`; the answer is kept per file, its date and Dr.Jit's version."""
    stat = library.stat()
    identity = f"{library.resolve()}|{stat.st_mtime_ns}|{stat.st_size}|{importlib.metadata.version('drjit')}"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "n2n-denoiser"
    answer = cache / f"llvm-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.txt"
    if answer.is_file():
        return answer.read_text(encoding="utf-8").strip() == "works"
    works = _render_in_child(library)
    with contextlib.suppress(N2NError):  # a read-only home only means probing again next time
        write_text(answer, "works\n" if works else "aborts\n")
    return works


_PROBE = (
    "import mitsuba as mi; mi.set_variant('llvm_ad_rgb'); "
    "print(float(mi.render(mi.load_dict(mi.cornell_box()), spp=1).array[0]))"
)


def _render_in_child(library: Path) -> bool:
    environment = {**os.environ, "DRJIT_LIBLLVM_PATH": str(library)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], env=environment, capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
