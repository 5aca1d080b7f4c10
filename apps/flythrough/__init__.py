"""n2n-flythrough: fly a camera through a scene with a denoiser that trains itself on the way, without a window.

    n2n-flythrough scene.xml --path camera_path.json --frames 200 -o out/
    n2n-flythrough pairs/ -o out/           a folder of finished pairs (n2n-render-pairs --position --depth)
    n2n-flythrough scene.xml --path camera_path.json -o out/ --reference-every 10      and measure it

The same command again goes on where it stopped. out/ holds frames as EXR and PNG, a video, log.csv with its plot, and
the trained weights, which n2n-denoise --model accepts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apps.command import defines, progress_console, run
from apps.flythrough import carried
from apps.flythrough.config import FlythroughConfig, check, online_config, settings
from apps.flythrough.measure import Measurer, Referenced, References, RenderReference
from apps.flythrough.output import (
    COLUMNS,
    plot_log,
    row,
    summary,
    write_pictures,
    write_video,
)
from denoiser.inference.piloted import find_pilot
from denoiser.model import load_model
from denoiser.training.checkpoint import Log, open_run
from online.flythrough import flythrough
from online.records import FlythroughRecord, FrameRequest, Renderer
from online.replay import PairFolderRenderer
from online.trainer import OnlineTrainer
from renderer_bridge.atomic import sole_writer
from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.frame import Camera, Image
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_renderer import MitsubaRenderer
from renderer_bridge.mitsuba_scene import load_scene
from renderer_bridge.mitsuba_variant import set_variant
from renderer_bridge.seeds import derive_seed

STATE, WEIGHTS = "state.safetensors", "weights.safetensors"
REFERENCE_STREAM = 12  # derive_seed: apart from the halves (0 and 1)
DEFAULT_FPS = 24.0
FREE = ("checkpoint_every",)


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-flythrough; returns the exit code."""
    config = tyro.cli(FlythroughConfig, args=argv, prog="n2n-flythrough", description=__doc__)
    return run(lambda: fly(config))


def fly(config: FlythroughConfig) -> None:
    """Check the options, open scene or folder, and show the progress of `flythrough`."""
    check(config)
    source = _open_folder(config) if config.scene.is_dir() else _open_scene(config)
    with sole_writer(config.output):
        _fly(_Flight(config, source))


def _fly(flight: _Flight) -> None:
    with _progress_bar() as progress:
        task = progress.add_task("flying", total=flight.frames, completed=flight.first, score="")
        try:
            for record in flight.records():
                flight.keep(record)
                progress.update(task, advance=1, score=_score(record))
                if record.event is not None:
                    print(f"frame {record.index}: {record.event}", file=sys.stderr)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("run the same command again to go on") from None
        finally:
            flight.close()
    flight.finish()
    print(f"{flight.folder}: {flight.frames} frames, {flight.trainer.steps} training steps", file=sys.stderr)
    for line in summary(flight.folder):
        print(line, file=sys.stderr)


def _score(record: FlythroughRecord) -> str:
    return f"error from pairs {record.score.mse:.3g}, noisy {record.noisy_score.mse:.3g}"


# ---------------------------------------------------------------------------------------------------------------------
# One flight: what it flies through, what it has learnt, what it leaves behind


@dataclass
class _Source:
    """Where pairs come from, the frames there are, their cameras from any of them on, and references if it has them."""

    renderer: Renderer
    frames: int
    cameras: Callable[[int], Iterator[Camera]]
    reference: RenderReference | None
    fps: float


def _open_scene(config: FlythroughConfig) -> _Source:
    assert config.path is not None
    set_variant(config.variant)
    scene = load_scene(config.scene, defines=defines(config.define), width=config.width, height=config.height)
    path = load_camera_path(config.path)
    cameras = path.cameras(config.frames or path.frames, scene.camera(0).resolution)

    def reference(camera: Camera, index: int, half: int) -> Image:
        seed = derive_seed(config.seed, index, REFERENCE_STREAM, half + 1)
        return render_color(scene, camera, spp=-(-config.reference_spp // 2), seed=seed)[0]

    return _Source(MitsubaRenderer(scene), len(cameras), lambda first: iter(cameras[first:]), reference, path.fps)


def _open_folder(config: FlythroughConfig) -> _Source:
    renderer = PairFolderRenderer(config.scene)
    frames = min(config.frames or len(renderer.views), len(renderer.views))
    return _Source(renderer, frames, lambda first: islice(renderer.cameras(first), frames - first), None, DEFAULT_FPS)


class _Flight:
    """A flight on its way; `first` is the frame it begins or goes on with."""

    def __init__(self, config: FlythroughConfig, source: _Source) -> None:
        self.config, self.folder, self.source = config, config.output, source
        self.frames = self.source.frames
        open_run(self.folder, settings(config), FREE, begun=self.folder / STATE)
        self.trainer = OnlineTrainer(online_config(config))
        self.untrained = load_model(config.weights) if not config.from_scratch else None
        self.first, self.history, self.samples = 0, None, None
        if (self.folder / STATE).exists():
            notes, arrays = self.trainer.restore(self.folder / STATE)
            self.first = int(notes["next"])
            self.history, self.samples = carried.restored(notes["history"], arrays)
        folder = config.references or self.folder / "references"
        self.references = References(folder, config.reference_every, self.source.reference, self.frames - 1)
        self.measurer = Measurer(self.references, self.untrained)
        self.log = Log(self.folder, COLUMNS, self.first)

    def records(self) -> Iterator[FlythroughRecord]:
        """The frames that are not there yet."""
        renderer = self.source.renderer
        if self.config.clean_targets:
            renderer = Referenced(renderer, self.references, self.first)
        return flythrough(
            renderer,
            (self._request(camera) for camera in self.source.cameras(self.first)),
            self.trainer,
            seed=self.config.seed,
            first=self.first,
            history=self.history,
            samples=self.samples,
        )

    def _request(self, camera: Camera) -> FrameRequest:
        config = self.config
        steps = config.train_steps if config.training else 0
        return FrameRequest(
            camera,
            config.spp,
            steps,
            learning_rate=config.learning_rate,
            reproject=config.reprojection,
            pilot=find_pilot(config.pilot),
            noisy_history=config.noisy_history,
        )

    def keep(self, record: FlythroughRecord) -> None:
        """Write what a frame leaves behind, and now and then the state."""
        write_pictures(self.folder, record)
        self.log.write(*row(record, self.measurer.measure(record)))
        done = record.index + 1
        if done % self.config.checkpoint_every == 0 or done == self.frames:
            notes = {"next": done, "history": carried.notes(record)}
            self.trainer.save(self.folder / STATE, notes, carried.arrays(record))

    def finish(self) -> None:
        """Weights, plot and video of the whole flight."""
        self.trainer.save_weights(self.folder / WEIGHTS)
        plot_log(self.folder)
        write_video(self.folder, self.frames, self.config.fps or self.source.fps)

    def close(self) -> None:
        """Close what is open."""
        self.log.close()
        self.measurer.close()


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[score]}"))
    return Progress(*columns, TimeRemainingColumn(), console=progress_console)
