"""A user's own film, kept as it is: pixels whose noise is their own in, a finished picture out.

A film filter wider than a pixel adds each sample to several pixels; their noise is then alike, and a denoiser takes it
for detail. So a picture is rendered through a `pixel_sensor`, in which every pixel has samples of its own. In the JIT
variants they are placed as densely as the film's filter is high there: a pixel's mean is what the filter would give. In
the scalar variants, where each sample would call Python for that, they lie within the pixel, and `as_filtered` blurs
the finished picture as much as the filter is wider than a pixel.

Source: Ernst, Stamminger, Greiner, "Filter Importance Sampling", IEEE Symposium on Interactive Ray Tracing 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Image

FILTER_STEPS = 32
"""Places a pixel at which a filter is read; between them it counts as straight."""

COLORS = (3, 4)
"""Channels of a film before its weight: RGB, or with alpha."""

REBUILT = {"PerspectiveCamera": "perspective", "ThinLensCamera": "thinlens"}
"""Sensors of which the scalar variants make another; one in Python takes three to ten times as long as the whole render."""

KEPT_SETTINGS = (
    "near_clip",
    "far_clip",
    "principal_point_offset_x",
    "principal_point_offset_y",
    "aperture_radius",
    "focus_distance",
)

BOX_VARIANCE = 1 / 12
"""Of places within a pixel, along one side."""


def film_size(sensor: Any) -> tuple[int, int]:
    """(width, height) in pixels of the picture that a sensor's film makes: of its crop window."""
    width, height = (int(n) for n in np.array(sensor.film().crop_size()).ravel())
    return width, height


def color_channels(film: Any) -> int:
    """3, or 4 of a film that keeps alpha; what the film held is gone.

    Raises `SceneError` for a film of other channels, such as `specfilm`.
    """
    colors = int(film.prepare([])) - 1  # the last one is the weight
    if colors not in COLORS:
        raise SceneError(f"the film {film.class_name()} has {colors} channels; an hdrfilm, of 3 or 4, is needed")
    return colors


def put_picture(film: Any, picture: Image, names: Sequence[str]) -> None:
    """Make `picture` (H, W, C) what the film holds: its colors, and then one channel for each of `names`."""
    import mitsuba as mi

    colors = int(film.prepare(list(names))) - 1 - len(names)
    weight = np.ones((*picture.shape[:2], 1), np.float32)
    stored = np.concatenate([picture[..., :colors], weight, picture[..., colors:]], axis=-1)
    film.clear()
    film.put_block(mi.ImageBlock(mi.TensorXf(stored), film.crop_offset(), film.rfilter(), False))


def as_filtered(picture: Image, film: Any) -> Image:
    """`picture` (H, W, C), rendered through a `pixel_sensor`, as the film's filter shows it.

    In the scalar variants it is blurred (or sharpened) by three taps along each side that make up for what the filter's
    variance is more (or less) than a pixel's; in the others nothing is left to do. On the cornell box of 128x128, whose
    lamp is 17 times as bright as what is around it, the default Gaussian is met within 46 dB, a tent within 40; filters
    with negative lobes within 31 to 33 dB, no better than without.
    """
    import mitsuba as mi

    if film.rfilter().is_box_filter() or not mi.variant().startswith("scalar"):
        return picture
    places, heights = _read_filter(film.rfilter())
    side = (float((heights * places**2).sum() / heights.sum()) - BOX_VARIANCE) / 2
    for axis in (0, 1):
        before, after = (_shifted(picture, step, axis) for step in (-1, 1))
        picture = picture * np.float32(1 - 2 * side) + (before + after) * np.float32(side)
    return picture


def _shifted(picture: Image, step: int, axis: int) -> Image:
    """The neighbours `step` pixels on along an axis; the outermost pixels go on beyond the edges."""
    extent = picture.shape[axis]
    return np.take(picture, np.clip(np.arange(extent) + step, 0, extent - 1), axis=axis)


def _read_filter(rfilter: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places along one side of a filter, evenly from end to end, and its heights there."""
    radius = float(rfilter.radius())
    places = np.linspace(-radius, radius, 2 * int(np.ceil(radius * FILTER_STEPS)) + 1)
    return places, np.array([np.array(rfilter.eval(float(place))).ravel()[0] for place in places], dtype=np.float64)


# ---------------------------------------------------------------------------------------------------------------------
# Pixels that share no sample


def pixel_sensor(sensor: Any) -> Any:
    """A sensor with the view of `sensor` and a film with a box filter, so that no sample counts in two pixels.

    In the JIT variants it follows `sensor`, and so do derivatives; light that is traced from lamps finds its place on
    the film by itself. In the scalar variants it is another sensor of the same kind. Raises `SceneError` for a film of
    other channels than color and alpha, and in the scalar variants for other sensors than `REBUILT`.
    """
    import mitsuba as mi

    colors = "rgb" if color_channels(sensor.film()) == min(COLORS) else "rgba"
    common = {"sampler": {"type": "independent"}, "shutter_open": float(sensor.shutter_open())}
    common["shutter_close"] = float(sensor.shutter_open() + sensor.shutter_open_time())
    if sensor.get_medium() is not None:
        common["medium"] = sensor.get_medium()
    if mi.variant().startswith("scalar"):
        return mi.load_dict({**_rebuilt(sensor), **common, "film": _box_film(sensor.film(), colors, crop=True)})
    props = mi.Properties("n2n_pixels")
    for name, value in {**common, "film": _box_film(sensor.film(), colors, crop=False)}.items():
        props[name] = mi.load_dict(value) if isinstance(value, dict) else value
    rfilter = sensor.film().rfilter()
    places = None if rfilter.is_box_filter() else _Places(film_size(sensor), rfilter)
    return _pixel_sensor_class()(props, sensor, places)


def _box_film(film: Any, colors: str, crop: bool) -> dict[str, Any]:
    """A film of the same size, or, without `crop`, of its crop window alone."""
    size, window, corner = (np.array(each()).ravel() for each in (film.size, film.crop_size, film.crop_offset))
    plain: dict[str, Any] = {"type": "hdrfilm", "pixel_format": colors, "filter": {"type": "box"}}
    plain["width"], plain["height"] = (int(n) for n in (size if crop else window))
    if crop:
        plain["crop_width"], plain["crop_height"] = (int(n) for n in window)
        plain["crop_offset_x"], plain["crop_offset_y"] = (int(n) for n in corner)
    return plain


def _rebuilt(sensor: Any) -> dict[str, Any]:
    """A sensor of `REBUILT` as it is now, without its film. Raises `SceneError` for another."""
    import mitsuba as mi

    kind = REBUILT.get(sensor.class_name())
    if kind is None:
        raise SceneError(
            f"a sensor of class {sensor.class_name()} cannot be denoised in a scalar variant; accepted there: "
            f"{', '.join(REBUILT.values())}; the llvm and cuda variants take any"
        )
    found = mi.traverse(sensor)
    kept = {name: float(found[name]) for name in KEPT_SETTINGS if name in found}
    return {"type": kind, "to_world": found["to_world"], "fov": float(found["x_fov"]), "fov_axis": "x", **kept}


def _pixel_sensor_class() -> Any:
    """The class, derived from what the variant that is set calls a sensor."""
    import mitsuba as mi

    class PixelSensor(mi.Sensor):  # type: ignore[misc]
        def __init__(self, props: Any, inner: Any, places: _Places | None) -> None:
            super().__init__(props)
            self.m_needs_sample_2, self.m_needs_sample_3 = True, inner.needs_aperture_sample()
            self._inner, self._places = inner, places

        def sample_ray(self, time: Any, sample1: Any, sample2: Any, sample3: Any, active: Any = True) -> Any:
            return self._ray(self._inner.sample_ray, time, sample1, sample2, sample3, active)

        def sample_ray_differential(
            self, time: Any, sample1: Any, sample2: Any, sample3: Any, active: Any = True
        ) -> Any:
            return self._ray(self._inner.sample_ray_differential, time, sample1, sample2, sample3, active)

        def _ray(self, sample: Any, time: Any, wavelength: Any, place: Any, aperture: Any, active: Any) -> Any:
            if self._places is None:
                return sample(time, wavelength, place, aperture, active)
            moved, weight = self._places.moved(place)
            ray, importance = sample(time, wavelength, moved, aperture, active)
            return ray, importance * weight

        def sample_direction(self, it: Any, sample: Any, active: Any = True) -> Any:
            return self._inner.sample_direction(it, sample, active)

        def eval(self, si: Any, active: Any = True) -> Any:
            return self._inner.eval(si, active)

        def world_transform(self) -> Any:
            return self._inner.world_transform()

        def bbox(self) -> Any:
            return self._inner.bbox()

        def to_string(self) -> str:
            return f"PixelSensor[{self._inner}]"

    return PixelSensor


class _Places:
    """Where the samples of a pixel lie on the film, and with what weight, for its filter; in the JIT variants."""

    def __init__(self, size: tuple[int, int], rfilter: Any) -> None:
        import mitsuba as mi

        self._size, self._filter = size, rfilter
        places, heights = _read_filter(rfilter)
        densities = np.abs(heights)
        self._weight = float(densities.sum() / heights.sum()) ** 2  # 1, but for a filter that is negative somewhere
        ends = (float(places[0]), float(places[-1]))
        self._offsets = mi.ContinuousDistribution(ends, mi.Float(densities.astype(np.float32)))

    def moved(self, place: Any) -> tuple[Any, Any]:
        """`place`, in [0, 1]^2 on the film, moved from where it is in its pixel into the filter there; and a weight."""
        import drjit as dr
        import mitsuba as mi

        size = mi.Point2f(*(dr.opaque(mi.Float, n) for n in self._size))  # no literal: other sizes, same kernel
        pixel = dr.floor(place * size)
        inside = dr.clip(place * size - pixel, 0.0, 1.0)
        offset = mi.Point2f(self._offsets.sample(inside.x), self._offsets.sample(inside.y))
        moved = 1 - dr.abs(1 - dr.abs((pixel + 0.5 + offset) / size))  # what lies beyond an edge is mirrored there
        if self._weight == 1.0:
            return moved, 1.0
        heights = self._filter.eval(offset.x) * self._filter.eval(offset.y)
        return moved, dr.sign(heights) * self._weight
