"""PLY files that Mitsuba 3 does not read: those whose faces have lists besides their vertices, as MeshLab writes them.

Mitsuba 0.6 took the vertices and let the rest be; so does the copy that is made here, once, in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

from renderer_bridge.atomic import atomic_path

TYPES = {  # of PLY, old and new names: format characters of `struct`
    **dict.fromkeys(("char", "int8"), "b"),
    **dict.fromkeys(("uchar", "uint8"), "B"),
    **dict.fromkeys(("short", "int16"), "h"),
    **dict.fromkeys(("ushort", "uint16"), "H"),
    **dict.fromkeys(("int", "int32"), "i"),
    **dict.fromkeys(("uint", "uint32"), "I"),
    **dict.fromkeys(("float", "float32"), "f"),
    **dict.fromkeys(("double", "float64"), "d"),
}
INDICES = ("vertex_indices", "vertex_index")
LONGEST_HEADER = 1 << 16  # bytes


@dataclass(frozen=True)
class _Element:
    """A PLY element: its name, how many there are, and its properties, each (name, type) or (name, count, type)."""

    name: str
    count: int
    properties: tuple[tuple[str, ...], ...]


def readable_mesh(path: Path, cache: Path) -> Path:
    """`path`, or for a PLY file whose faces have further lists the place in `cache` of a copy that has none."""
    if path.suffix.lower() != ".ply":
        return path
    with path.open("rb") as file:
        header, end, _ = file.read(LONGEST_HEADER).partition(b"end_header\n")
    faces = next((each for each in _elements(header) if each.name == "face"), None)
    lists = 0 if faces is None else sum(len(each) > 2 for each in faces.properties)
    if not end or b"format binary" not in header or lists < 2:
        return path
    content = path.read_bytes()
    copy = cache / "meshes" / f"{hashlib.sha256(content).hexdigest()[:24]}.ply"
    if not copy.exists():
        try:
            text = _without_lists(header, content[len(header) + len(end) :])
        except (struct.error, KeyError, ValueError):
            return path  # Mitsuba says what is wrong with it
        with atomic_path(copy) as temporary:
            temporary.write_bytes(text)
    return copy


def _elements(header: bytes) -> list[_Element]:
    found: list[_Element] = []
    for line in header.decode("latin-1").splitlines():
        words = line.split()
        if words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            found.append(_Element(words[1], int(words[2]), ()))
        elif words[:1] == ["property"] and found:
            kinds = words[2:-1] if words[1] == "list" else words[1:-1]
            last = found.pop()
            found.append(_Element(last.name, last.count, (*last.properties, (words[-1], *kinds))))
    return found


def _without_lists(header: bytes, body: bytes) -> bytes:
    """The file with only the vertices of its faces; everything before the faces stays byte for byte."""
    order = ">" if b"binary_big_endian" in header else "<"
    start = 0
    for element in _elements(header):
        if element.name == "face":
            indices, count = _triangles(order, element, body, start)
            kept = header[: header.index(b"element face")]
            told = f"element face {count}\nproperty list uchar int vertex_indices\nend_header\n"
            return kept + told.encode() + body[:start] + indices
        start += element.count * struct.calcsize(order + "".join(TYPES[kind] for _, kind in element.properties))
    raise ValueError("no faces")


def _triangles(order: str, faces: _Element, body: bytes, start: int) -> tuple[bytes, int]:
    """The faces' vertices as triangles, each a fan, and how many there are."""
    out, at = [], start
    record = struct.Struct(order + "B3i")
    for _ in range(faces.count):
        for name, *kinds in faces.properties:
            first = struct.unpack_from(order + TYPES[kinds[0]], body, at)[0]
            at += struct.calcsize(order + TYPES[kinds[0]])
            if len(kinds) == 1:
                continue
            values = struct.unpack_from(f"{order}{int(first)}{TYPES[kinds[1]]}", body, at)
            at += struct.calcsize(f"{order}{int(first)}{TYPES[kinds[1]]}")
            if name in INDICES:
                out += [record.pack(3, values[0], *pair) for pair in itertools.pairwise(values[1:])]
    return b"".join(out), len(out)
