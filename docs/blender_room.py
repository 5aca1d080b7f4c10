"""A room for measuring denoisers of Cycles renders: sun and sky through a window, a lamp, textures, glass, metal, a
cube that moves and a camera that moves, two light groups. The scene of docs/blender.md and of tests/blender.

    blender -b --factory-startup -P blender_room.py -- room.blend
    blender -b room.blend -P blender_pairs.py -- -o pairs/ --frames 1-12 --spp 8
"""

import math
import sys

import bpy
from mathutils import Vector

Color = tuple[float, float, float]


def main() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _walls()
    _furniture()
    _lights()
    _camera()
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 24
    for name in ("lamp", "window"):
        scene.view_layers[0].lightgroups.add(name=name)
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 320, 180
    view = scene.view_layers[0]
    view.use_pass_z = view.use_pass_position = view.use_pass_emit = view.use_pass_environment = True
    view.use_pass_cryptomatte_object, view.pass_cryptomatte_depth = True, 2
    for kind in ("diffuse", "glossy", "transmission"):
        for part in ("direct", "indirect", "color"):
            setattr(view, f"use_pass_{kind}_{part}", True)
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])


def _walls() -> None:
    plane, cube, half_turn = bpy.ops.mesh.primitive_plane_add, bpy.ops.mesh.primitive_cube_add, math.pi / 2
    wood = _textured("wood", "Wave", 1.5, (0.45, 0.25, 0.12), (0.18, 0.08, 0.03), 0.35)
    brick = _textured("brick", "Brick", 1.6, (0.65, 0.30, 0.22), (0.6, 0.58, 0.55), 0.9)
    plaster = _material("plaster", (0.75, 0.74, 0.7), 0.9)
    _add(plane, wood, "Floor", size=6, location=(0, 0, 0))
    _add(plane, plaster, "Ceiling", size=6, location=(0, 0, 3))
    _add(plane, brick, "Back Wall", size=6, location=(0, 3, 1.5), rotation=(half_turn, 0, 0))
    _add(plane, plaster, "Right Wall", size=6, location=(3, 0, 1.5), rotation=(0, half_turn, 0))
    around_the_window = [(0, 0.4, 6, 0.8), (0, 2.7, 6, 0.6), (-1.9, 1.6, 2.2, 1.6), (2.1, 1.6, 1.8, 1.6)]
    for number, (y, z, width, height) in enumerate(around_the_window):
        _add(cube, plaster, f"Left Wall {number}", size=1, location=(-3, y, z)).scale = (0.15, width, height)
    _add(cube, plaster, "Window Bar", size=1, location=(-3, 0.2, 1.6)).scale = (0.06, 0.08, 1.6)


def _furniture() -> None:
    mesh = bpy.ops.mesh
    rug = _textured("rug", "Voronoi", 4, (0.5, 0.05, 0.08), (0.8, 0.7, 0.5), 1.0)
    stone = _textured("stone", "Noise", 5, (0.7, 0.65, 0.6), (0.1, 0.12, 0.15), 0.7)
    check = _textured("check", "Checker", 6, (0.8, 0.75, 0.1), (0.05, 0.15, 0.4), 0.6)
    glass = _material("glass", (1, 1, 1), 0, Transmission_Weight=1.0, IOR=1.45)
    metal = _material("metal", (0.9, 0.7, 0.4), 0.15, Metallic=1.0)
    bulb = _material("bulb", (1, 1, 1), 0.5, Emission_Color=(1.0, 0.75, 0.45, 1), Emission_Strength=25)
    _add(mesh.primitive_plane_add, rug, "Rug", size=2.2, location=(0.2, 0.3, 0.01))
    _add(mesh.primitive_cube_add, stone, "Table", size=1, location=(0.9, 1.2, 0.35)).scale = (1.2, 0.8, 0.7)
    ball = {"radius": 0.3, "location": (0.7, 1.1, 1.0), "segments": 48, "ring_count": 24}
    _add(mesh.primitive_uv_sphere_add, glass, "Glass Ball", **ball)
    bpy.ops.object.shade_smooth()
    ring = {"major_radius": 0.28, "minor_radius": 0.09, "location": (1.25, 1.2, 0.80), "rotation": (0.2, 0.1, 0)}
    _add(mesh.primitive_torus_add, metal, "Metal Ring", **ring)
    bpy.ops.object.shade_smooth()
    _add(mesh.primitive_uv_sphere_add, bulb, "Bulb", radius=0.08, location=(1.9, 2.2, 2.2)).lightgroup = "lamp"
    head = {"size": 0.9, "location": (-0.9, 0.9, 0.55), "rotation": (0, 0, 0.5)}
    _add(mesh.primitive_monkey_add, check, "Monkey", **head).modifiers.new("s", "SUBSURF").render_levels = 1
    cube = _add(mesh.primitive_cube_add, check, "Moving Cube", size=0.5)
    _move(cube, 1, (-1.2, -0.4, 0.3), (0, 0, 0))
    _move(cube, 24, (1.2, -0.2, 0.3), (0, 0, 1.6))


def _lights() -> None:
    scene = bpy.context.scene
    scene.world = world = bpy.data.worlds.new("World")
    world.use_nodes, world.lightgroup = True, "window"
    sky = world.node_tree.nodes["Background"]
    sky.inputs[0].default_value, sky.inputs[1].default_value = (0.55, 0.7, 1.0, 1), 1.5
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle, sun.color = 6, 0.02, (1, 0.9, 0.75)
    area = bpy.data.lights.new("Window Light", "AREA")
    area.energy, area.shape, area.size, area.size_y, area.color = 90, "RECTANGLE", 1.6, 2.0, (0.8, 0.9, 1)
    for light, place, turn in ((sun, (0, 0, 0), (0.2, -1.05, 0.1)), (area, (-3.3, 0.2, 1.6), (0, -math.pi / 2, 0))):
        lamp = bpy.data.objects.new(light.name, light)
        lamp.location, lamp.rotation_euler, lamp.lightgroup = place, turn, "window"
        scene.collection.objects.link(lamp)


def _camera() -> None:
    scene = bpy.context.scene
    scene.camera = camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens = 26
    scene.collection.objects.link(camera)
    for frame, place, target in ((1, (0.3, -2.9, 1.5), (0.1, 1.0, 0.85)), (24, (1.0, -2.7, 1.65), (0.0, 1.0, 0.85))):
        turn = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
        _move(camera, frame, place, turn)


def _add(operator, material, name: str, **options) -> "bpy.types.Object":
    operator(**options)
    made = bpy.context.object
    made.name = name
    made.data.materials.append(material)
    return made


def _move(thing: "bpy.types.Object", frame: int, place, turn) -> None:
    thing.location, thing.rotation_euler = place, turn
    thing.keyframe_insert("location", frame=frame)
    thing.keyframe_insert("rotation_euler", frame=frame)


def _material(name: str, color: Color, roughness: float, **inputs) -> "bpy.types.Material":
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    surface = material.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*color, 1)
    surface.inputs["Roughness"].default_value = roughness
    for each, value in inputs.items():
        surface.inputs[each.replace("_", " ")].default_value = value
    return material


def _textured(name: str, kind: str, scale: float, light: Color, dark: Color, roughness: float) -> "bpy.types.Material":
    material = _material(name, light, roughness)
    tree = material.node_tree
    texture, place = tree.nodes.new(f"ShaderNodeTex{kind}"), tree.nodes.new("ShaderNodeTexCoord")
    texture.inputs["Scale"].default_value = scale
    tree.links.new(place.outputs["Object"], texture.inputs["Vector"])
    if kind in ("Checker", "Brick"):
        second = dark if kind == "Checker" else tuple(0.75 * each for each in light)
        texture.inputs["Color1"].default_value = (*light, 1)
        texture.inputs["Color2"].default_value = (*second, 1)
        if kind == "Brick":
            texture.inputs["Mortar"].default_value = (*dark, 1)
        found = texture.outputs["Color"]
    else:
        ramp = tree.nodes.new("ShaderNodeValToRGB")
        ramp.color_ramp.elements[0].color, ramp.color_ramp.elements[1].color = (*dark, 1), (*light, 1)
        if kind == "Noise":
            texture.inputs["Detail"].default_value = 6
            ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.35, 0.65
        if kind == "Wave":
            texture.inputs["Distortion"].default_value, texture.inputs["Detail"].default_value = 6, 3
        tree.links.new(texture.outputs[0], ramp.inputs[0])
        found = ramp.outputs[0]
    tree.links.new(found, tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


main()
