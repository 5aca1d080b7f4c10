"""What the AOVs of a pixel show: the first surface, or what is seen in it and through it.

Mitsuba's own `aov` integrator stops at the first surface (`first-hit`): on smooth glass and mirrors its albedo is 0 and
its normal that of the pane, and what shows there has no guide. `first-diffuse` follows glass, mirrors, polished metal,
grazing views of clear coats and cut-out masks to the first rough surface, as Cycles' denoising passes do (Blender
manual, "Denoising Data"; Open Image Denoise, doc/api.md, "Albedos"). One lobe is drawn at each surface, with the
material's own probabilities. Albedo is multiplied by what the surfaces on the way reflect or let through; a coat mixes
what it reflects with what lies under it. Normals are those of the surface seen, in world space as they are, not as a
mirror shows them.

Where the way leaves the scene, the albedo is what the way lets through and the normal that of the first surface. Rough
metal and rough glass have no diffuse albedo: theirs is what they reflect and let through. Positions and depths are
always those of the first surface. Media are passed as if they were clear, but a smooth surface that holds one, as a
glass of milk does, is where the way ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from renderer_bridge.mitsuba_messages import no_warnings
from renderer_bridge.mitsuba_scene import MitsubaScene

AovKind = Literal["first-diffuse", "first-hit"]
KINDS: tuple[AovKind, ...] = get_args(AovKind)

LEAST_PDF = 4.0  # per steradian, of a lobe that is followed; Cycles follows those of a roughness below 0.075
LEAST_SHARE = 0.1  # of the light, below which what a coat reflects is left out: on plastic, all but grazing views
MOST_SURFACES = 8
CHANNELS = {"albedo": "RGB", "sh_normal": "XYZ", "position": "XYZ", "depth": "T"}
BUMPED = ("BumpMap", "NormalMap")  # classes of materials that have shading normals of their own


def kind_for(variant: str) -> AovKind:
    """The kind to render with a `variant` where nobody asks for one: scalar ones are 15 times slower at following."""
    return "first-hit" if variant.startswith("scalar") else "first-diffuse"


def aov_integrator(scene: MitsubaScene, names: list[str], kind: AovKind) -> Any:
    """Mitsuba's integrator of the AOVs of those `names`, channel by channel, for the variant that is set."""
    import mitsuba as mi

    if kind == "first-diffuse":
        return _first_diffuse(scene, names)
    stock = {"type": "aov", "aovs": ",".join(f"{name}:{name}" for name in names)}
    return mi.load_dict(stock)


def _first_diffuse(scene: MitsubaScene, names: list[str]) -> Any:
    """The integrator of `first-diffuse`; its base class is another one in each variant."""
    import drjit as dr
    import mitsuba as mi

    shapes = scene.scene.shapes()
    bumped = any(shape.bsdf() is not None and shape.bsdf().class_name() in BUMPED for shape in shapes)
    turbid = scene.integrator_name.startswith("vol") and any(shape.is_medium_transition() for shape in shapes)
    normals = mi.load_dict({"type": "aov", "aovs": "n:sh_normal"}) if bumped else None

    class FirstDiffuse(mi.SamplingIntegrator):  # type: ignore[misc]
        def sample(
            self, scene: Any, sampler: Any, ray: Any, medium: Any = None, active: Any = True
        ) -> tuple[Any, Any, list[Any]]:
            hit = scene.ray_intersect_preliminary(ray, coherent=True, active=active)
            there = hit.is_valid()
            albedo, normal = _walk(_Ways(scene, normals, turbid), sampler, mi.Ray3f(ray), hit, active)
            layers = {
                "albedo": albedo,
                "sh_normal": normal,
                "position": dr.select(there, ray.o + ray.d * hit.t, 0),
                "depth": [dr.select(there, hit.t, 0)],
            }
            return mi.Spectrum(0), there, [channel for name in names for channel in layers[name]]

        def aov_names(self) -> list[str]:
            return [f"{name}.{channel}" for name in names for channel in CHANNELS[name]]

    with no_warnings():  # that of scalar variants, which say that this is slow there
        return FirstDiffuse(mi.Properties())


@dataclass(frozen=True)
class _Ways:
    """Through what rays go: `normals` is an integrator of shading normals where the surface alone does not know them,
    `turbid` says whether surfaces may hold a medium."""

    scene: Any
    normals: Any
    turbid: bool


@dataclass(frozen=True)
class _Surface:
    """What a ray meets, (N,) each: its `albedo` and `normal`, the share of the light in [0, 1] that is seen beyond it,
    and `color`, what becomes of that light on the way along `direction`."""

    albedo: Any
    normal: Any
    share: Any
    color: Any
    direction: Any


def _walk(ways: _Ways, sampler: Any, ray: Any, hit: Any, active: Any) -> tuple[Any, Any]:
    """Albedo and normal (N,) of what `ray` shows, whose first intersection is `hit`."""
    import drjit as dr
    import mitsuba as mi

    def on(
        sampler: Any,
        ray: Any,
        hit: Any,
        active: Any,
        met: Any,
        color: Any,
        share: Any,
        first: Any,
        seen: tuple[Any, Any],
    ) -> tuple[Any, ...]:
        at = hit.compute_surface_interaction(ray, mi.RayFlags.All, active)
        there = active & at.is_valid()
        surface = _look(ways, at, ray, sampler, there)
        first = dr.select(met == 0, surface.normal, first)
        beyond = dr.select(met + 1 < MOST_SURFACES, surface.share, 0)
        gone = active & (there == False) & (met > 0)  # noqa: E712 - a mask, or a bool in scalar variants
        albedo, normal = seen
        albedo += dr.select(there, color * surface.albedo * (1 - beyond), dr.select(gone, color, 0))
        normal += dr.select(there, surface.normal * (share * (1 - beyond)), dr.select(gone, first * share, 0))
        active = there & (beyond > 0)
        color = dr.select(active, color * surface.color, color)
        share = dr.select(active, share * beyond, share)
        ray = at.spawn_ray(surface.direction)
        hit = ways.scene.ray_intersect_preliminary(ray, coherent=False, active=active)
        return sampler, ray, hit, active, met + 1, color, share, first, (albedo, normal)

    nothing = mi.Color3f(0), mi.Vector3f(0)
    start = (sampler, ray, hit, mi.Bool(active), mi.UInt32(0), mi.Color3f(1), mi.Float(1), mi.Vector3f(0), nothing)
    names = ("sampler", "ray", "hit", "active", "met", "color", "share", "first", "seen")
    *_, (albedo, normal) = dr.while_loop(start, lambda *state: state[3], on, names, label="first diffuse surface")
    return albedo, normal


def _look(ways: _Ways, at: Any, ray: Any, sampler: Any, there: Any) -> _Surface:
    """What is `there` at the intersection `at` of `ray`."""
    import drjit as dr
    import mitsuba as mi

    if there is False:  # scalar variants only: a miss has no material
        return _Surface(mi.Color3f(0), mi.Vector3f(0), 0.0, mi.Color3f(0), mi.Vector3f(0, 0, 1))
    flags = mi.BSDFFlags
    material = at.bsdf()
    diffuse = there & _has(material.flags(), flags.Diffuse)
    shiny = there & _has(material.flags(), flags.Delta | flags.Glossy)
    lobes = mi.BSDFContext(mi.TransportMode.Importance)  # no factor for the change of solid angle in glass
    lobes.type_mask = flags.Delta | flags.Glossy
    drawn, color = material.sample(lobes, at, sampler.next_1d(shiny), sampler.next_2d(shiny), shiny)
    narrow = _has(drawn.sampled_type, flags.Delta) | (_has(drawn.sampled_type, flags.Glossy) & (drawn.pdf > LEAST_PDF))
    narrow &= shiny & (dr.max(color) > 0)
    if ways.turbid:
        into = _has(drawn.sampled_type, flags.DeltaTransmission | flags.GlossyTransmission)
        narrow &= (at.is_medium_transition() & into) == False  # noqa: E712 - a mask, or a bool
    reflected = (color.x + color.y + color.z) / 3  # in a loop `dr.mean` is the sum (Dr.Jit 1.5)
    share = dr.select(diffuse, dr.minimum(reflected, 1), 1)
    share = dr.select(narrow & (share > LEAST_SHARE), share, 0)
    own = dr.select(diffuse, material.eval_diffuse_reflectance(at, diffuse), color)
    return _Surface(dr.clip(own, 0, 1), _normal(ways, at, ray, sampler, there), share, color, at.to_world(drawn.wo))


def _normal(ways: _Ways, at: Any, ray: Any, sampler: Any, there: Any) -> Any:
    """Shading normal at the intersection `at` of `ray`, 0 where nothing is `there`."""
    import drjit as dr
    import mitsuba as mi

    if ways.normals is None:
        return dr.select(there, mi.Vector3f(at.sh_frame.n), 0)
    _, _, normal = ways.normals.sample(ways.scene, sampler, mi.RayDifferential3f(ray), None, there)
    return mi.Vector3f(normal)


def _has(kinds: Any, flags: Any) -> Any:
    """Whether `kinds` of lobes have one of `flags`; Mitsuba's own function does not take several."""
    return (kinds & int(flags)) != 0
