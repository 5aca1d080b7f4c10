"""The figure mri: a brain from a tenth of its spectrum, learned from other tenths (Lehtinen et al. 2018, section 3.4).

The slices are those of the T1 template that nilearn ships, a real brain averaged over people, 1 mm; a contiguous block
of them is held out. Shorter runs see it at 2 mm. Frequencies that were measured are put back into the network's output
before it is compared with the target, and before it is looked at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from apps.reproduce import corruptions, fit
from apps.reproduce.corruptions import Random
from apps.reproduce.figure import Bench, Figure, Finding, Progress, Row
from apps.reproduce.measures import display_psnr
from apps.reproduce.noise import CLEAN, NOISY, draw_noisy_and_clean, judge_noisy_and_clean
from apps.reproduce.restore import CENTRE, LABELS, TEST_SEED, keep_pictures, size
from denoiser import paper
from denoiser.loss import loss_l2
from denoiser.networks.unet import UNet
from denoiser.transforms import to_image, to_nchw
from renderer_bridge.errors import MissingPackageError
from renderer_bridge.frame import Image

SLICE = (224, 192)
"""Height and width of a slice at 1 mm, multiples of 32; the brain fills 182 x 142 of it at most."""

LOWEST, HIGHEST = 40, 150
"""Axial slices that show a brain, of 189."""

HELD_OUT = slice(40, 60)
"""The slices, counted from `LOWEST`, that are tested on; their neighbours, `GAP` to each side, are not trained on."""

GAP = 5
TESTED = 5


def brain_slices(millimetres: int) -> list[Image]:
    """Axial slices (H, W, 1), float32 in [0, 1], bottom to top. Raises `MissingPackageError` without nilearn."""
    try:
        from nilearn.datasets import load_mni152_template
    except ImportError as error:
        raise MissingPackageError(
            f"nilearn: its brain is needed ({error}); install it with `pip install n2n-denoiser[reproduce]`"
        ) from error
    volume = np.asarray(load_mni152_template(resolution=1).get_fdata(), dtype=np.float32)
    volume /= volume.max()
    slices = [_framed(np.rot90(volume[:, :, level])) for level in range(LOWEST, HIGHEST)]
    return [_reduced(each, millimetres) for each in slices]


def _framed(picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Image:
    """The middle of a slice, `SLICE` in size, black around it where it is smaller."""
    result = np.zeros((*SLICE, 1), np.float32)
    size = [min(extent, wanted) for extent, wanted in zip(picture.shape, SLICE, strict=True)]
    source = tuple(slice((e - s) // 2, (e - s) // 2 + s) for e, s in zip(picture.shape, size, strict=True))
    place = tuple(slice((e - s) // 2, (e - s) // 2 + s) for e, s in zip(SLICE, size, strict=True))
    result[place] = picture[source][..., None]
    return result


def _reduced(picture: Image, factor: int) -> Image:
    """Means of blocks, then black below and to the right up to multiples of 32."""
    height, width = (extent // factor for extent in picture.shape[:2])
    small = picture.reshape(height, factor, width, factor, 1).mean(axis=(1, 3))
    missing = [-extent % 32 for extent in small.shape[:2]]
    return np.pad(small, ((0, missing[0]), (0, missing[1]), (0, 0))).astype(np.float32)


def put_back(prediction: Tensor, spectrum: Tensor, mask: Tensor) -> Tensor:
    """A picture (N, 1, H, W) with the frequencies that were measured, `spectrum`, where `mask` is 1, of that shape."""
    known = torch.where(mask > 0, spectrum, torch.fft.fft2(prediction.float()))
    picture: Tensor = torch.fft.ifft2(known).real
    return picture


def _measure(bench: Bench) -> Iterator[Progress]:
    slices = [each - np.float32(CENTRE) for each in brain_slices(bench.pick(2, 2, 1))]
    first, last = HELD_OUT.start - GAP, HELD_OUT.stop + GAP
    training, testing = slices[:first] + slices[last:], slices[HELD_OUT][:: (HELD_OUT.stop - HELD_OUT.start) // TESTED]
    sizes = dataclasses.replace(size(bench), batch=bench.pick(2, 2, paper.MINIBATCH))
    for variant in (NOISY, CLEAN):
        for seed in range(bench.seeds):
            if bench.results.has(variant=variant, seed=seed):
                continue

            def look(step: int, network: nn.Module, variant: str = variant, seed: int = seed) -> None:
                if step == sizes.steps and not bench.results.has(variant=variant, seed=seed):
                    bench.results.add(list(_tested(bench, network, testing, variant, seed, step)))

            def draw(random: Random, clean: bool = variant == CLEAN) -> fit.Batch:
                return _batch(training, random, sizes.batch, clean)

            task = fit.Task(sizes.built(lambda: UNet(1, 1)), draw, _loss, f"{variant}, brain")
            run_dir = bench.folder / "runs" / f"{variant.replace(' ', '-')}-{seed}"
            yield from fit.fit(task, sizes.config(seed), run_dir, f"{variant}, seed {seed}", look)


def _batch(training: Sequence[Image], random: Random, count: int, clean: bool) -> fit.Batch:
    """Random slices, mirrored or not, undersampled once for the input and once more for a noisy target."""
    columns: dict[str, list[Image]] = {"input": [], "target": [], "mask": []}
    spectra: list[Tensor] = []
    shown, wanted = random.spawn(2)
    for _ in range(count):
        picture = training[int(shown.integers(len(training)))]
        picture = np.ascontiguousarray(picture[:, ::-1]) if shown.integers(2) else picture
        given, spectrum, mask = corruptions.undersampled(picture, shown)
        target = picture if clean else corruptions.undersampled(picture, wanted)[0]
        spectra.append(torch.from_numpy(spectrum).to(torch.complex64)[None])
        for name, value in zip(columns, (given, target, mask), strict=True):
            columns[name].append(value)
    return {"spectrum": torch.stack(spectra), **{name: to_nchw(np.stack(values)) for name, values in columns.items()}}


def _loss(prediction: Tensor, batch: fit.Batch, done: float) -> Tensor:
    return loss_l2(put_back(prediction, batch["spectrum"], batch["mask"]), batch["target"])


def _tested(
    bench: Bench, network: nn.Module, testing: Sequence[Image], variant: str, seed: int, step: int
) -> Iterator[Row]:
    for index, clean in enumerate(testing):
        given, spectrum, mask = corruptions.undersampled(clean, np.random.default_rng((TEST_SEED, index)))
        known = torch.from_numpy(spectrum).to(torch.complex64)[None, None]
        found = to_image(put_back(fit.apply(network, to_nchw(given)), known, to_nchw(mask)))
        shown = {"clean": clean + CENTRE, "input": given + CENTRE, variant: found + CENTRE}
        in_db = {name: display_psnr(each, clean + CENTRE) for name, each in shown.items()}
        if seed == 0 and index == len(testing) // 2:
            keep_pictures(bench.folder / "pictures" / "test", shown)
        yield {"variant": variant, "seed": seed, "step": step, "test": "test", "image": f"slice {index}",
               "psnr": in_db[variant], "input_psnr": in_db["input"]}  # fmt: skip


def _judge(rows: Sequence[Row]) -> list[Finding]:
    claim = f"A tenth of the spectrum: noisy targets equal clean ones (published input {paper.MRI_INPUT_DB} dB)"
    return judge_noisy_and_clean(rows, claim, paper.MRI_NOISY_DB, paper.MRI_CLEAN_DB)


MRI = Figure(
    title="Undersampled magnetic resonance",
    claim="a picture is learned from independent random samples of its spectrum",
    labels=LABELS,
    values=("psnr", "input_psnr"),
    measure=_measure,
    judge=_judge,
    draw=draw_noisy_and_clean,
)
