"""What `n2n-eval` measures: every method on every pair of every scene, as a generator of views.

Every method gets the same samples, those of A and B together: the noisy picture and the peers take the mean of both
halves, ours denoises each half and averages (which beats denoising the mean). Times are of the whole call, from a
`Pair` in memory to a picture in memory, the median of several calls: from the second on, filters and caches are warm.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from denoiser import metrics
from denoiser.inference.denoise import denoise_frame, denoise_pair
from denoiser.inference.piloted import denoise_pair_with
from denoiser.inference.pilots import OpenImageDenoise
from denoiser.inference.until_error import told_error
from denoiser.model import Model
from denoiser.transforms import to_nchw
from renderer_bridge.errors import DatasetError, N2NError
from renderer_bridge.exr_frame import read_frame
from renderer_bridge.frame import Denoised, Image, Pair
from renderer_bridge.pair_folder import PairPaths, list_pairs, read_pair

Method = Callable[[Pair], Denoised]
"""Both halves in, linear radiance (H, W, 3) out, with an estimate of its error if the method tells one."""

NOISY = "noisy"


@dataclass(frozen=True)
class Scene:
    """A folder of pairs with references, under a name that no other scene of the report has."""

    name: str
    folder: Path
    pairs: tuple[PairPaths, ...]


@dataclass(frozen=True)
class Result:
    """One row of the table: one method on one pair. `spp` counts both halves, None where the files do not say.

    Of a method that tells its error: `picture_error_ratio` is the true one, without its reference's noise where that
    has halves, over the told one, of the whole tone-mapped picture; `error_ratio` the median of small places'; and
    `error_coverage` the share of pixels whose error is within two told ones (`metrics`).
    """

    scene: str
    pair: str
    spp: int | None
    method: str
    scores: metrics.Scores
    seconds: float
    picture_error_ratio: float | None = None
    error_ratio: float | None = None
    error_coverage: float | None = None


@dataclass(frozen=True)
class View:
    """One pair, denoised by every method: the reference, the pictures by method, their results in the same order."""

    scene: str
    pair: str
    reference: Image
    pictures: dict[str, Image]
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Unreferenced:
    """One pair without a reference, that only its two halves can tell of."""

    scene: str
    name: str
    pair: Pair


@dataclass(frozen=True)
class Failure:
    """Something that could not be measured, and why, in one sentence that names the file."""

    message: str


# ---------------------------------------------------------------------------------------------------------------------
# Scenes: a folder of pairs, or a folder of such folders


def find_scenes(folders: Sequence[Path]) -> tuple[list[Scene], list[Failure]]:
    """The scenes in these folders, in the order given, and a failure for each folder that cannot be used."""
    found: list[tuple[Path, tuple[PairPaths, ...]]] = []
    failures = []
    for folder in [candidate for given in folders for candidate in _candidates(given)]:
        try:
            found.append((folder, tuple(sorted(list_pairs(folder), key=lambda pair: _natural(pair.name)))))
        except DatasetError as error:
            failures.append(Failure(str(error)))
    names = _names([folder for folder, _ in found])
    return [Scene(name, folder, pairs) for name, (folder, pairs) in zip(names, found, strict=True)], failures


def _candidates(folder: Path) -> list[Path]:
    """The folder itself and those in it that hold a half of a pair; the folder itself where none does."""
    children = sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []
    return [candidate for candidate in [folder, *children] if any(candidate.glob("*.[ab].exr"))] or [folder]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts 8spp before 32spp."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _names(folders: Sequence[Path]) -> list[str]:
    """Folder names; where two are equal, the later ones get a number."""
    names: list[str] = []
    for folder in folders:
        plain = folder.resolve().name or "scene"
        tries = (plain, *(f"{plain}-{number}" for number in range(2, len(folders) + 2)))
        names.append(next(name for name in tries if name not in names))
    return names


# ---------------------------------------------------------------------------------------------------------------------
# Methods


def noisy_mean(pair: Pair) -> Image:
    """The mean of both halves: what the renderer alone gives for these samples."""
    return 0.5 * (pair.a.color + pair.b.color)


def noisy(pair: Pair) -> Denoised:
    """The noisy mean as a method."""
    return Denoised(noisy_mean(pair))


def ours(model: Model, residual: bool = True) -> Method:
    """Our network on each half, their mean, and, with `residual`, what both halves get wrong alike given back."""
    return partial(_denoise_halves, model, residual)


def ours_alone(model: Model) -> Method:
    """Our network on half A alone, as on a frame without another half."""
    return lambda pair: denoise_frame(model, pair.a)


def peer_alone(oidn: OpenImageDenoise) -> Method:
    """Open Image Denoise on half A alone."""
    return lambda pair: Denoised(oidn.denoise(pair.a.color, pair.a.albedo, pair.a.normal))


def peer(oidn: OpenImageDenoise) -> Method:
    """Open Image Denoise on the mean of both halves, layer by layer."""
    return partial(_denoise_mean, oidn)


def piloted(oidn: OpenImageDenoise) -> Method:
    """Open Image Denoise as pilot of ours: its picture of the mean, and what it gets wrong alike in both halves."""
    return partial(denoise_pair_with, oidn.denoise_all)


def _denoise_halves(model: Model, residual: bool, pair: Pair) -> Denoised:
    return denoise_pair(model, pair, residual=residual)


def _denoise_mean(oidn: OpenImageDenoise, pair: Pair) -> Denoised:
    albedo, normal = _mean(pair.a.albedo, pair.b.albedo), _mean(pair.a.normal, pair.b.normal)
    return Denoised(oidn.denoise(noisy_mean(pair), albedo, normal))


def _mean(a: Image | None, b: Image | None) -> Image | None:
    return None if a is None or b is None else 0.5 * (a + b)


# ---------------------------------------------------------------------------------------------------------------------
# Measuring


def evaluate(
    scenes: Sequence[Scene], methods: Mapping[str, Method], repeats: int = 3
) -> Iterator[View | Unreferenced | Failure]:
    """Denoise every pair by every method and measure it: a `View` for each pair, a `Failure` for what could not be.

    A pair without a reference is handed on as it is. `methods` by the name they have in the table; `repeats` is how
    often each is called for its median time. Nothing is kept between views. Stop by ceasing to iterate.
    """
    for scene in scenes:
        for paths in scene.pairs:
            try:
                yield from _evaluate_pair(scene.name, paths, methods, repeats)
            except N2NError as error:
                yield Failure(str(error))


def _evaluate_pair(
    scene: str, paths: PairPaths, methods: Mapping[str, Method], repeats: int
) -> Iterator[View | Unreferenced | Failure]:
    pair, _ = read_pair(paths, reference=True)
    if paths.reference is None:
        yield Unreferenced(scene, paths.name, pair)
        return
    assert pair.reference is not None
    halves = _reference_halves(paths.reference, pair.reference)
    spp = _samples(paths.name, pair)
    pictures, results = {}, []
    for name, method in methods.items():
        try:
            denoised, seconds = _timed(method, pair, repeats)
            scores = metrics.measure(denoised.color, pair.reference, halves)
        except (N2NError, ValueError) as error:
            yield Failure(f"{paths.a}, {name}: {error}")
            continue
        pictures[name] = denoised.color
        told, psnr = denoised.error, scores.psnr if scores.psnr_corrected is None else scores.psnr_corrected
        found = () if told is None else _held_to_truth(denoised.color, told, pair.reference, halves, psnr)
        results.append(Result(scene, paths.name, spp, name, scores, seconds, *found))
    if results:
        yield View(scene, paths.name, pair.reference, pictures, tuple(results))


def _samples(name: str, pair: Pair) -> int | None:
    """Samples per pixel of both halves, from their files, else from a name such as 8spp; None where neither tells."""
    named = re.search(r"(\d+)spp$", name)
    of_half = pair.a.spp or (int(named[1]) if named else None)
    return of_half and 2 * of_half


def _held_to_truth(
    image: Image, told: Image, reference: Image, halves: tuple[Image, Image] | None, psnr: float
) -> tuple[float, float, float]:
    of_picture = max(told_error(to_nchw(image), to_nchw(told)), math.ulp(1.0))
    local = metrics.error_ratio(image, told, reference, halves)
    return 10 ** (-psnr / 20) / of_picture, local, metrics.error_coverage(image, told, reference)


def _timed(method: Method, pair: Pair, repeats: int) -> tuple[Denoised, float]:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        denoised = method(pair)
        seconds.append(time.perf_counter() - start)
    return denoised, statistics.median(seconds)


def _reference_halves(path: Path, reference: Image) -> tuple[Image, Image] | None:
    """The two halves that a reference was averaged from, where they lie beside it."""
    paths = [_half(path, half) for half in "ab"]
    if not all(half.is_file() for half in paths):
        return None
    a, b = (read_frame(half)[0].color for half in paths)
    if not a.shape == b.shape == reference.shape:
        raise DatasetError(
            f"{paths[0]} and {paths[1]}: are {a.shape} and {b.shape} beside a reference of {reference.shape}; two "
            "halves of one reference are needed"
        )
    return a, b


def _half(reference: Path, half: str) -> Path:
    return reference.with_name(f"{reference.stem}.{half}{reference.suffix}")


# ---------------------------------------------------------------------------------------------------------------------
# Summary


def mean_psnr(results: Sequence[Result]) -> dict[tuple[str, str], float]:
    """Mean PSNR in dB over a scene's pairs, by (scene, method); scene "" is the mean over the pairs of all scenes.

    Only pairs count that the method could denoise.
    """
    values: dict[tuple[str, str], list[float]] = {}
    for result in results:
        for key in (result.scene, ""):
            values.setdefault((key, result.method), []).append(result.scores.psnr)
    return {key: statistics.fmean(psnr) for key, psnr in values.items()}


def gains(results: Sequence[Result], mine: Sequence[str], peers: Sequence[str]) -> dict[tuple[str, str, str], float]:
    """Mean over a scene's pairs of PSNR(ours) - PSNR(peer), in dB, by (scene, ours, peer); scene "" is the mean of all.

    Only pairs count that both could denoise.
    """
    psnr = {(r.scene, r.pair, r.method): r.scores.psnr for r in results}
    values: dict[tuple[str, str, str], list[float]] = {}
    for scene, pair in dict.fromkeys((r.scene, r.pair) for r in results):
        for one, other in itertools.product(mine, peers):
            if (scene, pair, one) in psnr and (scene, pair, other) in psnr:
                difference = psnr[scene, pair, one] - psnr[scene, pair, other]
                for key in (scene, ""):
                    values.setdefault((key, one, other), []).append(difference)
    return {key: statistics.fmean(differences) for key, differences in values.items()}
