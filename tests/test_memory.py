"""The memory of pairs: bounded, newest first, fair to the old, and a function of its seed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_renderer import FakeRenderer, camera_at

from denoiser.devices import TensorPair, pair_on
from online.memory import NEWEST, PairMemory
from renderer_bridge.errors import DatasetError


def pair(index: int) -> TensorPair:
    return pair_on(FakeRenderer().render(camera_at(0.1 * index, resolution=(48, 40)), 2, (2 * index, 2 * index + 1)))


def filled(capacity_views: int, count: int, seed: int = 0) -> PairMemory:
    size = 48 * 40 * (2 * 12 + 6 + 6)  # color of both halves; albedo and normal, which they share, once
    memory = PairMemory(capacity_views * size, seed)
    for index in range(count):
        memory.add(pair(index))
    return memory


def marks(memory: PairMemory) -> list[float]:
    return [float(view.layers["color"][0, 0, 0, 0]) for view in memory.views]


def test_it_keeps_the_newest_and_a_sample_of_the_old() -> None:
    memory = filled(16, 60)
    assert len(memory.views) == 16 and memory.added == 60
    everything = [float(pair(index).a.color[0, 0, 0, 0]) for index in range(60)]
    kept = [everything.index(mark) for mark in marks(memory)]
    assert kept == sorted(kept) and kept[-NEWEST:] == list(range(60 - NEWEST, 60))
    assert min(kept) < 45  # the 8 older ones are not just the ones before


def test_the_same_seed_forgets_the_same() -> None:
    assert marks(filled(10, 30)) == marks(filled(10, 30)) != marks(filled(10, 30, seed=1))


def test_a_view_with_more_samples_takes_its_own_place() -> None:
    memory = filled(4, 2)
    memory.add(pair(7), replace_last=True)
    assert len(memory.views) == 2 and marks(memory)[-1] == float(pair(7).a.color[0, 0, 0, 0])


def test_one_view_larger_than_the_capacity_stays() -> None:
    memory = PairMemory(10, 0)
    memory.add(pair(0))
    memory.add(pair(1))
    assert marks(memory) == [float(pair(1).a.color[0, 0, 0, 0])]


def test_batches_are_a_function_of_the_random_numbers() -> None:
    memory = filled(8, 8)
    first, again = (memory.batch(np.random.default_rng((3, 4)), 3, 32) for _ in range(2))
    assert torch.equal(first[1], again[1]) and all(torch.equal(first[0][k], again[0][k]) for k in first[0])
    assert first[1].shape == (3, 3, 32, 32) and not torch.equal(first[1], first[0]["color"])


def test_clean_targets_need_references() -> None:
    with pytest.raises(DatasetError, match="has no reference"):
        filled(4, 2).batch(np.random.default_rng(0), 1, 32, clean_targets=True)


def test_newest_views_are_preferred() -> None:
    memory = filled(40, 40)
    random = np.random.default_rng(0)
    newest = [memory._choose(random) is view for view in memory.views[-1:] for _ in range(4000)]
    share = 0.3 / NEWEST + 0.7 / 40
    assert np.mean(newest) == pytest.approx(share, abs=4 * np.sqrt(share / 4000))


def test_layers_that_the_halves_share_are_kept_once_and_trained_on_with_both() -> None:
    shared = pair(0)
    assert shared.a.albedo is not None and shared.b.normal is not None
    apart = replace(shared, b=replace(shared.b, albedo=shared.a.albedo.clone(), normal=shared.b.normal.clone()))
    batches = []
    for each, size in ((shared, 36), (apart, 48)):
        memory = PairMemory(10**6, 0)
        memory.add(each)
        assert memory.views[0].bytes == 48 * 40 * size
        batches.append(memory.batch(np.random.default_rng(1), 8, 32))
    (layers, target), (others, other_target) = batches
    assert torch.equal(target, other_target) and all(torch.equal(layers[name], others[name]) for name in layers)
