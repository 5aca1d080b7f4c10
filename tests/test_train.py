"""Training on a toy scene: it learns, resumes bit for bit, survives being killed, and says what is wrong."""

import csv
import dataclasses
import importlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toy_pairs import write_toy_pairs

from apps.train import Command, main
from denoiser.model import Description, load_model, save_weights
from denoiser.networks.unet import UNet
from denoiser.training.checkpoint import CONFIG, LOG, MODEL, OPTIMIZER
from denoiser.training.config import TrainConfig
from denoiser.training.loop import MAX_SKIPPED_IN_ROW, TrainRecord, update_average
from denoiser.training.train import batch_loss, new_state, train, train_step
from renderer_bridge.errors import DatasetError, UsageError, WeightsError

module = importlib.import_module("denoiser.training.train")  # the name alone may be the function
ROOT = Path(__file__).parent.parent
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
SMALL = TrainConfig(steps=6, batch=1, crop=32, validation_every=4, checkpoint_every=4)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are faster so, above all on a machine that has other things to do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_pairs(tmp_path_factory.mktemp("toy"), 6, references=True)


def run(folder: Path, run_dir: Path, config: TrainConfig = SMALL, stop_after: int | None = None) -> list[TrainRecord]:
    """Train, ceasing to iterate after step `stop_after`."""
    records = []
    generator = train(config, [folder], run_dir)
    for record in generator:
        records.append(record)
        if record.step == stop_after:
            break
    generator.close()
    return records


def tensors(run_dir: Path) -> dict[str, torch.Tensor]:
    both = (load_file(run_dir / name) for name in (MODEL, OPTIMIZER))
    return {f"{index} {key}": value for index, file in enumerate(both) for key, value in file.items()}


def assert_equal_runs(first: Path, second: Path) -> None:
    ours, theirs = tensors(first), tensors(second)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / LOG).open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def uninterrupted(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    run(toy, run_dir)
    return run_dir


# Records and files


def test_a_run_yields_a_record_a_step_and_leaves_its_files(toy: Path, tmp_path: Path) -> None:
    records = run(toy, tmp_path)
    assert [record.step for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.step for record in records if record.validation] == [4, 6]
    assert all(np.isfinite(record.loss) and record.gradient_norm > 0 for record in records)
    assert records[0].seconds < records[-1].seconds
    validation = records[-1].validation
    assert validation is not None and validation.psnr_db is not None and validation.reference is not None
    assert validation.noisy.shape == validation.denoised.shape == validation.reference.shape == (72, 104, 3)
    assert {file.name for file in tmp_path.iterdir()} == {
        "model.safetensors", "optimizer.safetensors", "state.json", "config.json", "log.csv",
    }  # fmt: skip
    info = load_model(tmp_path / MODEL).info
    assert (info["steps"], info["loss"], info["data"]) == ("6", "hdr", "5 views, noisy targets")
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2", "3", "4", "5", "6"]
    assert [row["step"] for row in rows(tmp_path) if row["pair_mse"]] == ["4", "6"]


def test_training_lowers_the_loss_and_the_error(toy: Path, tmp_path: Path) -> None:
    config = TrainConfig(steps=20, batch=2, crop=32, learning_rate=2e-3, validation_every=2, exposure_stops=0.0)
    records = run(toy, tmp_path, config)
    losses = [record.loss for record in records]
    assert np.mean(losses[-5:]) < 0.1 * np.mean(losses[:5])
    scores = [record.validation.score.mse for record in records if record.validation]
    assert scores[-1] < scores[0]


def test_held_out_views_are_never_trained_on(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: set[str] = set()
    validated: set[str] = set()
    real_dataset, real_validate = module.PairDataset, module.validate
    monkeypatch.setattr(
        module, "PairDataset", lambda v, *rest: trained.update(x.name for x in v) or real_dataset(v, *rest)
    )
    monkeypatch.setattr(
        module, "validate", lambda n, v, *rest: validated.update(x.name for x in v) or real_validate(n, v, *rest)
    )
    run(toy, tmp_path)
    assert len(validated) == 1 and len(trained) == 5 and not trained & validated


# Resuming


@pytest.mark.parametrize("stop_after", [1, 4, 5])
def test_stopped_and_resumed_equals_uninterrupted(
    toy: Path, tmp_path: Path, uninterrupted: Path, stop_after: int
) -> None:
    assert run(toy, tmp_path, stop_after=stop_after)[-1].step == stop_after
    assert run(toy, tmp_path)[0].step == stop_after + 1
    assert_equal_runs(tmp_path, uninterrupted)
    for ours, theirs in zip(rows(tmp_path), rows(uninterrupted), strict=True):
        assert {k: v for k, v in ours.items() if k != "seconds"} == {k: v for k, v in theirs.items() if k != "seconds"}


def test_an_exception_in_the_middle_of_a_step_goes_back_to_the_last_checkpoint(
    toy: Path, tmp_path: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupted(*arguments: Any, **named: Any) -> None:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        update_average(*arguments, **named)

    monkeypatch.setattr("denoiser.training.loop.update_average", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(toy, tmp_path)
    monkeypatch.undo()
    assert len(rows(tmp_path)) == 5
    assert [record.step for record in run(toy, tmp_path)] == [5, 6]
    assert_equal_runs(tmp_path, uninterrupted)


def test_a_finished_run_does_nothing(toy: Path, uninterrupted: Path) -> None:
    before = (uninterrupted / MODEL).stat().st_mtime_ns
    assert run(toy, uninterrupted) == []
    assert (uninterrupted / MODEL).stat().st_mtime_ns == before


def test_another_configuration_or_other_pairs_are_refused(toy: Path, tmp_path: Path, uninterrupted: Path) -> None:
    other = dataclasses.replace(SMALL, steps=7, learning_rate=1e-3)
    with pytest.raises(DatasetError, match=r"steps was 6, now 7; learning_rate was 0\.0003, now 0\.001; give another"):
        run(toy, uninterrupted, other)
    with pytest.raises(DatasetError, match="views was 5, now 4"):
        run(write_toy_pairs(tmp_path / "fewer", 5), uninterrupted)
    assert run(toy, uninterrupted, dataclasses.replace(SMALL, checkpoint_every=1, validation_every=2)) == []


@pytest.mark.slow
def test_killed_again_and_again_equals_uninterrupted(toy: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, steps=40, checkpoint_every=1, validation_every=10)
    run(toy, tmp_path / "whole", config)
    command = [sys.executable, "-m", "apps.train", str(toy), "-o", str(tmp_path / "killed"), "--steps", "40",
               "--network", "unet", "--batch", "1", "--crop", "32", "--checkpoint-every", "1",
               "--validation-every", "10"]  # fmt: skip
    dice, kills = random.Random(0), 0
    for _ in range(100):
        process = subprocess.Popen(command, cwd=ROOT, env=ONE_THREAD, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        log = tmp_path / "killed" / LOG
        size = log.stat().st_size if log.exists() else 0
        while (
            process.poll() is None
            and (not log.exists() or log.stat().st_size == size)
            and time.monotonic() < begun + 60
        ):
            time.sleep(0.01)
        try:
            process.wait(dice.uniform(0.0, 1.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        break
    assert kills >= 3
    assert_equal_runs(tmp_path / "killed", tmp_path / "whole")
    assert [row["step"] for row in rows(tmp_path / "killed")] == [str(step) for step in range(1, 41)]


# Views


def test_one_view_needs_validation_to_be_waived(tmp_path: Path) -> None:
    single = write_toy_pairs(tmp_path / "one", 1)
    with pytest.raises(
        DatasetError, match="at least 2 are needed, one of them to validate on, or --validation-views 0"
    ):
        run(single, tmp_path / "run")
    records = run(single, tmp_path / "run", dataclasses.replace(SMALL, steps=2, validation_views=0))
    assert len(records) == 2 and records[-1].validation is None


def test_clean_targets_need_references(toy: Path, tmp_path: Path) -> None:
    clean = dataclasses.replace(SMALL, steps=1, clean_targets=True)
    assert len(run(toy, tmp_path / "clean", clean)) == 1
    assert load_model(tmp_path / "clean" / MODEL).info["data"] == "5 views, clean targets"
    with pytest.raises(DatasetError, match=r"view\d\.a\.exr: has no reference; --clean-targets needs one"):
        run(write_toy_pairs(tmp_path / "pairs", 2), tmp_path / "run", clean)


def test_references_never_reach_training(toy: Path, tmp_path: Path) -> None:
    """The same pairs without their references give the same weights."""
    bare = write_toy_pairs(tmp_path / toy.name, 6)
    run(toy, tmp_path / "with")
    run(bare, tmp_path / "without")
    assert_equal_runs(tmp_path / "with", tmp_path / "without")


# Warm start


def test_warm_start_begins_from_the_weights(toy: Path, tmp_path: Path) -> None:
    torch.manual_seed(8)
    network = UNet(9)
    save_weights(tmp_path / "w.safetensors", network, Description())
    config = dataclasses.replace(SMALL, steps=1, learning_rate=1e-12, init=str(tmp_path / "w.safetensors"))
    run(toy, tmp_path / "run", config)
    warm = load_model(tmp_path / "run" / MODEL).network
    torch.testing.assert_close(next(warm.parameters()), next(network.parameters()), rtol=0, atol=1e-9)


def test_weights_for_other_layers_cannot_start_a_run(toy: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", UNet(3), Description(layers=("color",)))
    with pytest.raises(WeightsError, match=r"takes color; --init needs weights for color, albedo, normal"):
        run(toy, tmp_path / "run", dataclasses.replace(SMALL, init=str(tmp_path / "w.safetensors")))


# The step


def batch(value: float) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    layers = {name: torch.rand(1, 3, 32, 32) for name in ("color", "albedo", "normal")}
    return layers, torch.full((1, 3, 32, 32), value)


def test_a_step_without_finite_gradient_changes_nothing_and_too_many_stop() -> None:
    state = new_state(SMALL, torch.device("cpu"))
    before = [parameter.clone() for parameter in state.network.parameters()]
    layers, target = batch(float("nan"))
    for _ in range(MAX_SKIPPED_IN_ROW - 1):
        train_step(state, state.network, layers, target, SMALL, 1e-3, bf16=False)
    assert state.skipped == MAX_SKIPPED_IN_ROW - 1
    assert all(torch.equal(a, b) for a, b in zip(before, state.network.parameters(), strict=True))
    with pytest.raises(DatasetError, match="infinite or NaN 20 times in a row"):
        train_step(state, state.network, layers, target, SMALL, 1e-3, bf16=False)
    state.skipped_in_row = 5
    train_step(state, state.network, *batch(1.0), SMALL, 1e-3, bf16=False)
    assert state.skipped_in_row == 0 and not torch.equal(before[0], next(state.network.parameters()))


# Configuration and command line


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("batch", 0), ("crop", 100), ("crop", 0), ("checkpoint_every", 0), ("learning_rate", math.nan),
     ("learning_rate", math.inf), ("ramp_down", 1.5), ("ramp_down", -0.1), ("weight_decay", -0.1),
     ("exposure_stops", 99.0), ("loss", "l1"), ("seed", -1),
     ("validation_views", -1), ("gradient_clip", -1.0), ("average_half_life", 0.0)],
)  # fmt: skip
def test_values_outside_the_accepted_are_wrong_usage(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} is"):
        dataclasses.replace(SMALL, **{field: value})


def arguments(toy: Path, run_dir: Path) -> list[str]:
    options = ["--steps", "3", "--batch", "1", "--crop", "32", "--validation-every", "2", "--network", "unet"]
    return [str(toy), "-o", str(run_dir), *options]


def test_without_an_output_the_run_is_beside_the_pairs(tmp_path: Path) -> None:
    assert Command((tmp_path / "pairs", tmp_path / "more")).run_folder == tmp_path / "pairs-run"
    assert Command((tmp_path / "pairs",), tmp_path / "run").run_folder == tmp_path / "run"


def test_training_goes_on_from_the_shipped_weights_unless_a_network_is_named(toy: Path, tmp_path: Path) -> None:
    assert main([str(toy), "-o", str(tmp_path), "--steps", "1", "--batch", "1", "--crop", "32"]) == 0
    config = json.loads((tmp_path / CONFIG).read_text())
    assert (config["network"], config["init"], config["loss"]) == ("kernel", "kernel", "tone-slope")
    given, shipped = load_model(tmp_path / MODEL).network.state_dict(), load_model().network.state_dict()
    for name, value in shipped.items():  # one step of size 1e-3, of which the average takes a hundredth
        torch.testing.assert_close(given[name], value, rtol=1e-3, atol=1e-3)


def test_the_command_trains_draws_and_says_when_it_is_done(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(toy, tmp_path)) == 0
    for picture in ("loss.png", "validation.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / CONFIG).read_text())["steps"] == 3
    assert main(arguments(toy, tmp_path)) == 0
    printed = capsys.readouterr()
    assert f"{tmp_path}: is finished" in printed.err and printed.out == ""


@pytest.mark.parametrize(
    ("extra", "code", "sentence"),
    [(["--crop", "33"], 2, "error: --crop is 33; a multiple of 32 is needed"),
     (["--init", "/nowhere/w.safetensors"], 1, "error: /nowhere/w.safetensors: is not a file"),
     (["/nowhere"], 1, "error: /nowhere: does not exist")],
)  # fmt: skip
def test_errors_are_one_sentence_and_an_exit_code(
    toy: Path, tmp_path: Path, extra: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments(toy, tmp_path)
    assert main([extra[0], *given] if len(extra) == 1 else given + extra) == code
    assert sentence in capsys.readouterr().err


def test_unknown_options_are_wrong_usage(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments(toy, tmp_path), "--nonsense"])
    assert caught.value.code == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(toy: Path, tmp_path: Path, number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "apps.train",
        str(toy),
        "-o",
        str(tmp_path),
        "--network",
        "unet",
        "--steps",
        "5000",
        "--batch",
        "1",
        "--crop",
        "32",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=ONE_THREAD, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not (tmp_path / LOG).exists() or len(rows(tmp_path)) < 3):
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    step = json.loads((tmp_path / "state.json").read_text())["step"]
    assert f"interrupted: saved at step {step}; run the same command to go on" in said and "Traceback" not in said
    assert step == len(rows(tmp_path)) >= 3


@pytest.mark.slow
def test_two_processes_train_one_network(toy: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "apps.train",
    ]
    done = subprocess.run(
        command + arguments(toy, tmp_path), cwd=ROOT, env=ONE_THREAD, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path)) == 3 and load_model(tmp_path / MODEL).info["steps"] == "3"
    assert done.stderr.count("error from pairs") == 2  # one process speaks, after steps 2 and 3


def test_a_crop_of_large_loss_pulls_no_harder_than_one_at_the_clip() -> None:
    """Gradients of two crops, off by 0.1 and by 10: alone, and in one batch with a clip of 0.5."""
    config = dataclasses.replace(SMALL, loss="l2", crop_clip=0.5)
    prediction = torch.zeros(2, 3, 4, 4, requires_grad=True)
    target = torch.stack([torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 10.0)])
    batch_loss(prediction, target, config).backward()
    pixels = prediction[0].numel()
    assert prediction.grad is not None
    torch.testing.assert_close(prediction.grad[0], torch.full((3, 4, 4), -2 * 0.1 / (2 * pixels)))
    torch.testing.assert_close(prediction.grad[1], torch.full((3, 4, 4), -2 * 0.5 / (2 * pixels)))
