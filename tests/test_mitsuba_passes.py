"""Passes add up to one render of all their samples, and interruptions leave no trace."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_scenes import load, room, use_variant, write

from renderer_bridge.adaptive import SIDE
from renderer_bridge.errors import DatasetError
from renderer_bridge.exr import read_exr
from renderer_bridge.exr_frame import frame_of, read_frame, samples_in
from renderer_bridge.mitsuba_pairs import PairRequest, begin_dataset
from renderer_bridge.mitsuba_passes import add_passes, scouts, view_paths
from renderer_bridge.mitsuba_render import render_color
from renderer_bridge.mitsuba_scene import MitsubaScene, load_scene
from renderer_bridge.pair_folder import read_pair
from renderer_bridge.passes import total_spp
from renderer_bridge.seeds import SppRange, derive_seed, pair_seeds

REQUEST = PairRequest(SppRange(2, 2), seed=5)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    use_variant()
    return load(tmp_path_factory.mktemp("room"), *room())


def grown(scene: MitsubaScene, folder: Path, *passes: int) -> tuple[Path, Path]:
    request, cameras = begin_dataset(scene, REQUEST, folder)
    for wanted in passes:
        paths, done = add_passes(scene, request, folder, cameras[0], 0, wanted)
    assert done == max(passes)
    return paths.a, paths.b


def test_a_half_is_the_mean_of_its_passes(scene: MitsubaScene, tmp_path: Path) -> None:
    halves = grown(scene, tmp_path, 0, 2)
    camera = scene.camera()
    for half, path in enumerate(halves):
        seeds = [pair_seeds(5, 0)[half], *(derive_seed(5, 0, half, k) for k in (1, 2))]
        spps = [total_spp(2, 0), total_spp(2, 1) - total_spp(2, 0), total_spp(2, 2) - total_spp(2, 1)]
        renders = [render_color(scene, camera, spp=spp, seed=seed)[0] for spp, seed in zip(spps, seeds, strict=True)]
        frame, _ = read_frame(path)
        assert frame.spp == sum(spps) and frame.albedo is not None and frame.normal is not None
        mean = np.average(renders, axis=0, weights=spps)
        np.testing.assert_allclose(frame.color, mean, rtol=1e-5, atol=1e-6)  # rounded to float32 after each pass
    assert not np.array_equal(*(read_frame(path)[0].color for path in halves))


def test_interruptions_leave_no_trace(scene: MitsubaScene, tmp_path: Path) -> None:
    whole = grown(scene, tmp_path / "whole", 3)
    parts = grown(scene, tmp_path / "parts", 0, 1, 3)
    for one, other in zip(whole, parts, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_half_that_is_behind_or_damaged_catches_up(scene: MitsubaScene, tmp_path: Path) -> None:
    a, b = grown(scene, tmp_path / "pairs", 2)
    before = b.read_bytes()
    b.write_bytes(before[:100])
    assert grown(scene, tmp_path / "pairs", 2) == (a, b) and b.read_bytes() == before


def test_samples_of_no_pass_are_refused(scene: MitsubaScene, tmp_path: Path) -> None:
    grown(scene, tmp_path / "pairs", 2)
    held = read_exr(tmp_path / "pairs" / "view_0000.a.exr").parts[0].header["n2n:spp"]
    request, cameras = begin_dataset(scene, PairRequest(SppRange(3, 3), seed=5), tmp_path / "other")
    for half in "ab":
        name = f"view_0000.{half}.exr"
        (tmp_path / "other" / name).write_bytes((tmp_path / "pairs" / name).read_bytes())
    assert held == 4 and total_spp(3, 1) == 4
    assert add_passes(scene, request, tmp_path / "other", cameras[0], 0)[1] == 1
    request, cameras = begin_dataset(scene, PairRequest(SppRange(8, 8), seed=5), tmp_path / "third")
    for half in "ab":
        name = f"view_0000.{half}.exr"
        (tmp_path / "third" / name).write_bytes((tmp_path / "pairs" / name).read_bytes())
    with pytest.raises(DatasetError, match="holds 4 samples per pixel"):
        add_passes(scene, request, tmp_path / "third", cameras[0], 0)


def to_the_left() -> NDArray[np.float64]:
    return np.array([[3.0, 1.0]])


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> MitsubaScene:
    if use_variant().startswith("scalar"):
        pytest.skip("scalar variants render whole pictures")
    return load_scene(write(tmp_path_factory.mktemp("wide") / "scene.xml", *room()), width=2 * SIDE, height=20)


def spread(scene: MitsubaScene, folder: Path, *passes: int) -> tuple[Path, Path]:
    request, cameras = begin_dataset(scene, REQUEST, folder)
    for wanted in passes:
        paths, _ = add_passes(scene, request, folder, cameras[0], 0, wanted, to_the_left)
    return paths.a, paths.b


def test_samples_go_where_they_are_sent_and_files_tell_how_many(wide: MitsubaScene, tmp_path: Path) -> None:
    halves = spread(wide, tmp_path, 0, 12)
    spp = total_spp(2, 12)
    for path in halves:
        image = read_exr(path)
        samples, frame = samples_in(image), frame_of(image)[0]
        assert image.parts[0].header["n2n:spp"] == frame.spp == spp and samples.mean() == pytest.approx(spp, abs=0.5)
        assert (samples[:, :SIDE] == pytest.approx(3 * samples[:, SIDE:], abs=2)) and frame.albedo is not None
    assert np.array_equal(*(samples_in(read_exr(path)) for path in halves))
    many = render_color(wide, wide.camera(), spp=512, seed=77)[0]
    apart = [np.abs(read_frame(path)[0].color - many).mean(axis=(0, 2)) for path in halves]
    even = np.abs(render_color(wide, wide.camera(), spp=spp, seed=5)[0] - many).mean(axis=(0, 2))
    for each in apart:  # the noise is less where there are more samples
        assert each[:SIDE].mean() < even[:SIDE].mean() and each[SIDE:].mean() > even[SIDE:].mean()


def test_interruptions_leave_no_trace_where_samples_are_spread(wide: MitsubaScene, tmp_path: Path) -> None:
    whole = spread(wide, tmp_path / "whole", 0, 5)
    parts = spread(wide, tmp_path / "parts", 0, 2)
    parts[1].write_bytes(b"")
    parts = spread(wide, tmp_path / "parts", 5)
    for one, other in zip(whole, parts, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_halves_with_samples_spread_are_not_gone_on_with_evenly(wide: MitsubaScene, tmp_path: Path) -> None:
    spread(wide, tmp_path, 0, 2)
    request, cameras = begin_dataset(wide, REQUEST, tmp_path)
    with pytest.raises(DatasetError, match="--adaptive or a new folder"):
        add_passes(wide, request, tmp_path, cameras[0], 0, 3)


def test_scouts_share_nothing_but_the_layers_with_the_halves(scene: MitsubaScene, tmp_path: Path) -> None:
    grown(scene, tmp_path, 0)
    request, cameras = begin_dataset(scene, REQUEST, tmp_path)
    pair = read_pair(view_paths(request, tmp_path, 0))[0]
    found = scouts(scene, request, cameras[0], 0, pair)
    assert found.a.spp == 1 and found.a.albedo is pair.a.albedo and found.b.normal is pair.b.normal
    assert len({found.a.seed, found.b.seed, pair.a.seed, pair.b.seed}) == 4
