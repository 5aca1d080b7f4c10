"""Materials: what a thing is made of, drawn from the few kinds that a scene has chosen.

A scene keeps to some kinds, since every one more makes the renderer's kernels longer to build.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from renderer_bridge.procedural import pictures
from renderer_bridge.procedural.markup import flag, number, numbers, plugin, rgb, text
from renderer_bridge.procedural.noise import Random, chance, log_uniform, pick, tint
from renderer_bridge.procedural.patterns import PATTERNS
from renderer_bridge.procedural.scenery import Scenery

METALS = ("Cu", "Au", "Al", "Ag", "Cr", "W")
MOST_TEXTURES = 4  # of one use in a scene; more use these again
KINDS = {
    "matte": 3.0,
    "roughplastic": 2.0,
    "plastic": 1.5,
    "principled": 2.5,
    "metal": 2.0,
    "mirror": 0.5,
    "glass": 1.5,
    "frosted": 0.7,
    "bumpy": 1.5,
    "blend": 0.8,
    "coated": 1.0,
    "sheen": 0.6,
}
CHOSEN_KINDS = (3, 6)


def choose_palette(random: Random) -> dict[str, float]:
    """Kinds of material for one scene; always something matte among them."""
    weights = np.array(list(KINDS.values()))
    count = int(random.integers(*CHOSEN_KINDS))
    kinds = random.choice(list(KINDS), count, replace=False, p=weights / weights.sum())
    return {"matte": log_uniform(random, 0.5, 3.0)} | {str(kind): log_uniform(random, 0.4, 3.0) for kind in kinds}


def anything(scenery: Scenery) -> str:
    """A material for a thing that may be of any."""
    kind = pick(scenery.random, scenery.palette)
    return _used_again(scenery, "anything", 4, lambda: _MAKERS[kind](scenery, pictures.THINGS))


def opaque(scenery: Scenery, kinds: dict[str, float] = pictures.THINGS) -> str:
    """A material one cannot see through."""
    table = {kind: weight for kind, weight in scenery.palette.items() if kind not in ("glass", "frosted")}
    kind = pick(scenery.random, table)
    return _used_again(scenery, "opaque" + "+".join(kinds), 2, lambda: _MAKERS[kind](scenery, kinds))


def _used_again(scenery: Scenery, use: str, most: int, make: Callable[[], str]) -> str:
    """A new material, or one of the `most` that this scene has made for the same use."""
    made = scenery.materials.setdefault(use, [])
    if len(made) < most:
        made.append(scenery.material(make()))
        return made[-1]
    return made[int(scenery.random.integers(len(made)))]


def surface(scenery: Scenery, kinds: dict[str, float], gloss: float = 0.0) -> str:
    """Walls, floors, table tops: matte or, with probability `gloss`, polished or varnished."""
    polished = chance(scenery.random, gloss)
    use = ("polished" if polished else "surface") + "+".join(kinds)
    return _used_again(scenery, use, 2, lambda: (_polished if polished else _plain)(scenery, kinds))


def _polished(scenery: Scenery, kinds: dict[str, float]) -> str:
    shiny = ("roughplastic", "principled", "coated", "plastic")
    table = {kind: weight for kind, weight in scenery.palette.items() if kind in shiny} or {"roughplastic": 1.0}
    return _MAKERS[pick(scenery.random, table)](scenery, kinds)


def _plain(scenery: Scenery, kinds: dict[str, float]) -> str:
    return (bumpy if "bumpy" in scenery.palette and chance(scenery.random, 0.5) else matte)(scenery, kinds)


def reflectance(scenery: Scenery, name: str, kinds: dict[str, float], textured: float = 0.6) -> str:
    """A color or a picture for the slot `name`; photographed at times where there are photographs."""
    random = scenery.random
    if not chance(random, textured):
        return rgb(name, tint(random, random.uniform(0.02, 0.85) ** 1.5) * random.uniform(0.15, 0.95) ** 1.4)
    use = "+".join(kinds)
    made = scenery.textures.setdefault(use, [])
    if len(made) < MOST_TEXTURES and (not made or chance(random, 0.6)):
        made.append(_new_texture(scenery, kinds))
        file = made[-1]
    else:
        file = made[int(random.integers(len(made)))]
    return texture(name, file, log_uniform(random, 0.7, 6.0))


def texture(name: str, file: str, repeat: float = 1.0, raw: bool = False) -> str:
    """A picture as a texture; `raw` where its values are numbers, not colors."""
    to_uv = f'<transform name="to_uv"><scale value="{numbers([repeat, repeat, 1])}"/></transform>'
    return plugin("texture", "bitmap", text("filename", file), to_uv, flag("raw", True) if raw else "", name=name)


def _new_texture(scenery: Scenery, kinds: dict[str, float]) -> str:
    random, photos = scenery.random, scenery.assets.textures
    if photos and chance(random, 0.5):
        photo = photos[int(random.integers(len(photos)))]
        return scenery.keep("photo", photo.suffix.lower(), photo.read_bytes())
    return scenery.picture(pictures.colored(random, kinds))


# ---------------------------------------------------------------------------------------------------------------------
# Kinds


def matte(scenery: Scenery, kinds: dict[str, float]) -> str:
    """Diffuse."""
    return plugin("bsdf", "twosided", plugin("bsdf", "diffuse", reflectance(scenery, "reflectance", kinds)))


def roughplastic(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A rough varnish over a diffuse base."""
    alpha = number("alpha", log_uniform(scenery.random, 0.02, 0.4))
    diffuse = reflectance(scenery, "diffuse_reflectance", kinds)
    shiny = flag("nonlinear", chance(scenery.random, 0.5))
    return plugin("bsdf", "twosided", plugin("bsdf", "roughplastic", diffuse, alpha, shiny))


def plastic(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A smooth varnish over a diffuse base."""
    diffuse = reflectance(scenery, "diffuse_reflectance", kinds)
    return plugin(
        "bsdf", "twosided", plugin("bsdf", "plastic", diffuse, flag("nonlinear", chance(scenery.random, 0.5)))
    )


def principled(scenery: Scenery, kinds: dict[str, float]) -> str:
    """Disney's material, between paint and metal."""
    random = scenery.random
    metallic = float(random.choice([0.0, 0.0, 1.0, random.uniform()]))
    content = [reflectance(scenery, "base_color", kinds), roughness(scenery, "roughness", 0.05, 0.9)]
    content += [number("metallic", metallic), number("specular", random.uniform(0.1, 0.9))]
    return plugin("bsdf", "twosided", plugin("bsdf", "principled", *content))


def coated(scenery: Scenery, kinds: dict[str, float]) -> str:
    """Lacquer over a rough base, at times over metal flakes."""
    random = scenery.random
    content = [reflectance(scenery, "base_color", kinds), number("roughness", random.uniform(0.3, 0.9))]
    content += [number("clearcoat", random.uniform(0.5, 1.0)), number("clearcoat_gloss", random.uniform(0.6, 1.0))]
    content += [number("metallic", float(random.choice([0.0, 0.8]))), number("specular", random.uniform(0.2, 0.6))]
    return plugin("bsdf", "twosided", plugin("bsdf", "principled", *content))


def sheen(scenery: Scenery, kinds: dict[str, float]) -> str:
    """Velvet and felt."""
    random = scenery.random
    content = [reflectance(scenery, "base_color", kinds), number("roughness", random.uniform(0.6, 1.0))]
    content += [number("sheen", random.uniform(0.4, 1.0)), number("sheen_tint", random.uniform())]
    return plugin("bsdf", "twosided", plugin("bsdf", "principled", *content, number("specular", 0.2)))


def metal(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A rough conductor; brushed, or with scratches and stains that show in no albedo."""
    random = scenery.random
    name = text("material", str(random.choice(METALS)))
    if chance(random, 0.3):
        alpha = log_uniform(random, 0.02, 0.2)
        brushed = number("alpha_u", alpha) + number("alpha_v", alpha * random.uniform(1.5, 5))
        return plugin("bsdf", "twosided", plugin("bsdf", "roughconductor", name, brushed))
    return plugin("bsdf", "twosided", plugin("bsdf", "roughconductor", name, roughness(scenery, "alpha", 0.02, 0.45)))


def mirror(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A smooth conductor."""
    return plugin("bsdf", "twosided", plugin("bsdf", "conductor", text("material", str(scenery.random.choice(METALS)))))


def glass(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A clear solid, at times stained."""
    random = scenery.random
    stained = rgb("specular_transmittance", tint(random, 0.7)) if chance(random, 0.35) else ""
    return plugin("bsdf", "dielectric", number("int_ior", random.uniform(1.31, 1.75)), stained)


def frosted(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A rough clear solid."""
    random = scenery.random
    return plugin(
        "bsdf", "roughdielectric", number("int_ior", random.uniform(1.3, 1.6)), roughness(scenery, "alpha", 0.03, 0.4)
    )


def bumpy(scenery: Scenery, kinds: dict[str, float]) -> str:
    """A matte or glossy surface with fine relief. A normal map: the renderer's bump map gave NaN samples."""
    random = scenery.random
    below = (roughplastic if "roughplastic" in scenery.palette else matte)(scenery, kinds)
    below = below.removeprefix('<bsdf type="twosided">').removesuffix("</bsdf>")
    kinds_of_relief = dict.fromkeys(("tiles", "cells", "cloth", "grain", "marks", "dots", "planks"), 1.0)
    height = PATTERNS[pick(random, kinds_of_relief)](random)
    picture = scenery.picture(pictures.normals(height, log_uniform(random, 0.3, 4)))
    relief = texture("normalmap", picture, log_uniform(random, 1, 8), raw=True)
    return plugin("bsdf", "twosided", plugin("bsdf", "normalmap", relief, below))


def blend(scenery: Scenery, kinds: dict[str, float]) -> str:
    """Two materials mixed by a picture: worn paint over metal, gilded prints."""
    random = scenery.random
    picture = scenery.picture(pictures.gray(random, pictures.THINGS, 0, 1))
    weight = texture("weight", picture, log_uniform(random, 1, 5), raw=True)
    alpha = number("alpha", log_uniform(random, 0.03, 0.3))
    under = plugin("bsdf", "roughconductor", text("material", str(random.choice(METALS))), alpha)
    over = plugin("bsdf", "diffuse", reflectance(scenery, "reflectance", kinds))
    return plugin("bsdf", "twosided", plugin("bsdf", "blendbsdf", weight, under, over))


def roughness(scenery: Scenery, name: str, low: float, high: float) -> str:
    """A number for the slot `name`, or a picture of stains and scratches."""
    random = scenery.random
    middle = log_uniform(random, low, high)
    if chance(random, 0.65):
        return number(name, middle)
    picture = pictures.gray(random, pictures.THINGS, max(low, middle / 2.5), min(high, middle * 2.0))
    return texture(name, scenery.picture(picture), log_uniform(random, 1, 6), raw=True)


def window_pane(scenery: Scenery) -> str:
    """Thin clear glass, of one sheet."""
    return _used_again(scenery, "pane", 1, lambda: plugin("bsdf", "thindielectric", number("int_ior", 1.5)))


def clear_glass(scenery: Scenery) -> str:
    """Glass or another clear solid, whatever the scene's palette."""
    return _used_again(scenery, "glass", 3, lambda: glass(scenery, pictures.THINGS))


def translucent(scenery: Scenery, kinds: dict[str, float], transmission: float) -> str:
    """Paper, curtains, lamp shades: thin, light comes through; `transmission` 0 to 1."""
    return _used_again(
        scenery, "translucent", 3, lambda: _thin(scenery, reflectance(scenery, "base_color", kinds, 0.35), transmission)
    )


def leaf(scenery: Scenery, transmission: float) -> str:
    """Leaves: mostly green, some yellow or red; light comes through."""
    random = scenery.random
    green = np.array([random.uniform(0.05, 0.5), random.uniform(0.25, 0.7), random.uniform(0.02, 0.2)])
    color = green if chance(random, 0.75) else tint(random, 0.8) * random.uniform(0.2, 0.8)
    return _used_again(scenery, "leaf", 2, lambda: _thin(scenery, rgb("base_color", color), transmission))


def _thin(scenery: Scenery, color: str, transmission: float) -> str:
    content = [color, number("diff_trans", 2 * transmission), number("roughness", scenery.random.uniform(0.5, 1))]
    return plugin("bsdf", "principledthin", *content, number("eta", 1.3))


_MAKERS: dict[str, Callable[[Scenery, dict[str, float]], str]] = {
    "matte": matte,
    "roughplastic": roughplastic,
    "plastic": plastic,
    "principled": principled,
    "metal": metal,
    "mirror": mirror,
    "glass": glass,
    "frosted": frosted,
    "bumpy": bumpy,
    "blend": blend,
    "coated": coated,
    "sheen": sheen,
}
