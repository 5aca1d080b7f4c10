"""What a flythrough leaves behind: frames, video, log.csv, its plot, and the state that resumes it.

frames/frame_0000.exr .png    the denoised frames, linear radiance and tone-mapped
beside/frame_0000.png         noisy | denoised, of which the video is made
flythrough.mp4
log.csv  log.png              scores, losses and seconds of every frame
references/frame_0000.exr     converged renders, on request; for measuring only
weights.safetensors           the trained network, for n2n-denoise --model
state.safetensors             everything a resumed flight needs
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage

from apps.pictures import Picture, side_by_side, to_display, write_png
from apps.train.plots import save_figure
from online.records import FlythroughRecord
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import OutputError
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame, Image

STAGES = ("render", "score", "train", "denoise", "combine")
PSNRS = ("psnr_noisy", "psnr", "psnr_alone", "psnr_untrained", "psnr_oidn", "psnr_oidn_prefilter", "psnr_pilot")
PSNR_LABELS = (
    "noisy", "ours", "ours, each frame alone", "ours, not trained here", "OIDN", "OIDN, prefiltered",
    "OIDN as our pilot",
)  # fmt: skip
COLUMNS = (
    "frame", "score", "standard_error", "noisy_score", "relative_score", "noisy_relative_score",
    "loss", "steps", "accumulated", "reprojected", "network_share", "spp_held",
    *(f"{stage}_s" for stage in STAGES), *PSNRS, "true_mse", "flicker", "flicker_alone",
)  # fmt: skip
HISTORY_LAYERS = ("position", "normal", "depth")
PLOT_FRAMES = 15
VIDEO_QUALITY = 8  # of 10, imageio-ffmpeg's scale


def frame_name(index: int) -> str:
    """The stem of a frame's files."""
    return f"frame_{index:04d}"


def row(record: FlythroughRecord, measured: Mapping[str, float]) -> list[float | None]:
    """One line of log.csv; `measured` holds what references told, by column."""
    values: dict[str, float | None] = {
        "frame": record.index + 1,
        "score": record.score.mse,
        "standard_error": record.score.standard_error,
        "noisy_score": record.noisy_score.mse,
        "relative_score": record.relative[0],
        "noisy_relative_score": record.relative[1],
        "loss": float(np.mean(record.losses)) if record.losses else None,
        "steps": record.steps,
        "accumulated": record.accumulated,
        "reprojected": record.reprojected,
        "network_share": record.network_share,
        "spp_held": record.spp_held,
    }
    values |= {f"{stage}_s": record.seconds.get(stage) for stage in STAGES}
    return [(values | dict(measured)).get(column) for column in COLUMNS]


def noisy_mean(record: FlythroughRecord) -> Image:
    """The mean of both halves (H, W, 3)."""
    return np.asarray((record.pair.a.color + record.pair.b.color) * np.float32(0.5))


def write_pictures(folder: Path, record: FlythroughRecord) -> None:
    """The frame as EXR and PNG, and beside its noisy mean."""
    name, spp = frame_name(record.index), record.pair.a.spp
    frame = Frame(record.denoised.color, camera=record.request.camera, spp=spp)
    write_frame(folder / "frames" / f"{name}.exr", frame)
    denoised = to_display(record.denoised.color)
    write_png(folder / "frames" / f"{name}.png", denoised)
    captions = [f"noisy, {spp} + {spp} spp", "denoised"]
    write_png(folder / "beside" / f"{name}.png", side_by_side([to_display(noisy_mean(record)), denoised], captions))


# ---------------------------------------------------------------------------------------------------------------------
# Video and plot


def write_video(folder: Path, frames: int, fps: float) -> None:
    """flythrough.mp4 (H.264) of the pictures in beside/, atomically; raises `OutputError` when ffmpeg fails."""
    pictures = (even(imageio.imread(folder / "beside" / f"{frame_name(i)}.png")) for i in range(frames))
    first = next(pictures)
    size = (first.shape[1], first.shape[0])
    try:
        with atomic_path(folder / "flythrough.mp4") as temporary:
            writer = imageio_ffmpeg.write_frames(
                str(temporary), size, fps=fps, quality=VIDEO_QUALITY, macro_block_size=2, output_params=["-f", "mp4"]
            )
            writer.send(None)
            writer.send(np.ascontiguousarray(first))
            for picture in pictures:
                writer.send(np.ascontiguousarray(picture))
            writer.close()
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[-1]
        raise OutputError(f"{folder / 'flythrough.mp4'}: ffmpeg could not write it ({reason})") from error


def even(picture: Picture) -> Picture:
    """The picture with its last row and column repeated where H.264's even size asks for it."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _read_log(folder: Path) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.atleast_1d(np.genfromtxt(folder / "log.csv", delimiter=",", names=True))


def plot_log(folder: Path) -> None:
    """log.png: relative squared error, told by the pairs, of denoised and noisy frames; PSNR where references were."""
    log = _read_log(folder)
    measured = log[np.isfinite(log["psnr"])]
    figure = Figure(figsize=(8, 4.5 if not len(measured) else 8), layout="constrained")
    axes = figure.subplots(2 if len(measured) else 1, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].set(ylabel=f"relative squared error, from pairs alone\nmean of {PLOT_FRAMES} frames", yscale="log")
    halves = (("noisy_relative_score", "0.6", "one noisy half"), ("relative_score", "C0", "it denoised"))
    for column, color, label in halves:
        mean = ndimage.uniform_filter1d(log[column], PLOT_FRAMES, mode="nearest")  # one frame's score may be negative
        axes[0].plot(log["frame"], np.where(mean > 0, mean, np.nan), color=color, label=label)
    axes[0].legend()
    if len(measured):
        for column, label in zip(PSNRS, PSNR_LABELS, strict=True):
            if np.isfinite(measured[column]).any():
                axes[1].plot(measured["frame"], measured[column], marker=".", label=label)
        axes[1].set(ylabel="PSNR dB against references")
        axes[1].legend()
    axes[-1].set_xlabel("frame")
    save_figure(figure, folder / "log.png")


def summary(folder: Path) -> list[str]:
    """What log.csv says of the whole flight, in sentences: mean PSNR and flicker, and whether the score was true."""
    log = _read_log(folder)
    measured = log[np.isfinite(log["psnr"])]
    lines = []
    if len(measured):
        means = [
            f"{label} {measured[column].mean():.2f}"
            for column, label in zip(PSNRS, PSNR_LABELS, strict=True)
            if np.isfinite(measured[column]).all()
        ]
        lines.append(f"mean PSNR of {len(measured)} frames in dB: {', '.join(means)}")
    if np.isfinite(log["flicker_alone"]).any():
        flicker = [float(np.nanmean(log[column])) for column in ("flicker", "flicker_alone")]
        lines.append(f"flicker: {flicker[0]:.4f}, each frame alone {flicker[1]:.4f}")
    if len(measured) > 2:
        off = measured["score"] - measured["true_mse"]
        error = off.std(ddof=1) / np.sqrt(len(off))
        lines.append(
            f"score from pairs minus true squared error: {off.mean():.2g} +- {error:.2g}, "
            f"{abs(off.mean()) / error:.1f} standard errors; mean true error {measured['true_mse'].mean():.2g}"
        )
    return lines
