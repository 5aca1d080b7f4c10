"""n2n-flythrough on a folder of pairs and on the built-in scene: what it writes, how it resumes, what it refuses."""

import json
import subprocess
from pathlib import Path

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
import pytest
from fake_renderer import FakeRenderer, camera_at
from safetensors.torch import load_file

from apps import flythrough
from apps.flythrough.output import even, summary
from denoiser.model import load_model
from online.replay import PairFolderRenderer
from renderer_bridge import read_frame
from renderer_bridge.errors import DatasetError
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE

FRAMES = 5
OPTIONS = ["--from-scratch", "--train-steps", "1", "--checkpoint-every", "2"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short flight of an odd size, rendered to a folder, with a reference of two halves for frames 0 and 4."""
    folder, renderer = tmp_path_factory.mktemp("pairs"), FakeRenderer()
    for index in range(FRAMES):
        camera = camera_at(0.05 * index, resolution=(45, 37))
        pair = renderer.render(camera, 2, (2 * index, 2 * index + 1))
        write_frame(folder / f"f{index}.a.exr", pair.a)
        write_frame(folder / f"f{index}.b.exr", pair.b)
        if index % 4 == 0:
            for half, seed in (("a", 100), ("b", 101)):
                reference = renderer.render(camera, 1000, (seed + index, seed + index + 50)).a.color
                write_frame(folder / "references" / f"frame_{index:04d}.{half}.exr", Frame(reference))
    return folder


@pytest.fixture(scope="module")
def flown(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    references = ["--reference-every", "4", "--references", str(pairs / "references")]
    assert flythrough.main([str(pairs), "-o", str(out), *OPTIONS, *references]) == 0
    return out


def log(folder: Path) -> np.ndarray:
    return np.genfromtxt(folder / "log.csv", delimiter=",", names=True)


def test_it_writes_frames_video_log_plot_and_weights(flown: Path) -> None:
    for index in range(FRAMES):
        frame, _ = read_frame(flown / "frames" / f"frame_{index:04d}.exr")
        assert frame.size == (37, 45) and frame.camera is not None
        assert imageio.imread(flown / "frames" / f"frame_{index:04d}.png").shape == (37, 45, 3)
    beside = imageio.imread(flown / "beside" / "frame_0000.png")
    decoder = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(flown / "flythrough.mp4")]
    raw = subprocess.run([*decoder, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    video = np.frombuffer(raw, np.uint8).reshape(FRAMES, *even(beside).shape)
    assert abs(video[0, :37, :45].astype(float) - beside[:37, :45]).mean() < 25  # H.264 of noise, 4:2:0
    assert (flown / "log.png").stat().st_size > 1000
    assert load_model(flown / "weights.safetensors").info["steps"] == str(FRAMES)


def test_its_log_holds_every_frame_and_what_references_told(flown: Path) -> None:
    rows = log(flown)
    assert rows["frame"].tolist() == [1, 2, 3, 4, 5] and rows["steps"].tolist() == [1, 2, 3, 4, 5]
    assert np.isfinite(rows["score"]).all() and np.isfinite(rows["flicker"][1:]).all()
    assert np.isfinite(rows["psnr"]).tolist() == [True, False, False, False, True]
    assert np.all(rows["psnr"][[0, 4]] > rows["psnr_noisy"][[0, 4]])
    assert all(np.isfinite(rows[name][[0, 4]]).all() for name in ("psnr_oidn", "psnr_oidn_prefilter", "psnr_pilot"))
    assert np.all(rows["network_share"] == 1)
    assert rows["psnr_alone"][0] == rows["psnr"][0] and rows["psnr_alone"][4] != rows["psnr"][4]
    assert np.all(rows["flicker"][1:] < rows["flicker_alone"][1:])
    psnrs, flicker = summary(flown)
    assert f"ours {rows['psnr'][[0, 4]].mean():.2f}, ours, each frame alone" in psnrs and "2 frames" in psnrs
    assert f"{rows['flicker'][1:].mean():.4f}" in flicker
    seconds = sum(rows[f"{stage}_s"] for stage in ("render", "score", "train", "denoise", "combine"))
    assert np.all(seconds > 0)


def test_interrupted_and_run_again_equals_uninterrupted(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*OPTIONS, "--noisy-history"]
    command = [str(pairs), "-o", str(tmp_path / "halved"), *options]
    with monkeypatch.context() as context:

        def stop(folder: Path, record: object) -> None:
            if (folder / "state.safetensors").exists():
                raise KeyboardInterrupt

        context.setattr(flythrough, "write_pictures", stop)
        assert flythrough.main(command) == 130
    assert "run the same command again to go on" in capsys.readouterr().err
    assert not (tmp_path / "halved" / "weights.safetensors").exists()
    with monkeypatch.context() as context:  # frames 0 and 1 were not written by `stop`
        context.setattr(flythrough, "write_video", lambda *arguments: None)
        assert flythrough.main(command) == 0
        assert flythrough.main([*command[:2], str(tmp_path / "whole"), *options]) == 0
    halved, whole = (load_file(tmp_path / name / "weights.safetensors") for name in ("halved", "whole"))
    assert all(np.array_equal(halved[key], whole[key]) for key in whole)
    for index in range(2, FRAMES):
        pictures = [read_frame(tmp_path / n / "frames" / f"frame_{index:04d}.exr")[0] for n in ("halved", "whole")]
        np.testing.assert_array_equal(pictures[0].color, pictures[1].color)
    assert log(tmp_path / "halved")["frame"].tolist() == [1, 2, 3, 4, 5]


def test_a_finished_flight_does_nothing_more_and_another_is_refused(
    flown: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_file(flown / "weights.safetensors")
    references = ["--reference-every", "4", "--references", str(pairs / "references")]
    assert flythrough.main([str(pairs), "-o", str(flown), *OPTIONS, *references]) == 0
    after = load_file(flown / "weights.safetensors")
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert flythrough.main([str(pairs), "-o", str(flown), "--from-scratch"]) == 1
    assert "another configuration" in capsys.readouterr().err


def test_without_training_the_weights_stay(pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert flythrough.main([str(pairs), "-o", str(out), "--no-training", "--frames", "2"]) == 0
    shipped, kept = load_model().network.state_dict(), load_file(out / "weights.safetensors")
    assert all(np.array_equal(shipped[key], kept[key]) for key in shipped)


def test_a_flight_with_a_pilot_is_never_below_it_and_says_what_it_took_of_the_network(
    pairs: Path, tmp_path: Path
) -> None:
    references = ["--reference-every", "4", "--references", str(pairs / "references")]
    options = ["--pilot", "oidn", "--no-training", "--no-reprojection", *references]
    assert flythrough.main([str(pairs), "-o", str(tmp_path / "out"), "--from-scratch", *options]) == 0
    rows = log(tmp_path / "out")[[0, 4]]
    assert np.all(rows["psnr"] > rows["psnr_pilot"] - 0.05)  # of a network without weights chance takes a little
    assert np.all(rows["network_share"] < 0.3)


@pytest.mark.parametrize(
    ("options", "sentence", "code"),
    [
        (["--spp", "0"], "--spp 0: at least 1", 2),
        (["--path", "x.json"], "has its own cameras", 2),
        (["--clean-targets"], "needs --reference-every 1", 2),
        (["--train-steps", "-1"], "must not be negative", 2),
    ],
)
def test_wrong_usage(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str, code: int
) -> None:
    assert flythrough.main([str(pairs), "-o", str(tmp_path / "o"), *options]) == code
    assert sentence in capsys.readouterr().err


def test_a_scene_without_path_and_pairs_without_positions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flythrough.main([str(BUILTIN_SCENE), "-o", str(tmp_path / "o")]) == 2
    assert "--path is missing" in capsys.readouterr().err
    color = np.random.default_rng(0).random((8, 9, 3), dtype=np.float32)
    for half, seed in (("a", 1), ("b", 2)):
        write_frame(tmp_path / "p" / f"x.{half}.exr", Frame(color * seed, seed=seed))
    assert flythrough.main([str(tmp_path / "p"), "-o", str(tmp_path / "o")]) == 1
    assert "has no albedo and no normal and no position and no depth and no camera" in capsys.readouterr().err


def test_references_that_are_not_there_are_named(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flythrough.main([str(pairs), "-o", str(tmp_path), "--no-training", "--reference-every", "2"]) == 1
    assert "frame_0000.a.exr: no such file; --reference-every needs it" in capsys.readouterr().err
    command = [str(BUILTIN_SCENE), "--path", "p.json", "-o", str(tmp_path / "o"), "-D", "novalue"]
    assert flythrough.main(command) == 2
    assert "-D novalue: name=value is accepted" in capsys.readouterr().err


def test_clean_targets_go_on_with_the_reference_of_their_frame(pairs: Path, tmp_path: Path) -> None:
    """A resumed flight begins at a later frame; its references must too."""
    references = flythrough.References(pairs / "references", 1, None)
    renderer = PairFolderRenderer(pairs)
    cameras = renderer.cameras(4)
    referenced = flythrough.Referenced(renderer, references, 4).render(next(cameras), 2, (0, 0))
    halves = [read_frame(pairs / "references" / f"frame_0004.{half}.exr")[0].color for half in "ab"]
    np.testing.assert_allclose(referenced.reference, (halves[0] + halves[1]) / 2)


def test_a_folder_gives_its_pairs_in_order_only(pairs: Path) -> None:
    renderer = PairFolderRenderer(pairs)
    cameras = renderer.cameras(2)
    third = next(cameras)
    assert renderer.render(third, 1, (0, 0)).a.seed == 4
    with pytest.raises(DatasetError, match="another camera"):
        renderer.render(camera_at(), 1, (0, 0))


def test_the_built_in_scene_along_a_path(tmp_path: Path) -> None:
    keys = [
        {"time": t, "origin": [x, 1.2, 2.6], "target": [0, 0.8, 0], "up": [0, 1, 0], "fov": 50}
        for t, x in ((0.0, 0.0), (0.1, 0.1))
    ]
    (tmp_path / "path.json").write_text(json.dumps({"fps": 24, "keyframes": keys}))
    command = [str(BUILTIN_SCENE), "--path", str(tmp_path / "path.json"), "--frames", "2", "--spp", "1"]
    command += ["--width", "48", "--height", "32", "--reference-every", "1", "--reference-spp", "2"]
    assert flythrough.main([*command, "-o", str(tmp_path / "noisy"), "--train-steps", "1"]) == 0
    assert flythrough.main([*command, "-o", str(tmp_path / "clean"), "--train-steps", "1", "--clean-targets"]) == 0
    assert len(list((tmp_path / "noisy" / "references").glob("*.exr"))) == 4
    info = load_model(tmp_path / "clean" / "weights.safetensors").info
    assert "clean targets" in info["data"]
