"""Files that are complete or absent: written beside their place, flushed, then renamed; folders of one writer."""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from renderer_bridge.errors import OutputError

LOCK = ".lock"


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, remove it otherwise.

    The folder is made when missing. Raises `OutputError` when the folder or the file cannot be written (permission,
    full disk, a folder of that name); the file that stood there before is then untouched.
    """
    final = Path(path)
    temporary: Path | None = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.is_dir():
            raise OutputError(f"{final}: is a folder; a file name is needed here")
        handle, name = tempfile.mkstemp(prefix=f".{final.stem[:40]}.", suffix=".tmp" + final.suffix, dir=final.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(final)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"{final}: cannot be written ({reason}); a folder with space and permission is needed"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_remains(path: Path) -> None:
    """Remove what a process that was killed while it wrote `path` has left beside it. Nobody may be writing it now."""
    for temporary in path.parent.glob(f"{glob.escape(f'.{path.stem[:40]}.')}*.tmp{path.suffix}"):
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process: two that resume from one state would both write over it.

    The folder is made when missing, and removed again when nothing was written; a file `.lock` stays in it. Raises
    `OutputError` when another process holds it, or when it cannot be written.
    """
    if folder.is_file():
        raise OutputError(f"{folder}: is a file; a folder is needed here")
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            f"{folder}: another process is writing there; let it end, or give another output folder"
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"{folder}: cannot be written ({reason}); a folder with space and permission is needed"
        ) from error
    try:
        yield
    finally:
        lock.release()
        if made and [each.name for each in folder.iterdir()] == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
