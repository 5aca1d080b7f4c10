"""Crops: a pure function of (seed, rank, step), and valid pictures of a turned world."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_pairs import HEIGHT, LIGHT, WIDTH, shaded, sphere_normals, write_toy_pairs

from denoiser.training.crops import Augmentation, PairDataset, random_orthogonal
from denoiser.training.pair_cache import CachedView, build_cache, find_views
from denoiser.transforms import presence, to_image
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame, Image

PLAIN = Augmentation(symmetries=False, color_order=False, exposure_stops=0.0)
CROP = 32


def cached(folder: Path) -> list[CachedView]:
    views = find_views([folder])
    list(build_cache(views, references=True))
    return views


@pytest.fixture(autouse=True)
def as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures here hold coordinates and marks: no exposure but that of the augmentation."""
    monkeypatch.setattr("denoiser.transforms.exposure", lambda color, keys: 1.0)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> list[CachedView]:
    return cached(write_toy_pairs(tmp_path_factory.mktemp("toy"), 4, references=True))


def write_pair(folder: Path, a: Image, b: Image, normal: Image, name: str = "v") -> None:
    for half, color in (("a", a), ("b", b)):
        write_frame(folder / f"{name}.{half}.exr", Frame(color, np.full_like(normal, 0.5), normal))


def coordinates(height: int, width: int) -> tuple[Image, Image]:
    """Halves whose first two channels are row and column; the third tells half A (1) from half B (2)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    a, b = (np.stack([y, x, np.full_like(x, half)], axis=2) for half in (1, 2))
    return a, b


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> list[CachedView]:
    folder = tmp_path_factory.mktemp("grid")
    write_pair(folder, *coordinates(HEIGHT, WIDTH), sphere_normals())
    return cached(folder)


# Purity


def test_a_batch_depends_on_seed_rank_and_step_only(toy: list[CachedView]) -> None:
    first, again = PairDataset(toy), PairDataset(toy)
    again.batch(9, 9, 9, 2, 64)
    key = (5, 1, 17)
    (layers, target), (layers_again, target_again) = first.batch(*key, 3, CROP), again.batch(*key, 3, CROP)
    assert torch.equal(target, target_again)
    assert all(torch.equal(layers[name], layers_again[name]) for name in layers)
    for other in ((6, 1, 17), (5, 2, 17), (5, 1, 18)):
        assert not torch.equal(target, first.batch(*other, 3, CROP)[1])


def test_threads_draw_the_same_batches_in_order(toy: list[CachedView]) -> None:
    dataset = PairDataset(toy)
    drawn = list(dataset.batches(0, 0, range(3, 20), 2, CROP))
    assert len(drawn) == 17
    for step, (_, target) in zip(range(3, 20), drawn, strict=True):
        assert torch.equal(target, dataset.batch(0, 0, step, 2, CROP)[1])
    unfinished = dataset.batches(0, 0, range(1000), 1, CROP)
    next(unfinished)
    unfinished.close()


def test_shapes_and_memory_layout(toy: list[CachedView]) -> None:
    layers, target = PairDataset(toy).batch(0, 0, 0, 5, CROP)
    assert list(layers) == ["color", "albedo", "normal"]
    for tensor in (*layers.values(), target):
        assert tensor.shape == (5, 3, CROP, CROP) and tensor.dtype == torch.float32
        assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_both_halves_get_the_exposure_of_half_a(toy: list[CachedView], monkeypatch: pytest.MonkeyPatch) -> None:
    layers, target = PairDataset(toy, PLAIN).batch(0, 0, 0, 4, CROP)
    monkeypatch.setattr("denoiser.transforms.exposure", lambda color, keys: 0.25)
    dimmed, dimmed_target = PairDataset(toy, PLAIN).batch(0, 0, 0, 4, CROP)
    assert torch.equal(dimmed["color"], layers["color"] / 4) and torch.equal(dimmed_target, target / 4)
    assert torch.equal(dimmed["albedo"], layers["albedo"])


# Where crops come from


def test_crops_reach_every_corner_of_a_picture_that_is_not_square(grid: list[CachedView]) -> None:
    target = PairDataset(grid, PLAIN).batch(0, 0, 0, 400, CROP)[1]
    rows, columns = target[:, 0], target[:, 1]
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, HEIGHT - 1, 0, WIDTH - 1)
    assert torch.equal(rows[:, 1:] - rows[:, :-1], torch.ones(400, CROP - 1, CROP))
    assert torch.equal(columns[:, :, 1:] - columns[:, :, :-1], torch.ones(400, CROP, CROP - 1))


def test_input_and_target_are_the_two_halves_of_one_window_in_random_order(grid: list[CachedView]) -> None:
    layers, target = PairDataset(grid, Augmentation(color_order=False)).batch(1, 0, 0, 200, CROP)
    exposure = (layers["color"][:, 2] + target[:, 2]) / 3  # halves are marked 1 and 2
    torch.testing.assert_close(layers["color"][:, :2], target[:, :2])
    swapped = (layers["color"][:, 2] > target[:, 2])[:, 0, 0]
    assert 70 < swapped.sum() < 130  # 200 coins: 4 standard deviations are 28
    assert exposure.std(dim=(1, 2)).max() < 1e-5


def test_exposure_is_log_uniform_and_common_to_both_halves(grid: list[CachedView]) -> None:
    layers, target = PairDataset(grid, Augmentation(color_order=False, exposure_stops=2.0)).batch(2, 0, 0, 400, CROP)
    stops = torch.log2((layers["color"][:, 2, 0, 0] + target[:, 2, 0, 0]) / 3)
    assert -2 <= stops.min() < -1.9 and 1.9 < stops.max() <= 2
    assert abs(stops.mean()) < 4 * 2 / 3**0.5 / 400**0.5  # 4 standard errors of a uniform law on [-2, 2]


def test_all_eight_orientations_occur_and_stay_within_the_picture(grid: list[CachedView]) -> None:
    target = PairDataset(grid, Augmentation(color_order=False, exposure_stops=0.0)).batch(3, 0, 0, 200, CROP)[1]
    down, right = target[:, :2, 1, 0] - target[:, :2, 0, 0], target[:, :2, 0, 1] - target[:, :2, 0, 0]
    seen = {(*d.tolist(), *r.tolist()) for d, r in zip(down, right, strict=True)}
    turned = {(s, 0.0, 0.0, t) for s in (-1.0, 1.0) for t in (-1.0, 1.0)}
    assert seen == turned | {(0.0, s, t, 0.0) for s in (-1.0, 1.0) for t in (-1.0, 1.0)}


def test_views_are_drawn_uniformly_whatever_their_size(tmp_path: Path) -> None:
    for name, (height, width), mark in (("small", (40, 40), 1.0), ("large", (100, 160), 2.0)):
        color = np.full((height, width, 3), mark, np.float32)
        other = color.copy()
        other[0, 0] = 9
        write_pair(tmp_path, color, other, sphere_normals(height, width), name)
    target = PairDataset(cached(tmp_path), PLAIN).batch(0, 0, 0, 400, CROP)[1]
    assert abs(int((target[:, 0, 5, 5] == 1).sum()) - 200) < 40  # 400 coins: 4 standard deviations


@pytest.mark.parametrize("size", [(20, 104), (72, 9), (5, 7)])
def test_small_views_are_continued_by_reflection(tmp_path: Path, size: tuple[int, int]) -> None:
    write_pair(tmp_path, *coordinates(*size), sphere_normals(*size))
    target = PairDataset(cached(tmp_path), PLAIN).batch(0, 0, 0, 8, 64)[1]
    rows, columns = target[:, 0], target[:, 1]
    assert rows.max() <= size[0] - 1 and columns.max() <= size[1] - 1
    assert (rows[:, 1:] - rows[:, :-1]).abs().max() <= 1 and (columns[:, :, 1:] - columns[:, :, :-1]).abs().max() <= 1


def test_clean_targets_are_the_reference(toy: list[CachedView]) -> None:
    layers, target = PairDataset(toy, PLAIN, clean_targets=True).batch(0, 0, 0, 4, CROP)
    for index in range(4):
        lit = shaded(to_image(layers["normal"][index]))
        np.testing.assert_allclose(to_image(target[index]), lit, atol=2e-3)  # normals are stored in half precision


# A third render, and layers left out


@pytest.fixture(scope="module")
def with_target(tmp_path_factory: pytest.TempPathFactory) -> list[CachedView]:
    """Halves of 2 spp, 1 and 2 in the third channel, and a third render of 6 spp, 4 there."""
    folder = tmp_path_factory.mktemp("third")
    a, b = coordinates(HEIGHT, WIDTH)
    for index, (half, color) in enumerate((("a", a), ("b", b), ("t", np.where([0, 0, 1], 4, a).astype(np.float32)))):
        albedo, normal = np.full_like(a, 0.5), np.full_like(a, index * 0.1)
        spp = 6 if half == "t" else 2
        write_frame(folder / f"v.{half}.exr", Frame(color, albedo, normal, spp=spp, seed=index))
    return cached(folder)


def test_the_target_is_the_mean_of_all_samples_that_are_not_in_the_input(with_target: list[CachedView]) -> None:
    layers, target = PairDataset(with_target, PLAIN).batch(0, 0, 0, 60, CROP)
    assert torch.equal(target[:, :2], layers["color"][:, :2])
    of_input = {1.0: 3.5, 2.0: 3.25, 1.5: 4.0}  # (2 x 2 + 6 x 4) / 8, (2 x 1 + 6 x 4) / 8, and 4 alone
    for value, expected in zip(layers["color"][:, 2].amax(dim=(1, 2)).tolist(), target[:, 2], strict=True):
        assert torch.all(expected == of_input[value])
    halves = layers["color"][:, 2].amax(dim=(1, 2))
    assert set(halves.tolist()) == {1.0, 1.5, 2.0}
    assert 8 <= int((halves == 1.5).sum()) <= 32  # 20 expected; 4 standard deviations are 15
    mean_normals = layers["normal"][halves == 1.5]
    torch.testing.assert_close(mean_normals, torch.full_like(mean_normals, 0.05), rtol=0, atol=1e-4)  # stored as half


def test_layers_left_out_are_zero_and_said_to_be_missing(toy: list[CachedView]) -> None:
    dropping = Augmentation(symmetries=False, color_order=False, exposure_stops=0.0, drop_layers=0.6)
    (layers, target), (whole, same) = (
        PairDataset(toy, changes).batch(3, 0, 0, 200, CROP) for changes in (dropping, PLAIN)
    )
    assert torch.equal(target, same) and torch.equal(layers["color"], whole["color"])
    present = {name: layers[presence(name)].flatten() for name in ("albedo", "normal")}
    assert torch.all(present["albedo"] >= present["normal"])
    # 200 draws of 0.4 and 0.7: standard deviations of 0.035 and 0.032
    assert present["normal"].mean().item() == pytest.approx(0.4, abs=0.14)
    assert present["albedo"].mean().item() == pytest.approx(0.7, abs=0.13)
    for name, there in present.items():
        assert torch.equal(layers[name], whole[name] * there[:, None, None, None])


# Normals


@pytest.mark.parametrize(("axis", "mirror"), [(1, np.diag([-1.0, 1.0, 1.0])), (0, np.diag([1.0, -1.0, 1.0]))])
def test_a_mirrored_picture_is_the_picture_of_a_mirrored_world(axis: int, mirror: Image) -> None:
    """What the augmentation rests on, for a camera along the world's axes. The mirrored sphere is the same sphere."""
    normals, mirrored = sphere_normals(), np.flip(sphere_normals(), axis) @ mirror.T
    np.testing.assert_allclose(mirrored, normals, atol=1e-6)
    np.testing.assert_allclose(shaded(normals, mirror @ LIGHT), np.flip(shaded(normals), axis), atol=1e-6)
    assert abs(np.flip(normals, axis) - normals).max() > 1  # a flip alone leaves normals that no such picture has


def test_augmented_crops_are_valid_renders_of_a_turned_world(toy: list[CachedView]) -> None:
    """Shading must come out of the turned normals with one turned light for the whole crop, of the old brightness."""
    dataset = PairDataset(toy, Augmentation(symmetries=True, exposure_stops=0.0), clean_targets=True)
    layers, target = dataset.batch(4, 0, 0, 64, CROP)
    lights = []
    for normal, color in zip(layers["normal"], target, strict=True):
        n, lit = to_image(normal).reshape(-1, 3), to_image(color)[..., 0].ravel() - 0.1
        length = np.linalg.norm(n, axis=1)
        np.testing.assert_allclose(length[length > 0.5], 1, atol=2e-3)  # half precision
        inside = (length > 0.5) & (lit > 0.05)
        if inside.sum() < 200:
            continue
        light, *_ = np.linalg.lstsq(n[inside], lit[inside], rcond=None)
        np.testing.assert_allclose(n[inside] @ light, lit[inside], atol=3e-3)
        lights.append(light)
    assert len(lights) > 20
    np.testing.assert_allclose(np.linalg.norm(lights, axis=1), np.linalg.norm(LIGHT), rtol=0.02)
    assert np.std(lights, axis=0).min() > 0.3  # the world does turn


def test_random_orthogonal_matrices_are_orthogonal_uniform_and_of_both_hands() -> None:
    random = np.random.default_rng(0)
    matrices = np.stack([random_orthogonal(random) for _ in range(2000)])
    np.testing.assert_allclose(matrices @ matrices.swapaxes(1, 2), np.broadcast_to(np.eye(3), (2000, 3, 3)), atol=1e-5)
    assert abs((np.linalg.det(matrices) > 0).sum() - 1000) < 90  # 4 standard deviations
    # Entries of a uniform orthogonal matrix have mean 0 and variance 1/3.
    assert abs(matrices.mean(axis=0)).max() < 4 * (1 / 3) ** 0.5 / 2000**0.5
    np.testing.assert_allclose(matrices.var(axis=0), 1 / 3, atol=0.04)


# Color


def test_color_channels_are_reordered_alike_in_input_albedo_and_target(tmp_path: Path) -> None:
    """Channels are told apart by their level; every order must occur, the same in all that has a color."""
    color = np.broadcast_to(np.array([1.0, 2.0, 3.0], np.float32), (CROP, 2 * CROP, 3)).copy()
    other = color.copy()
    other[0, 0] += 0.25
    frames = [
        Frame(color=half, albedo=color / 4, normal=sphere_normals(CROP, 2 * CROP), seed=seed)
        for seed, half in enumerate((color, other))
    ]
    for half, frame in zip("ab", frames, strict=True):
        write_frame(tmp_path / f"v.{half}.exr", frame)
    dataset = PairDataset(cached(tmp_path), Augmentation(symmetries=False, exposure_stops=0.0))
    layers, target = dataset.batch(0, 0, 0, 60, CROP)
    orders = {tuple(levels) for levels in target[:, :, 5, 5].tolist()}
    assert orders == set(itertools.permutations((1.0, 2.0, 3.0)))
    assert torch.equal(layers["color"][:, :, 5, 5], target[:, :, 5, 5])
    assert torch.equal(layers["albedo"][:, :, 5, 5] * 4, target[:, :, 5, 5])


# Cost


def test_few_maps_stay_open(toy: list[CachedView], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("denoiser.training.crops.OPEN_MAPS", 2)
    dataset = PairDataset(toy)
    dataset.batch(0, 0, 0, 50, CROP)
    assert dataset._open.cache_info().currsize == 2
