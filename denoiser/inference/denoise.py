"""Denoise frames and pairs of any size with a trained network.

A picture is padded to the network's alignment and cut into tiles that fit in memory. Tiles overlap by the network's
receptive field, and the overlap is discarded, so that tiled equals whole.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from denoiser.allocation import give_back
from denoiser.devices import TensorFrame, TensorPair, compute_device, frame_on, pair_on
from denoiser.filters import box_mean
from denoiser.inference.limit import limit_radiance
from denoiser.inference.residual import return_residual
from denoiser.model import Model
from denoiser.networks.kernel import KernelNetwork
from denoiser.networks.unet import ALIGNMENT
from denoiser.paper import LOSS_EPSILON
from denoiser.precision import Precision, uses_bf16
from denoiser.transforms import to_image, to_nchw, tone_map_slope
from denoiser.windows import windows, with_margin
from renderer_bridge.errors import DatasetError
from renderer_bridge.frame import Denoised, Frame, Image, Pair

TILE_PIXELS = 2_100_000
"""Most pixels of a tile, overlap included. 1920x1088 is one tile; 7680x4320 is 24, and a pair of it within 4 GiB. With
2.8 million 5 % less is seen twice there, and it is at 4 GiB."""

OVERLAP = 128
"""Pixels discarded on each inner side of a tile: as far as the U-Net sees beyond a multiple of `ALIGNMENT`. The kernel
network sees 172, but what comes from beyond 128 moves a picture by less than the last bits of float32
(`tests/test_denoise.py` measures all of this)."""

ERROR_WINDOW = 5
"""Side, in pixels, of the window over which the squared difference of the denoised halves is averaged."""

HIDDEN = 1.0
"""Squared error that both halves share and noise hides, over that of the noise left in their mean: what learned to err
least is as wrong by one as by the other. True over told error of pictures, seven pairs of three scenes that no weights
saw, which chose it: 0.95 to 1.42 (kernel network), 0.91 to 1.43 (Open Image Denoise as pilot)."""

ERROR_SIDE = 512
"""Side of the windows in which that is done, so that it takes little memory."""


@dataclass(frozen=True)
class Tile:
    """A window of the padded picture: what the network sees, and what is kept of it; (top, bottom, left, right)."""

    seen: tuple[int, int, int, int]
    kept: tuple[int, int, int, int]


def denoise_frame(
    model: Model, frame: Frame, *, precision: Precision = "auto", tile_pixels: int = TILE_PIXELS
) -> Denoised:
    """Denoise one frame; linear radiance in, linear radiance (>= 0) out, of the same size.

    `precision` is bf16, fp32, or auto (bf16 where the processor has instructions for it). Raises `DatasetError` when
    the frame lacks a layer the model takes.
    """
    with prepared(model, precision) as network:
        return Denoised(color=to_image(_denoise(network, model, frame_on(frame, compute_device()), tile_pixels)))


def denoise_pair(
    model: Model,
    pair: Pair,
    *,
    precision: Precision = "auto",
    tile_pixels: int = TILE_PIXELS,
    residual: bool = True,
) -> Denoised:
    """Denoise both halves and average them, which beats denoising their average.

    With `residual` what both halves get wrong alike is measured from the pair and given back (`residual`): as
    samples grow the result goes to the render itself. `error` is the estimated standard error of the result: of the
    noise, half the difference of the denoised halves, root mean square over `ERROR_WINDOW`; and with `residual` of what
    both still share (`expected_error`). Without, a blur that both halves share is unknown.
    """
    halves = pair_on(pair, compute_device())
    a, b = denoise_halves(model, halves, precision=precision, tile_pixels=tile_pixels)
    if not residual:
        return Denoised(color=to_image((a + b) / 2), error=to_image(standard_error(a, b)))
    large = a.shape[2] * a.shape[3] > tile_pixels
    if large:
        give_back()
    color, left = return_residual(halves, a, b)
    if large:
        give_back()
    return Denoised(color=to_image(color), error=to_image(expected_error(halves, standard_error(a, b), left)))


def denoise_halves(
    model: Model, pair: TensorPair, *, precision: Precision = "auto", tile_pixels: int = TILE_PIXELS
) -> tuple[Tensor, Tensor]:
    """f(A) and f(B), linear radiance (1, 3, H, W) >= 0; `pair` lies on `compute_device`, and so do they."""
    with prepared(model, precision) as network:
        return _denoise(network, model, pair.a, tile_pixels), _denoise(network, model, pair.b, tile_pixels)


def denoise_passes(
    model: Model,
    frame: Frame,
    passes: Sequence[Image],
    *,
    precision: Precision = "auto",
    tile_pixels: int = TILE_PIXELS,
) -> Tensor:
    """Passes (H, W, 3) under the very kernels that `frame` is denoised with, (P, 3, H, W): they sum as before.

    `model` is one that predicts kernels. Raises `DatasetError` when the frame lacks a layer the model takes.
    """
    device = compute_device()
    with prepared(model, precision) as network:
        assert isinstance(network, KernelNetwork)
        on_device = frame_on(frame, device)
        layers = _layers(model, on_device)
        pictures = [to_nchw(each, device) for each in passes]
        factor = model.input.exposure(layers["color"])
        result = torch.empty(len(passes), 3, *on_device.size)
        for tile in tiles(*on_device.size, tile_pixels):
            windows = [padded_window(picture, tile.seen) for picture in pictures]
            of_tile = network.of_passes(model.input.stack(_batch(layers, factor, tile)), windows)
            result[..., slice(*tile.kept[:2]), slice(*tile.kept[2:])] = torch.cat(
                [_kept(each, tile) for each in of_tile]
            )
        return result


def standard_error(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square of half the difference of `a` and `b`, (1, 3, H, W), over a square of `ERROR_WINDOW`.

    The mean is that of tone-mapped pictures: what a lamp's edge differs by is no error of the dark wall beside it. As
    radiance it was, and the pictures' told errors were 1.3 to 5 times the true ones.
    """
    height, width = a.shape[2:]
    result = torch.empty_like(a)
    for window in windows(height, width, ERROR_SIDE):
        seen, inner = with_margin(window, ERROR_WINDOW // 2, height, width)
        slope = shown_slope((a[seen] + b[seen]) / 2)
        squares = ((a[seen] - b[seen]) * (slope / 2)).square_()
        result[..., *window] = box_mean(squares, ERROR_WINDOW)[inner].sqrt_() / slope[inner]
    return result


def expected_error(halves: TensorPair, noise: Tensor, left: Tensor) -> Tensor:
    """Standard error of a picture, (1, 3, H, W), from its `noise`, what both halves show it to get wrong, `left`
    (1, 1, H, W), and what the noise hides of that: nothing where the halves' own noise was not taken away."""
    kept = noise / standard_error(halves.a.color, halves.b.color).clamp_(min=torch.finfo(noise.dtype).tiny)
    hidden = kept.clamp_(max=1).square_().neg_().add_(1).mul_(HIDDEN)
    return (noise * hidden.add_(1).sqrt_()).hypot_(left)


def shown_slope(picture: Tensor) -> Tensor:
    """How much brighter a tone-mapped picture (1, 3, H, W) gets with its radiance, (1, 1, H, W)."""
    return tone_map_slope(picture.mean(dim=1, keepdim=True).clamp_(min=0) + LOSS_EPSILON)


def differentiable(model: Model, halves: TensorPair | TensorFrame, *, residual: bool = True) -> Tensor:
    """The color that `denoise_frame` or `denoise_pair` gives, (1, 3, H, W), in float32 and with derivatives with
    respect to the colors of `halves`; all activations are kept for these.

    Raises `DatasetError` when a layer is missing.
    """
    frames = [halves] if isinstance(halves, TensorFrame) else [halves.a, halves.b]
    network = copy.deepcopy(model.network).to(frames[0].color.device)
    with torch.enable_grad():
        denoised = [_denoise(network, model, frame, TILE_PIXELS) for frame in frames]
        if isinstance(halves, TensorPair) and residual:
            return return_residual(halves, *denoised)[0]
        return torch.stack(denoised).mean(dim=0)


@contextmanager
def prepared(model: Model, precision: Precision = "auto") -> Iterator[nn.Module]:
    """The model's network on the fastest device, in the precision asked for, without gradients."""
    device = compute_device()
    dtype = torch.bfloat16 if uses_bf16(precision, device) else torch.float32
    with torch.no_grad():
        yield copy.deepcopy(model.network).to(device=device, dtype=dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Tiles


def _denoise(network: nn.Module, model: Model, frame: TensorFrame, tile_pixels: int) -> Tensor:
    """The frame denoised, (1, 3, H, W), on the network's device."""
    stack = _layers(model, frame)
    factor = model.input.exposure(stack["color"])
    result = torch.empty_like(stack["color"], memory_format=torch.channels_last)  # (H, W, 3) without a copy
    for tile in tiles(*frame.size, tile_pixels):
        result[..., slice(*tile.kept[:2]), slice(*tile.kept[2:])] = _denoise_tile(network, model, stack, factor, tile)
    return result.div_(factor)


def _layers(model: Model, frame: TensorFrame) -> dict[str, Tensor]:
    """The layers of the frame that the model takes."""
    layers = frame.layers()
    missing = [name for name in model.input.needed if name not in layers]
    if missing:
        raise DatasetError(
            f"the frame has no {' and no '.join(missing)} layer; these weights need {', '.join(model.input.needed)}"
        )
    return {name: layers[name] for name in model.input.layers if name in layers}


def _denoise_tile(network: nn.Module, model: Model, layers: dict[str, Tensor], factor: Tensor, tile: Tile) -> Tensor:
    """The kept window of one tile, under the exposure `factor`."""
    batch = _batch(layers, factor, tile)
    output: Tensor = network(model.input.stack(batch))
    if model.head == "radiance":  # means of samples and bounded moves need no limit
        output = limit_radiance(output.float(), batch["color"])
    return _kept(output, tile)


def _batch(layers: dict[str, Tensor], factor: Tensor, tile: Tile) -> dict[str, Tensor]:
    """What the network sees of the layers, float32; only the tile is scaled by `factor`: pictures may be large."""
    batch = {name: padded_window(layer, tile.seen).to(factor.dtype) for name, layer in layers.items()}
    batch["color"] = batch["color"] * factor
    return batch


def _kept(output: Tensor, tile: Tile) -> Tensor:
    """Cut what is kept out of what is seen."""
    top, left = tile.kept[0] - tile.seen[0], tile.kept[2] - tile.seen[2]
    height, width = tile.kept[1] - tile.kept[0], tile.kept[3] - tile.kept[2]
    return output[..., top : top + height, left : left + width]


def padded_window(layer: Tensor, window: tuple[int, int, int, int]) -> Tensor:
    """Cut (top, bottom, left, right) out of a layer (N, C, H, W); what lies beyond its lower and right edge mirrors it.

    Repeated, the noise of the last row would look like a texture, and stay.
    """
    top, bottom, left, right = window
    cut = layer[..., top : min(bottom, layer.shape[2]), left : min(right, layer.shape[3])]
    for dimension, length in ((2, bottom - top), (3, right - left)):
        if length > cut.shape[dimension]:
            cut = cut.index_select(dimension, _mirrored(cut.shape[dimension], length, cut.device))
    return cut


def _mirrored(there: int, length: int, device: torch.device) -> Tensor:
    """Which of `there` rows stands in each of `length`: up to the last, back to the first, and so on."""
    period = max(2 * there - 2, 1)
    steps = torch.arange(length, device=device) % period
    return torch.minimum(steps, period - steps) if there > 1 else steps


Cut = tuple[int, int, int, int]
"""One side of a tile: (seen start, seen end, kept start, kept end)."""


def tiles(height: int, width: int, tile_pixels: int = TILE_PIXELS) -> list[Tile]:
    """Cut a picture into the grid of tiles that costs least and keeps each tile within `tile_pixels`.

    A tile is at least three alignments wide and high beyond its overlaps, so a very small `tile_pixels` is exceeded.
    """
    rows, columns = _cuts(height), _cuts(width)
    totals = [[_total(cuts) for cuts in side] for side in (rows, columns)]
    longest = [[_longest(cuts) for cuts in side] for side in (rows, columns)]
    grids = itertools.product(range(len(rows)), range(len(columns)))
    fitting = [(r, c) for r, c in grids if longest[0][r] * longest[1][c] <= tile_pixels]
    row, column = min(fitting, key=lambda at: totals[0][at[0]] * totals[1][at[1]], default=(-1, -1))
    return [Tile((v[0], v[1], h[0], h[1]), (v[2], v[3], h[2], h[3])) for v in rows[row] for h in columns[column]]


def _cuts(length: int) -> list[list[Cut]]:
    """All ways to cut `length` evenly, from one part to the most."""
    return [_cut(length, parts) for parts in range(1, max(1, length // (3 * ALIGNMENT)) + 1)]


def _cut(length: int, parts: int) -> list[Cut]:
    """Cut `length` into `parts` whose seen windows are aligned."""
    padded = -(-length // ALIGNMENT) * ALIGNMENT
    edges = [round(padded / ALIGNMENT * k / parts) * ALIGNMENT for k in range(parts + 1)]
    return [
        (max(0, start - OVERLAP), min(padded, end + OVERLAP), start, min(end, length))
        for start, end in itertools.pairwise(edges)
    ]


def _total(cuts: list[Cut]) -> int:
    return sum(end - start for start, end, _, _ in cuts)


def _longest(cuts: list[Cut]) -> int:
    return max(end - start for start, end, _, _ in cuts)
