"""The benchmarks run to their end on the built-in scene, made small; no time is judged."""

import subprocess
import sys

import pytest
from small_scenes import use_variant

import apps.bench.adaptive as bench_adaptive
import apps.bench.batch as bench_batch
import apps.bench.files as bench_files
import apps.bench.inverse as bench_inverse
import apps.bench.online as bench_online
import apps.bench.plugin as bench_plugin
from apps.bench.figure import in_turn
from online.trainer import OnlineConfig
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE

pytestmark = pytest.mark.slow


def test_taking_turns_gives_the_ratio_of_peer_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 1, 1, 9, *(0, 2, 2, 8), *(0, 1, 1, 3)])  # the first round does not count
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert in_turn(lambda: None, lambda: None, 2) == (2.5, 1.5, 4.0)


def test_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = (("FLIGHT_SIZE", (48, 32)), ("HANDED_SIZE", (50, 30)))
    for name, value in (*sizes, ("FLIGHT_SPP", 1), ("FLIGHT_STEPS", 1), ("FLIGHT_FRAMES", 4)):
        monkeypatch.setattr(bench_online, name, value)
    stages, turns, handed = bench_online.bench_flight(BUILTIN_SCENE, 1)
    assert all(stage in stages.detail for stage in ("render", "score", "train", "denoise", "combine"))
    assert turns.value.endswith("x")
    assert "50x30" in handed.name and handed.value.endswith("x")


def test_rest_converges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a time: what is shown of a resting camera must not be worse than the noisy mean."""
    settings = (("FLIGHT_SPP", 8), ("REST_SIDE", 48), ("REST_SPP", (16, 256)), ("REST_REFERENCE_SPP", 512))
    for name, value in settings:
        monkeypatch.setattr(bench_online, name, value)
    figures = list(bench_online.bench_rest(BUILTIN_SCENE))
    gains = [float(figure.value.split()[0]) for figure in figures]
    assert gains[0] > 1 and gains[1] > -0.1


def test_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = (("GROWTH_FRAMES", 6), ("GROWTH_WARM", 2), ("GROWTH_CONFIG", OnlineConfig(crop=32, batch=1)))
    for name, value in settings:
        monkeypatch.setattr(bench_online, name, value)
    (figure,) = bench_online.bench_growth(BUILTIN_SCENE)
    assert "MiB" in figure.value or "needs Linux" in figure.detail


def test_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    small = (("PIXELS", 400), ("SPP", (2,)), ("SEEDS", (1,)), ("REFERENCE_SPP", 16), ("LARGEST_SPP", 8))
    for name, value in (*small, ("GRADIENT_PIXELS", 200), ("GRADIENT_SPP", 2), ("VARIANTS", ("auto", "scalar"))):
        monkeypatch.setattr(bench_plugin, name, value)
    names = [figure.name for figure in bench_plugin.bench_plugin([BUILTIN_SCENE])]
    assert len(names) == 1 + 2 * len(bench_plugin.MODELS) * 2 and "derivative" in names[0]


def test_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames are there, none twice, as alone: on threads of one number, for sums are of one order then."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(bench_batch, "SIZE", (96, 64))
    monkeypatch.setattr(bench_batch, "KILLED_AFTER_S", 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    sequence, workers = bench_batch.bench_batch(BUILTIN_SCENE, 5)
    assert sequence.value.endswith("x") and "GiB" in sequence.detail
    assert workers.value == workers.wanted and "not be there" not in workers.detail


def test_window() -> None:
    """In a process of its own: Qt's application ends with it."""
    code = (
        "import apps.bench.window as window; from renderer_bridge.mitsuba_scene import BUILTIN_SCENE\n"
        "window.FLIGHTS, window.FLY_S, window.REST_S = 2, 1, 1\n"
        "print(*(figure.detail for figure in window.bench_window(BUILTIN_SCENE)), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "s of the processors a picture" in done.stdout and "kernels cached" in done.stdout


def test_adaptive_passes_beside_even_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    if use_variant().startswith("scalar"):
        pytest.skip("scalar variants render whole pictures")
    for name, value in (("PIXELS", 6000), ("REFERENCE_SPP", 16), ("DOUBLINGS", 1)):
        monkeypatch.setattr(bench_adaptive, name, value)
    (figure,) = bench_adaptive.bench_adaptive([BUILTIN_SCENE], [])
    assert (
        float(figure.value.rstrip("x")) > 0
        and "everywhere 8 spp" in figure.detail
        and "adaptive 9 spp" in figure.detail
    )


def test_tiles_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_files, "TILED_SIZE", (352, 224))
    monkeypatch.setattr(bench_files, "TILE_PIXELS", 70_000)
    tiled, _ = bench_files.bench_tiles(BUILTIN_SCENE)
    assert float(tiled.value.split()[0]) <= 1e-5  # sums of one order; the network sees beyond the overlap
    monkeypatch.setattr(bench_files, "GROUPS_PIXELS", 1000)
    monkeypatch.setattr(bench_files, "GROUPS_SPP", (2,))
    monkeypatch.setattr(bench_files, "GROUPS_REFERENCE_SPP", 4)
    (groups,) = bench_files.bench_also([BUILTIN_SCENE])
    assert float(groups.value.split()[0]) <= 1e-5  # float32, a few roundings


def test_temporal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_files, "SEQUENCE_SIZE", (64, 48))
    monkeypatch.setattr(bench_files, "REFERENCE_SPP", 2)
    (figure,) = bench_files.bench_temporal([BUILTIN_SCENE], 4)
    assert "PSNR" in figure.detail and "nan" not in figure.value


def test_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_inverse, "PIXELS", 600)
    monkeypatch.setattr(bench_inverse, "STEPS", 2)
    monkeypatch.setattr(bench_inverse, "SEEDS", (1,))
    figures = list(bench_inverse.bench_inverse([BUILTIN_SCENE]))
    assert len(figures) == 5 and all(0 < float(figure.value) < 1 for figure in figures)
