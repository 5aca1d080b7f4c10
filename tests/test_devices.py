"""Devices: nothing is copied that need not be, and a whole frame is made without reading a picture back.

Torch's device "meta" stands in for a GPU: its tensors have shapes and no values, so that whatever reads one back, or
mixes it with a tensor of the CPU, raises.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fake_renderer import FakeRenderer, camera_at
from torch.utils._python_dispatch import TorchDispatchMode

from denoiser import devices, transforms
from denoiser.devices import TensorFrame, frame_on, frame_to_host, pair_on, pair_to_host, read
from denoiser.inference.denoise import denoise_pair
from denoiser.transforms import to_hwc
from online.flythrough import flythrough
from online.records import FlythroughRecord, FrameRequest
from online.trainer import OnlineConfig, OnlineTrainer
from renderer_bridge.frame import Camera, Frame, Pair

CPU, META = torch.device("cpu"), torch.device("meta")
SIZE = (80, 48)


def test_on_the_same_device_nothing_is_copied() -> None:
    frame = FakeRenderer().truth(camera_at(resolution=SIZE))
    there = frame_on(frame, CPU)
    back = frame_to_host(there)
    assert there.size == frame.size and list(there.layers()) == list(frame.layers())
    for name, layer in there.layers().items():
        height, width, channels = getattr(frame, name).shape
        assert layer.shape == (1, channels, height, width)
        assert np.shares_memory(getattr(back, name), getattr(frame, name))
    assert there.on(CPU).color.data_ptr() == there.color.data_ptr()


def test_layers_that_both_halves_share_go_to_the_device_once() -> None:
    pair = FakeRenderer().render(camera_at(resolution=SIZE), 2, (1, 2))
    assert pair.b.normal is not None
    there = pair_on(Pair(pair.a, replace(pair.b, normal=pair.b.normal.copy()), pair.a.color), META)
    assert there.a.albedo is there.b.albedo and there.a.normal is not there.b.normal
    assert {layer.device for layer in (*there.a.layers().values(), *there.b.layers().values())} == {META}
    assert there.reference is not None and there.reference.device == META


def test_there_and_back_again() -> None:
    pair = FakeRenderer().render(camera_at(resolution=SIZE), 2, (1, 2))
    back = pair_to_host(pair_on(pair, CPU))
    for half, other in ((pair.a, back.a), (pair.b, back.b)):
        for name, layer in half.layers().items():
            np.testing.assert_array_equal(getattr(other, name), layer)
        assert (half.camera, half.spp, half.seed) == (other.camera, other.spp, other.seed)


def test_scalars_are_read_together() -> None:
    assert read(torch.tensor(1.5), torch.tensor(True), torch.tensor(3)) == [1.5, 1.0, 3.0]


def test_a_pair_is_turned_once_on_the_way_in_and_its_picture_once_on_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every layer is taken up once, although network and residual both need it."""
    turned: list[str] = []

    def counted(name: str, function: Any) -> Any:
        def call(*args: Any) -> Any:
            turned.append(name)
            return function(*args)

        return call

    for name in ("to_nchw", "to_hwc"):
        function = counted(name, getattr(transforms, name))
        for module in (transforms, devices):
            monkeypatch.setattr(module, name, function, raising=module is transforms)
    pair = FakeRenderer().render(camera_at(resolution=SIZE), 2, (1, 2))
    denoised = denoise_pair(OnlineTrainer(OnlineConfig(init="", crop=32)).model, pair)
    layers = len(pair.a.layers()) + 1  # those of A, and the color of B: the fake's halves share the others
    assert turned == ["to_nchw"] * layers + ["to_hwc"] * 2  # color and error
    assert isinstance(denoised.color, np.ndarray) and isinstance(denoised.error, np.ndarray)


# ---------------------------------------------------------------------------------------------------------------------
# A frame on a device that cannot be read


class Uploads(TorchDispatchMode):
    """Notes how many values are copied from the CPU to the device."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._to_copy.default and args[0].device == CPU and kwargs.get("device") == META:
            self.sizes.append(args[0].numel())
        return func(*args, **(kwargs or {}))


class DeviceRenderer(FakeRenderer):
    """Renders on the device, as Mitsuba does in its CUDA variants."""

    def render(self, camera: Camera, spp: int, seeds: tuple[int, int], outdated: object = None) -> Pair:
        pair = pair_on(super().render(camera, spp, seeds), META)
        return Pair(*(across_the_wall(half) for half in (pair.a, pair.b)))


def across_the_wall(frame: TensorFrame) -> Frame:
    layers: dict[str, Any] = {name: to_hwc(layer) for name, layer in frame.layers().items()}
    return Frame(**layers, camera=frame.camera, spp=frame.spp, seed=frame.seed)


def plain_descent(config: object, network: torch.nn.Module) -> tuple[torch.optim.Optimizer, ...]:
    return (torch.optim.SGD(network.parameters(), 0.1),)


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> OnlineTrainer:
    """On the device; what is read is made up: a fair score, a finite loss, nothing run away, all reprojected."""
    monkeypatch.setattr("online.trainer.compute_device", lambda: META)
    monkeypatch.setattr("denoiser.inference.denoise.compute_device", lambda: META)
    monkeypatch.setattr(devices, "read", lambda *values: [0.25 * (value.dtype != torch.bool) for value in values])
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: contextlib.nullcontext())  # has no such device
    monkeypatch.setattr(
        sys.modules["denoiser.training.train"], "new_optimizers", plain_descent
    )  # fused Adam has none either
    return OnlineTrainer(OnlineConfig(init="", batch=2, crop=32, precision="fp32"))


def test_a_frame_is_made_on_the_device_and_no_picture_leaves_it(trainer: OnlineTrainer) -> None:
    views = [camera_at(0.03 * index, resolution=SIZE) for index in (0, 1, 2, 2, 2)]
    with Uploads() as uploads:
        records: list[FlythroughRecord] = []
        for record in flythrough(
            DeviceRenderer(), (FrameRequest(view, 2, 2, noisy_history=True) for view in views), trainer
        ):
            records.append(record)
    pixels = SIZE[0] * SIZE[1]
    uploaded = {size: uploads.sizes.count(size) for size in uploads.sizes if size not in (3, 9)}  # but for cameras
    assert uploaded == {3 * pixels: 5 * 5, pixels: 5}  # what the fake renders: two colors, three layers, and depth
    assert [record.accumulated for record in records] == [1, 1, 1, 2, 3] and trainer.steps == 10
    for record in records:
        pictures = record.pictures
        shown = (pictures.color, pictures.error, *pictures.scored, pictures.alone)
        assert {tensor.device for tensor in shown} == {META} and {tensor.shape for tensor in shown} == {(1, 3, 48, 80)}
    assert {tensor.device for view in trainer.memory.views for tensor in view.layers.values()} == {META}
    with pytest.raises(NotImplementedError, match="no data"):
        _ = records[0].denoised  # what asks for a picture reads it
