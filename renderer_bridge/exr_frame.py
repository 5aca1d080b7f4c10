"""`Frame` from and to EXR files.

Our own files hold `R G B` (float32), `albedo.R/G/B` and `normal.X/Y/Z` (half), optionally `position.X/Y/Z` and
`depth.Z` (float32), ZIP-compressed, with these header attributes:

    n2n:version     string    version of this tool
    n2n:spp         int       samples per pixel
    n2n:seed        string    decimal number; seeds go to 2**32 - 1, an EXR integer only to 2**31 - 1
    n2n:toWorld     m44d      camera-to-world matrix as in `Camera`: columns are the camera's axes and origin
    n2n:fovDeg      double    horizontal field of view in degrees
    n2n:resolution  v2i       the camera's width and height in pixels
    worldToCamera   m44f      the same camera in OpenEXR's own terms, for other programs

A channel `n2n.spp` (uint32) holds the samples of each pixel where they are not the same everywhere (`mitsuba_passes`);
`n2n:spp` is their mean then.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from renderer_bridge.errors import ExrError
from renderer_bridge.exr import ExrImage, ExrPart, read_exr, write_exr
from renderer_bridge.frame import Camera, Frame, Image
from renderer_bridge.layers import accepted_names
from renderer_bridge.selection import Place, Selection

# Half has 11 bits: each component of a stored unit vector is off by 2^-11 of its value at most, and so is its length.
_LENGTH_TOLERANCE = 1e-3
# Normals kept with 7 bits and a sign are off by 2^-8 per component, and so up to sqrt(3) / 2^8 in length; the longest
# of the development images is 1.013. Only longer ones are worth telling the user.
_LENGTH_TOLD = 1.02
SPP_CHANNEL = "n2n.spp"
_REPAIR_BLOCK, _REPAIR_ROWS = 65536, 64
# OpenEXR's camera space has +x to the right, ours to the left (Mitsuba); +y up and +z ahead are the same.
_FLIP_X = np.diag([-1.0, 1.0, 1.0, 1.0])


def read_frame(path: str | Path, position: bool = False, depth: bool = False) -> tuple[Frame, dict[str, int]]:
    """The frame in an EXR file of any renderer in `layers`, and how many pixels of which layer had to be repaired.

    Color is needed, albedo and normal are taken when there, position and depth when asked for and there. Arrays cover
    the data window. Pixels that are infinite or NaN become the median of their finite neighbours in color, zero in
    AOVs; albedo is clamped to [0, 1], and counted below 0; normals longer than one are normalised, and counted when 2 %
    too long. `spp`, `seed` and `camera` come from our own header attributes. Raises `ExrError` when the file cannot be
    read, has no color, or has attributes of ours that make no sense.
    """
    return frame_of(read_exr(path), position, depth)


def frame_of(
    image: ExrImage,
    position: bool = False,
    depth: bool = False,
    selection: Selection | None = None,
    half_layers: bool = False,
) -> tuple[Frame, dict[str, int]]:
    """As `read_frame`, for an image in memory; `selection` says which of its layers, by default those of `select`.

    With `half_layers` albedo and normal are float16: half the memory, and no loss where the file holds them so. A layer
    of a part with another data window than the color's is laid where it belongs, zero where it has no pixels.
    """
    places = (selection or image.select()).layers
    if "color" not in places:
        found = image.described()
        raise ExrError(f"{image.path}: has no color layer; found {found}; needed is one of {accepted_names('color')}")
    wanted = ["color", "albedo", "normal"] + ["position"] * position + ["depth"] * depth
    layers: dict[str, Image] = {}
    repaired: dict[str, int] = {}
    for name in (name for name in wanted if name in places):
        pixels = pixels_within(image, places[name], places["color"])
        mended, count = _REPAIRS[name](pixels)
        layers[name] = as_half(mended) if half_layers and name in ("albedo", "normal") else mended
        if count:
            repaired[name] = count
    header = image.parts[0].header
    try:
        frame = Frame(
            **layers, camera=_camera(header), spp=_integer(header, "n2n:spp"), seed=_integer(header, "n2n:seed")
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise ExrError(f"{image.path}: {error}; a frame of one size with sound attributes is needed") from error
    return frame, repaired


def layer_of(image: ExrImage, name: str) -> Image:
    """The layer `name` (albedo, normal, position, depth) of a file that holds it alone, mended as in `read_frame`.

    Its own channels are taken when the file has such, else plain `R G B` or `X Y Z`. Raises `ExrError` when there is
    neither.
    """
    part = image.parts[0]
    plain = [Place(0, names) for names in (("R", "G", "B"), ("X", "Y", "Z")) if set(names) <= set(part.channels)]
    place = image.select().layers.get(name) or next(iter(plain), None)
    if place is None:
        found = image.described()
        raise ExrError(f"{image.path}: has no {name} layer; found {found}; needed is {accepted_names(name)} or R G B")
    return _REPAIRS[name](image.pixels(place))[0]


def samples_in(image: ExrImage) -> NDArray[np.int64]:
    """Samples of each pixel (H, W) of one of our files, from its channel `SPP_CHANNEL`, else from its header.

    Raises `ExrError` when neither is there.
    """
    part = image.parts[0]
    if SPP_CHANNEL in part.channels:
        return part.channels[SPP_CHANNEL].astype(np.int64)
    spp = _integer(part.header, "n2n:spp")
    if spp is None:
        raise ExrError(f"{image.path}: does not say how many samples it has; {SPP_CHANNEL} or n2n:spp is needed")
    return np.full(part.size, spp, dtype=np.int64)


def as_half(layer: Image) -> Image:
    """Albedo or normal as float16, which a `Frame` takes of them."""
    return cast(Image, layer.astype(np.float16))


def pixels_within(image: ExrImage, place: Place, color: Place) -> Image:
    """The pixels at `place` (H, W, channels) in the data window of the color; zero where it has none."""
    pixels = image.pixels(place)
    (left, top, right, bottom), here = image.parts[color.part].window, image.parts[place.part].window
    if (left, top, right, bottom) == here:
        return pixels
    result = np.zeros((bottom - top + 1, right - left + 1, pixels.shape[2]), np.float32)
    first = max(left, here[0]), max(top, here[1])
    last = min(right, here[2]) + 1, min(bottom, here[3]) + 1
    if first[0] < last[0] and first[1] < last[1]:
        cut = pixels[first[1] - here[1] : last[1] - here[1], first[0] - here[0] : last[0] - here[0]]
        result[first[1] - top : last[1] - top, first[0] - left : last[0] - left] = cut
    return result


def write_frame(path: str | Path, frame: Frame, *, attributes: Mapping[str, Any] | None = None) -> None:
    """Write `frame` as one of our EXR files (see the module), with further header `attributes`.

    Attribute values are what `ExrPart.header` holds; a Python float is stored with 32 bits. Raises `OutputError` when
    the file cannot be written, `ExrError` when an attribute has no form in an EXR file.
    """
    height, width = frame.size
    header: dict[str, Any] = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "dataWindow": _window(width, height),
        "displayWindow": _window(width, height),
        "n2n:version": _version(),
        **_frame_attributes(frame),
        **(attributes or {}),
    }
    write_exr(path, ExrImage((ExrPart("", header, _frame_channels(frame)),), Path(path)))


def _version() -> str:
    try:
        return importlib.metadata.version("n2n-denoiser")
    except importlib.metadata.PackageNotFoundError:  # run from a source folder that was never installed
        return "unknown"


def _frame_channels(frame: Frame) -> dict[str, NDArray[Any]]:
    channels: dict[str, NDArray[Any]] = {}
    for name, pixels in frame.layers().items():
        components = {"color": "RGB", "albedo": "RGB", "depth": "Z"}.get(name, "XYZ")
        dtype = np.float16 if name in ("albedo", "normal") else np.float32
        for i, component in enumerate(components):
            channel = component if name == "color" else f"{name}.{component}"
            channels[channel] = np.ascontiguousarray(pixels[..., i], dtype=dtype)
    return channels


def _frame_attributes(frame: Frame) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if frame.spp is not None:
        attributes["n2n:spp"] = int(frame.spp)
    if frame.seed is not None:
        attributes["n2n:seed"] = str(int(frame.seed))
    camera = frame.camera
    if camera is None:
        return attributes
    attributes["n2n:toWorld"] = np.array(camera.to_world, dtype=np.float64)
    attributes["n2n:fovDeg"] = np.array([camera.fov_deg], dtype=np.float64)
    attributes["n2n:resolution"] = np.array(camera.resolution, dtype=np.int32)
    if np.linalg.matrix_rank(camera.to_world) == 4:
        # OpenEXR multiplies row vectors from the left: p_camera = p_world * worldToCamera. Hence the transpose.
        attributes["worldToCamera"] = (_FLIP_X @ np.linalg.inv(camera.to_world)).T.astype(np.float32)
    return attributes


def _window(width: int, height: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return np.array([0, 0], np.int32), np.array([width - 1, height - 1], np.int32)


def _camera(header: Mapping[str, Any]) -> Camera | None:
    needed = ("n2n:toWorld", "n2n:fovDeg", "n2n:resolution")
    if any(name not in header for name in needed):
        return None
    to_world, fov_deg, resolution = (np.asarray(header[name]) for name in needed)
    if fov_deg.size != 1 or resolution.size != 2:
        raise ValueError("its attributes n2n:fovDeg and n2n:resolution do not describe a camera")
    width, height = (int(n) for n in resolution)
    return Camera(to_world.astype(np.float64), float(fov_deg.reshape(-1)[0]), (width, height))


def _integer(header: Mapping[str, Any], name: str) -> int | None:
    return int(header[name]) if name in header else None


def _repair_color(pixels: Image) -> tuple[Image, int]:
    """Replace infinite and NaN pixels by the median of their finite 3x3 neighbours, by 0 where there is none."""
    if _is_finite(pixels):
        return pixels, 0
    bad = _not_finite(pixels)
    height, width = bad.shape
    rows, columns = np.nonzero(bad)
    mended = pixels.copy()
    for start in range(0, rows.size, _REPAIR_BLOCK):
        down, right = np.divmod(np.arange(9)[:, None], 3)  # (9, 1)
        y, x = rows[start : start + _REPAIR_BLOCK], columns[start : start + _REPAIR_BLOCK]
        near_y, near_x = y + down - 1, x + right - 1  # (9, N)
        inside = (near_y >= 0) & (near_y < height) & (near_x >= 0) & (near_x < width)
        near_y, near_x = near_y.clip(0, height - 1), near_x.clip(0, width - 1)
        usable = inside & ~bad[near_y, near_x]
        mended[y, x] = _median_of_finite(np.where(usable[..., None], pixels[near_y, near_x], np.nan))
    return mended, int(rows.size)


def _median_of_finite(samples: Image) -> NDArray[np.float32]:
    """Median over axis 0 of (9, N, 3), leaving NaN out; 0 where all are NaN."""
    ordered = np.sort(samples, axis=0)  # NaN last
    count = np.isfinite(ordered).sum(axis=0, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=0)
    high = np.take_along_axis(ordered, count // 2, axis=0)
    median = np.where(count % 2 == 1, low, low / 2 + high / 2)  # halves first: the sum could overflow
    result: NDArray[np.float32] = np.where(count == 0, np.float32(0), median)[0].astype(np.float32)
    return result


def _not_finite(pixels: Image) -> NDArray[np.bool_]:
    """(H, W): pixels with an infinite or NaN component."""
    return np.asarray(np.logical_not(np.isfinite(pixels)).any(axis=-1))


def _is_finite(pixels: Image) -> bool:
    """Whether all is finite, without memory of its own: minimum and maximum show what is not."""
    return bool(np.isfinite(pixels.min(initial=0)) and np.isfinite(pixels.max(initial=0)))


def _repair_finite(pixels: Image) -> tuple[Image, int]:
    if _is_finite(pixels):
        return pixels, 0
    bad = _not_finite(pixels)
    return np.where(bad[..., None], np.float32(0), pixels), int(bad.sum())


def _repair_albedo(pixels: Image) -> tuple[Image, int]:
    """Lamps have their radiance as albedo in Cycles, rough metals more than 1 in Mitsuba: that is not worth telling."""
    if pixels.min(initial=0) >= 0 and pixels.max(initial=0) <= 1:
        return pixels, 0
    finite, _ = _repair_finite(pixels)
    return np.clip(finite, 0.0, 1.0), int((_not_finite(pixels) | (pixels < 0).any(axis=-1)).sum())


def _repair_normal(pixels: Image) -> tuple[Image, int]:
    """Rows at a time, for lengths of huge components take float64."""
    mended, count = _repair_finite(pixels)
    longest = 1.0 + _LENGTH_TOLERANCE
    for start in range(0, len(mended), _REPAIR_ROWS):
        rows = mended[start : start + _REPAIR_ROWS]
        with np.errstate(over="ignore"):
            if np.einsum("hwc,hwc->hw", rows, rows).max(initial=0) < 0.9999 * longest**2:
                continue
        length = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=-1, keepdims=True))
        if mended is pixels:
            mended = pixels.copy()
        mended[start : start + _REPAIR_ROWS] = rows / np.where(length > longest, length, 1.0)
        count += int((length > _LENGTH_TOLD).sum())
    within = mended.min(initial=0) >= -1 and mended.max(initial=0) <= 1
    return mended if within else np.clip(mended, -1.0, 1.0), count


_REPAIRS = {
    "color": _repair_color,
    "albedo": _repair_albedo,
    "normal": _repair_normal,
    "position": _repair_finite,
    "depth": _repair_finite,
}
