"""What a user installs: entry points, constraints, the built-in scene, and a README that names what exists."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import imageio.v3 as imageio
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from renderer_bridge.camera_path import load_camera_path
from renderer_bridge.mitsuba_render import render_frame
from renderer_bridge.mitsuba_scene import BUILTIN_SCENE, load_scene
from renderer_bridge.mitsuba_variant import set_variant

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PINNED_BY_TORCH = ("nvidia-", "cuda-", "triton")  # only CUDA builds of torch need them, each in one exact version


def test_the_installed_version_is_the_one_of_pyproject() -> None:
    assert importlib.metadata.version("n2n-denoiser") == PROJECT["version"]
    assert PROJECT["version"] in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "target"), sorted(PROJECT["scripts"].items()))
def test_every_console_command_resolves(command: str, target: str) -> None:
    entry = importlib.metadata.EntryPoint(command, target, "console_scripts")
    assert callable(entry.load())


# ---------------------------------------------------------------------------------------------------------------------
# constraints.txt


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in pinned}


def requirements_of(name: str, extras: frozenset[str]) -> list[Requirement]:
    """What the distribution asks for on this machine, with these extras; nothing when it is not installed."""
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    asked = [Requirement(line) for line in lines]
    return [r for r in asked if not r.marker or any(r.marker.evaluate({"extra": e}) for e in extras | {""})]


def test_constraints_cover_everything_that_make_setup_installs() -> None:
    extras = re.search(r"^EXTRAS \?= (.*)$", MAKEFILE, re.MULTILINE)
    assert extras
    todo = [("n2n-denoiser", frozenset(extras[1].split(",")))]
    seen = set(todo)
    while todo:
        for requirement in requirements_of(*todo.pop()):
            item = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if item not in seen:
                seen.add(item)
                todo.append(item)
    needed = {name for name, _ in seen} - {"n2n-denoiser"}
    missing = {name for name in needed - constraints().keys() if not name.startswith(PINNED_BY_TORCH)}
    assert not missing
    assert "torch" in needed and "pytest" in needed  # the walk went somewhere


def test_constraints_are_exact_and_fit_pyproject() -> None:
    pinned = constraints()
    for requirement in pinned.values():
        assert [clause.operator for clause in requirement.specifier] == ["=="]
    asked = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    for requirement in map(Requirement, asked):
        constraint = pinned.get(canonicalize_name(requirement.name))
        if constraint is not None:
            version = next(iter(constraint.specifier)).version
            assert requirement.specifier.contains(version), f"{constraint} does not fit {requirement}"


# ---------------------------------------------------------------------------------------------------------------------
# The built-in scene


def test_the_scene_and_all_its_files_are_package_data() -> None:
    package = ROOT / "renderer_bridge"
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["renderer_bridge"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    named = [node.get("value") for node in ElementTree.parse(BUILTIN_SCENE).iter() if node.get("name") == "filename"]
    assert {BUILTIN_SCENE, BUILTIN_SCENE.with_name("camera_path.json")} <= shipped
    assert {BUILTIN_SCENE.with_name(str(name)) for name in named} <= shipped
    assert len(named) == 4


def test_shipped_weights_and_the_report_template_are_package_data() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]
    for package, folder, suffixes in (
        ("denoiser", "denoiser/weights", {".safetensors"}),
        ("apps.eval", "apps/eval", {".j2"}),
    ):
        root = ROOT / package.replace(".", "/")
        shipped = {path for pattern in patterns[package] for path in root.glob(pattern)}
        assert {path for path in (ROOT / folder).iterdir() if path.suffix in suffixes} <= shipped


def test_make_assets_makes_the_files_that_are_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = load_module(BUILTIN_SCENE.with_name("make_assets.py"))
    monkeypatch.setattr(assets, "HERE", tmp_path)
    assets.main()
    for made in tmp_path.glob("*.png"):  # pixels, as another zlib packs them otherwise
        assert np.array_equal(imageio.imread(made), imageio.imread(BUILTIN_SCENE.with_name(made.name)))
    for made in tmp_path.glob("*.ply"):
        assert made.read_bytes() == BUILTIN_SCENE.with_name(made.name).read_bytes()
    assert len(list(tmp_path.iterdir())) == 4


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_camera_path_moves_through_free_and_lit_space() -> None:
    set_variant("auto")
    scene = load_scene(BUILTIN_SCENE, width=32, height=24)
    path = load_camera_path(BUILTIN_SCENE.with_name("camera_path.json"))
    for camera in path.cameras(6, (32, 24)):
        frame = render_frame(scene, camera, spp=4, seed=0, depth=True).frame
        assert frame.depth is not None
        assert frame.depth.min() > 0.3  # metres: nothing stands in the way
        assert frame.color.mean() > 0.05


# ---------------------------------------------------------------------------------------------------------------------
# README, Makefile, .ci


def test_the_readme_names_what_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b(?=[`\s])", code(README))) <= targets
    methods = {"n2n-network", "n2n-single"}  # of n2n-eval
    assert set(re.findall(r"\bn2n-(?!denoiser)[a-z-]+", README)) <= set(PROJECT["scripts"]) | methods
    assert set(re.findall(r"-c constraints.txt", README)) and (ROOT / "constraints.txt").is_file()


def test_the_file_map_of_the_readme_names_files_that_exist() -> None:
    file_map = README.split("## What is where")[1].split("```")[1]
    rooms = [ROOT / room for room in ("renderer_bridge", "denoiser", "online", "apps")]
    for name in re.findall(r"\b\w+\.py\b", file_map):
        assert any(found.is_file() for room in rooms for found in room.rglob(name)), name


def code(markdown: str) -> str:
    """Code blocks and inline code only."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", markdown, re.DOTALL))


def test_ci_runs_what_the_readme_names() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text(encoding="utf-8")
    assert "make check" in text and "make test" in text
