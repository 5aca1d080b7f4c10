"""A real pair of Blender 5.0, rendered by Cycles: read, told, denoised, and all else as it was.

`tests/blender/room.0009.[ab].exr` are frame 9 of the scene that `docs/blender_room.py` builds, 48x32 pixels, 8 samples
a half, written by `docs/blender_pairs.py --half`: 21 parts, half and float, with light groups and a cryptomatte.
"""

import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_denoising import halve
from numpy.typing import NDArray
from test_denoise_listing import row, shown
from test_round_trip import seen

from apps.denoise import main
from denoiser.inference.files import denoise_files
from denoiser.inference.reading import load, model_named
from denoiser.inference.records import FileJob, FileOptions
from online.sequence import Steady
from renderer_bridge.exr import read_exr, write_exr
from renderer_bridge.exr_frame import read_frame

HERE = Path(__file__).parent
HALVES = [HERE / "blender" / f"room.0009.{half}.exr" for half in "ab"]
SCRIPT = HERE.parent / "docs" / "blender_pairs.py"
HEIGHT, WIDTH = 32, 48
LIGHT = {f"{of} {way}": f"{of} Color" for of in ("Diffuse", "Glossy", "Transmission") for way in ("Direct", "Indirect")}
EMITTED = ("Emission", "Environment")
HALF_STEP = 2.0**-11  # relative rounding of a half float

# Rows x, y and w of the matrices from the world to clip space, and of the moving cube to the world, by frame: those
# that Blender gave (`camera.calc_matrix_camera`, `matrix_world`).
CLIP = {
    8: [
        [1.4374634, 0.1418412, 0.0, -0.2490625],
        [-0.0368301, 0.3732478, 2.1339574, -2.1891935],
        [-0.0967153, 0.9801432, -0.1731049, 3.1084142],
    ],
    9: [
        [1.4356282, 0.1593476, 0.0, -0.2576292],
        [-0.0419264, 0.3777319, 2.1330743, -2.193691],
        [-0.1086072, 0.9784868, -0.1754084, 3.1072786],
    ],
}
CUBE = {
    8: [
        [0.9378544, -0.3470289, 0.0, -0.6683981],
        [0.3470289, 0.9378544, 0.0, -0.3556998],
        [0, 0, 1, 0.3],
        [0, 0, 0, 1],
    ],
    9: [
        [0.9021543, -0.4314136, 0.0, -0.5309115],
        [0.4314136, 0.9021543, 0.0, -0.3442426],
        [0, 0, 1, 0.3],
        [0, 0, 0, 1],
    ],
}
CUBE_ID = 0x22C7CD9D  # of "Moving Cube", as the manifest in the file has it


def channels(path: Path) -> dict[str, NDArray[np.float64]]:
    return {
        name.removeprefix("ViewLayer."): pixels.astype(np.float64)
        for part in read_exr(path).parts
        for name, pixels in part.channels.items()
    }


def layer(file: dict[str, NDArray[np.float64]], name: str, suffixes: str = "RGB") -> NDArray[np.float64]:
    return np.stack([file[f"{name}.{suffix}"] for suffix in suffixes], axis=-1)


def test_what_is_in_it_and_what_is_used_as_what() -> None:
    lines = shown(HALVES[0])
    assert "21 parts: 48x32, scanline, zip" in " ".join(" ".join(lines).split())
    uses = {"Denoising Albedo": "albedo", "Denoising Normal": "normal", "Depth": "depth", "Position": "position"}
    for name, use in uses.items():
        assert row(lines, f"ViewLayer.{name}")[3] == use
    for name in ("Diffuse Direct", "CryptoObject00", "Combined_lamp", "Denoising Depth"):
        assert row(lines, f"ViewLayer.{name}")[3] == "kept"
    combined = [row([line], "ViewLayer.Combined") for line in lines if line.startswith("ViewLayer.Combined ")]
    assert sorted(cells[3] for cells in combined) == ["alpha", "color, replaced"]


def test_both_halves_show_one_view_with_noise_of_their_own() -> None:
    (a, repaired), (b, _) = (read_frame(path, position=True, depth=True) for path in HALVES)
    assert repaired == {} and list(a.layers()) == ["color", "albedo", "normal", "position", "depth"]
    assert a.albedo is not None and b.albedo is not None
    difference = np.abs(a.color - b.color).mean()
    assert np.abs(a.albedo - b.albedo).mean() < difference / 3  # noisy at edges and fine textures only
    assert 0.1 * a.color.mean() < difference < a.color.mean()


def test_the_light_groups_and_the_passes_make_up_the_beauty() -> None:
    file = channels(HALVES[0])
    # Each of up to nine stored terms and the sum is rounded to half.
    tolerance = {"rtol": 4 * HALF_STEP, "atol": 1e-5}
    np.testing.assert_allclose(
        layer(file, "Combined_lamp") + layer(file, "Combined_window"), layer(file, "Combined"), **tolerance
    )
    np.testing.assert_allclose(composed(file), layer(file, "Combined"), **tolerance)


def composed(file: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    lights = sum(layer(file, color) * layer(file, light) for light, color in LIGHT.items())
    return np.asarray(lights + sum(layer(file, name) for name in EMITTED))


@pytest.mark.parametrize("inputs", [HALVES[:1], HALVES])
def test_all_that_is_not_denoised_comes_back_bit_for_bit(
    tmp_path: Path, inputs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """By a reader that is not ours. With the weights that ship; light groups by the names that they have in Blender."""
    also = ["lamp", "window", *LIGHT, *EMITTED]
    result = tmp_path / "clean.exr"
    assert main([*map(str, inputs), "-o", str(result), "--also", ",".join(also)]) == 0
    assert "mended" not in capsys.readouterr().err
    before, after = seen(inputs[0]), seen(result)
    assert len(before) == len(after) == 21
    changed, new = set(), set()
    for (attributes, old), (attributes_after, now) in zip(before, after, strict=True):
        assert attributes == attributes_after and set(old) <= set(now)
        changed |= {name for name in old if old[name].dtype != now[name].dtype or (old[name] != now[name]).any()}
        new |= set(now) - set(old)
    denoised = {"Combined", "Combined_lamp", "Combined_window", *LIGHT, *EMITTED}
    assert {name.rpartition(".")[0].removeprefix("ViewLayer.") for name in changed} <= denoised
    assert {f"ViewLayer.Combined.{c}" for c in "RGB"} <= changed and "ViewLayer.Combined.A" not in changed
    assert new == ({f"n2n.error.{c}" for c in "RGB"} if len(inputs) == 2 else set())
    file = channels(result)
    combined = layer(file, "Combined")
    groups = layer(file, "Combined_lamp") + layer(file, "Combined_window")
    # two half steps as Blender wrote them, two more as we do
    np.testing.assert_allclose(groups, combined, rtol=4 * HALF_STEP, atol=1e-6)
    # Light on pixels whose color is black for that pass is lost: 0.2 % of the mean at 320x180, more edges here.
    assert np.abs(composed(file) - combined).mean() < 0.01 * combined.mean()


def test_halves_of_different_frames_are_no_pair(tmp_path: Path) -> None:
    image = read_exr(HALVES[1])
    first = image.parts[0]
    parts = (replace(first, header={**first.header, "Frame": "10"}), *image.parts[1:])
    write_exr(tmp_path / "b.exr", replace(image, parts=parts))
    (record,) = denoise_files([FileJob(HALVES[0], tmp_path / "x.exr", tmp_path / "b.exr")], FileOptions())
    assert "are frames 09 and 10 of a Blender scene" in str(record.failure)


def test_a_sound_pair_raises_no_alarm() -> None:
    assert main([*map(str, HALVES), "--check"]) == 0


def test_a_layer_that_is_not_there_is_answered_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(HALVES[0]), "-o", str(tmp_path / "x.exr"), "--also", "key"]) == 1
    said = capsys.readouterr().err
    assert "no layer 'key'" in said and "ViewLayer.Combined_lamp" in said and "ViewLayer.Depth" not in said


# ---------------------------------------------------------------------------------------------------------------------
# Motion


def pixels_of(points: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
    """Where world points (H, W, 3) are seen, (H, W, 2), columns to the right and rows down."""
    clip = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=-1) @ np.array(CLIP[frame]).T
    x, y = np.moveaxis(clip[..., :2] / clip[..., 2:], -1, 0)
    return np.stack([(x + 1) / 2 * WIDTH, (1 - y) / 2 * HEIGHT], axis=-1)


def test_motion_vectors_lead_to_where_the_cameras_and_the_cube_say() -> None:
    """Of what stands and of what moves; the truth comes from the matrices of Blender, not from the pass."""
    (loaded,) = [load(model_named("kernel"), FileJob(HALVES[0], HALVES[0]), FileOptions(temporal=True))]
    motion = loaded.pictures[""].motion
    assert motion is not None and motion.signs == (1.0, -1.0)
    way = motion.pixels * np.array(motion.signs)
    file = channels(HALVES[0])
    position = layer(file, "Position", "XYZ")
    cube = (file["CryptoObject00.r"].astype(np.float32).view(np.uint32) == CUBE_ID) & (file["CryptoObject00.g"] > 0.99)
    before = position.copy()
    moved = np.array(CUBE[8]) @ np.linalg.inv(np.array(CUBE[9]))
    before[cube] = position[cube] @ moved[:3, :3].T + moved[:3, 3]
    expected = pixels_of(before, 8) - pixels_of(position, 9)
    alone = (
        np.abs(pixels_of(position, 9) - (np.mgrid[:HEIGHT, :WIDTH][::-1].transpose(1, 2, 0) + 0.5)).max(axis=-1) < 0.5
    )
    off = np.abs(way - expected).max(axis=-1)
    # 0.001 pixels at 320x180; positions are means over a pixel, which at edges are on neither surface.
    assert np.median(off[alone]) < 0.005 and np.median(off[cube]) < 0.02
    assert cube.sum() > 40 and np.abs(expected[cube]).max(axis=-1).mean() > 1.5  # pixels: a sign would be seen
    other = np.abs(motion.pixels * np.array([1, 1]) - expected).max(axis=-1)
    assert np.median(other[alone]) > 5 * np.median(off[alone])


def test_a_second_frame_takes_the_first_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halve(monkeypatch)
    jobs = [FileJob(path, tmp_path / path.name) for path in HALVES]
    steady = Steady()
    records = list(denoise_files(jobs, FileOptions(temporal=True), steady=steady))
    assert [record.failure for record in records] == [None, None] and steady.astray == 0
    frame = read_frame(HALVES[1])[0]
    color = layer(channels(tmp_path / "room.0009.b.exr"), "Combined")
    assert np.abs(color - frame.color / 2).max() > 0.01  # not what one frame alone gives


# ---------------------------------------------------------------------------------------------------------------------
# The script


class FakeBlender(SimpleNamespace):
    """What `docs/blender_pairs.py` needs of bpy; renders are files that hold their seed."""

    def __init__(self, version: int, engine: str = "CYCLES") -> None:
        settings = SimpleNamespace(file_format="PNG", color_depth="8", exr_codec="DWAA")
        if version >= 5:
            settings.media_type = settings.color_management = ""
        layer = SimpleNamespace(cycles=SimpleNamespace(denoising_store_passes=False), use_pass_vector=False)
        scene = SimpleNamespace(
            cycles=SimpleNamespace(samples=64, seed=0, use_denoising=True, sample_clamp_indirect=10.0),
            render=SimpleNamespace(engine=engine, use_motion_blur=False, image_settings=settings),
            view_layers=[layer],
            frame_start=1,
            frame_end=3,
            frame_step=2,
            frame_set=lambda frame: self.rendered.append(frame),
        )
        super().__init__(
            rendered=[],
            context=SimpleNamespace(scene=scene),
            data=SimpleNamespace(filepath="/x/shot.blend"),
            ops=SimpleNamespace(render=SimpleNamespace(render=self._render)),
            types=SimpleNamespace(Scene=object),
        )

    def _render(self, write_still: bool) -> None:
        scene = self.context.scene
        assert write_still and not scene.cycles.use_denoising and not scene.cycles.sample_clamp_indirect
        Path(scene.render.filepath).write_text(str(scene.cycles.seed))


def render(monkeypatch: pytest.MonkeyPatch, blender: FakeBlender, *words: str) -> None:
    monkeypatch.setitem(sys.modules, "bpy", blender)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "argv", ["blender", "-b", "shot.blend", "-P", "x.py", "--", *words])
    runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize("version", [4, 5])
def test_the_script_renders_each_frame_twice_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    blender = FakeBlender(version)
    render(monkeypatch, blender, "-o", str(tmp_path))
    names = [f"shot.000{frame}.{half}.exr" for frame in (1, 3) for half in "ab"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names  # frames of the scene, nothing half written
    assert len({(tmp_path / name).read_text() for name in names}) == 4  # no two of one seed
    scene: Any = blender.context.scene
    assert scene.cycles.samples == 32 and scene.view_layers[0].use_pass_vector
    assert scene.render.image_settings.file_format == "OPEN_EXR_MULTILAYER"
    (tmp_path / names[1]).unlink()
    again = FakeBlender(version)
    render(monkeypatch, again, "-o", str(tmp_path), "--frames", "1-3", "--spp", "4")
    assert again.rendered == [1, 2, 2] and again.context.scene.cycles.samples == 4


def test_the_script_needs_cycles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="BLENDER_EEVEE; Cycles is needed"):
        render(monkeypatch, FakeBlender(5, "BLENDER_EEVEE"), "-o", str(tmp_path))
