"""A network learns to undo a corruption from noisy or from clean targets, and is tested on photographs it never saw.

What the figures gaussian, red30, brown, poisson, bernoulli, text and impulse have in common.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor, nn

from apps.pictures import Picture, write_png
from apps.reproduce import fit, photographs
from apps.reproduce.corruptions import Random
from apps.reproduce.figure import Bench, Progress, Row
from apps.reproduce.measures import display_psnr
from denoiser.loss import loss_l2
from denoiser.model import NetworkName
from denoiser.networks.unet import UNet
from denoiser.paper import LEARNING_RATE, MINIBATCH
from denoiser.training.config import TrainConfig
from denoiser.transforms import to_image, to_nchw
from renderer_bridge.frame import Image

CENTRE = 0.5
"""Pictures in [0, 1] go through networks as [-0.5, 0.5], as in the paper."""

MUON_RATE, MUON_DECAY = 2e-3, 0.1
"""Of the short runs. After 100 steps of figure gaussian, one seed, with the input added to the output: 27.6 dB; 26.8 at
1e-3, 27.5 at 4e-3, 26.4 when the rate falls from the first step on; and 25.4 without the input."""

CHECKPOINT_EVERY = 500
"""Steps between checkpoints: with 16 MiB to write, under a second of some minutes."""

TEST_SEED = 1_000_003
"""Seed of the noise in the tested pictures: the same for every network."""

Corrupted = tuple[Image, Image | None]
"""A noisy picture, and the mask (H, W, 1) of the values that count in it, None for all."""

Corruption = Callable[[Image, Random], Corrupted]
Loss = Callable[[Tensor, fit.Batch, float], Tensor]


def plain_l2(prediction: Tensor, batch: fit.Batch, done: float) -> Tensor:
    """Mean squared difference to the target."""
    return loss_l2(prediction, batch["target"])


class Correction(nn.Module):
    """A network whose output is added to its input, which has as many channels: it need not learn what stays."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        corrected: Tensor = x + self.network(x)
        return corrected


@dataclass(frozen=True)
class Variant:
    """One way to train: `corrupt` makes inputs and, unless `clean`, targets; `loss` compares with them."""

    name: str
    corrupt: Corruption
    clean: bool = False
    loss: Loss = plain_l2
    build: Callable[[], nn.Module] = lambda: UNet(3)


@dataclass(frozen=True)
class Size:
    """How long and how large: steps, side of the crops and of the tested pictures, and the optimizer's step size.

    `network` is what the optimizer is told of; the figure builds it. Where `correct` is set it predicts the difference
    to its input. Networks are tested `curve` times, at equal distances, the last time at the end.
    """

    steps: int
    crop: int
    test_side: int
    learning_rate: float
    batch: int = MINIBATCH
    curve: int = 1
    optimizer: Literal["adam", "muon"] = "adam"
    network: NetworkName = "unet"
    correct: bool = False
    ramp_down: float = 0.3

    def built(self, build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        """What makes the network to train."""
        return (lambda: Correction(build())) if self.correct else build

    def config(self, seed: int) -> TrainConfig:
        """The trainer's configuration."""
        return TrainConfig(
            steps=self.steps,
            batch=self.batch,
            crop=self.crop,
            network=self.network,
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            weight_decay=MUON_DECAY if self.optimizer == "muon" else 0.0,
            ramp_down=self.ramp_down,
            gradient_clip=fit.CLIP,
            average_half_life=max(self.steps / 50, 1.0),
            validation_views=0,
            checkpoint_every=CHECKPOINT_EVERY,
            seed=seed,
        )

    def tested(self, step: int) -> bool:
        """Whether networks are tested after this step."""
        return step * self.curve // self.steps > (step - 1) * self.curve // self.steps


def size(bench: Bench, steps: tuple[int, int, int] = (100, 400, 20_000), curve: int = 1, correct: bool = True) -> Size:
    """Few steps of Muon on small crops, or the paper's Adam and time to use it; `steps` by scale.

    Short runs learn the difference to the input, unless `correct` is off: the paper's U-Net has to learn the picture
    as well, which takes most of so few steps.
    """
    if bench.scale == "full":
        return Size(steps[-1], 128, 512, LEARNING_RATE, curve=curve)
    return Size(bench.pick(*steps), 64, 256, MUON_RATE, curve=curve, optimizer="muon", correct=correct)


LABELS, VALUES = ("variant", "seed", "step", "test", "image"), ("psnr", "input_psnr", "step_s")
"""The columns of these figures' results; `step_s` are CPU seconds of a training step."""


def train_variants(
    bench: Bench, size: Size, variants: Sequence[Variant], tests: Mapping[str, Corruption]
) -> Iterator[Progress]:
    """Train every variant with every seed; test each on every photograph under every corruption of `tests`.

    Rows of `LABELS` and `VALUES` are added. Of the first seed the first photograph is kept as a picture.
    """
    training, testing = load_photographs(bench)
    tested = {name: photographs.middle(image, size.test_side) for name, image in testing.items()}
    for variant, seed in itertools.product(variants, range(bench.seeds)):
        if bench.results.has(variant=variant.name, seed=seed, step=size.steps):
            continue

        pace = Pace()

        def look(
            step: int, network: nn.Module, variant: Variant = variant, seed: int = seed, pace: Pace = pace
        ) -> None:
            step_s = pace.count()
            cell = {"variant": variant.name, "seed": seed, "step": step}
            if size.tested(step) and not bench.results.has(**cell):
                pictures = bench.folder if seed == 0 and step == size.steps else None
                rows = [
                    {**cell, **row, "step_s": step_s}
                    for row in tested_on(network, tests, tested, variant.name, pictures)
                ]
                bench.results.add(rows)

        run_dir = bench.folder / "runs" / f"{variant.name.replace(' ', '-')}-{seed}"
        build, draw = size.built(variant.build), drawer(variant, training, size)
        task = fit.Task(build, draw, variant.loss, f"{variant.name}, photographs")
        yield from fit.fit(task, size.config(seed), run_dir, f"{variant.name}, seed {seed}", look)


class Pace:
    """CPU seconds a step takes, from when it was made or went on; a run that was killed begins to count anew."""

    def __init__(self) -> None:
        self._start, self._steps = time.process_time(), 0

    def count(self) -> float:
        """One step more is done; gives the mean so far."""
        self._steps += 1
        return (time.process_time() - self._start) / self._steps


def tested_on(
    network: nn.Module,
    tests: Mapping[str, Corruption],
    tested: photographs.Photographs,
    variant: str,
    pictures: Path | None,
) -> Iterator[Row]:
    """One row a corruption and photograph; into `pictures`, when given, goes the first photograph as restored."""
    for test, corrupt in tests.items():
        for index, (name, clean) in enumerate(tested.items()):
            noisy, _ = corrupt(clean, np.random.default_rng((TEST_SEED, index)))
            found = restored(network, noisy)
            in_db = {"psnr": display_psnr(found, clean), "input_psnr": display_psnr(noisy, clean)}
            yield {"test": test, "image": name, **in_db}
            if pictures is not None and index == 0:
                keep_pictures(pictures / "pictures" / test, {"clean": clean, "input": noisy, variant: found})


def load_photographs(bench: Bench) -> tuple[photographs.Photographs, photographs.Photographs]:
    """The photographs to train on and those to test on: shipped ones, or the folders that were given."""
    training = bench.train_images and photographs.of_folder(bench.train_images)
    testing = bench.images and photographs.of_folder(bench.images)
    return training or photographs.shipped(photographs.TRAINING), testing or photographs.shipped(photographs.TEST)


def drawer(variant: Variant, training: photographs.Photographs, size: Size) -> Callable[[Random], fit.Batch]:
    """The batches of a variant: random crops, corrupted once for the input and once more for a noisy target.

    Of one generator all variants with the same corruption get the same crops and inputs, and differ by targets alone.
    """
    pictures = list(training.values())

    def draw(random: Random) -> fit.Batch:
        inputs, targets, masks = [], [], []
        given, wanted = random.spawn(2)
        for _ in range(size.batch):
            crop = random_crop(pictures, given, size.crop)
            inputs.append(variant.corrupt(crop, given)[0])
            target, mask = (crop, None) if variant.clean else variant.corrupt(crop, wanted)
            targets.append(target)
            masks.append(np.ones((size.crop, size.crop, 1), np.float32) if mask is None else mask)
        return {
            "input": to_nchw(np.stack(inputs)) - CENTRE,
            "target": to_nchw(np.stack(targets)) - CENTRE,
            "mask": to_nchw(np.stack(masks)),
        }

    return draw


def random_crop(pictures: Sequence[Image], random: Random, side: int) -> Image:
    """A random window of a random picture, in one of the square's eight symmetries; small pictures are reflected."""
    picture = pictures[int(random.integers(len(pictures)))]
    missing = [max(side - extent, 0) for extent in picture.shape[:2]]
    if any(missing):
        picture = np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    top, left = (int(random.integers(extent - side + 1)) for extent in picture.shape[:2])
    window = np.rot90(picture[top : top + side, left : left + side], int(random.integers(4)))
    return np.ascontiguousarray(window[:, ::-1] if random.integers(2) else window)


def restored(network: nn.Module, noisy: Image) -> Image:
    """What the network makes of a picture (H, W, C), values not clipped."""
    return to_image(fit.apply(network, to_nchw(noisy) - CENTRE) + CENTRE)


def keep_pictures(folder: Path, images: Mapping[str, Image]) -> None:
    """Write display-referred pictures as `<folder>/<name>.png`."""
    for name, image in images.items():
        write_png(folder / f"{name}.png", to_8_bits(image))


def to_8_bits(image: Image) -> Picture:
    """A display-referred picture (H, W, 1 or 3), clipped to [0, 1], as 8-bit RGB."""
    clipped = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(clipped, (*clipped.shape[:2], 3)))
