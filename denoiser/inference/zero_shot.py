"""One noisy picture alone: a network of 22,000 parameters that learns from it what its noise is.

The picture is read as two of half its size, each with noise of its own, and one is learned from the other (Mansour and
Heckel, "Zero-Shot Noise2Noise", CVPR 2023). With D1 y and D2 y from `samplers.py` and F(y) = y - f(y):

    L = (|F(D1 y) - D2 y|^2 + |F(D2 y) - D1 y|^2) / 2          each predicts the other
      + (|F(D1 y) - D1 F(y)|^2 + |F(D2 y) - D2 F(y)|^2) / 2    denoising and reading may change places

It needs noise that is independent from pixel to pixel and has zero mean. Linear radiance takes L_HDR's denominator
(Lehtinen et al. 2018, section 3.3), (F(D y) + 0.01)^2 taken as a constant, F(D y) being the mean of 5x5 pixels: one
noisy pixel near 0 would outweigh the picture. The gradient is clipped for the same reason. PSNR in dB of half A at 8
spp, 800 steps on windows of 64 pixels, one run each:

| | noisy | neither | clipped | clipped, mean of 5x5 |
|---|---|---|---|---|
| cornell-box | 29.6 | 27.9 | 31.1 | 32.4 |
| classroom | 17.8 | 23.3 | 25.9 | 26.3 |
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from denoiser import devices
from denoiser.inference.samplers import KERNELS, POOLINGS, Reading, block, rate, reading
from denoiser.loss import loss_l2
from denoiser.networks.shallow import REACH, ShallowNet
from denoiser.paper import LOSS_EPSILON
from denoiser.precision import Precision, uses_bf16
from denoiser.transforms import exposure, to_image, to_nchw
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Image

HALVINGS = 3
"""The learning rate is halved after each third of the steps: every 1000 of 3000, as published."""

STRIP = 256
"""Rows denoised at a time, so that a large picture needs no more memory than a small one."""

GRADIENT_CLIP = 1.0
"""Largest norm of the gradient on linear radiance."""

DENOMINATOR = 5
"""Side, in pixels, of the mean that L_HDR's denominator is taken from."""

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ZeroShotConfig:
    """How to learn from one picture. `sampler` is a name of `samplers.py`.

    A step sees a random window of `crop` pixels, 0 for the whole picture as published: with 128, 3000 steps at 512x512
    cost a sixteenth of that. 1000 steps on 64 cost a fifth again: the same on staircase, 0.1 dB less on classroom, but
    3.3 less on cornell-box (half A, 8 spp, one run each).
    """

    sampler: str = "original"
    steps: int = 3000
    crop: int = 128
    seed: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        if self.sampler not in KERNELS | POOLINGS:
            raise UsageError(f"sampler {self.sampler}; accepted: {', '.join(KERNELS | POOLINGS)}")
        if self.steps < 1 or self.seed < 0 or self.crop < 0:
            found = f"steps {self.steps}, crop {self.crop}, seed {self.seed}"
            raise UsageError(f"{found}; at least 1 step, and nothing negative, is accepted")


@dataclass(frozen=True)
class ZeroShotRecord:
    """One step done, counting from 1, and the seconds so far; `picture` (H, W, C), denoised, after the last one."""

    step: int
    loss: float
    seconds: float
    picture: Image | None = None


def zero_shot(noisy: Image, linear: bool, config: ZeroShotConfig | None = None) -> Iterator[ZeroShotRecord]:
    """Learn from `noisy` (H, W, C) alone and denoise it; one record a step, the last with the picture.

    `linear` says that it is linear radiance, of any range; otherwise it is display-referred, in [0, 1]. The result is
    of the same kind, shape, and never negative. Raises `UsageError` for a picture smaller than two blocks of the
    sampler. On one CPU the result is a function of picture and configuration.
    """
    config = config or ZeroShotConfig()
    side = block(config.sampler)
    if min(noisy.shape[:2]) < 2 * side:
        raise UsageError(f"the picture is {noisy.shape[1]}x{noisy.shape[0]}; at least {2 * side}x{2 * side} is needed")
    device = devices.compute_device()
    factor = float(exposure(noisy)) if linear and noisy.shape[2] == 3 else 1.0
    y = to_nchw(noisy, device) * factor  # (1, C, H, W)
    network, optimizer, schedule = _learner(config, y)
    random = torch.Generator().manual_seed(config.seed)
    bf16 = uses_bf16(config.precision, device)
    start = time.perf_counter()
    for step in range(1, config.steps + 1):
        window = _window(y, config.crop, side, random)
        read = reading(config.sampler, window, random)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = self_supervised(network, window, read, loss_hdr_smooth if linear else loss_l2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if linear:
            torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimizer.step()
        schedule.step()
        last = step == config.steps
        picture = to_image(_denoised(network, y, bf16, None if linear else 1.0) / factor) if last else None
        yield ZeroShotRecord(step, devices.read(loss)[0], time.perf_counter() - start, picture)


def loss_hdr_smooth(prediction: Tensor, target: Tensor) -> Tensor:
    """L_HDR whose denominator is the mean of the prediction (N, C, H, W) over 5x5 pixels, taken as a constant."""
    brightness = F.avg_pool2d(
        prediction.detach().clamp(min=0), DENOMINATOR, 1, DENOMINATOR // 2, count_include_pad=False
    )
    return ((prediction - target) / (brightness + LOSS_EPSILON)).square().mean()


def denoise_alone(noisy: Image, linear: bool, config: ZeroShotConfig | None = None) -> Image:
    """The picture that `zero_shot` ends with."""
    picture = deque(zero_shot(noisy, linear, config), maxlen=1)[0].picture
    assert picture is not None
    return picture


def self_supervised(network: torch.nn.Module, noisy: Tensor, read: Reading, distance: Loss) -> Tensor:
    """The loss of one picture (N, C, H, W): residual and consistency, with `distance(prediction, target)`."""
    first, second = read(noisy)
    from_first, from_second = first - network(first).float(), second - network(second).float()
    residual = (distance(from_first, second) + distance(from_second, first)) / 2
    whole_first, whole_second = read(noisy - network(noisy).float())
    consistency = (distance(from_first, whole_first) + distance(from_second, whole_second)) / 2
    return residual + consistency


def _learner(
    config: ZeroShotConfig, y: Tensor
) -> tuple[ShallowNet, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = ShallowNet(y.shape[1])
    network = network.to(y.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), rate(config.sampler), fused=True)
    every = -(-config.steps // HALVINGS)
    return network, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, every, gamma=0.5)


def _window(y: Tensor, crop: int, side: int, random: torch.Generator) -> Tensor:
    """A random window of `crop` pixels, or all there is, cut to whole blocks."""
    height, width = (min(extent, crop or extent) // side * side for extent in y.shape[2:])
    top, left = (
        int(torch.randint(extent - size + 1, (1,), generator=random))
        for extent, size in zip(y.shape[2:], (height, width), strict=True)
    )
    return y[:, :, top : top + height, left : left + width]


def _denoised(network: ShallowNet, y: Tensor, bf16: bool, largest: float | None) -> Tensor:
    """y - f(y) within [0, largest], strip by strip; each sees `REACH` rows of its neighbours."""
    strips = []
    with torch.no_grad(), torch.autocast(y.device.type, torch.bfloat16, enabled=bf16):
        for top in range(0, y.shape[2], STRIP):
            above, bottom = min(REACH, top), min(top + STRIP, y.shape[2])
            noise = network(y[:, :, top - above : bottom + REACH]).float()[:, :, above : above + bottom - top]
            strips.append((y[:, :, top:bottom] - noise).clamp(0, largest))
    return torch.cat(strips, dim=2)
