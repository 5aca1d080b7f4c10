"""n2n-mitsuba: the `mitsuba` command, with `<integrator type="n2n">` known.

    n2n-mitsuba scene.xml -o out.exr
    n2n-mitsuba scene.xml -o out.exr --denoise --spp 64       any scene: n2n goes around its own integrator
    n2n-mitsuba scene.xml --denoise --until-error 0.02        samples are added until the picture is that good
    n2n-mitsuba a.xml b.xml -m llvm_ad_rgb -D width=640       a.exr and b.exr beside them
    n2n-mitsuba scene.xml -a "meshes;textures"                files are looked for there too

A scene without n2n is rendered as `mitsuba` renders it, unless --denoise is given.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from apps.command import defines, run
from online.mitsuba_plugin import register, wrap
from renderer_bridge.atomic import atomic_path
from renderer_bridge.errors import SceneError, UsageError
from renderer_bridge.mitsuba_messages import plain
from renderer_bridge.mitsuba_scene import files_found_in
from renderer_bridge.mitsuba_variant import LEAST_THREADS, set_variant


@dataclass(frozen=True)
class MitsubaConfig:
    """Render Mitsuba scenes as the `mitsuba` command does, with <integrator type="n2n"> known."""

    scenes: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SCENE [SCENE ...]")]
    """Scene files (XML)."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """EXR file to write; by default the scene's name with .exr."""
    mode: Annotated[str, tyro.conf.arg(aliases=["-m"])] = "auto"
    """Variant: auto, cuda, llvm, scalar, or the full name of one of those."""
    define: Annotated[list[str], tyro.conf.arg(aliases=["-D"]), tyro.conf.UseAppendAction] = field(default_factory=list)
    """Value of a $name parameter of the scenes, as name=value; may be given several times."""
    append: Annotated[list[str], tyro.conf.arg(aliases=["-a"]), tyro.conf.UseAppendAction] = field(default_factory=list)
    """Further folders to search for meshes and textures, separated by semicolons; may be given several times."""
    sensor: Annotated[int, tyro.conf.arg(aliases=["-s"])] = 0
    """Which of a scene's sensors, from 0."""
    threads: Annotated[int | None, tyro.conf.arg(aliases=["-t"])] = None
    """Threads to render with; by default all there are."""
    verbose: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(aliases=["-v"])] = False
    """Show what Mitsuba logs."""
    spp: int = 0
    """Samples per pixel, in n2n of both halves together; by default the scene's."""
    seed: int = 0
    """All noise is a function of it."""
    denoise: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Put n2n around the scene's own integrator."""
    until_error: float | None = None
    """With --denoise: add samples until the told error of the denoised picture is below this: the root mean square
    error of the tone-mapped picture, in (0, 1); 0.01 is a PSNR of 40 dB. --spp is what it begins with."""
    most_spp: int = 2048
    """With --until-error: samples per pixel of both halves together at most."""


def main(argv: list[str] | None = None) -> int:
    """Entry point of n2n-mitsuba; returns the exit code."""
    config = tyro.cli(MitsubaConfig, args=argv, prog="n2n-mitsuba", description=__doc__)
    return run(lambda: render(config))


def render(config: MitsubaConfig) -> None:
    """Check the options, and render one scene after the other."""
    _check(config)
    set_variant(config.mode)
    import drjit as dr
    import mitsuba as mi

    if config.threads is not None:
        dr.set_thread_count(config.threads)
    mi.set_log_level(mi.LogLevel.Info if config.verbose else mi.LogLevel.Warn)
    register()
    with files_found_in(last=_folders(config)):
        for path in config.scenes:
            output = config.output or path.with_suffix(".exr")
            film, told = _rendered(config, path)
            _write(output, film)
            print(f"{output}: rendered" + (f"; {told}" if told else ""), file=sys.stderr)


def _check(config: MitsubaConfig) -> None:
    if not config.scenes:
        raise UsageError("no scene is given; one or more XML files are accepted")
    if config.output is not None and len(config.scenes) > 1:
        raise UsageError(
            f"-o {config.output}: {len(config.scenes)} scenes cannot go to one file; without -o each has one"
        )
    if config.output is not None and config.output.suffix.lower() != ".exr":
        raise UsageError(f"{config.output}: its name must end in .exr")
    if config.threads is not None and config.threads < LEAST_THREADS:
        raise UsageError(
            f"-t {config.threads}: at least {LEAST_THREADS} are needed; with one Mitsuba can wait for ever"
        )
    if min(config.sensor, config.spp, config.seed) < 0:
        raise UsageError("--sensor, --spp and --seed must not be negative")
    if config.until_error is not None and not (config.denoise and 0 < config.until_error < 1 <= config.most_spp):
        raise UsageError(
            f"--until-error {config.until_error:g}: more than 0 and less than 1 is accepted, with --denoise and "
            "--most-spp of at least 1; a scene's own n2n has the parameter until_error"
        )
    for folder in _folders(config):
        if not folder.is_dir():
            raise UsageError(f"-a {folder}: no such folder; one that holds meshes or textures is accepted")


def _folders(config: MitsubaConfig) -> list[Path]:
    return [Path(entry) for entries in config.append for entry in entries.split(";") if entry]


def _rendered(config: MitsubaConfig, path: Path) -> tuple[Any, str]:
    """The film with the rendered picture, and what came of `until_error`.

    Raises `SceneError` with Mitsuba's explanation when something is wrong.
    """
    import mitsuba as mi

    if not path.is_file():
        raise SceneError(f"{path}: no such file; a Mitsuba scene (XML) is needed")
    try:
        scene = mi.load_file(str(path), **defines(config.define))
        sensors, integrator = scene.sensors(), scene.integrator()
        if not config.sensor < len(sensors):
            raise SceneError(f"{path}: no sensor {config.sensor}; it has {len(sensors)}, numbered from 0")
        if integrator is None:
            raise SceneError(f"{path}: has no integrator; one is needed, such as path")
        until = {} if config.until_error is None else {"until_error": config.until_error, "most_spp": config.most_spp}
        chosen = wrap(integrator, **until) if config.denoise else integrator
        chosen.render(scene, sensors[config.sensor], seed=config.seed, spp=config.spp, develop=False)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise SceneError(f"{path}: Mitsuba cannot render it: {plain(error)}") from error
    return sensors[config.sensor].film(), getattr(chosen, "told", "")


def _write(output: Path, film: Any) -> None:
    with atomic_path(output) as temporary:
        film.write(str(temporary))


if __name__ == "__main__":
    sys.exit(main())
