"""`Denoiser`: called as `mitsuba.OptixDenoiser` is, on the CPU too.

    from online.mitsuba_denoiser import Denoiser

    denoiser = Denoiser(input_size=(640, 360), albedo=True, normals=True)        # was: mi.OptixDenoiser(...)
    denoised = denoiser(noisy, albedo, normals, to_sensor)                      # tensors (height, width, channels)
    denoised = denoiser(bitmap, albedo_ch="albedo", normals_ch="sh_normal", to_sensor=to_sensor)

Arguments, shapes and what is refused are those of Mitsuba 3's `mitsuba.OptixDenoiser` (its reference documentation);
errors are ours. Any variant, and any size. In the JIT variants derivatives flow from the result to the noisy picture,
and so to the scene's parameters; they are taken in float32.

It denoises one picture. Two with different seeds show what a denoiser gets wrong: `online.mitsuba_plugin` renders such
pairs, and does better from the same samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from denoiser.devices import TensorFrame, compute_device
from denoiser.inference.denoise import denoise_frame, differentiable
from denoiser.model import DEFAULT_NAME, load_model
from online.flow import follow_flow
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Frame, Image, Pixels

RGB, RGBA = 3, 4
ROOT = "<root>"
"""Mitsuba's name of a bitmap's channels without a layer's name."""


class Denoiser:
    """A denoiser of pictures of one size.

    `input_size` is (width, height). `albedo` and `normals` say that these will be given too, `temporal` that the
    motion and the last result will; `denoise_alpha` that alpha is to be denoised, not kept. `model` is a .safetensors
    file or the name of shipped weights. Raises `UsageError` for normals without albedo, and for layers that the weights
    need and that will not be given; `WeightsError` as `load_model` does.
    """

    def __init__(
        self,
        input_size: Any,
        albedo: bool = False,
        normals: bool = False,
        temporal: bool = False,
        denoise_alpha: bool = False,
        *,
        model: str = DEFAULT_NAME,
    ) -> None:
        width, height = (int(n) for n in np.array(input_size).ravel())
        if min(width, height) < 1:
            raise UsageError(f"a denoiser of {width}x{height}: at least 1x1 is needed")
        if normals and not albedo:
            raise UsageError("a denoiser with normals and without albedo: normals guide it together with albedo only")
        self.input_size, self.albedo, self.normals = (width, height), albedo, normals
        self.temporal, self.denoise_alpha = temporal, denoise_alpha
        self._model = load_model(model)
        given = {"color"} | ({"albedo"} if albedo else set()) | ({"normal"} if normals else set())
        missing = [name for name in self._model.input.needed if name not in given]
        if missing:
            raise UsageError(
                f"the weights {model} need {' and '.join(missing)}; Denoiser(..., albedo=True, normals=True)"
            )

    def __repr__(self) -> str:
        width, height = self.input_size
        flags = f"albedo={self.albedo}, normals={self.normals}, temporal={self.temporal}"
        return f"Denoiser(({width}, {height}), {flags}, denoise_alpha={self.denoise_alpha})"

    def __call__(self, noisy: Any, *layers: Any, **named: Any) -> Any:
        """Denoise a tensor, or a bitmap, with the arguments of `denoise_tensor` or `denoise_bitmap`."""
        import mitsuba as mi

        denoise = self.denoise_bitmap if isinstance(noisy, mi.Bitmap) else self.denoise_tensor
        return denoise(noisy, *layers, **named)

    def denoise_tensor(
        self,
        noisy: Any,
        albedo: Any = None,
        normals: Any = None,
        to_sensor: Any = None,
        flow: Any = None,
        previous_denoised: Any = None,
    ) -> Any:
        """The denoised picture, a tensor of the shape of `noisy`.

        `noisy` is linear radiance (height, width, 3), or 4 with alpha; `albedo` (height, width, 3) in [0, 1]; `normals`
        (height, width, 3), in the sensor's coordinates, or in the world's when `to_sensor` is given: those the network
        has learned, so they are taken as they are. `flow` (height, width, 2) is the motion of every pixel, in pixels
        to the right and down, from the last picture to this one; `previous_denoised` is the last result, of the shape
        of `noisy`, or `noisy` itself for the first picture. Raises `UsageError` for a layer that is missing or of
        another shape.
        """
        import drjit as dr
        import mitsuba as mi

        given = {"noisy": noisy, "albedo": albedo, "normals": normals, "flow": flow}
        given["previous_denoised"] = previous_denoised
        tensors = {name: mi.TensorXf(value) for name, value in given.items() if _is_given(value)}
        self._check(tensors)
        wanted = {"noisy"} | {name for name, used in self._used().items() if used}
        layers = {name: tensor for name, tensor in tensors.items() if name in wanted}
        if mi.variant().startswith("scalar") or not dr.grad_enabled(layers["noisy"]):
            return mi.TensorXf(self._denoised({name: np.array(tensor) for name, tensor in layers.items()}))
        return dr.wrap("drjit", "torch")(self._differentiable)(layers)

    def denoise_bitmap(
        self,
        noisy: Any,
        albedo_ch: str = "",
        normals_ch: str = "",
        to_sensor: Any = None,
        flow_ch: str = "",
        previous_denoised_ch: str = "",
        noisy_ch: str = ROOT,
    ) -> Any:
        """The denoised picture, a bitmap; layers are named channels of `noisy`, as in `denoise_tensor`.

        Raises `UsageError` for a channel that is not there, and as `denoise_tensor` does.
        """
        import mitsuba as mi

        multichannel = noisy.pixel_format() == mi.Bitmap.PixelFormat.MultiChannel
        layers = dict(noisy.split()) if multichannel else {noisy_ch: noisy}
        names = {"noisy": noisy_ch, "albedo": albedo_ch, "normals": normals_ch, "flow": flow_ch}
        names["previous_denoised"] = previous_denoised_ch
        names = {name: channel for name, channel in names.items() if channel}
        for channel in names.values():
            if channel not in layers:
                raise UsageError(f"the bitmap has no layer {channel}; it has {', '.join(layers)}")
        pixels = {name: np.array(layers[channel], dtype=np.float32) for name, channel in names.items()}
        if "flow" in pixels:
            pixels["flow"] = pixels["flow"][..., :2]
        denoised = np.array(self.denoise_tensor(to_sensor=to_sensor, **pixels), dtype=np.float32)
        return mi.Bitmap(denoised, layers[noisy_ch].pixel_format())

    # -----------------------------------------------------------------------------------------------------------------

    def _used(self) -> dict[str, bool]:
        """Which of the further layers are to be given."""
        return {
            "albedo": self.albedo,
            "normals": self.normals,
            "flow": self.temporal,
            "previous_denoised": self.temporal,
        }

    def _check(self, tensors: dict[str, Any]) -> None:
        width, height = self.input_size
        for name, used in self._used().items():
            if used and name not in tensors:
                raise UsageError(f"{self}: {name} is not given; it is needed in each call of such a denoiser")
        for name, tensor in tensors.items():
            shape = tuple(tensor.shape)
            if len(shape) != 3 or shape[:2] != (height, width):
                raise UsageError(
                    f"{name} has shape {shape}; this denoiser is for ({height}, {width}, channels), height first; "
                    "another size needs another denoiser"
                )
        colors = tensors["noisy"].shape[2]
        channels = {"albedo": 3, "normals": 3, "flow": 2, "previous_denoised": colors}
        if colors not in (RGB, RGBA):
            raise UsageError(f"noisy has {colors} channels; 3 or, with alpha, 4 are needed")
        for name, wanted in channels.items():
            if self._used()[name] and tensors[name].shape[2] != wanted:
                raise UsageError(f"{name} has {tensors[name].shape[2]} channels; {wanted} are needed")

    def _denoised(self, layers: dict[str, Image]) -> Image:
        """The denoised picture (H, W, 3 or 4)."""
        finite = {name: np.nan_to_num(layer, nan=0.0, posinf=0.0, neginf=0.0) for name, layer in layers.items()}
        noisy, guides = finite["noisy"], _guides(finite)
        color = denoise_frame(self._model, Frame(np.ascontiguousarray(noisy[..., :RGB]), **guides)).color
        if self.temporal:
            color = self._followed(finite, color)
        if noisy.shape[2] == RGB:
            return color
        alpha = noisy[..., RGB:]
        if self.denoise_alpha:
            gray = np.ascontiguousarray(np.repeat(alpha, RGB, axis=-1))
            alpha = denoise_frame(self._model, Frame(gray, **guides)).color.mean(axis=-1, keepdims=True).clip(0, 1)
        return np.concatenate([color, alpha], axis=-1)

    def _followed(self, layers: dict[str, Image], color: Image) -> Image:
        """With the last result; the first picture, which is given as its own last result, has none."""
        noisy, previous = layers["noisy"], layers["previous_denoised"]
        return color if np.array_equal(noisy, previous) else follow_flow(color, previous[..., :RGB], layers["flow"])

    def _differentiable(self, layers: dict[str, Tensor]) -> Tensor:
        """As `_denoised`, with derivatives with respect to color and alpha."""
        if self.temporal or self.denoise_alpha:
            raise UsageError(f"{self}: derivatives are known without temporal and denoise_alpha only")
        planes = {name: layer.permute(2, 0, 1)[None].to(compute_device()) for name, layer in layers.items()}
        noisy = planes["noisy"]
        guides = {name: layer.detach() for name, layer in _guides(planes).items()}
        color = differentiable(self._model, TensorFrame(noisy[:, :RGB], **guides))
        return torch.cat([color, noisy[:, RGB:]], dim=1)[0].permute(1, 2, 0).to(layers["noisy"].device).contiguous()


def _guides(layers: dict[str, Any]) -> dict[str, Pixels]:
    """Albedo and normal by the names of a frame's layers, in their ranges."""
    guides = {}
    if "albedo" in layers:
        guides["albedo"] = layers["albedo"].clip(0, 1)
    if "normals" in layers:
        guides["normal"] = layers["normals"].clip(-1, 1)
    return guides


def _is_given(value: Any) -> bool:
    """Whether an argument holds anything; an empty tensor stands for none, as in Mitsuba."""
    return value is not None and int(np.prod(np.array(value.shape))) > 0
