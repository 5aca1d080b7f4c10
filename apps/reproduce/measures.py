"""How near a display-referred picture is to the clean one, and how sharp it is by itself."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from renderer_bridge.frame import Image

BRENNER_SHIFT = 2  # pixels; Brenner et al. 1976


def display_psnr(image: Image, clean: Image) -> float:
    """PSNR in dB, peak 1, of pictures (H, W, C) in [0, 1]; what lies outside is clipped. Infinite for equal ones."""
    error = float(np.mean(np.square(np.clip(image, 0, 1).astype(np.float64) - clean)))
    return float("inf") if error == 0.0 else -10.0 * np.log10(error)


def sobel_energy(image: Image) -> float:
    """Mean squared gradient by Sobel's operator, of gray values; a picture's sharpness, and its noise."""
    gray = image.mean(axis=2, dtype=np.float64)
    return float(np.mean(sum(np.square(ndimage.sobel(gray, axis) / 8) for axis in (0, 1))))


def brenner_gradient(image: Image) -> float:
    """Mean squared difference of gray values two columns apart; likewise."""
    gray = image.mean(axis=2, dtype=np.float64)
    return float(np.mean(np.square(gray[:, BRENNER_SHIFT:] - gray[:, :-BRENNER_SHIFT])))
