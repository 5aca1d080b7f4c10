"""The online trainer: it learns, is saved and restored bit for bit, and comes back from a loss of its mind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_renderer import FakeRenderer, camera_at

from denoiser.devices import pair_on
from denoiser.inference.denoise import denoise_frame
from denoiser.model import load_model
from online.trainer import OnlineConfig, OnlineTrainer
from online.watch import PATIENCE
from renderer_bridge.errors import DatasetError, OutputError, UsageError, WeightsError
from renderer_bridge.frame import Pair

CONFIG = OnlineConfig(init="", batch=2, crop=32, learning_rate=2e-3)


def pair(index: int, spp: int = 2) -> Pair:
    return FakeRenderer().render(camera_at(0.1 * index, resolution=(64, 48)), spp, (2 * index, 2 * index + 1))


def weights(trainer: OnlineTrainer) -> list[torch.Tensor]:
    return [value.clone() for value in trainer.model.network.state_dict().values()]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_loss_falls() -> None:
    trainer = OnlineTrainer(CONFIG)
    for index in range(3):
        trainer.memory.add(pair_on(pair(index)))
    losses, event = trainer.learn(40)
    assert event is None and trainer.steps == 40
    assert np.median(losses[-8:]) < np.median(losses[:4]) / 4


def test_a_kernel_network_learns_too_and_keeps_its_kind(tmp_path: Path) -> None:
    first = OnlineTrainer(replace(CONFIG, network="kernel"))
    first.memory.add(pair_on(pair(0)))
    losses, event = first.learn(30)
    assert event is None and np.median(losses[-8:]) < np.median(losses[:4])
    first.save_weights(tmp_path / "k.safetensors")
    second = OnlineTrainer(replace(CONFIG, init=str(tmp_path / "k.safetensors")))  # of a network not named
    assert equal(weights(first), weights(second)) and second.model.head == "kernels"
    dark, bright = (replace(pair(1).a, color=pair(1).a.color * np.float32(2.0**stops)) for stops in (-3, 3))
    ours = [denoise_frame(second.model, each, precision="fp32").color for each in (dark, bright)]
    assert np.array_equal(ours[0] * np.float32(64), ours[1])  # powers of two are exact


def test_nothing_is_learnt_from_nothing() -> None:
    trainer = OnlineTrainer(CONFIG)
    assert trainer.learn(5) == ([], None) and trainer.steps == 0


def test_a_time_budget_ends_the_frame() -> None:
    trainer = OnlineTrainer(CONFIG)
    trainer.memory.add(pair_on(pair(0)))
    losses, _ = trainer.learn(10**9, seconds=0.2)
    assert 0 < len(losses) < 1000


def test_saved_and_restored_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole, halved = OnlineTrainer(CONFIG), OnlineTrainer(CONFIG)
    for trainer in (whole, halved):
        trainer.memory.add(pair_on(pair(0)))
        trainer.learn(3)
        trainer.observe(0.1, 1.0)
    halved.save(tmp_path / "state.safetensors", {"next": 7}, {"picture": np.ones((2, 3, 3), np.float32)})
    restored = OnlineTrainer(CONFIG)
    notes, arrays = restored.restore(tmp_path / "state.safetensors")
    assert notes == {"next": 7} and arrays["picture"].shape == (2, 3, 3) and restored.trusted
    for trainer in (whole, restored):
        trainer.memory.add(pair_on(pair(1)))
        trainer.learn(3)
    assert equal(weights(whole), weights(restored)) and restored.steps == 6


def test_another_configuration_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    trainer = OnlineTrainer(CONFIG)
    trainer.save(path, {}, {})
    with pytest.raises(DatasetError, match="another configuration \\(batch\\)"):
        OnlineTrainer(OnlineConfig(init="", batch=3, crop=32)).restore(path)
    trainer.save_weights(tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match="is no state of an online trainer"):
        trainer.restore(tmp_path / "weights.safetensors")
    with pytest.raises(OutputError):
        (tmp_path / "file").write_text("")
        trainer.save(tmp_path / "file" / "state", {}, {})


def test_saved_weights_denoise_elsewhere(tmp_path: Path) -> None:
    trainer = OnlineTrainer(CONFIG)
    trainer.memory.add(pair_on(pair(0)))
    trainer.learn(2)
    trainer.save_weights(tmp_path / "w.safetensors")
    model, frame = load_model(tmp_path / "w.safetensors"), pair(0).a
    assert "online, 1 views" in model.info["data"]
    here, there = (denoise_frame(each, frame, precision="fp32").color for each in (trainer.model, model))
    np.testing.assert_array_equal(here, there)


def test_shipped_weights_are_the_start_unless_told_otherwise() -> None:
    shipped = list(load_model().network.state_dict().values())
    assert equal(weights(OnlineTrainer(OnlineConfig(crop=32))), shipped)
    with pytest.raises(WeightsError):
        OnlineTrainer(OnlineConfig(init="nowhere.safetensors"))
    with pytest.raises(UsageError, match="crop"):
        OnlineConfig(crop=33)


def test_infinite_loss_goes_back_to_the_last_good_weights() -> None:
    trainer = OnlineTrainer(CONFIG)
    trainer.memory.add(pair_on(pair(0)))
    trainer.learn(2)
    trainer.observe(0.1, 1.0)
    good = weights(trainer)
    trainer.memory.views[-1].layers["color"].fill_(3e38)  # squares are infinite
    losses, event = trainer.learn(5)
    assert event is not None and "back to the last good weights" in event and len(losses) == 1
    assert equal(weights(trainer), good)
    assert equal(list(trainer._state.network.state_dict().values()), good)


def test_without_training_there_is_nothing_to_go_back_from() -> None:
    trainer = OnlineTrainer(CONFIG)
    trainer.observe(0.1, 1.0)
    assert {trainer.observe(3.0, 1.0) for _ in range(2 * PATIENCE)} == {None}


def test_a_lost_network_goes_back() -> None:
    trainer = OnlineTrainer(CONFIG)
    trainer.memory.add(pair_on(pair(0)))
    trainer.learn(2)
    trainer.observe(0.1, 1.0)
    good = weights(trainer)
    trainer.learn(2)
    events = [trainer.observe(3.0, 1.0) for _ in range(PATIENCE)]
    assert events[:-1] == [None] * (PATIENCE - 1) and "worse than the noisy" in str(events[-1])
    assert equal(weights(trainer), good) and trainer.learn(1)[1] is None
