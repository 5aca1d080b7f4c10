"""n2n-denoise from end to end: the file comes back whole with its color denoised, or a sentence says why not."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import OpenEXR
import pytest
import torch
from fake_denoising import halve
from torch import nn

from apps.denoise import main
from denoiser.inference.denoise import denoise_frame, denoise_pair
from denoiser.metrics import tone_map
from denoiser.model import Description, load_model, save_weights
from denoiser.networks.unet import UNet
from renderer_bridge.exr import ExrImage, read_exr, write_exr
from renderer_bridge.exr_frame import read_frame, write_frame
from renderer_bridge.frame import Frame, Pair

HEIGHT, WIDTH = 18, 30

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are faster so, above all on a machine that has other things to do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, for shipped weights may change; with a bias, so that its output is not black."""
    torch.manual_seed(3)
    network = UNet(9)
    nn.init.ones_(network.dec_conv1c.bias)  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_weights(path, network, Description())
    return path


@pytest.fixture
def denoise(weights: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; gives its exit code and what it said on standard error, which never is a traceback."""

    def command(*arguments: Any, model: Path = weights) -> tuple[int, str]:
        code = main([*map(str, arguments), "--model", str(model)])
        captured = capsys.readouterr()
        assert captured.out == "" and "Traceback" not in captured.err
        return code, captured.err

    return command


def values(seed: int, channels: int = 3, height: int = HEIGHT, width: int = WIDTH) -> Any:
    return np.random.default_rng(seed).uniform(0.1, 1.0, size=(height, width, channels)).astype(np.float32)


def frame(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Frame:
    normal = values(2, 3, height, width) - 0.5
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return Frame(4 * values(seed, 3, height, width), values(1, 3, height, width), normal, seed=seed)


def our_file(path: Path, seed: int = 0, **size: int) -> Path:
    write_frame(path, frame(seed, **size), attributes={"note": "keep me"})
    return path


def header(**attributes: Any) -> dict[str, Any]:
    window = (np.array([4, 2], np.int32), np.array([4 + WIDTH - 1, 2 + HEIGHT - 1], np.int32))
    shown = (np.array([0, 0], np.int32), np.array([49, 39], np.int32))
    common = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    return {**common, "dataWindow": window, "displayWindow": shown, **attributes}


def save(path: Path, *parts: tuple[str, dict[str, Any], dict[str, Any]]) -> Path:
    """Write with the OpenEXR library itself: (part name, attributes, channels)."""
    OpenEXR.File(
        [OpenEXR.Part(header(**attributes), dict(channels), name) for name, attributes, channels in parts]
    ).write(str(path))
    return path


def named(layer: str, seed: int, suffixes: str = "RGB", dtype: Any = np.float32) -> dict[str, Any]:
    pixels = values(seed, len(suffixes)).astype(dtype)
    return {f"{layer}.{s}" if layer else s: np.ascontiguousarray(pixels[..., i]) for i, s in enumerate(suffixes)}


ERROR = {f"n2n.error.{c}" for c in "RGB"}


def changed_channels(before: ExrImage, after: ExrImage, new: set[str] = frozenset()) -> set[str]:  # type: ignore
    """Names of the channels whose pixels differ; everything else, but `new` channels, must be the same."""
    assert [part.name for part in before.parts] == [part.name for part in after.parts]
    changed = set()
    for old, now in zip(before.parts, after.parts, strict=True):
        assert set(old.header) == set(now.header)
        assert list(old.channels) == [name for name in now.channels if name not in new]
        for key, value in old.header.items():
            assert key == "channels" or np.array_equal(np.asarray(value), np.asarray(now.header[key])), key
        for name, pixels in old.channels.items():
            assert pixels.dtype == now.channels[name].dtype
            if not np.array_equal(pixels, now.channels[name]):
                changed.add(name)
    return changed


# ---------------------------------------------------------------------------------------------------------------------
# What comes out


def test_a_frame_and_its_picture(denoise: Run, weights: Path, tmp_path: Path) -> None:
    source, output, png = our_file(tmp_path / "x.exr"), tmp_path / "new" / "out.exr", tmp_path / "pic" / "out.png"
    code, said = denoise(source, "-o", output, "--png", png, "--precision", "fp32")
    assert (code, said) == (0, f"{output} {png}: denoised {WIDTH}x{HEIGHT}\n")
    assert changed_channels(read_exr(source), read_exr(output)) == {"R", "G", "B"}
    expected = denoise_frame(load_model(weights), read_frame(source)[0], precision="fp32").color
    np.testing.assert_array_equal(read_frame(output)[0].color, expected)
    picture = imageio.imread(png)
    assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, np.rint(tone_map(expected) * 255))


def test_a_pair_is_averaged(denoise: Run, weights: Path, tmp_path: Path) -> None:
    a, b = our_file(tmp_path / "x.a.exr", 5), our_file(tmp_path / "x.b.exr", 6)
    code, said = denoise(a, b, "-o", tmp_path / "out.exr", "--precision", "fp32")
    assert code == 0 and re.match(r"estimated error of the tone-mapped picture: 0\.\d+, a PSNR of \d+\.\d dB\n", said)
    pair = Pair(read_frame(a)[0], read_frame(b)[0])
    expected = denoise_pair(load_model(weights), pair, precision="fp32").color
    np.testing.assert_array_equal(read_frame(tmp_path / "out.exr")[0].color, expected)
    after = read_exr(tmp_path / "out.exr")
    assert changed_channels(read_exr(a), after, new=ERROR) == {"R", "G", "B"}
    error = denoise_pair(load_model(weights), pair, precision="fp32").error
    assert error is not None
    np.testing.assert_array_equal(after.parts[0].channels["n2n.error.G"], error[..., 1])


def test_a_pair_without_its_residual_is_the_mean_of_both(denoise: Run, weights: Path, tmp_path: Path) -> None:
    a, b = our_file(tmp_path / "x.a.exr", 5), our_file(tmp_path / "x.b.exr", 6)
    assert denoise(a, b, "-o", tmp_path / "out.exr", "--precision", "fp32", "--no-residual")[0] == 0
    halves = [denoise_frame(load_model(weights), read_frame(path)[0], precision="fp32").color for path in (a, b)]
    mean = read_frame(tmp_path / "out.exr")[0].color
    np.testing.assert_allclose(mean, (halves[0] + halves[1]) / 2, rtol=1e-6)


def test_a_multilayer_file_in_several_parts_keeps_everything_else(denoise: Run, tmp_path: Path) -> None:
    ids = np.arange(HEIGHT * WIDTH, dtype=np.uint32).reshape(HEIGHT, WIDTH)
    source = save(
        tmp_path / "arnold.exr",
        ("rgba", {"artist": "somebody", "view": "left"}, named("", 1, "RGBA", np.float16)),
        ("denoise_albedo", {}, named("denoise_albedo", 2)),
        ("N", {"owner": "me"}, named("N", 3, "XYZ", np.float16)),
        ("ids", {}, {"object.id": ids, "Z": ids.astype(np.float32)}),
    )
    code, said = denoise(source, "-o", tmp_path / "out.exr")
    assert code == 0, said
    after = read_exr(tmp_path / "out.exr")
    assert changed_channels(read_exr(source), after) == {"R", "G", "B"}  # of the first part; alpha stays
    assert after.parts[0].channels["R"].dtype == np.float16


CYCLES = {
    **named("ViewLayer.Noisy Image", 1, "RGBA"),
    **named("ViewLayer.Combined", 2, "RGBA", np.float16),
    **named("ViewLayer.Denoising Albedo", 3),
    **named("ViewLayer.Denoising Normal", 4, "XYZ"),
    **named("ViewLayer.Depth", 5, "Z"),
}


def test_in_cycles_files_combined_is_replaced_and_the_noisy_image_kept(
    denoise: Run, weights: Path, tmp_path: Path
) -> None:
    other_layer = named("Background.Combined", 9, "RGBA")  # before `ViewLayer` in the file, and not denoised
    source = save(tmp_path / "cycles.exr", ("", {"BlenderMultiChannel": "yes"}, {**CYCLES, **other_layer}))
    assert denoise(source, "-o", tmp_path / "out.exr", "--precision", "fp32")[0] == 0
    after = read_exr(tmp_path / "out.exr")
    assert changed_channels(read_exr(source), after) == {f"ViewLayer.Combined.{c}" for c in "RGB"}
    expected = denoise_frame(load_model(weights), read_frame(source)[0], precision="fp32").color
    np.testing.assert_array_equal(after.parts[0].channels["ViewLayer.Combined.G"], expected[..., 1].astype(np.float16))


@pytest.mark.parametrize("left_out", ["Noisy Image", "Combined"])
def test_cycles_files_with_one_of_the_two(denoise: Run, tmp_path: Path, left_out: str) -> None:
    channels = {name: pixels for name, pixels in CYCLES.items() if left_out not in name}
    source = save(tmp_path / "cycles.exr", ("", {}, channels))
    assert denoise(source, "-o", tmp_path / "out.exr")[0] == 0
    other = "Combined" if left_out == "Noisy Image" else "Noisy Image"
    changed = changed_channels(read_exr(source), read_exr(tmp_path / "out.exr"))
    assert changed == {f"ViewLayer.{other}.{c}" for c in "RGB"}


def test_broken_pixels_are_told_and_mended(denoise: Run, tmp_path: Path) -> None:
    source = our_file(tmp_path / "x.exr")
    image = read_exr(source)
    red = image.parts[0].channels["R"].copy()
    red[3, 4], red[0, 0] = np.nan, np.inf
    albedo = image.parts[0].channels["albedo.G"].copy()
    albedo[1, 2] = np.nan
    image.parts[0].channels.update({"R": red, "albedo.G": albedo})  # type: ignore[attr-defined]
    write_exr(source, image)
    code, said = denoise(source, "-o", tmp_path / "out.exr")
    assert code == 0
    assert f"{source}: 2 color pixels were infinite, NaN or out of range and were mended" in said
    assert f"{source}: 1 albedo pixels" in said
    assert np.isfinite(read_exr(tmp_path / "out.exr").parts[0].channels["R"]).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 40)])
def test_small_pictures(denoise: Run, tmp_path: Path, height: int, width: int) -> None:
    source = our_file(tmp_path / "x.exr", height=height, width=width)
    assert denoise(source, "-o", tmp_path / "out.exr")[0] == 0
    assert read_frame(tmp_path / "out.exr")[0].size == (height, width)


# ---------------------------------------------------------------------------------------------------------------------
# Wrong usage: exit code 2


def test_the_noisy_file_is_never_overwritten(denoise: Run, tmp_path: Path) -> None:
    source = our_file(tmp_path / "x.exr")
    before = source.read_bytes()
    (tmp_path / "link.exr").symlink_to(source)
    (tmp_path / "same.exr").hardlink_to(source)
    for output in ("x.exr", "link.exr", "same.exr", "folder/../x.exr"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        code, said = denoise(source, "-o", tmp_path / output)
        assert code == 2 and said == (
            f"error: {tmp_path / output}: is an input too; another name is needed, so that the noisy file stays\n"
        )
    assert source.read_bytes() == before


def test_other_wrong_usage(denoise: Run, tmp_path: Path) -> None:
    source = our_file(tmp_path / "x.exr")
    assert denoise(source, "-o", tmp_path / "out.png") == (2, f"error: {tmp_path}/out.png: its name must end in .exr\n")
    for png in ("x.exr", "out.jpg"):
        code, said = denoise(source, "-o", tmp_path / "out.exr", "--png", tmp_path / png)
        assert (code, said) == (2, f"error: {tmp_path / png}: its name must end in .png\n")
    code, said = denoise(source, source, source, "-o", tmp_path / "out.exr")
    assert code == 2 and said.startswith("error: 3 inputs; one frame, or the two halves of a pair")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.exr"]


# ---------------------------------------------------------------------------------------------------------------------
# Bad input: exit code 1, one sentence with the file's name, nothing written


def assert_refused(outcome: tuple[int, str], output: Path, *words: str) -> None:
    code, said = outcome
    assert code == 1 and said.startswith("error: ") and said.count("\n") == 1
    for word in words:
        assert word in said
    assert not output.exists() and not list(output.parent.glob(".*"))


def test_a_missing_layer(denoise: Run, tmp_path: Path) -> None:
    source = save(tmp_path / "x.exr", ("", {}, {**named("", 1), **named("Normal", 2, "XYZ")}))
    assert_refused(
        denoise(source, "-o", tmp_path / "out.exr"),
        tmp_path / "out.exr",
        *(f"{source}: has no albedo layer", "Normal (X Y Z)", "render it with albedo and normal"),
    )


def test_no_color(denoise: Run, tmp_path: Path) -> None:
    source = save(tmp_path / "x.exr", ("", {}, {**named("albedo", 1), **named("Normal", 2, "XYZ")}))
    assert_refused(denoise(source, "-o", tmp_path / "out.exr"), tmp_path / "out.exr", f"{source}: has no color layer")


@pytest.mark.parametrize("damage", ["truncated", "not EXR", "empty", "missing", "a folder"])
def test_damaged_files(denoise: Run, tmp_path: Path, damage: str) -> None:
    source = our_file(tmp_path / "x.exr")
    content = {"truncated": source.read_bytes()[:-100], "not EXR": b"P6 hello", "empty": b""}.get(damage)
    source.unlink()
    if content is not None:
        source.write_bytes(content)
    elif damage == "a folder":
        source.mkdir()
    assert_refused(denoise(source, "-o", tmp_path / "out.exr"), tmp_path / "out.exr", str(source))


def test_halves_that_are_no_pair(denoise: Run, tmp_path: Path) -> None:
    a, output = our_file(tmp_path / "a.exr", 1), tmp_path / "out.exr"
    wider = our_file(tmp_path / "b.exr", 2, width=WIDTH + 1)
    both = f"{a} and {wider}: "
    assert_refused(denoise(a, wider, "-o", output), output, both, "A is 30x18 but B is 31x18")
    write_frame(tmp_path / "b.exr", Frame(frame(1).color, frame(1).albedo, frame(1).normal, seed=7))
    assert_refused(denoise(a, wider, "-o", output), output, both, "equal pixels")
    assert_refused(denoise(a, a, "-o", output), output, "share the seed 1")


def test_bad_weights(denoise: Run, weights: Path, tmp_path: Path) -> None:
    source, output, bad = our_file(tmp_path / "x.exr"), tmp_path / "out.exr", tmp_path / "bad.safetensors"
    bad.write_bytes(weights.read_bytes()[:-1000])
    assert_refused(denoise(source, "-o", output, model=bad), output, f"{bad}: ", "not a complete safetensors file")
    save_weights(bad, UNet(6), Description())
    assert_refused(denoise(source, "-o", output, model=bad), output, f"{bad}: ", "another network")
    missing = tmp_path / "none.safetensors"
    assert_refused(denoise(source, "-o", output, model=missing), output, f"{missing}: is not a file")


def test_an_output_that_cannot_be_written(denoise: Run, tmp_path: Path) -> None:
    source = our_file(tmp_path / "x.exr")
    (tmp_path / "file").write_text("")
    code, said = denoise(source, "-o", tmp_path / "file" / "out.exr")
    assert code == 1 and said.startswith(f"error: {tmp_path}/file/out.exr: cannot be written")
    (tmp_path / "folder.exr").mkdir()
    code, said = denoise(source, "-o", tmp_path / "folder.exr")
    assert code == 1 and "is a folder" in said
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.exr", "x.exr"]


# ---------------------------------------------------------------------------------------------------------------------
# Many files


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are what is tested: a network of no cost."""
    halve(monkeypatch)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".exr"}


def test_a_folder_once_again_and_anew(free: None, denoise: Run, tmp_path: Path) -> None:
    renders = tmp_path / "renders"
    renders.mkdir()
    for name, seed in (("x.a.exr", 1), ("x.b.exr", 2), ("y.exr", 3)):
        our_file(renders / name, seed)
    before = contents(renders)
    code, said = denoise(renders)
    assert code == 0 and "2 of 2 done" in said
    done = contents(renders / "denoised")
    assert set(done) == {"x.exr", "y.exr"} and contents(renders) == before
    assert (renders / "denoised" / "report.csv").read_text().count("done") == 2
    (renders / "denoised" / "y.exr").unlink()
    code, said = denoise(renders)
    assert code == 0 and "1 of 2 results are there already" in said and "1 of 1 done" in said
    assert contents(renders / "denoised") == done
    assert denoise(renders)[1] == "2 of 2 results are there already; --overwrite replaces them\n"
    (renders / "denoised" / "y.exr").write_bytes(b"old")
    assert denoise(renders, "--overwrite")[0] == 0
    assert contents(renders / "denoised") == done


def test_failed_frames_are_named_at_the_end_and_the_others_done(free: None, denoise: Run, tmp_path: Path) -> None:
    for number in (1, 2, 4):
        our_file(tmp_path / f"f.{number:04d}.exr", number)
    (tmp_path / "f.0002.exr").write_bytes(b"broken")
    code, said = denoise(tmp_path / "f.####.exr", "--frames", "1-4", "-o", tmp_path / "out" / "g.%02d.exr")
    assert code == 1 and "2 of 4 done" in said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "f.0002.exr: is not an EXR file" in errors[0] and "f.0003.exr: there is no such file" in errors[1]
    assert set(contents(tmp_path / "out")) == {"g.01.exr", "g.04.exr"}


def test_an_interrupt_leaves_whole_files_and_a_report(
    free: None, denoise: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        our_file(tmp_path / f"{number}.exr", number)
    seen: list[Any] = []

    def interrupted(self: Any, record: Any) -> None:
        seen.append(record)
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("apps.denoise.report.Report.add", interrupted)
    code, said = denoise(tmp_path, "-o", tmp_path / "out")
    assert code == 130 and "interrupted: 2 of 6 are done; the same command does the others" in said
    files = list((tmp_path / "out").glob("*.exr"))
    assert 2 <= len(files) < 6 and not list((tmp_path / "out").glob(".*"))
    for file in files:
        assert read_frame(file)[0].size == (HEIGHT, WIDTH)


def test_one_result_beside_its_input_is_not_replaced_by_itself(free: None, denoise: Run, tmp_path: Path) -> None:
    source = our_file(tmp_path / "x.exr")
    assert denoise(source) == (0, f"{tmp_path}/x.denoised.exr: denoised {WIDTH}x{HEIGHT}\n")
    assert denoise(source) == (1, f"error: {tmp_path}/x.denoised.exr: is there already; --overwrite replaces it\n")
    assert denoise(source, "--overwrite", "--blend", "0")[0] == 0
    assert changed_channels(read_exr(source), read_exr(tmp_path / "x.denoised.exr")) == set()


def test_the_list_shows_and_writes_nothing(denoise: Run, tmp_path: Path) -> None:
    source = our_file(tmp_path / "x.exr")
    (tmp_path / "bad.exr").write_bytes(b"bad")
    code, said = denoise(source, "--list")
    assert code == 0 and "color, replaced" in said and "albedo" in said
    code, said = denoise(tmp_path, "--list")
    assert code == 1 and "bad.exr: is not an EXR file" in said and "color, replaced" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.exr", "x.exr"]


@pytest.mark.parametrize("option", [("--blend", "1.5"), ("--frames", "1-2"), ("--png", "x.png")])
def test_options_that_do_not_fit_many(denoise: Run, tmp_path: Path, option: tuple[str, str]) -> None:
    sources = our_file(tmp_path / "x.exr"), our_file(tmp_path / "y.exr")
    code, said = denoise(*sources, "-o", tmp_path / "out", *option)
    assert code == 2 and said.startswith("error: ") and option[1] in said
