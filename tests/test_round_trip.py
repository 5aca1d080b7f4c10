"""Every kind of EXR comes back with its color replaced and all else bit for bit, seen by a reader that is not ours.

The files are made and compared with OpenImageIO; it reads no subsampled channels and writes no flat part beside a deep
one, so that those two kinds are made with OpenEXR itself.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from apps.denoise import main
from renderer_bridge.errors import ExrError
from renderer_bridge.exr import ExrImage, read_exr, write_exr

HEIGHT, WIDTH = 37, 53
Kind = tuple[Any, np.ndarray[Any, Any]]
"""One part: OpenImageIO's description, and pixels (H, W, channels)."""

_CRYPTO = "cryptomatte/5f8ea21"
_ATTRIBUTES = {
    "owner": "studio, Ærøskøbing",
    "Exif:ImageHistory": "rendered twice",
    "framesPerSecond": 24.0,
    "take": 7,
    f"{_CRYPTO}/name": "ViewLayer.CryptoObject",
    f"{_CRYPTO}/manifest": '{"cube":"3b0f7a12","floor":"a51ed3c9"}',
    f"{_CRYPTO}/hash": "MurmurHash3_32",
}


def part(seed: int, formats: dict[str, str], size: tuple[int, int] = (HEIGHT, WIDTH), **attributes: Any) -> Kind:
    """A part with the channels of `formats`; attributes whose names OpenImageIO interprets set windows and tiles."""
    height, width = size
    spec = oiio.ImageSpec(width, height, len(formats), "float")
    spec.channelnames = tuple(formats)
    spec.channelformats = tuple(oiio.TypeDesc(each) for each in formats.values())
    for name in ("x", "y", "full_x", "full_y", "full_width", "full_height", "tile_width", "tile_height"):
        if name in attributes:
            setattr(spec, name, attributes.pop(name))
    for name, value in {**_ATTRIBUTES, **attributes}.items():
        spec.attribute(name, value)
    random = np.random.default_rng(seed)
    pixels = random.gamma(1.0, 0.7, (height, width, len(formats))).astype(np.float32)
    for i, kind in enumerate(formats.values()):
        if kind == "uint":
            pixels[..., i] = random.integers(0, 2**23, (height, width)) * 256  # float32 holds it exactly
    return spec, pixels


def rgb(name: str = "", kind: str = "half", suffixes: str = "RGB") -> dict[str, str]:
    return {f"{name}.{suffix}".lstrip("."): kind for suffix in suffixes}


def _scanline() -> list[Kind]:
    return [part(1, {**rgb(suffixes="RGBA"), "Z": "float", "id": "uint"}, compression="zip")]


def _tiled() -> list[Kind]:
    return [part(2, {**rgb(kind="float"), **rgb("albedo")}, tile_width=16, tile_height=24, compression="piz")]


def _parts() -> list[Kind]:
    crypto = {f"CryptoObject0{i}.{c}": "float" for i in (0, 1) for c in "RGBA"}
    names = {"rgba": rgb(suffixes="RGBA"), "albedo": rgb(), "N": rgb(suffixes="XYZ", kind="float"), "crypto": crypto}
    methods = ("zip", "piz", "zips", "rle")
    return [
        part(i, formats, compression=method, **{"oiio:subimagename": name})
        for i, ((name, formats), method) in enumerate(zip(names.items(), methods, strict=True))
    ]


def _windows() -> list[Kind]:
    full = {"full_x": 0, "full_y": 0, "full_width": 200, "full_height": 100}
    return [part(3, {**rgb(suffixes="RGBA"), **rgb("albedo")}, x=-6, y=11, **full)]


def _stereo_parts() -> list[Kind]:
    return [
        part(i, rgb(suffixes="RGBA"), view=view, **{"oiio:subimagename": f"rgba_{view}"})
        for i, view in enumerate(("left", "right"))
    ]


def _stereo_channels() -> list[Kind]:
    kinds = {**rgb(), **rgb("albedo"), **rgb("right"), **rgb("albedo.right")}
    spec, pixels = part(4, kinds)
    spec.attribute("multiView", oiio.TypeDesc("string[2]"), ("left", "right"))
    return [(spec, pixels)]


def _luminance_chroma() -> list[Kind]:
    return [part(5, {"Y": "half", "RY": "half", "BY": "half", "A": "half", "Z": "float"})]


def _cycles() -> list[Kind]:
    layers = ("Combined", "Noisy Image", "Denoising Albedo", "DiffDir", "CryptoObject00")
    kinds = {name: "float" for layer in layers for name in rgb(f"ViewLayer.{layer}", suffixes="RGBA")}
    return [part(6, {**kinds, **rgb("ViewLayer.Denoising Normal", "float", "XYZ"), "ViewLayer.Depth.Z": "float"})]


def _integers() -> list[Kind]:
    return [part(7, {**rgb(kind="uint"), "mask.I": "uint"}, compression="zips")]


def _method(name: str) -> Callable[[], list[Kind]]:
    # PXR24 shortens float to 24 bits, at the first writing; half and integers it keeps.
    return lambda: [part(8, {**rgb(), **rgb("albedo"), "id": "uint"}, compression=name)]


KINDS: dict[str, Callable[[], list[Kind]]] = {
    "scanline": _scanline,
    "tiled": _tiled,
    "parts": _parts,
    "windows": _windows,
    "stereo parts": _stereo_parts,
    "stereo channels": _stereo_channels,
    "luminance-chroma": _luminance_chroma,
    "cycles": _cycles,
    "integers": _integers,
    **{name: _method(name) for name in ("none", "rle", "zips", "piz", "pxr24")},
}


def save(path: Path, kinds: list[Kind]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    output = oiio.ImageOutput.create(str(path))
    specs = tuple(spec for spec, _ in kinds)
    assert output.open(str(path), specs if len(specs) > 1 else specs[0]), output.geterror()
    for i, (spec, pixels) in enumerate(kinds):
        if i:
            assert output.open(str(path), spec, "AppendSubimage"), output.geterror()
        assert output.write_image(pixels), output.geterror()
    output.close()
    return path


def seen(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(attributes, channels in their native type) of each part, as OpenImageIO reads them."""
    source = oiio.ImageInput.open(str(path))
    parts = []
    while source.seek_subimage(len(parts), 0):
        spec = source.spec()
        attributes = {each.name: each.value for each in spec.extra_attribs}
        shape = (spec.x, spec.y, spec.width, spec.height, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
        attributes["windows"] = (*shape, spec.tile_width, spec.tile_height)
        kinds = spec.channelformats or (spec.format,) * spec.nchannels
        channels = {
            name: source.read_image(len(parts), 0, i, i + 1, kind)[..., 0]
            for i, (name, kind) in enumerate(zip(spec.channelnames, kinds, strict=True))
        }
        parts.append((attributes, channels))
    return parts


def denoised(image: ExrImage) -> tuple[ExrImage, dict[tuple[int, str], Any]]:
    """Every view with other pixels, as a denoiser would give, and what was replaced: (part, channel) -> old pixels."""
    replaced = {}
    for view in image.views():
        place = image.select(view).result
        assert place is not None
        replaced.update({(place.part, name): None for name in place.channels})
        image = image.with_result(image.pixels(place) * 0.5 + 0.25, view)
    return image, replaced


@pytest.mark.parametrize("kind", KINDS)
def test_all_but_the_color_is_bit_identical(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path / "in.exr", KINDS[kind]())
    image, replaced = denoised(read_exr(path))
    write_exr(tmp_path / "out.exr", image)
    before, after = seen(path), seen(tmp_path / "out.exr")
    assert len(before) == len(after)
    for index, ((old, old_channels), (new, new_channels)) in enumerate(zip(before, after, strict=True)):
        assert old == new
        assert list(old_channels) == list(new_channels)
        for name, pixels in old_channels.items():
            other = new_channels[name]
            assert other.dtype == pixels.dtype and other.shape == pixels.shape
            same = other.tobytes() == pixels.tobytes()
            assert same != ((index, name) in replaced), name


def _subsampled() -> tuple[dict[str, Any], dict[str, Any]]:
    random = np.random.default_rng(9)
    planes = {"Y": (38, 54), "RY": (19, 27), "BY": (19, 27), "A": (38, 54)}
    pixels = {name: random.uniform(0.1, 1, size).astype(np.float16) for name, size in planes.items()}
    full = {}
    for name, plane in pixels.items():
        padded = np.zeros((38, 54), np.float16)
        padded.reshape(-1)[: plane.size] = plane.reshape(-1)
        step = 2 if name in ("RY", "BY") else 1
        full[name] = OpenEXR.Channel(padded, step, step, name in ("RY", "BY"))
    return full, pixels


def test_subsampled_chroma_is_read_and_written(tmp_path: Path) -> None:
    full, _ = _subsampled()
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.PIZ_COMPRESSION, "owner": "studio"}
    OpenEXR.File([OpenEXR.Part(header, full, "")]).write(str(tmp_path / "in.exr"))
    image = read_exr(tmp_path / "in.exr")
    color = image.layer("color")
    assert color is not None and color.shape == (38, 54, 3)
    write_exr(tmp_path / "out.exr", image.with_result(np.full_like(color, [2.0, 1.0, 0.5])))
    old, new = (OpenEXR.File(str(tmp_path / name), separate_channels=True).parts[0] for name in ("in.exr", "out.exr"))
    assert old.channels["A"].pixels.tobytes() == new.channels["A"].pixels.tobytes()
    assert {n: (c.xSampling, c.pixels.dtype) for n, c in new.channels.items()} == {
        n: (c.xSampling, c.pixels.dtype) for n, c in old.channels.items()
    }
    assert new.header["owner"] == "studio" and new.header["compression"] == OpenEXR.PIZ_COMPRESSION
    back = read_exr(tmp_path / "out.exr").layer("color")
    # Three half numbers, each with 11 bits; green is a difference divided by 0.72.
    np.testing.assert_allclose(back, np.broadcast_to([2.0, 1.0, 0.5], color.shape), rtol=3e-3)  # type: ignore[arg-type]


def test_a_deep_part_beside_a_flat_one_is_refused_by_name(tmp_path: Path) -> None:
    """OpenImageIO writes no such file: the type of the second of two flat parts is renamed in the bytes."""
    path = save(tmp_path / "in.exr", _stereo_parts())
    data = path.read_bytes()
    at = data.index(b"scanlineimage", data.index(b"scanlineimage") + 1)
    length = at - 4
    assert struct.unpack("<i", data[length:at]) == (13,)
    path.write_bytes(data[:length] + struct.pack("<i", 12) + b"deepscanline" + data[at + 13 :])
    with pytest.raises(ExrError, match=r"in\.exr: holds deep pixels in its part 'rgba_right'"):
        read_exr(path)


@pytest.mark.parametrize("levels", [OpenEXR.MIPMAP_LEVELS, OpenEXR.RIPMAP_LEVELS])
def test_mip_maps_are_refused(tmp_path: Path, levels: Any) -> None:
    path = save(tmp_path / "in.exr", _tiled())
    data = bytearray(path.read_bytes())
    at = data.index(b"tiledesc\0") + len(b"tiledesc\0") + 4 + 8
    data[at] = int(levels)
    path.write_bytes(data)
    with pytest.raises(ExrError, match="several resolution levels"):
        read_exr(path)


def test_n2n_denoise_leaves_all_else_of_every_kind(tmp_path: Path) -> None:
    """The whole command on a folder of all kinds, as pairs: nothing but color is changed, and only the error is new."""
    for number, kind in enumerate(KINDS):
        for half in "ab":
            parts = KINDS[kind]()
            for _, pixels in parts:
                pixels *= np.float32(1 if half == "a" else 2)  # halves that are equal are refused; float32 is exact
            save(tmp_path / "in" / f"{number}.{half}.exr", parts)
    assert main([str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    for number, kind in enumerate(KINDS):
        source, result = tmp_path / "in" / f"{number}.a.exr", tmp_path / "out" / f"{number}.exr"
        image = read_exr(source)
        places = [image.select(view).result for view in image.views()]
        replaced = {(place.part, name) for place in places if place is not None for name in place.channels}
        before, after = seen(source), seen(result)
        assert len(before) == len(after)
        for index, ((old, old_channels), (new, new_channels)) in enumerate(zip(before, after, strict=True)):
            assert old == new, kind
            added = set(new_channels) - set(old_channels)
            assert all(name.startswith("n2n.error.") for name in added) and set(old_channels) <= set(new_channels), kind
            for name, pixels in old_channels.items():
                same = new_channels[name].dtype == pixels.dtype and new_channels[name].tobytes() == pixels.tobytes()
                assert same != ((index, name) in replaced), (kind, name)
