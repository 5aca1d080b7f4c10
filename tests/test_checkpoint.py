"""The run folder: state bit for bit, other configurations refused, the log cut back."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from denoiser.model import Description, load_model
from denoiser.training.checkpoint import (
    CONFIG,
    LOG,
    MODEL,
    OPTIMIZER,
    STATE,
    Log,
    TrainState,
    load_checkpoint,
    open_run,
    save_checkpoint,
)
from denoiser.training.config import TrainConfig
from denoiser.training.train import new_state
from renderer_bridge.errors import DatasetError, OutputError, WeightsError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained() -> TrainState:
    """A state after one step with made-up gradients."""
    state = new_state(TrainConfig(seed=4, optimizer="muon"), CPU)
    for parameter in state.network.parameters():
        parameter.grad = torch.randn_like(parameter)
    for optimizer in state.optimizers:
        optimizer.step()
    state.step, state.skipped, state.seconds, state.best_mse, state.best_step = 1, 2, 3.5, 0.25, 1
    return state


def test_every_tensor_and_counter_survives(tmp_path: Path, trained: TrainState) -> None:
    save_checkpoint(tmp_path, trained, Description(steps=1))
    state = new_state(TrainConfig(seed=5, optimizer="muon"), CPU)
    assert load_checkpoint(tmp_path, state)
    assert state.counters() == trained.counters()
    assert state.counters() | {"step": 1, "skipped": 2, "seconds": 3.5} == state.counters()
    pairs = zip(state.network.parameters(), trained.network.parameters(), strict=True)
    for (ours, theirs), average, kept in zip(
        pairs, state.average.parameters(), trained.average.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs) and ours.stride() == theirs.stride()
        assert torch.equal(average, kept)
    for restored, saved in zip(state.optimizers, trained.optimizers, strict=True):
        kinds = [restored.state_dict()["state"], saved.state_dict()["state"]]
        assert kinds[0].keys() == kinds[1].keys() and kinds[1]
        for index, moments in kinds[1].items():
            assert kinds[0][index].keys() == moments.keys()
            for kind, moment in moments.items():
                assert torch.equal(kinds[0][index][kind], moment), kind
                assert kinds[0][index][kind].stride() == moment.stride()


def test_the_model_file_holds_the_average(tmp_path: Path, trained: TrainState) -> None:
    save_checkpoint(tmp_path, trained, Description(steps=1))
    loaded = load_model(tmp_path / MODEL)
    for ours, average in zip(loaded.network.parameters(), trained.average.parameters(), strict=True):
        assert torch.equal(ours, average)
    assert json.loads((tmp_path / STATE).read_text())["best_mse"] == 0.25


def test_before_the_first_step_there_are_no_moments(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, new_state(TrainConfig(), CPU), Description())
    state = new_state(TrainConfig(), CPU)
    assert load_checkpoint(tmp_path, state) and not state.optimizers[0].state
    assert json.loads((tmp_path / STATE).read_text())["best_mse"] is None  # infinity is no JSON


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert not load_checkpoint(tmp_path, new_state(TrainConfig(), CPU))


def test_damaged_checkpoints_are_refused(tmp_path: Path, trained: TrainState) -> None:
    save_checkpoint(tmp_path, trained, Description())
    path = tmp_path / OPTIMIZER
    whole, tensors = path.read_bytes(), load_file(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match="not a complete safetensors file"):
        load_checkpoint(tmp_path, trained)
    for counters in ("{}", "nonsense", "[]"):
        save_file(tensors, path, {"counters": counters})
        with pytest.raises(WeightsError, match="no checkpoint of this trainer"):
            load_checkpoint(tmp_path, trained)
    save_file({"raw.x": torch.zeros(1)}, path, {"counters": json.dumps(trained.counters())})
    with pytest.raises(WeightsError, match="for another network"):
        load_checkpoint(tmp_path, trained)


# Configuration


def test_a_begun_run_refuses_other_settings_and_names_them(tmp_path: Path) -> None:
    open_run(tmp_path, {"steps": 5, "loss": "hdr", "every": 1})
    open_run(tmp_path, {"steps": 6, "loss": "l2", "every": 1})  # nothing was trained yet
    (tmp_path / OPTIMIZER).touch()
    open_run(tmp_path, {"steps": 6, "loss": "l2", "every": 9}, free=("every",))
    assert json.loads((tmp_path / CONFIG).read_text())["every"] == 9
    with pytest.raises(DatasetError) as caught:
        open_run(tmp_path, {"steps": 7, "loss": "hdr", "every": 9})
    assert "steps was 6, now 7; loss was 'l2', now 'hdr'" in str(caught.value) and "every" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"{", b"[]", b"\xff"])
def test_a_lost_configuration_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / OPTIMIZER).touch()
    if content is not None:
        (tmp_path / CONFIG).write_bytes(content)
    with pytest.raises(DatasetError, match=r"config\.json"):
        open_run(tmp_path, {"steps": 5})


def test_a_run_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(OutputError):
        open_run(tmp_path / "run", {"steps": 5})


# Log


def test_the_log_drops_rows_past_the_checkpoint_and_torn_ones(tmp_path: Path) -> None:
    log = Log(tmp_path, ("step", "loss", "score"), 0)
    for step in range(1, 6):
        log.write(step, step / 3, None)
    log.close()
    with (tmp_path / LOG).open("a") as file:
        file.write("3,0.9")
    log = Log(tmp_path, ("step", "loss", "score"), 3)
    log.write(4, 1.0, 0.5)
    log.close()
    assert (tmp_path / LOG).read_text() == "step,loss,score\n1,0.333333,\n2,0.666667,\n3,1,\n4,1,0.5\n"


def test_rows_of_an_older_version_keep_their_columns(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("step,loss,gone\n1,0.5,7\n2,0.25,8\n")
    log = Log(tmp_path, ("step", "score", "loss"), 2)
    log.write(3, 1.0, 0.125)
    log.close()
    assert (tmp_path / LOG).read_text() == "step,score,loss\n1,,0.5\n2,,0.25\n3,1,0.125\n"
