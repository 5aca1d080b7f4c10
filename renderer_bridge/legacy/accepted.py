"""What the plugins of Mitsuba 3.9 accept: properties of other names are errors to it, and left out here.

Read from the plugin reference of its documentation. A plugin that is not listed, one of the user's own, keeps all it
is given.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from renderer_bridge.legacy.elements import OBJECTS, Scene

_ROUGH = "distribution alpha alpha_u alpha_v sample_visible"
_MESH = "filename face_normals flip_normals"
_TIME = "year month day hour minute second latitude longitude timezone sun_direction"
_CAMERA = (
    "fov fov_axis focal_length focus_distance near_clip far_clip principal_point_offset_x principal_point_offset_y"
)
_FILM = (
    "width height crop_width crop_height crop_offset_x crop_offset_y sample_border component_format file_format"
    " pixel_format compensate"
)
ACCEPTED = {
    ("bsdf", "blendbsdf"): "weight",
    ("bsdf", "bumpmap"): "scale flip_invalid_normals use_shadowing_function",
    ("bsdf", "conductor"): "material eta k specular_reflectance",
    ("bsdf", "dielectric"): "int_ior ext_ior specular_reflectance specular_transmittance",
    ("bsdf", "diffuse"): "reflectance",
    ("bsdf", "mask"): "opacity",
    ("bsdf", "normalmap"): "normalmap flip_invalid_normals use_shadowing_function",
    ("bsdf", "null"): "",
    ("bsdf", "plastic"): "int_ior ext_ior nonlinear diffuse_reflectance specular_reflectance",
    ("bsdf", "roughconductor"): f"material eta k specular_reflectance {_ROUGH}",
    ("bsdf", "roughdielectric"): f"int_ior ext_ior specular_reflectance specular_transmittance {_ROUGH}",
    ("bsdf", "roughplastic"): f"int_ior ext_ior nonlinear diffuse_reflectance specular_reflectance {_ROUGH}",
    ("bsdf", "thindielectric"): "int_ior ext_ior specular_reflectance specular_transmittance",
    ("bsdf", "twosided"): "allow_transmission",
    ("emitter", "area"): "radiance sampling_weight to_world",
    ("emitter", "constant"): "radiance sampling_weight",
    ("emitter", "directional"): "direction irradiance sampling_weight to_world",
    ("emitter", "envmap"): "filename scale mis_compensation sampling_weight to_world",
    ("emitter", "point"): "position intensity sampling_weight to_world",
    ("emitter", "projector"): "irradiance scale sampling_weight to_world fov fov_axis focal_length",
    ("emitter", "spot"): "intensity cutoff_angle beam_width texture sampling_weight to_world",
    (
        "emitter",
        "sunsky",
    ): f"turbidity albedo sun_scale sky_scale sun_aperture complex_sun sampling_weight to_world {_TIME}",
    ("film", "hdrfilm"): _FILM,
    ("integrator", "path"): "max_depth rr_depth hide_emitters block_size samples_per_pass timeout",
    ("integrator", "volpath"): "max_depth rr_depth hide_emitters block_size samples_per_pass timeout",
    ("integrator", "volpathmis"): (
        "max_depth rr_depth hide_emitters block_size samples_per_pass timeout use_spectral_mis"
    ),
    ("integrator", "direct"): (
        "shading_samples emitter_samples bsdf_samples hide_emitters block_size samples_per_pass timeout"
    ),
    ("medium", "homogeneous"): "albedo sigma_t scale has_spectral_extinction sample_emitters",
    ("medium", "heterogeneous"): "albedo sigma_t scale has_spectral_extinction sample_emitters",
    ("phase", "hg"): "g",
    ("phase", "isotropic"): "",
    ("phase", "rayleigh"): "",
    ("phase", "blendphase"): "weight",
    ("rfilter", "box"): "",
    ("rfilter", "catmullrom"): "",
    ("rfilter", "gaussian"): "stddev",
    ("rfilter", "lanczos"): "lobes",
    ("rfilter", "mitchell"): "B C",
    ("rfilter", "tent"): "radius",
    ("sampler", "independent"): "sample_count seed",
    ("sampler", "ldsampler"): "sample_count seed",
    ("sampler", "multijitter"): "sample_count seed jitter",
    ("sampler", "orthogonal"): "sample_count seed jitter strength",
    ("sampler", "stratified"): "sample_count seed jitter",
    ("sensor", "orthographic"): "near_clip far_clip shutter_open shutter_close to_world",
    ("sensor", "perspective"): f"{_CAMERA} shutter_open shutter_close to_world srf",
    ("sensor", "thinlens"): f"{_CAMERA} aperture_radius shutter_open shutter_close to_world srf",
    ("shape", "cube"): "face_normals flip_normals to_world",
    ("shape", "cylinder"): "p0 p1 radius flip_normals to_world",
    ("shape", "disk"): "flip_normals to_world",
    ("shape", "instance"): "to_world",
    ("shape", "obj"): f"{_MESH} flip_tex_coords to_world",
    ("shape", "ply"): f"{_MESH} flip_tex_coords to_world",
    ("shape", "rectangle"): "face_normals flip_normals to_world",
    ("shape", "serialized"): f"{_MESH} shape_index to_world",
    ("shape", "sphere"): "center radius flip_normals to_world",
    ("texture", "bitmap"): "filename raw filter_type wrap_mode format accel to_uv",
    ("texture", "checkerboard"): "color0 color1 to_uv",
    ("texture", "mesh_attribute"): "name scale",
    ("volume", "constvolume"): "value to_world",
    ("volume", "gridvolume"): "filename use_grid_bbox raw filter_type wrap_mode accel to_world",
}
WITHOUT_MEANING = {  # how to work, to store or to show, not what the picture is
    *("banner", "attach_log", "high_quality_edges", "file_format", "component_format", "filter_type", "max_anisotropy"),
    *("cache", "gamma", "resolution", "intent", "strict_normals", "load_materials", "collapse", "exposure"),
    *("tonemap_method", "white_balance", "burn", "key", "sample_count", "dimension", "scramble", "quality", "variant"),
    *("sampling_strategy", "strategy", "monochromatic", "channel", "max_smooth_angle", "srgb", "gaussian_blur"),
    *(
        "use_path_guiding",
        "ext_eta",
        "filename",
        "shadow_cache",
        "digits",
        "variable",
        "label",
        "metadata",
        "fluorescence",
    ),
}


def only_accepted(scene: Scene) -> None:
    """Remove in place the properties that a plugin of Mitsuba 3 does not know; tell of those that had a meaning."""
    for element in list(scene.root.iter()):
        kind = element.get("type", "")
        accepted = ACCEPTED.get((element.tag, kind))
        if accepted is None:
            continue
        for child in [each for each in element if not _is_accepted(scene, each, accepted.split())]:
            element.remove(child)
            name = child.get("name", "")
            if name not in WITHOUT_MEANING:
                scene.tell(f"{name!r} is unknown to {element.tag} {kind!r} and was left out", element)


def _is_accepted(scene: Scene, child: ET.Element, accepted: list[str]) -> bool:
    """Whether a child is a property of a known name, or an object nested as such: a material, a bump map's texture."""
    name = child.get("name")
    if name in accepted:
        return True
    target = scene.by_id(child.get("id")) if child.tag == "ref" else child
    if target is None or target.tag not in OBJECTS:
        return target is None
    return target.tag != "texture" or name is None
