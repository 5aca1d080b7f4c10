"""Render frames of a Blender scene twice, with different seeds and what a denoiser needs beside, for n2n-denoise.

    blender -b scene.blend -P blender_pairs.py -- -o pairs/ --frames 1-48 --spp 16
    n2n-denoise pairs/ -o clean/ --temporal

Each frame becomes <scene>.0001.a.exr and <scene>.0001.b.exr: OpenEXR MultiLayer with the passes that the scene has, the
denoising data, and, where there is no motion blur, the motion vectors that --temporal uses. Half of the samples of a
usual render is enough for each. Nothing is saved to the scene; frames that are there already are left out, so that the
same command goes on after an interruption. For Blender 3.0 and newer with Cycles.
"""

import argparse
import sys
from pathlib import Path

import bpy


def main() -> None:
    asked = _arguments(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])
    scene = bpy.context.scene
    if scene.render.engine != "CYCLES":
        sys.exit(f"{bpy.data.filepath}: is rendered with {scene.render.engine}; Cycles is needed")
    _set_up(scene, asked)
    asked.output.mkdir(parents=True, exist_ok=True)
    name = Path(bpy.data.filepath).stem or "scene"
    for frame in _frames(scene, asked.frames):
        for half, letter in enumerate("ab"):
            _render(scene, frame, 2 * frame + half, asked.output.resolve() / f"{name}.{frame:04d}.{letter}.exr")


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="blender -b scene.blend -P blender_pairs.py --", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-o", "--output", type=Path, default=Path("pairs"), help="folder of the pairs")
    parser.add_argument("--frames", help="1-48, 1-48x2 or 7; by default those of the scene")
    parser.add_argument("--spp", type=int, help="samples of each half; by default half of the scene's")
    parser.add_argument("--half", action="store_true", help="half floats: smaller files, as good for denoising")
    return parser.parse_args(words)


def _frames(scene: "bpy.types.Scene", text: str | None) -> range:
    if text is None:
        return range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
    ends, _, step = text.partition("x")
    first, _, last = ends.partition("-")
    return range(int(first), int(last or first) + 1, int(step or 1))


def _set_up(scene: "bpy.types.Scene", asked: argparse.Namespace) -> None:
    """Independent noise without bias in both halves, and linear files of all layers."""
    cycles, render = scene.cycles, scene.render
    cycles.samples = asked.spp or max(1, cycles.samples // 2)
    cycles.use_adaptive_sampling = False  # Sampling > Noise Threshold: samples that depend on the noise bias the mean
    cycles.use_denoising = False
    cycles.use_animated_seed = False
    cycles.sample_clamp_direct = cycles.sample_clamp_indirect = 0  # Light Paths > Clamping: both halves lose it
    for layer in scene.view_layers:
        layer.cycles.denoising_store_passes = True
        layer.use_pass_vector = not render.use_motion_blur  # Cycles has one or the other
    render.use_compositing = render.use_sequencer = False
    render.use_persistent_data = True  # the second half needs no new scene
    settings = render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER"
    settings.color_depth = "16" if asked.half else "32"
    settings.exr_codec = "ZIP"
    if hasattr(settings, "color_management"):
        settings.color_management = "FOLLOW_SCENE"  # linear


def _render(scene: "bpy.types.Scene", frame: int, seed: int, path: Path) -> None:
    """One half; complete or absent."""
    if path.exists():
        return
    part = path.with_suffix(".part.exr")
    scene.frame_set(frame)
    scene.cycles.seed = seed
    scene.render.filepath = str(part)
    bpy.ops.render.render(write_still=True)
    part.replace(path)


main()
