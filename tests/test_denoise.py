"""Inference: any size, tiled equals whole, and an error estimate that is right on average."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from denoiser.devices import TensorFrame, TensorPair
from denoiser.inference import denoise as module
from denoiser.inference.denoise import (
    ERROR_WINDOW,
    HIDDEN,
    OVERLAP,
    denoise_frame,
    denoise_pair,
    expected_error,
    standard_error,
    tiles,
)
from denoiser.model import ARCHITECTURES, Model, load_model
from denoiser.networks.kernel import KernelNetwork
from denoiser.networks.unet import ALIGNMENT, UNet
from denoiser.precision import uses_bf16
from denoiser.transforms import KEYS, NetworkInput, key, to_image
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Frame, Pair

SMALL_TILES = 102_000  # pixels, overlap included


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are faster so, above all on a machine that has other things to do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(5)
    network = UNet(9).eval()
    nn.init.ones_(network.dec_conv1c.bias)  # type: ignore[arg-type]
    return Model(network)  # an untrained one; with the bias, little of its output is negative and cut off


def frame(height: int, width: int, seed: int = 0) -> Frame:
    random = np.random.default_rng(seed)
    color = random.lognormal(mean=-3.0, sigma=1.5, size=(height, width, 3)).astype(np.float32)
    albedo = random.uniform(size=(height, width, 3)).astype(np.float32)
    normal = random.normal(size=(height, width, 3)).astype(np.float32)
    return Frame(color, albedo, np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True)))


# ---------------------------------------------------------------------------------------------------------------------
# Tiles


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4_000_000))
@settings(max_examples=60, deadline=None)  # the largest pictures with the smallest tiles take a second
def test_tiles_cover_every_pixel_once_and_are_aligned(height: int, width: int, tile_pixels: int) -> None:
    rows, columns = set(), set()
    for tile in tiles(height, width, tile_pixels):
        for seen, kept, length, found in zip(
            (tile.seen[:2], tile.seen[2:]),
            (tile.kept[:2], tile.kept[2:]),
            (height, width),
            (rows, columns),
            strict=True,
        ):
            assert seen[0] % ALIGNMENT == seen[1] % ALIGNMENT == kept[0] % ALIGNMENT == 0
            assert 0 <= seen[0] <= kept[0] < kept[1] <= min(seen[1], length)
            assert seen[0] == max(0, kept[0] - OVERLAP)
            assert seen[1] >= min(length, kept[1] + OVERLAP)
            found.add(kept)
    assert len(tiles(height, width, tile_pixels)) == len(rows) * len(columns)  # a full grid, of disjoint intervals:
    for length, found in ((height, rows), (width, columns)):
        ordered = sorted(found)
        assert ordered[0][0] == 0 and ordered[-1][1] == length
        assert all(a[1] == b[0] for a, b in itertools.pairwise(ordered))


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (2160, 3840), (4320, 7680), (720, 30_000)])
def test_tiles_fit_in_memory(height: int, width: int) -> None:
    areas = [(t.seen[1] - t.seen[0]) * (t.seen[3] - t.seen[2]) for t in tiles(height, width)]
    assert max(areas) <= module.TILE_PIXELS
    assert sum(areas) < 1.4 * height * width + 32 * (height + width)  # little is computed twice
    assert (len(areas) == 1) == (height * width < module.TILE_PIXELS)


@pytest.mark.parametrize(("architecture", "channels", "sees"), [("unet", 1, OVERLAP), ("kernel", 11, 172)])
def test_how_far_a_network_sees(architecture: str, channels: int, sees: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that the output on one side of a multiple of the alignment depends on, found by the gradient."""
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)  # all four pixels, not only the brightest
    torch.manual_seed(0)
    network = ARCHITECTURES[architecture].build(channels)
    for parameter in network.parameters():
        parameter.data.abs_().clamp_(min=1e-3)  # nothing cancels, and what begins at zero counts
        if parameter.ndim == 4:
            parameter.data.div_(parameter.data.sum(dim=(1, 2, 3)).mean() / 2)  # and nothing saturates
    if isinstance(network, KernelNetwork):
        network.refinement.head.weight.data.mul_(1e-8)
    edge, height = 352, 704
    x = torch.rand(1, channels, height, 32, requires_grad=True)
    output = network(x)
    weights = torch.rand_like(output)  # weights of samples sum to 1: their plain sum would not tell where they lie
    for rows, far in ((slice(edge, None), 0), (slice(None, edge), -1)):
        (gradient,) = torch.autograd.grad((output * weights)[:, :, rows].sum(), x, retain_graph=True)
        seen = gradient.abs().sum(dim=(0, 1, 3)).nonzero().ravel()
        reach = edge - int(seen[0]) if far == 0 else int(seen[-1]) + 1 - edge
        assert reach == sees


def test_tiled_equals_whole(model: Model) -> None:
    picture = frame(300, 430)
    whole = denoise_frame(model, picture, precision="fp32").color
    cut = tiles(300, 430, SMALL_TILES)
    assert len({t.kept[0] for t in cut}) > 1 and len({t.kept[2] for t in cut}) > 1  # several rows and columns
    tiled = denoise_frame(model, picture, precision="fp32", tile_pixels=SMALL_TILES).color
    # The same sums in another order: a few units of the last of 24 bits, over some 25 layers.
    np.testing.assert_allclose(tiled, whole, atol=2e-5 * np.abs(whole).max())


def test_what_the_kernel_network_sees_beyond_the_overlap_does_not_count() -> None:
    model = load_model("kernel")
    random = np.random.default_rng(5)
    noise = random.exponential(size=(800, 64, 1)).astype(np.float32) ** 3  # most of the light in few pixels
    picture = Frame(color=frame(800, 64).color * noise)
    whole = denoise_frame(model, picture, precision="fp32").color
    tiled = denoise_frame(model, picture, precision="fp32", tile_pixels=1).color
    assert len(tiles(800, 64, 1)) > 2
    np.testing.assert_allclose(tiled, whole, rtol=1e-5, atol=1e-6)  # float32 rounding over some 30 layers


def test_a_smaller_overlap_would_show(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OVERLAP", ALIGNMENT)
    picture = frame(192, 320)
    whole = denoise_frame(model, picture, precision="fp32").color
    tiled = denoise_frame(model, picture, precision="fp32", tile_pixels=1).color
    assert np.abs(tiled - whole).max() > 1e-3 * np.abs(whole).max()


# ---------------------------------------------------------------------------------------------------------------------
# Frames


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 70), (33, 31), (32, 64)])
def test_any_size(model: Model, height: int, width: int) -> None:
    color = denoise_frame(model, frame(height, width)).color
    assert color.shape == (height, width, 3) and color.dtype == np.float32
    assert np.isfinite(color).all() and color.min() >= 0


def test_what_lies_beyond_the_picture_mirrors_it(model: Model) -> None:
    picture = frame(40, 50)
    layers = {
        name: np.pad(layer, ((0, 24), (0, 14), (0, 0)), mode="reflect") for name, layer in picture.layers().items()
    }
    padded = denoise_frame(model, Frame(**layers), precision="fp32").color
    np.testing.assert_array_equal(denoise_frame(model, picture, precision="fp32").color, padded[:40, :50])


def test_noise_at_the_last_row_is_no_texture() -> None:
    """Repeated to the next multiple of the alignment, it would look like one, and stay."""
    model = load_model("kernel")
    noise = np.random.default_rng(0).exponential(size=(66, 96, 3)).astype(np.float32)
    flat = Frame(noise, np.full_like(noise, 0.5), np.zeros_like(noise) + np.float32([0, 0, 1]))
    left = denoise_frame(model, flat).color
    assert left[-2:].std() < 2 * left[:2].std()  # the first rows are the border of the picture as well


@pytest.mark.parametrize("radiance", [0.0, 1e-30, 1e30])
def test_extreme_radiance_stays_finite(model: Model, radiance: float) -> None:
    picture = dataclasses.replace(frame(32, 48), color=np.full((32, 48, 3), radiance, np.float32))
    for precision in ("fp32", "bf16"):
        color = denoise_frame(model, picture, precision=precision).color  # type: ignore[arg-type]
        assert np.isfinite(color).all()


def test_negative_radiance_counts_as_black(model: Model) -> None:
    black = dataclasses.replace(frame(32, 48), color=np.zeros((32, 48, 3), np.float32))
    negative = dataclasses.replace(black, color=np.full((32, 48, 3), -1, np.float32))
    np.testing.assert_array_equal(denoise_frame(model, black).color, denoise_frame(model, negative).color)


def test_bf16_is_close_to_fp32(model: Model) -> None:
    picture = frame(96, 128)
    fp32, bf16 = (denoise_frame(model, picture, precision=p).color for p in ("fp32", "bf16"))  # type: ignore[arg-type]
    # 8 bits a layer, off by 2^-9 each; over some 25 layers that adds up, like random errors, to 1 %.
    assert np.sqrt(np.mean((bf16 - fp32) ** 2)) < 0.01 * np.sqrt(np.mean(fp32**2))
    assert np.abs(bf16 - fp32).max() > 0


def test_auto_is_the_precision_that_is_faster_here(model: Model) -> None:
    picture = frame(32, 64)
    expected = "bf16" if uses_bf16("auto", torch.device("cuda" if torch.cuda.is_available() else "cpu")) else "fp32"
    np.testing.assert_array_equal(
        denoise_frame(model, picture).color,
        denoise_frame(model, picture, precision=expected).color,  # type: ignore[arg-type]
    )


def test_the_model_stays_as_it_was(model: Model) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    denoise_frame(model, frame(32, 32), precision="bf16")
    for name, value in model.network.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, before[name])


def test_read_only_layers_are_accepted(model: Model) -> None:
    picture = frame(32, 32)
    for layer in picture.layers().values():
        layer.flags.writeable = False
    assert denoise_frame(model, picture).color.shape == (32, 32, 3)


def test_a_missing_layer_is_told(model: Model) -> None:
    with pytest.raises(DatasetError, match="no albedo and no normal layer; these weights need color, albedo, normal"):
        denoise_frame(model, Frame(frame(8, 8).color))


def test_a_model_of_color_alone_needs_no_more() -> None:
    model = Model(UNet(3).eval(), NetworkInput(("color",)))
    assert denoise_frame(model, Frame(frame(8, 9).color)).error is None


# ---------------------------------------------------------------------------------------------------------------------
# Pairs


class Passing(nn.Module):
    """A network that gives back the radiance it gets: its input is tone-mapped."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        power = x[:, :3] ** 2.2
        return power / (1 - power)


PASSING = Model(Passing(), NetworkInput(("color",)))


def noisy(truth: Any, sigma: float, seed: int) -> Frame:
    noise = np.random.default_rng(seed).normal(scale=sigma, size=truth.shape)
    return Frame(np.asarray(truth + noise, dtype=np.float32), seed=seed)


def test_a_pair_is_the_mean_of_its_denoised_halves(model: Model) -> None:
    a, b = frame(33, 50, seed=1), frame(33, 50, seed=2)
    pair = denoise_pair(model, Pair(a, b), residual=False)
    halves = [denoise_frame(model, half).color for half in (a, b)]
    np.testing.assert_allclose(pair.color, np.mean(halves, axis=0), rtol=1e-6)
    assert pair.error is not None and pair.error.shape == pair.color.shape and pair.error.min() >= 0


def test_a_picture_of_any_brightness_is_brought_to_one_the_network_knows(model: Model) -> None:
    """Twice too bright or a thousand times: the same picture but for its brightness."""
    bright = frame(40, 50, seed=3).color * np.float32(2 * KEYS[1]) / np.float32(key(frame(40, 50, seed=3).color))
    layers = frame(40, 50, seed=3).layers() | {"color": bright}
    once = denoise_frame(model, Frame(**layers), precision="fp32").color
    layers["color"] = bright * np.float32(512)
    np.testing.assert_allclose(denoise_frame(model, Frame(**layers), precision="fp32").color, once * 512, rtol=1e-3)


def test_the_estimated_error_is_that_of_the_mean() -> None:
    """Noise of 0.1 in each half leaves 0.1 / sqrt(2) in their mean."""
    truth = np.full((60, 90, 3), 3.0)
    pair = Pair(noisy(truth, 0.1, 1), noisy(truth, 0.1, 2))
    denoised = denoise_pair(PASSING, pair, precision="fp32")
    assert denoised.error is not None
    estimated, real = np.sqrt(np.mean(denoised.error**2)), np.sqrt(np.mean((denoised.color - truth) ** 2))
    # A standard deviation from n = 16200 values is off by 1 / sqrt(2 n) = 0.6 %; four times that.
    assert estimated == pytest.approx(0.1 / np.sqrt(2), rel=0.024)
    assert real == pytest.approx(0.1 / np.sqrt(2), rel=0.024)


def test_noise_taken_away_hides_as_much_error_and_noise_that_stayed_none() -> None:
    color = torch.full((1, 3, 8, 9), 0.5)
    noise, left = torch.full_like(color, 0.01), torch.zeros(1, 1, 8, 9)
    for spread, expected in ((1.0, (1 + HIDDEN) ** 0.5), (0.02, 1.0)):  # half of it is the standard error of the mean
        halves = TensorPair(TensorFrame(color + spread / 2), TensorFrame(color - spread / 2))
        found = expected_error(halves, noise, left) / 0.01
        assert found.numpy() == pytest.approx(expected, rel=1e-3)  # 1 in 10,000 of the noise's power stayed
    shown = expected_error(halves, noise, left + 0.02)
    assert shown.numpy() == pytest.approx(0.01 * 5**0.5, rel=1e-3)


def test_equal_outputs_have_no_error() -> None:
    a, b = (Frame(np.full((9, 7, 3), 2.0, np.float32), seed=seed) for seed in (1, 2))
    denoised = denoise_pair(PASSING, Pair(a, b), precision="fp32")
    # the root's floor, `residual.NOTHING`, leaves 1.2e-6 of the picture
    assert denoised.error is not None and denoised.error.max() < 2e-6 * 2.0


def test_the_error_near_a_firefly_is_sound() -> None:
    """A mean by a running sum would leave rounding, and negative squares, all along the row."""
    color = torch.ones(1, 3, 20, 60)
    color[..., 10, 20] = 1e4
    error = to_image(standard_error(color, torch.ones_like(color)))
    half = ERROR_WINDOW // 2
    near = np.zeros((20, 60), dtype=bool)
    near[10 - half : 10 + half + 1, 20 - half : 20 + half + 1] = True
    np.testing.assert_allclose(error[10, 20], (1e4 - 1) / 2 / ERROR_WINDOW, rtol=1e-5)  # root of a mean over 25
    assert not error[~near].any()
    near[10, 20] = False
    assert error[near].min() > 0 and error[near].max() < 1  # as it is shown, the firefly is one pixel of 25


def test_the_window_is_square_on_a_picture_that_is_not() -> None:
    a = torch.zeros(1, 3, 3, 40)
    a[..., 1, 20] = 2.0
    error = standard_error(a, torch.zeros_like(a))
    assert int(error[0, 0].count_nonzero()) == 3 * ERROR_WINDOW
