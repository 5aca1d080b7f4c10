"""Watching a network in training on views it never trains on: pair score, PSNR where a reference exists, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from denoiser.metrics import psnr
from denoiser.networks.unet import ALIGNMENT
from denoiser.score import PairScore, mean_score, pair_mse
from denoiser.training.pair_cache import CachedView, open_array
from denoiser.transforms import NetworkInput, to_image, to_nchw
from renderer_bridge.frame import Image

WINDOW = 512
"""Largest side of the central window that is scored, in pixels: 0.5 s for both halves on two cores."""


@dataclass(frozen=True)
class Validation:
    """How the averaged weights do on the held-out views.

    `score` is the unbiased squared error from the pairs alone. `psnr_db` is the mean PSNR on tone-mapped of the mean of
    both denoised halves, over the views that have a reference; None when none has. `noisy`, `denoised` and `reference`
    show the first view: half A, A denoised, and the reference if there is one, linear radiance (H, W, 3).
    """

    score: PairScore
    psnr_db: float | None
    noisy: Image
    denoised: Image
    reference: Image | None


def validate(
    network: nn.Module, views: Sequence[CachedView], device: torch.device, bf16: bool, taken: NetworkInput
) -> Validation:
    """Denoise both halves of every view's central window and score them; `views` holds at least one.

    `taken` is what the network takes."""
    scores, psnrs, pictures = [], [], []
    for view in views:
        pixels = open_array(view.pixels)
        window = _central_window(pixels.shape[1], pixels.shape[2])
        a, b = (np.ascontiguousarray(pixels[half]["color"][window]) for half in (0, 1))
        denoised_a, denoised_b = (_denoise(network, pixels[half][window], device, bf16, taken) for half in (0, 1))
        scores.append(pair_mse(denoised_a, denoised_b, a, b))
        reference = None
        if view.reference is not None:
            reference = np.array(open_array(view.reference)[window], np.float32)
            psnrs.append(psnr((denoised_a + denoised_b) * np.float32(0.5), reference))
        pictures.append((a, denoised_a, reference))
        if len(pictures) > 1:
            pictures.pop()
    return Validation(mean_score(scores), float(np.mean(psnrs)) if psnrs else None, *pictures[0])


def _central_window(height: int, width: int) -> tuple[slice, slice]:
    top, left = max(height - WINDOW, 0) // 2, max(width - WINDOW, 0) // 2
    return slice(top, top + WINDOW), slice(left, left + WINDOW)


def _denoise(
    network: nn.Module, pixels: NDArray[np.void], device: torch.device, bf16: bool, taken: NetworkInput
) -> Image:
    """f of one half's window (h, w), continued by its edge to the network's alignment and cut back."""
    height, width = pixels.shape
    padding = ((0, -height % ALIGNMENT), (0, -width % ALIGNMENT), (0, 0))
    layers = {
        name: to_nchw(np.pad(pixels[name].astype(np.float32), padding, mode="edge"), device) for name in taken.layers
    }
    factor = taken.exposure(pixels["color"]).to(device)
    layers["color"] = layers["color"] * factor
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        denoised = network(taken.stack(layers)) / factor
    return to_image(denoised)[:height, :width]
