"""One table from the channel names of other renderers to our layers.

A channel name is a layer name and a suffix, `albedo.R`; names are compared without regard to case, and a view-layer or
part name may stand before them (`ViewLayer.Denoising Albedo.R`). Suffixes are `R G B`, `X Y Z` or `red green blue`.

Sources, read in the renderers' public code and manuals:

- Mitsuba 3, `src/integrators/aov.cpp`: the user names each AOV (`albedo:albedo,nn:sh_normal`); suffixes are `.R .G .B`
  for albedo, `.X .Y .Z` for normals and positions, `.T` for depth. Normals and positions are in world space.
- Blender Cycles: `<view layer>.<pass>.<suffix>`. With denoising on, `Combined` is already denoised and `Noisy Image` is
  the input of the denoiser. `Normal` is in world space, `Denoising Normal` in *camera* space
  (`intern/cycles/kernel/film/denoising_passes.h`), and both denoising passes look through mirrors and glass; the albedo
  of what shines is its radiance, above 1. A light group is `Combined_<name>`. Blender 5 writes each pass as a part.
  The light of a surface stands there divided by its color: `Diffuse Color` times `Diffuse Direct` is what is in
  `Combined`; so do glossy, transmission and subsurface (`DiffCol`, `DiffDir` and so on before Blender 5).
- pbrt-v4, `GBufferFilm` in `src/pbrt/film.cpp`: `Albedo.R`, `P.X`, `N.X` (geometric), `Ns.X` (shading); older versions
  wrote `Px`, `Nx`, `Nsx`. They are in *camera* space unless the film says `"coordinatesystem" "world"`.
- Arnold, manual of noice: `RGBA` (stored as `R G B`), `denoise_albedo` (`diffuse_albedo` before version 6), `N` and `P`
  in world space, `Z`. Its `diffuse` is light, not albedo.
- Karma, "AOVs" in Houdini's manual: the beauty is `C`, a light group `C_<tag>`; ray-level outputs come from `ray:hitN`,
  `ray:hitP` and `ray:hitPz` and are usually called so.
- Motion vectors are in pixels. Cycles' `Vector` holds in X and Y the place in the last frame less the one in this, in Z
  and W the place in this less the one in the next, y upwards (`primitive_motion_vector` in
  `intern/cycles/kernel/geom/primitive.h`; files of Blender 5.0 agree with their cameras and objects to 0.001 pixels).
  Others have signs of their own, and MoonRay half widths in the place of pixels.
- V-Ray, manual of its render elements: `VRayDiffuseFilter` or `diffuseFilter`, suffixes `.red .green .blue` too;
  `effectsResult` holds an already denoised picture and so comes last; normals are in *camera* space (`VRayNormals`) or
  screen space (`VRayBumpNormals`).

A single picture can be denoised with camera-space normals as well as with world-space ones; reprojection and the
viewer's normal display need world space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LAYERS = ("color", "albedo", "normal", "position", "depth", "motion")

# For each layer the names of other renderers, the best first. "" is the layer without a name: plain `R G B`.
ALIASES: dict[str, tuple[str, ...]] = {
    "color": ("noisy image", "", "combined", "rgba", "rgb", "beauty", "color", "c", "effectsresult"),
    "albedo": (
        "denoising albedo",  # Cycles
        "denoise_albedo",  # Arnold
        "albedo",  # ours, Mitsuba, pbrt-v4
        "denoise_albedo_noisy",
        "diffuse_albedo",
        "vraydiffusefilter",
        "diffusefilter",
        "diffuse filter",
        "diffcol",  # Cycles: the diffuse share only
        "diffuse color",
    ),
    "normal": (
        "denoising normal",
        "normal",  # ours, Cycles
        "sh_normal",
        "nn",  # the name in Mitsuba's manual
        "shading_normal",
        "ns",  # pbrt-v4
        "n",  # Arnold; pbrt-v4's geometric normal
        "n_noice",
        "normals",
        "vraynormals",
        "vraybumpnormals",
        "bumpnormals",
        "bump_normals",
        "geo_normal",
        "hitn",  # Karma
    ),
    "position": ("position", "p", "pos", "pp", "worldposition", "world position", "worldpositions", "hitp"),
    "depth": ("depth", "z", "dd", "dd.y", "vrayzdepth", "zdepth", "z_depth", "denoising depth", "hitpz"),
    "motion": ("motion", "vector", "motionvector", "motion_vector", "motionvectors", "motion vector", "vrayvelocity"),
}

_RGB = (("r", "g", "b"), ("red", "green", "blue"))
_XYZ = (("x", "y", "z"),)
_SUFFIXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "color": _RGB,
    "albedo": _RGB,
    "normal": _XYZ + _RGB,
    "position": _XYZ + _RGB,
    "motion": (("x", "y"), ("u", "v"), ("r", "g"), ("red", "green")),
}
_DEPTH_SUFFIXES = ("z", "t", "v", "y", "r")
_LUMINANCE_CHROMA = ("y", "ry", "by")
_ALPHA = ("a", "alpha")
# Cycles' passes of light over color: view layer, name before and since Blender 5, color channel.
_LIGHT_OVER_COLOR = re.compile(
    r"(.*\.)?(?:(diff|gloss|trans|subsurface)(?:dir|ind)|((?:diffuse|glossy|transmission|subsurface) )(?:in)?direct)"
    r"\.([rgb])"
)
# Too short to be looked for behind a prefix: `normal.Z` is no depth.
_WHOLE_NAME_ONLY = {"", "z", "c"}


def find_layer(channel_names: Iterable[str], layer: str) -> tuple[str, ...] | None:
    """The channels of `channel_names` that hold `layer`, or None.

    `layer` is one of `LAYERS`. Three names in the order of the components (R G B or X Y Z), one for depth, two for
    motion. When several aliases match, the first in `ALIASES` wins. A file with luminance alone (`Y`) gives it three
    times as color; with chroma beside it `Y RY BY`. Raises KeyError for another layer.
    """
    names = list(channel_names)
    if layer == "depth":
        return _find_depth(names)
    groups = _groups(names)
    for alias in ALIASES[layer]:
        for group in _matching(list(groups), alias):
            for suffixes in _SUFFIXES[layer]:
                if all(suffix in groups[group] for suffix in suffixes):
                    return tuple(groups[group][suffix] for suffix in suffixes)
    return _find_luminance(names) if layer == "color" else None


def find_named(channel_names: Iterable[str], name: str) -> tuple[str, ...] | None:
    """The three color channels of the layer called `name`, or whose name ends in `.name`; None when there is none.

    Names are compared without regard to case. `rgb`, `rgba` and the empty name also mean the layer without a name, and
    `key` Blender's light group `Combined_key` where nothing else is called so.
    """
    names = list(channel_names)
    groups = _groups(names)
    wanted = name.lower()
    unnamed = wanted in ("", "rgb", "rgba")
    ends = (f".{wanted}", f".combined_{wanted}")
    found = [group for group in groups if f".{group.lower()}".endswith(ends)]
    ranked = sorted(found, key=lambda each: (each.lower() != wanted, f".{each.lower()}".endswith(ends[1])))
    for group in [*ranked, *[""] * unnamed]:
        channels = groups.get(group, {})
        for suffixes in _RGB:
            if all(suffix in channels for suffix in suffixes):
                return tuple(channels[suffix] for suffix in suffixes)
        if group and "x" not in channels and _luminance(channels):
            return _luminance(channels)
    return _find_luminance(names) if unnamed else None


def find_color_of_light(channel_names: Iterable[str], light: tuple[str, ...]) -> tuple[str, ...] | None:
    """The channels of the color that the Cycles pass `light` was divided by, or None: it is no such pass, or they are
    not there. `light` are three channels as `find_named` gives them."""
    lower = {name.lower(): name for name in channel_names}
    matches = [_LIGHT_OVER_COLOR.fullmatch(name.lower()) for name in light]
    wanted = [f"{m[1] or ''}{m[2] + 'col' if m[2] else m[3] + 'color'}.{m[4]}" for m in matches if m is not None]
    found = tuple(lower[name] for name in wanted if name in lower)
    return found if len(found) == len(light) else None


def find_alpha(channel_names: Iterable[str], color: str) -> str | None:
    """The alpha channel beside the color channel `color`: `A` for `R`, `diffuse.alpha` for `diffuse.red`; or None."""
    lower = {name.lower(): name for name in channel_names}
    layer = color.lower().rpartition(".")[0]
    wanted = [f"{layer}.{suffix}" if layer else suffix for suffix in _ALPHA]
    return next((lower[name] for name in wanted if name in lower), None)


def motion_signs(names: tuple[str, ...]) -> tuple[float, float] | None:
    """Signs under which motion vectors lead to the last frame, to the right and down; None for an unknown convention.

    Known are those of Cycles.
    """
    layer = names[0].lower().rpartition(".")[0]
    return (1.0, -1.0) if layer == "vector" or layer.endswith(".vector") else None


def is_camera_space(names: tuple[str, ...]) -> bool:
    """Whether these normals are in camera space by their name: Cycles' `Denoising Normal`."""
    return names[0].lower().rpartition(".")[0].endswith("denoising normal")


def is_luminance_chroma(names: tuple[str, ...]) -> bool:
    """Whether these channels, as `find_layer` gives them, are `Y RY BY`."""
    return tuple(name.lower().rpartition(".")[2] for name in names) == _LUMINANCE_CHROMA


def accepted_names(layer: str) -> str:
    """The names `find_layer` accepts for `layer`, for an error message."""
    return ", ".join("R G B" if alias == "" else alias for alias in ALIASES[layer])


def _groups(names: list[str]) -> dict[str, dict[str, str]]:
    """Channels by layer name, then by lower-case suffix; `Nsx` counts as `Ns.x`, `R` as suffix of the unnamed layer."""
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        prefix, dot, suffix = name.rpartition(".")
        if not dot:
            prefix, suffix = name[:-1], name[-1:]
        groups.setdefault(prefix, {}).setdefault(suffix.lower(), name)
    return groups


def _matching(groups: list[str], alias: str) -> list[str]:
    """Group names that are `alias`, then those that end in it; Blender's `Composite` comes after the view layers."""
    if alias in _WHOLE_NAME_ONLY:
        return [group for group in groups if group.lower() == alias]
    matches = [group for group in groups if group.lower() == alias or group.lower().endswith("." + alias)]
    return sorted(matches, key=lambda group: (group.lower() != alias, group.lower().startswith("composite.")))


def _find_depth(names: list[str]) -> tuple[str, ...] | None:
    lower = {name.lower(): name for name in reversed(names)}
    prefixes = [name.rpartition(".")[0] for name in names if "." in name]
    for alias in ALIASES["depth"]:
        if alias in lower:
            return (lower[alias],)
        for prefix in _matching(prefixes, alias):
            for suffix in _DEPTH_SUFFIXES:
                if f"{prefix.lower()}.{suffix}" in lower:
                    return (lower[f"{prefix.lower()}.{suffix}"],)
    distances = [name for name in names if name.lower().endswith(".t")]  # Mitsuba, whatever the AOV is called
    return (distances[0],) if distances else None


def _find_luminance(names: list[str]) -> tuple[str, ...] | None:
    return _luminance({name.lower(): name for name in names})


def _luminance(channels: dict[str, str]) -> tuple[str, ...] | None:
    """`Y RY BY`, or `Y` three times, of channels by their lower-case names; None where half the chroma is missing."""
    found = [channels[name] for name in _LUMINANCE_CHROMA if name in channels]
    if "y" not in channels or len(found) == 2:
        return None
    return tuple(found) if len(found) == 3 else (channels["y"],) * 3
