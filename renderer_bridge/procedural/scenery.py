"""A scene while it grows: its XML, the files that go with it, and the random numbers that decide both."""

from __future__ import annotations

from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from renderer_bridge.procedural.assets import Assets
from renderer_bridge.procedural.markup import number, plugin, point, text
from renderer_bridge.procedural.mesh import Mesh, ball
from renderer_bridge.procedural.noise import Random
from renderer_bridge.procedural.pictures import Picture, png
from renderer_bridge.procedural.sight import View


@dataclass
class Scenery:
    """Parts and files, in the order in which they came.

    `palette` holds the kinds of material that this scene uses; `power` multiplies every light. `textures` and
    `materials` are known by what they are used for, `solids` are the meshes, for who must know what stands where.
    """

    random: Random
    assets: Assets
    palette: dict[str, float]
    power: float = 1.0
    parts: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    textures: dict[str, list[str]] = field(default_factory=dict)
    materials: dict[str, list[str]] = field(default_factory=dict)
    solids: list[Mesh] = field(default_factory=list)
    integrator: str = "path"
    view: View | None = None

    def add(self, *parts: str) -> None:
        """XML that stands on top, as it is."""
        self.parts += parts

    def material(self, bsdf: str) -> str:
        """Declare a BSDF once; gives the reference that shapes hold."""
        known = f"material_{sum(part.startswith('<bsdf') for part in self.parts)}"
        self.parts.append(bsdf.replace(">", f' id="{known}">', 1))
        return f'<ref id="{known}"/>'

    def mesh(self, mesh: Mesh, *content: str) -> None:
        """A shape from a mesh, with its material and at times an emitter."""
        name = self.keep("mesh", ".ply", mesh.ply())
        self.solids.append(mesh)
        self.parts.append(plugin("shape", "ply", text("filename", name), *content))

    def sphere(self, center: ArrayLike, radius: float, *content: str) -> None:
        """A perfect sphere."""
        self.solids.append(ball(10).moved(scale=radius, at=center))
        self.parts.append(plugin("shape", "sphere", point("center", center), number("radius", radius), *content))

    def picture(self, picture: Picture) -> str:
        """Keep a picture; gives its file name."""
        return self.keep("picture", ".png", png(picture))

    def keep(self, stem: str, suffix: str, data: bytes) -> str:
        """Keep a file beside the scene; gives its name."""
        name = f"{stem}_{len(self.files):03d}{suffix}"
        self.files[name] = data
        return name
