"""Learning from one picture: it denoises, repeats itself, keeps shape and range, and strips leave no seam."""

import numpy as np
import pytest
import torch

from denoiser.inference import zero_shot as module
from denoiser.inference.samplers import SAMPLER_NAMES, reading
from denoiser.inference.zero_shot import ZeroShotConfig, ZeroShotRecord, self_supervised, zero_shot
from denoiser.loss import loss_l2
from denoiser.networks.shallow import ShallowNet
from renderer_bridge.errors import UsageError
from renderer_bridge.frame import Image


def disks(height: int = 66, width: int = 90) -> Image:
    """A picture (H, W, 3) of two disks on a slope."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    inside = ((y - 30) ** 2 + (x - 30) ** 2 < 200) | ((y - 40) ** 2 + (x - 65) ** 2 < 150)
    gray = 0.2 + 0.3 * x / width + 0.4 * inside
    return np.stack([gray, gray * 0.8, 1 - gray], axis=-1).astype(np.float32)


def noisy_disks(linear: bool = False) -> Image:
    """Additive noise, or, for radiance, noise in proportion to the signal, as a renderer's."""
    clean, random = disks(), np.random.default_rng(0)
    noise = clean * (random.gamma(4.0, 0.25, clean.shape) - 1) if linear else random.normal(0, 0.1, clean.shape)
    return (clean + noise).astype(np.float32)


def last(noisy: Image, linear: bool = False, **options: object) -> ZeroShotRecord:
    config = ZeroShotConfig(**{"steps": 150, "crop": 32, "precision": "fp32", **options})  # type: ignore[arg-type]
    return list(zero_shot(noisy, linear, config))[-1]


@pytest.mark.parametrize("linear", [False, True])
def test_half_of_the_noise_and_more_goes(linear: bool) -> None:
    clean, noisy = disks(), noisy_disks(linear)
    found = last(noisy, linear).picture
    assert found is not None and found.shape == clean.shape and found.dtype == np.float32 and found.min() >= 0
    # Not a claim of quality: 150 steps leave less than half of the squared error, on edges too.
    assert np.square(found - clean).mean() < 0.5 * np.square(noisy - clean).mean()


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_every_sampler_runs_and_repeats_itself(sampler: str) -> None:
    one, two = (last(noisy_disks(), sampler=sampler, steps=3) for _ in range(2))
    assert one.picture is not None and two.picture is not None and np.isfinite(one.picture).all()
    assert np.array_equal(one.picture, two.picture) and one.loss == two.loss


def test_strips_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = last(noisy_disks(), steps=2).picture
    monkeypatch.setattr(module, "STRIP", 7)
    in_strips = last(noisy_disks(), steps=2).picture
    assert whole is not None and in_strips is not None
    assert np.allclose(whole, in_strips, atol=1e-6)  # convolutions of other sizes may sum in another order


def test_one_channel_and_odd_sizes_are_taken_as_they_are() -> None:
    found = last(noisy_disks()[:31, :45, :1], steps=2).picture
    assert found is not None and found.shape == (31, 45, 1)


def test_the_loss_is_that_of_the_paper() -> None:
    """Written out once more, plainly, with D1 and D2 as slices."""
    torch.manual_seed(0)
    network, y = ShallowNet(), torch.rand(1, 3, 8, 8)
    d1 = lambda p: (p[..., ::2, 1::2] + p[..., 1::2, ::2]) / 2  # noqa: E731
    d2 = lambda p: (p[..., ::2, ::2] + p[..., 1::2, 1::2]) / 2  # noqa: E731
    f = lambda p: p - network(p)  # noqa: E731
    mse = lambda a, b: ((a - b) ** 2).mean()  # noqa: E731
    residual = (mse(f(d1(y)), d2(y)) + mse(f(d2(y)), d1(y))) / 2
    consistency = (mse(f(d1(y)), d1(f(y))) + mse(f(d2(y)), d2(f(y)))) / 2
    found = self_supervised(network, y, reading("original", y, torch.Generator()), loss_l2)
    assert found.item() == pytest.approx((residual + consistency).item(), rel=1e-5)  # float32 sums


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(UsageError, match="the picture is 3x9; at least 4x4 is needed"):
        last(np.zeros((9, 3, 3), np.float32))
    with pytest.raises(UsageError, match="sampler diagonal; accepted: original, plus"):
        ZeroShotConfig(sampler="diagonal")
    with pytest.raises(UsageError, match="at least 1 step"):
        ZeroShotConfig(steps=0)


def test_the_network_is_as_small_as_published() -> None:
    assert sum(parameter.numel() for parameter in ShallowNet().parameters()) == 22_275  # 1344 + 20784 + 147
