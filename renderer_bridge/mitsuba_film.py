"""A user's own film, kept as it is: pixels whose noise is their own in, a finished picture out.

A film filter wider than a pixel adds each sample to several pixels; their noise is then alike, and a denoiser takes it
for detail. So a picture is rendered through a `pixel_sensor`, in which no sample counts in two pixels, and the finished
picture is blurred as much as the filter is wider than a pixel (`as_filtered`).

Samples placed within the filter instead (Ernst, Stamminger, Greiner, "Filter Importance Sampling", 2006) lead to the
filter's own picture, but where a lamp ends they are far noisier: on cornell-box, through a Gaussian filter, the
denoised picture was behind by 2.1, 2.0 and 0.8 dB at 8, 16 and 64 spp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from renderer_bridge.errors import SceneError
from renderer_bridge.frame import Image

FILTER_STEPS = 32
"""Places a pixel at which a filter is read; between them it counts as straight."""

COLORS = (3, 4)
"""Channels of a film before its weight: RGB, or with alpha."""

REBUILT = {"PerspectiveCamera": "perspective", "ThinLensCamera": "thinlens"}
"""Sensors of which the scalar variants make another: calling Python for each sample took 3.5 times as long."""

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

    Three taps along each side make up for what the filter's variance is more, or less, than a pixel's. On the cornell
    box of 128x128, whose lamp is 17 times as bright as what is around it, and without noise, the default Gaussian is
    met within 46 dB, a tent within 40; filters with negative lobes within 31 to 33 dB, no better than without the taps.
    """
    if film.rfilter().is_box_filter():
        return picture
    side = (_variance(film.rfilter()) - BOX_VARIANCE) / 2
    for axis in (0, 1):
        before, after = (_shifted(picture, step, axis) for step in (-1, 1))
        picture = picture * np.float32(1 - 2 * side) + (before + after) * np.float32(side)
    return picture


def _shifted(picture: Image, step: int, axis: int) -> Image:
    """The neighbours `step` pixels on along an axis; the outermost pixels go on beyond the edges."""
    extent = picture.shape[axis]
    return np.take(picture, np.clip(np.arange(extent) + step, 0, extent - 1), axis=axis)


def _variance(rfilter: Any) -> float:
    """Variance of a place drawn from a filter, along one side, in pixels squared."""
    radius = float(rfilter.radius())
    places = np.linspace(-radius, radius, 2 * int(np.ceil(radius * FILTER_STEPS)) + 1)
    heights = np.array([np.array(rfilter.eval(float(place))).ravel()[0] for place in places], dtype=np.float64)
    return float((heights * places**2).sum() / heights.sum())


# ---------------------------------------------------------------------------------------------------------------------
# Pixels that share no sample


def pixel_sensor(sensor: Any) -> Any:
    """A sensor with the view of `sensor` and a film with a box filter, so that no sample counts in two pixels.

    In the JIT variants it follows `sensor`, and so do derivatives. In the scalar variants it is another sensor of the
    same kind. Raises `SceneError` for a film of other channels than color and alpha, and in the scalar variants for
    other sensors than `REBUILT`.
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
    return _pixel_sensor_class()(props, sensor)


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
        def __init__(self, props: Any, inner: Any) -> None:
            super().__init__(props)
            self.m_needs_sample_2, self.m_needs_sample_3 = True, inner.needs_aperture_sample()
            self._inner = inner

        def sample_ray(self, time: Any, sample1: Any, sample2: Any, sample3: Any, active: Any = True) -> Any:
            return self._inner.sample_ray(time, sample1, sample2, sample3, active)

        def sample_ray_differential(
            self, time: Any, sample1: Any, sample2: Any, sample3: Any, active: Any = True
        ) -> Any:
            return self._inner.sample_ray_differential(time, sample1, sample2, sample3, active)

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
