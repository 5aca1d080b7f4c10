"""`n2n-eval`: what it finds, what it measures, the files it writes, its exit codes. On EXR files made here."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

from apps import eval as command
from apps.eval.calibration import Calibration, calibrations
from apps.eval.report import CSV_COLUMNS, PICTURES, best_values, scores_csv, worst_crop
from apps.eval.views import (
    Failure,
    Method,
    Result,
    Unreferenced,
    View,
    evaluate,
    find_scenes,
    gains,
    mean_psnr,
    noisy,
)
from denoiser import metrics
from denoiser.export.tza import write_tza
from denoiser.metrics import Scores
from denoiser.model import Description, Model, save_weights
from denoiser.networks.oidn_shape import OIDNShape
from denoiser.networks.unet import UNet
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Denoised, Frame, Image, Pair

HEIGHT, WIDTH = 33, 50  # not square, and no multiple of anything

needs_oidn = pytest.mark.skipif(importlib.util.find_spec("pyoidn") is None, reason="pyoidn is not installed")


def truth() -> Image:
    """A ramp from left to right, another from top to bottom, and a flat blue."""
    color = np.empty((HEIGHT, WIDTH, 3), np.float32)
    color[..., 0] = np.linspace(0.1, 2.0, WIDTH)
    color[..., 1] = np.linspace(1.0, 0.1, HEIGHT)[:, None]
    color[..., 2] = 0.3
    return color


def frame(seed: int, sigma: float, spp: int | None = 4) -> Frame:
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH, 3))
    color = (truth() * (1 + sigma * noise)).astype(np.float32)
    normal = np.tile(np.float32([0, 0, 1]), (HEIGHT, WIDTH, 1))
    return Frame(color, np.full_like(color, 0.5), normal, spp=spp, seed=seed)


def write_scene(folder: Path, pairs: tuple[str, ...] = ("4spp",), reference: bool = True) -> Path:
    for index, name in enumerate(pairs):
        write_frame(folder / f"{name}.a.exr", frame(2 * index, 0.3))
        write_frame(folder / f"{name}.b.exr", frame(2 * index + 1, 0.3))
    if reference:
        write_frame(folder / "reference.exr", Frame(truth()))
    return folder


def write_weights(path: Path) -> Path:
    """An untrained network: its pictures are poor, but finite."""
    torch.manual_seed(0)
    save_weights(path, UNet(9), Description())
    return path


def perfect(pair: Pair) -> Denoised:
    assert pair.reference is not None
    return Denoised(pair.reference)


def run_eval(folder: Path, output: Path, *options: str) -> int:
    return command.main([str(folder), "-o", str(output), "--repeats", "1", "--threads", "1", *options])


def result(scene: str, pair: str, method: str, psnr: float) -> Result:
    return Result(scene, pair, None, method, Scores(psnr, None, 0.1, 0.1, 0.5, 0.5, 0.01, None), 0.01)


# ---------------------------------------------------------------------------------------------------------------------
# Scenes


def test_a_folder_of_pairs_is_a_scene_and_so_are_the_folders_in_a_folder(tmp_path: Path) -> None:
    for name in ("kitchen", "attic"):
        write_scene(tmp_path / name)
    (tmp_path / "empty").mkdir()
    alone, no_failures = find_scenes([tmp_path / "kitchen"])
    both, _ = find_scenes([tmp_path])
    assert [scene.name for scene in alone] == ["kitchen"] and not no_failures
    assert [scene.name for scene in both] == ["attic", "kitchen"]


def test_pairs_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_scene(tmp_path, ("32spp", "8spp", "100spp"))
    scenes, _ = find_scenes([tmp_path])
    assert [pair.name for pair in scenes[0].pairs] == ["8spp", "32spp", "100spp"]


def test_scenes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [write_scene(tmp_path / parent / "room") for parent in ("x", "y", "z")]
    scenes, _ = find_scenes(folders)
    assert [scene.name for scene in scenes] == ["room", "room-2", "room-3"]


def test_every_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    good = write_scene(tmp_path / "good")
    scenes, failures = find_scenes([tmp_path / "empty", good, tmp_path / "absent"])
    assert [scene.name for scene in scenes] == ["good"]
    assert str(tmp_path / "empty") in failures[0].message and str(tmp_path / "absent") in failures[1].message


# ---------------------------------------------------------------------------------------------------------------------
# Measuring


def test_every_method_is_measured_on_both_halves(tmp_path: Path) -> None:
    scenes, _ = find_scenes([write_scene(tmp_path / "room")])
    (view,) = evaluate(scenes, {"noisy": noisy, "perfect": perfect}, repeats=1)
    assert isinstance(view, View) and (view.scene, view.pair) == ("room", "4spp")
    mean = 0.5 * (frame(0, 0.3).color + frame(1, 0.3).color)
    assert np.array_equal(view.pictures["noisy"], mean)
    assert view.results[0].scores == metrics.measure(mean, truth())
    assert view.results[1].scores.psnr == math.inf
    assert view.results[0].spp == 8  # 4 of each half


def test_a_told_error_is_held_to_the_true_one(tmp_path: Path) -> None:
    """The noise is a tenth of the radiance or so, and one method tells half of it."""

    def telling(share: float, pair: Pair) -> Denoised:
        color = noisy(pair).color
        return Denoised(color, share * np.abs(color - truth()))

    scenes, _ = find_scenes([write_scene(tmp_path)])
    methods: dict[str, Method] = {"right": partial(telling, 1.0), "half": partial(telling, 0.5), "silent": noisy}
    (view,) = evaluate(scenes, methods, repeats=1)
    assert isinstance(view, View)
    ratios = [each.error_ratio for each in view.results]
    assert ratios == [pytest.approx(1.0, rel=1e-5), pytest.approx(2.0, rel=1e-5), None]  # float32 sums
    wholes = [each.picture_error_ratio for each in view.results]
    assert wholes == [pytest.approx(1.0, abs=0.2), pytest.approx(2.0, abs=0.4), None]  # slope of the channels' mean
    assert [each.error_coverage for each in view.results] == [1.0, 1.0, None]  # twice the half is all of it
    found = calibrations(view.results)
    assert list(found) == ["right", "half"]
    assert found["right"] == Calibration((wholes[0],) * 3, 1, 1, ratios[0], 1.0) and found["half"].close == 0
    assert "0.8 to 1.25 times in 0 of 1 pictures; 2.00 times in the median place" in found["half"].sentence("half")


def test_halves_of_the_reference_correct_the_psnr(tmp_path: Path) -> None:
    folder = write_scene(tmp_path)
    a, b = frame(10, 0.05), frame(11, 0.05)
    write_frame(folder / "reference.a.exr", a)
    write_frame(folder / "reference.b.exr", b)
    scenes, _ = find_scenes([folder])
    (view,) = evaluate(scenes, {"noisy": noisy}, repeats=1)
    assert isinstance(view, View) and view.pair == "4spp"  # the reference's halves are no pair of their own
    expected = metrics.measure(view.pictures["noisy"], truth(), (a.color, b.color))
    assert view.results[0].scores == expected and expected.mse_corrected is not None


def test_samples_are_told_by_the_file_or_by_its_name(tmp_path: Path) -> None:
    for name in ("8spp", "view"):
        for seed, half in enumerate("ab"):
            write_frame(tmp_path / "room" / f"{name}.{half}.exr", frame(seed, 0.3, spp=None))
    write_frame(tmp_path / "room" / "reference.exr", Frame(truth()))
    scenes, _ = find_scenes([tmp_path / "room"])
    views = [view for view in evaluate(scenes, {"noisy": noisy}, repeats=1) if isinstance(view, View)]
    assert {view.pair: view.results[0].spp for view in views} == {"8spp": 16, "view": None}


def test_a_method_is_called_as_often_as_asked(tmp_path: Path) -> None:
    calls: list[int] = []

    def counting(pair: Pair) -> Denoised:
        calls.append(1)
        return noisy(pair)

    scenes, _ = find_scenes([write_scene(tmp_path)])
    list(evaluate(scenes, {"counting": counting}, repeats=3))
    assert len(calls) == 3


def test_a_pair_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    folder = write_scene(tmp_path, ("1spp", "4spp"))
    (folder / "1spp.b.exr").write_bytes(b"not an EXR file")
    scenes, _ = find_scenes([folder])
    failure, view = evaluate(scenes, {"noisy": noisy}, repeats=1)
    assert isinstance(failure, Failure) and "1spp.b.exr" in failure.message
    assert isinstance(view, View) and view.pair == "4spp"


def test_a_method_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    def refusing(pair: Pair) -> Denoised:
        raise ValueError("it needs more")

    methods: dict[str, Method] = {"refusing": refusing, "noisy": noisy}
    scenes, _ = find_scenes([write_scene(tmp_path)])
    failure, view = evaluate(scenes, methods, repeats=1)
    assert isinstance(failure, Failure)
    assert "4spp.a.exr" in failure.message and "refusing: it needs more" in failure.message
    assert isinstance(view, View) and list(view.pictures) == ["noisy"]


def test_a_pair_without_reference_is_handed_on(tmp_path: Path) -> None:
    scenes, _ = find_scenes([write_scene(tmp_path, reference=False)])
    (found,) = evaluate(scenes, {"noisy": noisy}, repeats=1)
    assert isinstance(found, Unreferenced) and found.name == "4spp"
    assert np.array_equal(found.pair.a.color, frame(0, 0.3).color)


def test_halves_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = write_scene(tmp_path)
    for half in "ab":
        write_frame(folder / f"reference.{half}.exr", Frame(truth()[:-1]))
    scenes, _ = find_scenes([folder])
    (failure,) = evaluate(scenes, {"noisy": noisy}, repeats=1)
    assert isinstance(failure, Failure) and "two halves of one reference are needed" in failure.message


# ---------------------------------------------------------------------------------------------------------------------
# Summary


def test_gains_are_mean_differences_by_scene_and_over_all() -> None:
    results = [result("x", "1", "ours", 30.0), result("x", "1", "oidn", 29.0)]
    results += [result("x", "2", "ours", 34.0), result("x", "2", "oidn", 35.0)]
    results += [result("y", "1", "ours", 40.0), result("y", "1", "oidn", 37.0)]
    results += [result("y", "2", "ours", 99.0)]  # no peer: does not count
    table = gains(results, ["ours"], ["oidn", "absent"])
    assert table == {("x", "ours", "oidn"): 0.0, ("y", "ours", "oidn"): 3.0, ("", "ours", "oidn"): 1.0}


def test_mean_psnr_by_scene_and_over_all() -> None:
    means = mean_psnr([result("x", "1", "ours", 30.0), result("x", "2", "ours", 34.0), result("y", "1", "ours", 41.0)])
    assert means == {("x", "ours"): 32.0, ("y", "ours"): 41.0, ("", "ours"): 35.0}


def test_best_values_know_which_way_is_better() -> None:
    low = Result("x", "1", None, "low", Scores(20.0, None, 0.1, 0.2, 0.8, 0.3, 0.5, 1.2), 1.0)
    high = Result("x", "1", None, "high", Scores(25.0, None, 0.3, 0.4, 0.9, 0.1, 0.6, 0.9), 1.0)
    best = best_values([low, high])[("x", "1")]
    assert best == {
        "psnr": 25.0,
        "relmse": 0.1,
        "relmse_trimmed": 0.2,
        "ssim": 0.9,
        "flip": 0.1,
        "mse": 0.5,
        "lights": 0.9,
    }


def test_csv_has_every_column_and_leaves_the_unknown_empty() -> None:
    (row,) = csv.DictReader(io.StringIO(scores_csv([result("x, y", "1", "ours", 31.4159265)])))
    assert tuple(row) == CSV_COLUMNS
    assert row["scene"] == "x, y" and row["psnr"] == "31.4159" and row["psnr_corrected"] == row["spp"] == ""


def test_the_crop_lies_where_the_denoisers_err_most() -> None:
    ours, noisy = np.zeros((60, 100), np.float32), np.zeros((60, 100), np.float32)
    ours[40:50, 75:85] = 1.0
    noisy[:20, :20] = 1.0  # does not count
    x, y, side = worst_crop({"noisy": noisy, "ours": ours})
    assert side == 18  # 0.3 of 60
    assert x <= 75 and x + side >= 85 and y <= 40 and y + side >= 50


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 99), (59, 0), (59, 99)])
def test_the_crop_stays_within_the_picture(row: int, column: int) -> None:
    error = np.zeros((60, 100), np.float32)
    error[row, column] = 1.0
    x, y, side = worst_crop({"ours": error})
    assert 0 <= x <= column < x + side <= 100 and 0 <= y <= row < y + side <= 60


def test_the_crop_of_a_tiny_picture_is_all_that_fits() -> None:
    assert worst_crop({"ours": np.zeros((11, 14), np.float32)})[2] == 11


# ---------------------------------------------------------------------------------------------------------------------
# The command


def test_the_report_is_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "images" / "room <1>", ("4spp", "8spp"))
    weights = write_weights(tmp_path / "mine.safetensors")
    output = tmp_path / "report"
    assert run_eval(tmp_path / "images", output, "--no-oidn", "--model", str(weights)) == 0
    printed = capsys.readouterr().out
    assert printed == (output / "scores.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [(row["pair"], row["method"]) for row in rows] == [
        (p, m) for p in ("4spp", "8spp") for m in ("noisy", "ours")
    ]
    page = (output / "index.html").read_text()
    assert "room &lt;1&gt;" in page and "room <1>" not in page  # a folder's name cannot become markup
    assert len(list(output.glob(f"{PICTURES}/room <1>/*/*.png"))) == 2 * 5


def test_the_page_needs_nothing_but_the_files_beside_it(tmp_path: Path) -> None:
    write_scene(tmp_path / "room")
    output = tmp_path / "report"
    weights = write_weights(tmp_path / "mine.safetensors")
    run_eval(tmp_path / "room", output, "--no-oidn", "--model", str(weights))
    page = (output / "index.html").read_text()
    sources = set(re.findall(r"""src="([^"]+)"|url\('([^']+)'\)""", page))
    for source in {first or second for first, second in sources}:
        assert (output / source).is_file()
    assert len(sources) >= 5 and "http" not in page


def test_pictures_are_tone_mapped_and_the_right_way_round(tmp_path: Path) -> None:
    write_scene(tmp_path / "room")
    weights = write_weights(tmp_path / "mine.safetensors")
    run_eval(tmp_path / "room", tmp_path, "--no-oidn", "--model", str(weights))
    picture = imageio.imread(tmp_path / PICTURES / "room" / "4spp" / "reference.png")
    assert picture.shape == (HEIGHT, WIDTH, 3)
    expected = 255 * metrics.tone_map(truth())
    assert np.abs(picture - expected).max() < 1.0  # rounding to 8 bits, and color stored as float32


@needs_oidn
def test_peers_stand_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "room")
    weights = write_weights(tmp_path / "mine.safetensors")
    assert run_eval(tmp_path / "room", tmp_path / "report", "--model", str(weights)) == 0
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert list(rows) == ["noisy", "ours", "oidn", "oidn_prefilter", "ours+oidn"]
    assert float(rows["oidn"]["psnr"]) > float(rows["noisy"]["psnr"]) + 3  # a smooth picture with 30 % noise
    assert "ours &minus; oidn_prefilter" in (tmp_path / "report" / "index.html").read_text()


@needs_oidn
def test_half_a_alone_stands_beside_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "room")
    weights = write_weights(tmp_path / "mine.safetensors")
    assert run_eval(tmp_path / "room", tmp_path / "report", "--single", "--model", str(weights)) == 0
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert {"ours-single", "oidn_prefilter-single"} < set(rows)
    assert float(rows["oidn_prefilter-single"]["mse"]) > float(rows["oidn_prefilter"]["mse"])  # half the samples


def test_the_network_alone_stands_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "room")
    weights = write_weights(tmp_path / "mine.safetensors")
    assert run_eval(tmp_path / "room", tmp_path, "--no-oidn", "--network-alone", "--model", str(weights)) == 0
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert list(rows) == ["noisy", "ours", "ours-network"]
    assert float(rows["ours"]["psnr"]) > float(rows["ours-network"]["psnr"])  # shared error


def test_methods_are_chosen_by_name_in_that_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "room")
    models = [str(write_weights(tmp_path / f"{name}.safetensors")) for name in "xy"]
    options = ("--methods", "n2n-network, noisy", "--model", models[0], "--model", models[1])
    assert run_eval(tmp_path / "room", tmp_path / "report", *options) == 0
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["method"] for row in rows] == ["ours-x-network", "ours-y-network", "noisy"]
    assert "--methods" in (tmp_path / "report" / "index.html").read_text()


def test_zero_shot_sees_the_halves_and_their_mean_or_half_a_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene(tmp_path / "room")
    given: list[int] = []

    def pilot(pictures: Sequence[Image], albedo: Image | None, normal: Image | None) -> list[Image]:
        given.append(len(pictures))
        return [np.full_like(picture, picture.mean()) for picture in pictures]

    monkeypatch.setattr("apps.eval.choosing.find_pilot", lambda name: pilot)
    options = ("--methods", "noisy,noisy-single,zero-shot,zero-shot-single", "--repeats", "1")
    assert run_eval(tmp_path / "room", tmp_path / "report", *options) == 0
    said = capsys.readouterr()
    assert "minus" not in said.err  # there is nobody to compare ours with
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(said.out))}
    assert list(rows) == ["noisy", "noisy-single", "zero-shot", "zero-shot-single"]
    assert given == [3, 1]
    assert float(rows["noisy-single"]["mse"]) > float(rows["noisy"]["mse"])  # half the samples


@needs_oidn
def test_weights_for_open_image_denoise_are_a_method(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "room")
    torch.manual_seed(0)
    archive = tmp_path / "show.tza"
    write_tza(Model(OIDNShape()), archive)
    assert run_eval(tmp_path / "room", tmp_path / "report", "--methods", f"oidn,{archive}") == 0
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert list(rows) == ["oidn", "show.tza"] and rows["oidn"]["psnr"] != rows["show.tza"]["psnr"]


def test_without_references_methods_are_scored_by_their_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scene(tmp_path / "room", ("4spp", "8spp"), reference=False)
    weights = write_weights(tmp_path / "mine.safetensors")
    options = ("--methods", "noisy,n2n", "--model", str(weights))
    assert run_eval(tmp_path / "room", tmp_path / "report", *options) == 0
    assert "without references" in capsys.readouterr().err
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("<th>squared error</th>") == 3  # the mean, and each pair
    assert "against references" not in page and "&minus; ours" in page


def test_several_models_are_named_by_their_files(tmp_path: Path) -> None:
    models = ["unet", "x/model.safetensors", "y/model.safetensors", "z/x.safetensors"]
    assert list(command.model_names(models)) == ["ours-unet", "ours-x", "ours-y", "ours-x-2"]
    assert command.model_names(["x/model.safetensors"]) == {"ours": "x/model.safetensors"}


def test_some_failed_is_exit_code_one_with_each_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_scene(tmp_path / "room", ("1spp", "4spp"))
    (folder / "1spp.a.exr").write_bytes(b"")
    weights = write_weights(tmp_path / "mine.safetensors")
    assert run_eval(folder, tmp_path / "report", "--no-oidn", "--model", str(weights)) == 1
    assert "error: " in (said := capsys.readouterr().err) and "1spp.a.exr" in said
    assert "1spp.a.exr" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--repeats", "0"), 2, "repeats of 1 or more"),
        (("--threads", "-1"), 2, "threads of 0 or more"),
        (("--only", "9*"), 2, "no pair fits '9*'; found 4spp"),
        (("--no-oidn", "--model", "absent.safetensors"), 1, "absent.safetensors"),
        (("--methods", "noisy,magic"), 2, "'magic' is unknown; accepted: noisy, ours"),
        (("--methods", "n2n+oidn-single"), 2, "ours+oidn needs both halves; accepted: ours+oidn"),
        (("--methods", "absent.tza"), 2, "absent.tza: cannot be read"),
    ],
)
def test_wrong_usage_and_failures_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, said: str
) -> None:
    write_scene(tmp_path / "room")
    assert command.main([str(tmp_path / "room"), "-o", str(tmp_path / "report"), *options]) == code
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_nothing_to_measure_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = write_weights(tmp_path / "mine.safetensors")
    assert run_eval(tmp_path / "absent", tmp_path / "report", "--no-oidn", "--model", str(weights)) == 1
    assert "absent" in capsys.readouterr().err and not (tmp_path / "report").exists()


def test_missing_packages_are_named_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PACKAGES", ("jinja2", "surely_not_installed"))
    assert run_eval(write_scene(tmp_path / "room"), tmp_path / "report", "--no-oidn") == 1
    said = capsys.readouterr().err
    assert "surely_not_installed not installed" in said and "n2n-denoiser[eval]" in said


def test_torch_has_its_threads_back_afterwards(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    write_scene(tmp_path / "room")
    weights = write_weights(tmp_path / "mine.safetensors")
    run_eval(tmp_path / "room", tmp_path / "report", "--no-oidn", "--model", str(weights))
    assert torch.get_num_threads() == before


def test_methods_that_adapt_and_select_need_both_halves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene(tmp_path / "room")
    monkeypatch.setattr("apps.eval.adapting.STEPS", 2)
    assert run_eval(tmp_path / "room", tmp_path / "report", "--methods", "n2n+adapt,n2n+select", "--repeats", "1") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["method"] for row in rows] == ["ours+adapt", "ours+select"]
    assert run_eval(tmp_path / "room", tmp_path / "report", "--methods", "n2n+adapt-single") == 2
