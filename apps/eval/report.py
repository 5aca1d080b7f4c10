"""The files of an `n2n-eval` report: `scores.csv`, `index.html`, and `pictures/<scene>/<pair>/<method>.png`.

The page is `report.html.j2`, filled in by Jinja2; it needs nothing but the PNG files beside it. Pictures are shown
through the tone map that the scores are taken on.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from apps.eval.plots import HEIGHT, WIDTH, plots
from apps.eval.unreferenced import Comparison, overall
from apps.eval.views import NOISY, Result, View
from apps.pictures import write_png
from denoiser import metrics
from renderer_bridge.atomic import write_text
from renderer_bridge.frame import Image

TEMPLATE = "report.html.j2"
PICTURES = "pictures"
REFERENCE = "reference"
FLIP_SHOWN_UP_TO = 0.5  # brightest color of an error map; good denoisers stay below 0.2 nearly everywhere
CROP_SHARE = 0.3  # of the shorter side: about 100 pixels of a development image, each four pixels wide on the page
SMALLEST_CROP = 16  # pixels

CSV_COLUMNS = (
    "scene",
    "pair",
    "spp",
    "method",
    *(field.name for field in dataclasses.fields(metrics.Scores)),
    "picture_error_ratio",
    "error_ratio",
    "error_coverage",
    "seconds",
)


@dataclass(frozen=True)
class Picture:
    """One column of the page: a method's picture and error map, as addresses relative to the page."""

    name: str
    image: str
    error: str | None
    result: Result | None  # None for the reference


@dataclass(frozen=True)
class Strip:
    """One pair on the page: its pictures side by side, and the crop shown enlarged as (x, y, side) in pixels."""

    scene: str
    pair: str
    spp: int | None
    width: int
    height: int
    crop: tuple[int, int, int]
    pictures: tuple[Picture, ...]

    @property
    def anchor(self) -> str:
        """The strip's address within the page."""
        return quote(f"{self.scene}/{self.pair}")

    @property
    def crop_style(self) -> str:
        """CSS of a square that shows nothing but the crop of its background image."""
        x, y, side = self.crop
        size = f"{100 * self.width / side:.4f}% {100 * self.height / side:.4f}%"
        position = f"{_percent(x, self.width - side)} {_percent(y, self.height - side)}"
        return f"background-size: {size}; background-position: {position}"

    @property
    def frame_style(self) -> str:
        """CSS of the crop's outline on the whole picture."""
        x, y, side = self.crop
        left, top = _percent(x, self.width), _percent(y, self.height)
        return f"left: {left}; top: {top}; width: {_percent(side, self.width)}; height: {_percent(side, self.height)}"


# ---------------------------------------------------------------------------------------------------------------------
# Pictures


def write_pictures(view: View, output: Path) -> Strip:
    """Write a view's pictures and FLIP error maps as PNG files below `output`; gives what the page needs of them.

    Raises `OutputError` when a file cannot be written.
    """
    folder = f"{PICTURES}/{view.scene}/{view.pair}"  # both are file names already
    errors = {name: metrics.flip_map(picture, view.reference) for name, picture in view.pictures.items()}
    columns = []
    for result in view.results:
        image, error = f"{folder}/{result.method}.png", f"{folder}/{result.method}.flip.png"
        _write_png(output / image, metrics.tone_map(view.pictures[result.method]))
        _write_png(output / error, _false_color(errors[result.method]))
        columns.append(Picture(result.method, quote(image), quote(error), result))
    image = f"{folder}/{REFERENCE}.png"
    _write_png(output / image, metrics.tone_map(view.reference))
    columns.append(Picture(REFERENCE, quote(image), None, None))
    height, width = view.reference.shape[:2]
    spp = view.results[0].spp
    return Strip(view.scene, view.pair, spp, width, height, worst_crop(errors), tuple(columns))


def write_unreferenced(comparison: Comparison, pictures: Mapping[str, Image], output: Path) -> Strip:
    """Write the pictures of a pair without reference; the crop lies where the methods are least of one mind."""
    folder = f"{PICTURES}/{comparison.scene}/{comparison.pair}"
    shown = {name: metrics.tone_map(picture) for name, picture in pictures.items()}
    columns = []
    for name, picture in shown.items():
        _write_png(output / f"{folder}/{name}.png", picture)
        columns.append(Picture(name, quote(f"{folder}/{name}.png"), None, None))
    mean = np.mean([picture for name, picture in shown.items() if name != NOISY] or list(shown.values()), axis=0)
    crop = worst_crop({name: np.abs(picture - mean).mean(axis=2) for name, picture in shown.items()})
    height, width = mean.shape[:2]
    return Strip(comparison.scene, comparison.pair, None, width, height, crop, tuple(columns))


def worst_crop(errors: Mapping[str, Image]) -> tuple[int, int, int]:
    """The square (x, y, side) in pixels where all denoisers together err most, so that none of them is favoured.

    `errors` are FLIP maps (H, W) by method; the noisy picture counts only where it is alone.
    """
    from scipy.ndimage import uniform_filter

    denoised = [error for name, error in errors.items() if name != NOISY] or list(errors.values())
    total = np.sum(denoised, axis=0, dtype=np.float64)  # (H, W)
    height, width = total.shape
    side = min(height, width, max(SMALLEST_CROP, round(CROP_SHARE * min(height, width))))
    half = side // 2  # uniform_filter's window of `side` pixels starts `side // 2` before its pixel
    means = uniform_filter(total, side)[half : half + height - side + 1, half : half + width - side + 1]
    y, x = np.unravel_index(int(means.argmax()), means.shape)
    return int(x), int(y), side


def _false_color(error: Image) -> Image:
    """FLIP (H, W) in the colors of the paper's own maps, magma: black is no difference, white 0.5 or more."""
    from matplotlib import colormaps

    return np.asarray(colormaps["magma"](np.clip(error / FLIP_SHOWN_UP_TO, 0, 1))[..., :3], dtype=np.float32)


def _write_png(path: Path, values: Image) -> None:
    """Values in [0, 1], (H, W, 3), as 8-bit PNG."""
    pixels: NDArray[np.uint8] = np.round(255 * values.clip(0, 1)).astype(np.uint8)
    write_png(path, pixels)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.4f}%" if whole else "0%"


# ---------------------------------------------------------------------------------------------------------------------
# Scores and page


def scores_csv(results: Sequence[Result]) -> str:
    """The table as CSV, one row for each method of each pair, six significant digits; unknown values are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for result in results:
        row: dict[str, Any] = {**vars(result), **dataclasses.asdict(result.scores)}
        writer.writerow([f"{v:.6g}" if isinstance(v := row[name], float) else v for name in CSV_COLUMNS])
    return text.getvalue()


def write_report(output: Path, strips: Sequence[Strip], comparisons: Sequence[Comparison] = (), **facts: Any) -> None:
    """Write `scores.csv` and `index.html` for the pictures that `write_pictures` has put there.

    `comparisons` are those of pairs without a reference; their mean goes before them. `facts` go to the template as
    they are. Raises `OutputError` when a file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    results = [picture.result for strip in strips for picture in strip.pictures if picture.result is not None]
    write_text(output / "scores.csv", scores_csv(results))
    loader = PackageLoader("apps.eval", "")
    environment = Environment(
        loader=loader, autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template(TEMPLATE)
    shown = {"strips": strips, "results": results, "best": best_values(results), "flip_up_to": FLIP_SHOWN_UP_TO}
    shown |= {"plots": plots(results), "plot_size": (WIDTH, HEIGHT)}
    shown["comparisons"] = [overall(comparisons), *comparisons] if len(comparisons) > 1 else list(comparisons)
    write_text(output / "index.html", page.render(**shown, **facts))


def best_values(results: Sequence[Result]) -> dict[tuple[str, str], dict[str, float]]:
    """The best value of each score among the methods on one pair, by (scene, pair), then by score."""
    best: dict[tuple[str, str], dict[str, float]] = {}
    for result in results:
        here = best.setdefault((result.scene, result.pair), {})
        for name, value in dataclasses.asdict(result.scores).items():
            if value is not None:
                here[name] = _better(name, here.get(name, value), value)
    return best


def _better(score: str, one: float, other: float) -> float:
    if score == "lights":
        return min(one, other, key=lambda value: abs(value - 1))
    return max(one, other) if score in ("psnr", "psnr_corrected", "ssim") else min(one, other)
