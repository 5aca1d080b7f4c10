"""Natural images to corrupt: photographs that scikit-image, scikit-learn and matplotlib ship, or one's own folders.

Nothing is downloaded. Those to train on and those to test on are other photographs, by name.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np

from apps.photograph import read_photograph
from denoiser.networks.unet import ALIGNMENT
from renderer_bridge.errors import DatasetError, MissingPackageError
from renderer_bridge.frame import Image

_SKIMAGE, _SKLEARN, _MATPLOTLIB = "skimage.data", "sklearn.datasets.images", "matplotlib"

TEST: dict[str, tuple[str, str]] = {
    "astronaut": (_SKIMAGE, "astronaut.png"),
    "chelsea": (_SKIMAGE, "chelsea.png"),
    "coffee": (_SKIMAGE, "coffee.png"),
    "china": (_SKLEARN, "china.jpg"),
    "rocket": (_SKIMAGE, "rocket.jpg"),
}
"""Photographs that are tested on: the package and the file in it."""

TRAINING: dict[str, tuple[str, str]] = {
    "flower": (_SKLEARN, "flower.jpg"),
    "motorcycle": (_SKIMAGE, "motorcycle_left.png"),
    "grace_hopper": (_MATPLOTLIB, "mpl-data/sample_data/grace_hopper.jpg"),
    "hubble": (_SKIMAGE, "hubble_deep_field.jpg"),
    "camera": (_SKIMAGE, "camera.png"),
    "brick": (_SKIMAGE, "brick.png"),
    "grass": (_SKIMAGE, "grass.png"),
    "gravel": (_SKIMAGE, "gravel.png"),
    "coins": (_SKIMAGE, "coins.png"),
    "moon": (_SKIMAGE, "moon.png"),
    "retina": (_SKIMAGE, "retina.jpg"),
}
"""Photographs that are trained on; six of them are gray."""

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
Photographs = dict[str, Image]


def shipped(files: dict[str, tuple[str, str]]) -> Photographs:
    """Photographs of installed packages by name, float32 (H, W, 3) in [0, 1]; raises `MissingPackageError`."""
    return {name: _shipped(package, file) for name, (package, file) in files.items()}


def of_folder(folder: Path) -> Photographs:
    """All pictures of a folder by name, likewise. Raises `DatasetError` when there are none or one cannot be read."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise DatasetError(f"{folder}: holds no pictures; a folder of {', '.join(ENDINGS)} files is needed")
    return {path.stem: _read(path) for path in paths}


def middle(image: Image, side: int) -> Image:
    """The middle of a picture, at most `side` pixels wide and high, both multiples of the network's `ALIGNMENT`.

    Raises `DatasetError` for a picture smaller than that.
    """
    height, width = (min(extent, side) // ALIGNMENT * ALIGNMENT for extent in image.shape[:2])
    if not height or not width:
        found = f"{image.shape[1]}x{image.shape[0]}"
        raise DatasetError(f"a picture is {found}; at least {ALIGNMENT}x{ALIGNMENT} pixels are needed")
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _shipped(package: str, file: str) -> Image:
    try:
        place = importlib.resources.files(package).joinpath(file)
        with importlib.resources.as_file(place) as path:
            return _read(path)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{package}: its photographs are needed ({error}); install it with `pip install n2n-denoiser[reproduce]`, "
            "or give --images and --train-images"
        ) from error


def _read(path: Path) -> Image:
    """A picture as float32 (H, W, 3) in [0, 1]; gray becomes three equal channels, alpha is left out."""
    pixels = read_photograph(path)
    image = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    if image.ndim == 2 or image.shape[2] < 3:
        image = np.repeat(image.reshape(*image.shape[:2], -1)[..., :1], 3, axis=2)
    return np.ascontiguousarray(image[..., :3])
