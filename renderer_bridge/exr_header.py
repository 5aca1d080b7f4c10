"""Reads the raw header and chunk table of an EXR file, to refuse bad files before the OpenEXR library meets them.

The library's Python binding prints a warning and *drops the part* when pixels are missing, allocates whatever size the
header claims, and keeps only some attribute types exactly. This module finds those cases first. The format is described
in "OpenEXR File Layout", https://openexr.com/en/latest/OpenEXRFileLayout.html.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from renderer_bridge.errors import ExrError

MAGIC = b"\x76\x2f\x31\x01"
_VERSION = 2
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000
_BYTES_PER_TYPE = {0: 4, 1: 2, 2: 4}  # uint, half, float
# Lines in one chunk, by the number of the compression method; measured with OpenEXR 3.5 for those above 9.
_LINES_PER_CHUNK = {
    **dict.fromkeys((0, 1, 2, 13), 1),
    **dict.fromkeys((3, 5), 16),
    **dict.fromkeys((4, 6, 7, 8, 11), 32),
    **dict.fromkeys((9, 10, 12), 256),
}
_MAX_PIXELS = 2**31
_MAX_NAME = 255
# A black 1920x1080 float image shrinks 13,600 times with DWAB, the most of all methods; small files are never refused.
_MAX_RATIO, _ALWAYS_FINE_BYTES = 20_000, 2**28


class _Damaged(Exception):
    """What is wrong with the bytes, as a clause after the file name."""


@dataclass(frozen=True)
class RawPart:
    """The attributes of one part as stored: name -> (type name, bytes)."""

    attributes: dict[str, tuple[str, bytes]]

    def value(self, name: str, type_name: str) -> bytes:
        found = self.attributes.get(name)
        if found is None or found[0] != type_name:
            raise _Damaged(f"its header has no {name!r} of type {type_name!r}")
        return found[1]


def check_exr(path: str | Path) -> tuple[RawPart, ...]:
    """The raw attributes of every part of the file at `path`, after checking that it is whole.

    Raises `ExrError` when there is no such file, it is no EXR file, it is deep or has several resolution levels, its
    header is damaged or claims more pixels than the file can hold, or one of its chunks is missing or cut off.
    """
    path = Path(path)
    if not path.exists():
        raise ExrError(f"{path}: there is no such file; the path of an EXR file is needed")
    if path.is_dir():
        raise ExrError(f"{path}: is a folder; the path of one EXR file is needed")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _check_open(file, size)
    except _Damaged as damage:
        raise ExrError(f"{path}: {damage}; a complete, flat EXR file is needed") from None
    except (struct.error, UnicodeDecodeError):
        raise ExrError(f"{path}: its header is damaged or cut off; a complete, flat EXR file is needed") from None
    except OSError as error:
        raise ExrError(f"{path}: cannot be read ({error.strerror}); a readable EXR file is needed") from error


def _check_open(file: BinaryIO, size: int) -> tuple[RawPart, ...]:
    start = file.read(8)
    if not start:
        raise _Damaged("is empty (0 bytes)")
    if start[:4] != MAGIC:
        raise _Damaged(f"is not an EXR file (it starts with {start[:4].hex(' ')})")
    (flags,) = struct.unpack("<I", start[4:])
    if flags & 0xFF != _VERSION:
        raise _Damaged(f"has EXR version {flags & 0xFF}, only version {_VERSION} is known")
    parts = _read_parts(file, size, multipart=bool(flags & _MULTIPART))
    for part in parts:
        _check_flat(part, deep=flags & (_DEEP | _MULTIPART) == _DEEP)
        _check_size(part, size)
    counts = [_chunk_count(part, tiled=_is_tiled(part, flags)) for part in parts]
    _check_chunks(file, size, [(n, _is_tiled(p, flags)) for n, p in zip(counts, parts, strict=True)], flags)
    return parts


def _read_parts(file: BinaryIO, size: int, multipart: bool) -> tuple[RawPart, ...]:
    parts = []
    while True:
        part = _read_part(file, size)
        if multipart and not part.attributes:
            break
        parts.append(part)
        if not multipart:
            break
    if not parts:
        raise _Damaged("has no parts")
    return tuple(parts)


def _read_part(file: BinaryIO, size: int) -> RawPart:
    attributes: dict[str, tuple[str, bytes]] = {}
    while name := _read_name(file):
        type_name = _read_name(file)
        (length,) = struct.unpack("<i", file.read(4))
        if not 0 <= length <= size - file.tell():
            raise _Damaged(f"its header is damaged or cut off at attribute {name!r}")
        attributes[name] = (type_name, file.read(length))
    return RawPart(attributes)


def _read_name(file: BinaryIO) -> str:
    name = bytearray()
    while (byte := file.read(1)) != b"\0":
        if not byte or len(name) == _MAX_NAME:
            raise _Damaged("its header is damaged or cut off")
        name += byte
    return name.decode("utf-8")


def _check_flat(part: RawPart, deep: bool) -> None:
    kind = part.attributes.get("type", ("string", b""))[1]
    name = part.attributes.get("name", ("string", b""))[1].decode("utf-8")
    where = f" in its part {name!r}" if name else ""
    if deep or kind.startswith(b"deep"):
        raise _Damaged(f"holds deep pixels{where} (several samples at different depths in each pixel)")
    if "tiles" in part.attributes and _tile_shape(part)[2] & 0x0F:
        raise _Damaged(f"holds several resolution levels{where} (mip map or rip map), of which only one can be kept")


def _check_size(part: RawPart, size: int) -> None:
    width, height = _window(part)
    pixel_bytes = sum(_channel_bytes(part))
    claimed = width * height * pixel_bytes
    if width * height > _MAX_PIXELS or claimed > _ALWAYS_FINE_BYTES + _MAX_RATIO * size:
        raise _Damaged(f"claims {width}x{height} pixels, more than its {size} bytes can hold")
    if "tiles" in part.attributes:
        tile_width, tile_height, _ = _tile_shape(part)
        if tile_width * tile_height * pixel_bytes > _ALWAYS_FINE_BYTES:
            raise _Damaged(f"claims tiles of {tile_width}x{tile_height} pixels")


def _window(part: RawPart) -> tuple[int, int]:
    """(width, height) of the data window."""
    left, top, right, bottom = struct.unpack("<4i", part.value("dataWindow", "box2i"))
    if right < left or bottom < top:
        raise _Damaged(f"has an empty data window ({left}, {top}) - ({right}, {bottom})")
    return right - left + 1, bottom - top + 1


def _channel_bytes(part: RawPart) -> list[int]:
    """Bytes per pixel of each channel, full resolution."""
    raw = part.value("channels", "chlist")
    sizes, at = [], 0
    while at < len(raw) and raw[at] != 0:
        at = raw.find(b"\0", at) + 1
        if at == 0:
            raise _Damaged("has a damaged channel list")
        kind, _, x_sampling, y_sampling = struct.unpack_from("<4i", raw, at)
        if kind not in _BYTES_PER_TYPE or x_sampling < 1 or y_sampling < 1:
            raise _Damaged("has a damaged channel list")
        sizes.append(_BYTES_PER_TYPE[kind])
        at += 16
    if not sizes:
        raise _Damaged("has no channels")
    return sizes


def _tile_shape(part: RawPart) -> tuple[int, int, int]:
    """(width, height, mode) of the tiles; the low half of mode is the level mode."""
    width, height, mode = struct.unpack("<IIB", part.value("tiles", "tiledesc"))
    if not width or not height:
        raise _Damaged("has tiles without pixels")
    return width, height, mode


def _is_tiled(part: RawPart, flags: int) -> bool:
    if flags & _MULTIPART:
        return part.value("type", "string") == b"tiledimage"
    return bool(flags & _TILED)


def _chunk_count(part: RawPart, tiled: bool) -> int | None:
    """How many chunks the part has, or None for a compression method of a newer OpenEXR."""
    width, height = _window(part)
    if tiled:
        tile_width, tile_height, _ = _tile_shape(part)
        return -(-width // tile_width) * -(-height // tile_height)
    (method,) = struct.unpack("<B", part.value("compression", "compression"))
    lines = _LINES_PER_CHUNK.get(method)
    if lines is None:
        stored = part.attributes.get("chunkCount")
        return struct.unpack("<i", stored[1])[0] if stored else None
    return -(-height // lines)


def _check_chunks(file: BinaryIO, size: int, parts: list[tuple[int | None, bool]], flags: int) -> None:
    """Every chunk the tables promise lies within the file. `parts` is (chunk count, tiled) for each part."""
    tables = []
    for count, tiled in parts:
        if count is None:
            return
        if not 0 < 8 * count <= size - file.tell():
            raise _Damaged("is cut off inside its chunk table")
        tables.append((struct.unpack(f"<{count}Q", file.read(8 * count)), tiled))
    first = file.tell()
    part_number = 4 if flags & _MULTIPART else 0
    total = sum(len(offsets) for offsets, _ in tables)
    missing = 0
    for offsets, tiled in tables:
        leader = part_number + (16 if tiled else 4)
        missing += sum(not _chunk_is_whole(file, size, first, offset, leader) for offset in offsets)
    if missing:
        raise _Damaged(f"is truncated or was never finished ({missing} of its {total} blocks of pixels are missing)")


def _chunk_is_whole(file: BinaryIO, size: int, first: int, offset: int, leader: int) -> bool:
    """`leader` is the number of bytes between the chunk's start and the 4 bytes that hold its length."""
    if not first <= offset <= size - leader - 4:
        return False
    file.seek(offset + leader)
    length = int.from_bytes(file.read(4), "little", signed=True)
    return 0 <= length <= size - offset - leader - 4
