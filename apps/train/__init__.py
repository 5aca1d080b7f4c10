"""n2n-train: train a denoiser from noisy pairs alone.

    n2n-train pairs/                                            begin, or go on with, a run in pairs-run/
    n2n-train pairs/ more/ -o run/ --steps 10000 --crop 256     several folders of pairs; see --help
    n2n-train pairs/ -o run/ --network unet                     as Noise2Noise: the paper's network from random weights
    torchrun --nproc-per-node 4 -m apps.train pairs/ -o run/    several GPUs

Training goes on from the shipped weights, which takes minutes. With --network it begins from random weights, as in the
paper, with the paper's loss and optimizer; `n2n-train --network unet --help` shows these settings.

Ctrl-C stops with a checkpoint; the same command goes on from there. In the run folder, `model.safetensors` is for
n2n-denoise, `loss.png` and `validation.png` show how training goes, `log.csv` has the numbers.

Where other programs keep the processor busy, put OMP_NUM_THREADS=1 before the command: two threads that wait for each
other took 3.4 s a step on two such cores, one thread 0.31 s.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from apps.command import progress_console, run
from apps.train.plots import Strip, plot_log
from denoiser.model import DEFAULT_NAME
from denoiser.training.checkpoint import MODEL
from denoiser.training.config import TrainConfig
from denoiser.training.loop import TrainRecord
from denoiser.training.pair_cache import build_cache, find_views
from denoiser.training.train import train
from renderer_bridge.atomic import sole_writer

SHOWN_STEPS = 100
"""Loss and speed are shown as means over so many steps: one step's loss is as noisy as its targets."""


FROM_SHIPPED = TrainConfig(
    steps=2000, network="kernel", init=DEFAULT_NAME, optimizer="muon", learning_rate=3e-4, weight_decay=0.1,
    ramp_down=1.0, loss="tone-slope", gradient_clip=0.15, crop_clip=0.5, drop_layers=0.25, average_half_life=100.0,
)  # fmt: skip
"""Going on from the shipped weights, with the settings that made them but a smaller rate: 600 steps on 16 views of
classroom of 8 + 8 spp gave it 0.1 to 0.3 dB at 1 to 32 spp, with 1e-3 -0.1 to 0.2. Three other scenes lost up to 0.7
dB at 1 spp and 0.4 above (one gained 0.4 at 32); with 1e-3 up to 1.1 and 0.9."""


@dataclass(frozen=True)
class Command:
    """Train a denoiser from folders of noisy pairs; run the same command again to go on after an interruption."""

    pairs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PAIRS ...")]
    """Folders with <view>.a.exr and <view>.b.exr."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=("-o",))] = None
    """Run folder: weights, checkpoint, log and plots; by default beside the first folder of pairs, pairs-run for
    pairs."""
    cache: Path | None = None
    """Folder for the decoded pairs, 48 bytes a pixel; by default .n2n-cache in each folder of pairs, or in the run
    folder for pairs that cannot be written."""
    config: tyro.conf.OmitArgPrefixes[TrainConfig] = FROM_SHIPPED

    @property
    def run_folder(self) -> Path:
        """Where the run is: `output`, or beside the first folder of pairs."""
        first = self.pairs[0].absolute()
        return self.output or first.with_name(f"{first.name}-run")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    return run(lambda: follow(_command(sys.argv[1:] if argv is None else list(argv))))


def _command(arguments: list[str]) -> Command:
    """What the command line asks for; with --network the defaults that --help shows are those of random weights."""
    named = any(argument.split("=")[0] == "--network" for argument in arguments)
    settings = TrainConfig() if named else FROM_SHIPPED
    begun = Command(tyro.MISSING, config=settings)
    return tyro.cli(Command, prog="n2n-train", description=__doc__, default=begun, args=arguments)


def follow(command: Command) -> None:
    """Fill the cache, then train, or go on; only the first of several processes speaks.

    Raises KeyboardInterrupt where it is asked to stop before the end, and any `N2NError` of `train`.
    """
    first = os.environ.get("RANK", "0") == "0"
    with contextlib.ExitStack() as stack:
        if first:
            stack.enter_context(sole_writer(command.run_folder))
        stop, progress = stack.enter_context(_stop_signals()), stack.enter_context(_progress(visible=first))
        if first:
            _fill_cache(command, progress, stop)
        last = _show(command, progress, stop, first)
    if first and last is None:
        progress_console.print(f"{command.run_folder}: is finished; its weights are in {command.run_folder / MODEL}")
    if first and last is not None and last.step < command.config.steps:
        raise KeyboardInterrupt(f"saved at step {last.step}; run the same command to go on")


def _fill_cache(command: Command, progress: Progress, stop: threading.Event) -> None:
    """Decode the EXR files that are new or changed, with a progress bar."""
    task = progress.add_task("reading pairs", total=None, note="")
    repaired: Counter[str] = Counter()
    views = find_views(command.pairs, command.cache, fallback=command.run_folder)
    for record in build_cache(views, references=command.config.clean_targets):
        progress.update(task, completed=record.done, total=record.total, note=record.view)
        repaired.update(record.repaired)
        if stop.is_set():
            raise KeyboardInterrupt("run the same command to go on")
    progress.remove_task(task)
    if repaired:
        mended = ", ".join(f"{count} in {layer}" for layer, count in repaired.items())
        progress.console.print(f"pixels that were infinite, NaN or out of range, mended: {mended}")


def _show(command: Command, progress: Progress, stop: threading.Event, first: bool) -> TrainRecord | None:
    """Train, show each record, keep the plots up to date; gives the last record, None when there was nothing to do."""
    strip, recent = Strip(), deque[TrainRecord](maxlen=SHOWN_STEPS)
    task = progress.add_task("training", total=command.config.steps, note="")
    with contextlib.closing(train(command.config, command.pairs, command.run_folder, command.cache)) as records:
        for record in records:
            if not recent:
                progress.reset(task, completed=record.step - 1)  # so that a resumed run's time left is right
            recent.append(record)
            progress.update(task, completed=record.step, note=_note(recent))
            if first and record.validation is not None:
                progress.console.print(_sentence(record))
                plot_log(command.run_folder)
                strip.add(record.step, record.validation)
                strip.save(command.run_folder / "validation.png")
            if stop.is_set():
                break
    if first and recent:
        plot_log(command.run_folder)
    return recent[-1] if recent else None


def _note(recent: Sequence[TrainRecord]) -> str:
    """Loss and speed over the recent steps."""
    loss = sum(record.loss for record in recent) / len(recent)
    seconds = recent[-1].seconds - recent[0].seconds
    return f"loss {loss:.4g}" + (f", {(len(recent) - 1) / seconds:.1f} steps/s" if seconds > 0 else "")


def _sentence(record: TrainRecord) -> str:
    assert record.validation is not None
    score, psnr = record.validation.score, record.validation.psnr_db
    against = "" if psnr is None else f", {psnr:.2f} dB against references"
    return f"step {record.step}: error from pairs {score.mse:.3g} +- {score.standard_error:.1g}{against}"


def _progress(visible: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=progress_console, disable=not visible)


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask to stop after the step at hand, where the state is whole; asking twice stops at once."""
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt("at once; the same command goes on from the last checkpoint")
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
