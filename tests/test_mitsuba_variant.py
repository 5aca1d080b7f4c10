"""The choice of variant, with fake library files; and once for real, in a child process."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.render_pairs import main
from renderer_bridge import mitsuba_variant
from renderer_bridge.errors import N2NError, N2NWarning, UsageError
from renderer_bridge.exr_frame import write_frame
from renderer_bridge.frame import Frame
from renderer_bridge.mitsuba_variant import choose_llvm, cuda_runs, llvm_version, set_variant

DEBIAN = Path("/usr/lib/x86_64-linux-gnu")


class Machine:
    """Library files in a folder, and a child process that only pretends to render."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.renders: dict[str, bool] = {}
        self.probed: list[str] = []

    def add(self, name: str, link_to: str | None = None) -> Path:
        path = self.folder / name
        path.symlink_to(self.folder / link_to) if link_to else path.write_bytes(b"no library")
        return path

    def child(self, variant: str, environment: dict[str, str]) -> bool:
        library = Path(environment.get("DRJIT_LIBLLVM_PATH", variant)).name
        self.probed.append(library)
        return self.renders.get(library, False)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    found = Machine(tmp_path / "lib")
    found.folder.mkdir()
    monkeypatch.setattr(mitsuba_variant, "LIBRARY_FOLDERS", (str(found.folder), str(tmp_path / "missing")))
    monkeypatch.setattr(mitsuba_variant, "LLVM_FOLDERS", ())
    monkeypatch.setattr(mitsuba_variant, "_cuda_driver", lambda: None)
    monkeypatch.setattr(mitsuba_variant, "_child_renders", found.child)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "")  # so that what a test sets is taken back
    yield found


# ---------------------------------------------------------------------------------------------------------------------
# Which LLVM


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("libLLVM.so.19.1", 19),
        ("libLLVM-15.so", 15),
        ("libLLVM-15.so.1", 15),
        ("libLLVM-14.0.6.so.1", 14),
        ("libLLVM.19.dylib", 19),
        ("LLVM-C-20.dll", 20),
        ("libLLVM.so", None),
        ("libLLVM.dylib", None),
    ],
)
def test_versions_are_read_from_file_names(machine: Machine, name: str, version: int | None) -> None:
    assert llvm_version(machine.add(name)) == version


def test_a_link_has_the_version_of_the_file_it_leads_to(machine: Machine) -> None:
    machine.add("libLLVM-15.so.1")
    assert llvm_version(machine.add("libLLVM.so", "libLLVM-15.so.1")) == 15
    assert llvm_version(machine.add("libLLVM-19.so", "libLLVM-15.so.1")) == 15


def test_the_proven_version_goes_first_and_is_not_probed(machine: Machine) -> None:
    for name in ("libLLVM-14.so.1", "libLLVM.so.21.1", "libLLVM.so.19.1", "libLLVM.so.20.1"):
        machine.add(name)
    assert choose_llvm() == machine.folder / "libLLVM.so.19.1"
    assert os.environ["DRJIT_LIBLLVM_PATH"] == str(machine.folder / "libLLVM.so.19.1")
    assert machine.probed == []


def test_versions_that_abort_are_refused_without_a_try(machine: Machine) -> None:
    for name in ("libLLVM-14.so.1", "libLLVM-15.so.1", "libLLVM-16.so.1"):
        machine.add(name)
    assert choose_llvm() is None
    assert machine.probed == []


def test_other_files_are_no_candidates(machine: Machine) -> None:
    for name in ("libLLVMSupport.a", "libLLVM-19.txt", "libLLVM.so.19.1.debug"):
        machine.add(name)
    (machine.folder / "libLLVM-19.so").mkdir()
    assert choose_llvm() is None


def test_unproven_versions_are_tried_newest_first_and_the_answers_kept(machine: Machine) -> None:
    machine.renders = {"libLLVM.so.18.1": True, "libLLVM.so.17.1": True}
    for name in ("libLLVM.so.17.1", "libLLVM.so.20.1", "libLLVM.so.18.1"):
        machine.add(name)
    assert choose_llvm() == machine.folder / "libLLVM.so.18.1"
    assert machine.probed == ["libLLVM.so.20.1", "libLLVM.so.18.1"]
    assert choose_llvm() == machine.folder / "libLLVM.so.18.1"
    assert len(machine.probed) == 2


def test_a_changed_library_is_tried_again(machine: Machine) -> None:
    library = machine.add("libLLVM.so.20.1")
    assert choose_llvm() is None
    machine.renders = {"libLLVM.so.20.1": True}
    assert choose_llvm() is None
    library.write_bytes(b"another build")
    assert choose_llvm() == library


def test_the_answer_need_not_be_kept(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    machine.renders = {"libLLVM.so.20.1": True}
    library = machine.add("libLLVM.so.20.1")
    assert choose_llvm() == library


def test_the_users_library_goes_first(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.add("libLLVM.so.19.1")
    own = tmp_path / "my-llvm.so"
    own.write_bytes(b"no library")
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", str(own))
    machine.renders = {"my-llvm.so": True}
    assert choose_llvm() == own


@pytest.mark.parametrize("name", ["libLLVM-15.so.1", "missing.so"])
def test_the_users_library_is_refused_when_it_cannot_work(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "libLLVM-15.so.1").write_bytes(b"no library")
    good = machine.add("libLLVM.so.19.1")
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", str(tmp_path / name))
    with pytest.warns(N2NWarning, match=rf"{name}, which does not work .* {good} is used instead"):
        assert choose_llvm() == good
    assert machine.probed == []


# ---------------------------------------------------------------------------------------------------------------------
# Which variant


class Driver:
    """Stands for libcuda.so.1."""

    def __init__(self, devices: int, error: int = 0) -> None:
        self.devices, self.error = devices, error

    def cuInit(self, flags: int) -> int:
        return self.error

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.devices
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = 12040
        return 0


@pytest.mark.parametrize("driver", [None, Driver(devices=0), Driver(devices=1, error=100)])
def test_no_cuda_without_driver_or_device(monkeypatch: pytest.MonkeyPatch, driver: Driver | None) -> None:
    monkeypatch.setattr(mitsuba_variant, "_library", lambda name: driver)
    assert not cuda_runs()


def test_a_cuda_device_must_render(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_variant, "_cuda_driver", lambda: "cuda 12040, 1 devices, optix True")
    machine.renders = {"cuda_ad_rgb": True}
    assert cuda_runs() and cuda_runs()
    assert machine.probed == ["cuda_ad_rgb"]


def test_the_driver_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = {"libcuda.so.1": Driver(devices=2)}
    monkeypatch.setattr(mitsuba_variant.platform, "system", lambda: "Linux")
    monkeypatch.setattr(mitsuba_variant, "_library", libraries.get)
    assert mitsuba_variant._cuda_driver() == "cuda 12040, 2 devices, optix False"


def test_a_device_that_cannot_render_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_variant, "_cuda_driver", lambda: "cuda 12040, 1 devices, optix False")
    machine.add("libLLVM.so.19.1")
    with pytest.warns(N2NWarning, match="OptiX"):
        assert mitsuba_variant._best_variant() == "llvm_ad_rgb"
    with pytest.raises(N2NError, match="--variant cuda: Mitsuba finds no CUDA device with OptiX"):
        set_variant("cuda")


def test_without_llvm_the_scalar_variant_with_one_warning(machine: Machine) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            assert mitsuba_variant._best_variant() == "scalar_rgb"
    assert [(warning.category, "2-3 times slower" in str(warning.message)) for warning in told] == [(N2NWarning, True)]
    with pytest.raises(N2NError, match=r"--variant llvm: no LLVM library newer than 16 works here; .*libllvm19"):
        set_variant("llvm")


@pytest.mark.parametrize("name", ["metal", "", "llvm_ad_spectral", "LLVM"])
def test_unknown_variants(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="auto, cuda, llvm or scalar is accepted"):
        set_variant(name)
    scene = tmp_path / "scene.xml"
    scene.write_text("<scene version='3.0.0'/>")
    assert main([str(scene), "-o", str(tmp_path / "pairs"), "--variant", name]) == 2
    assert capfd.readouterr().err.strip() == (
        f"error: --variant {name}: not a variant; auto, cuda, llvm or scalar is accepted"
    )


# ---------------------------------------------------------------------------------------------------------------------
# For real


def in_child(code: str, **environment: str) -> str:
    """What a fresh Python prints, without the caller's own choice of LLVM."""
    clean = {name: value for name, value in os.environ.items() if name != "DRJIT_LIBLLVM_PATH"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.skipif(not (DEBIAN / "libLLVM.so.19.1").exists(), reason="LLVM 19 is not installed here")
def test_auto_chooses_llvm_19_beside_older_ones() -> None:
    code = (
        "from renderer_bridge.mitsuba_variant import set_variant\n"
        "name = set_variant()\n"
        "import drjit\n"
        "print(name, drjit.detail.llvm_version()[0] if name == 'llvm_ad_rgb' else 'no LLVM needed')"
    )
    assert in_child(code) in ("llvm_ad_rgb 19", "cuda_ad_rgb no LLVM needed")


def test_the_probe_of_a_file_that_is_no_library_fails(tmp_path: Path) -> None:
    library = tmp_path / "libLLVM.so.99"
    library.write_bytes(b"no library")
    assert not mitsuba_variant._child_renders("llvm_ad_rgb", {"DRJIT_LIBLLVM_PATH": str(library)})


def test_the_probe_of_a_variant_that_runs_succeeds() -> None:
    assert mitsuba_variant._child_renders("scalar_rgb", {})


@pytest.mark.skipif(not (DEBIAN / "libLLVM-15.so.1").exists(), reason="LLVM 15 is not installed here")
def test_the_probe_survives_a_library_that_aborts_the_process() -> None:
    assert not mitsuba_variant._child_renders("llvm_ad_rgb", {"DRJIT_LIBLLVM_PATH": str(DEBIAN / "libLLVM-15.so.1")})


SKY = """<scene version="3.0.0"><integrator type="path"/><sensor type="perspective"/>
<emitter type="envmap"><string name="filename" value="sky.exr"/></emitter>
<shape type="sphere"><bsdf type="diffuse"><texture type="bitmap" name="reflectance">
<string name="filename" value="sky.exr"/></texture></bsdf></shape></scene>"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to one core here")
def test_a_scene_with_bitmaps_loads_on_one_core(tmp_path: Path) -> None:
    """Mitsuba 3.9.1 alone hangs here; the child is killed after a minute, and the test fails."""
    write_frame(tmp_path / "sky.exr", Frame(np.ones((8, 16, 3), np.float32)))
    (tmp_path / "scene.xml").write_text(SKY)
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from renderer_bridge import load_scene, set_variant\n"
        "set_variant()\n"
        f"load_scene({str(tmp_path / 'scene.xml')!r})\n"
        "print('loaded')"
    )
    assert in_child(code) == "loaded"
