"""How close a mesh's colours are to those of the true object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from server.evaluation.measures import SurfacePoints
from server.meshing.arrays import Floats, Triangles
from server.meshing.baking import Texture
from server.meshing.pictures import sample
from server.world.captions import Caption
from server.world.gbuffers import surface_normals
from server.world.lamp import brightness
from server.world.shading import palette
from server.world.shapes import Material, distance_and_material, materials_of

# Linear sRGB to CIE XYZ (IEC 61966-2-1), and the white that it takes (1, 1, 1) to, D65.
XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ_FROM_RGB.sum(1)


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh in field axes.

    Attributes:
        vertices: float32 [V, 3]; triangles: int32 [F, 3].
        colours: float32 [V, 3], sRGB in [0, 1], at the vertices.
        texture: shown instead of `colours` where there is one.
    """

    vertices: Floats
    triangles: Triangles
    colours: Floats
    texture: Texture | None = None

    def colours_at(self, points: SurfacePoints) -> Floats:
        """sRGB colours float32 [N, 3] in [0, 1] at points on this mesh."""
        if self.texture is not None:
            return sample(self.texture.albedo, _blend(self.texture.uv[points.triangle], points))
        return _blend(self.colours[self.triangles[points.triangle]], points)


def colour_error(one: Floats, other: Floats) -> float:
    """Mean colour difference of sRGB colours [N, 3] in [0, 1]: the distance in CIE L*a*b* (CIE 1976, D65).

    The eye's unit, alike in dark and in bright colours: about 2.3 are just noticeable, 100 lie between black and white.
    """
    return float(np.linalg.norm(to_lab(one) - to_lab(other), axis=1).mean())


def to_lab(colours: Floats) -> NDArray[np.float64]:
    """CIE L*a*b* [N, 3] of sRGB colours [N, 3] in [0, 1]."""
    value = colours.astype(np.float64)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    relative = linear @ XYZ_FROM_RGB.T / WHITE
    x, y, z = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def true_colours(caption: Caption, points: NDArray[np.float64]) -> Floats:
    """sRGB colours float32 [N, 3] in [0, 1] of the captioned object at points [N, 3] on its surface.

    Lit as in the priors' pictures, at their mean share of ambient light. That light is fixed in the world, so that a
    field, whose colour does not depend on the viewing direction, takes it for paint.
    """
    materials = materials_of(caption.name)
    paint = torch.zeros(len(Material), 3)
    paint[[int(material) for material in materials]] = palette(caption, materials)
    on_surface = torch.from_numpy(points.astype(np.float32))
    _, material = distance_and_material(caption.name, on_surface)
    light = brightness(surface_normals(caption.name, on_surface))
    lit: Floats = (paint[material.long()] * light[:, None]).numpy()
    return lit


def _blend(corners: Floats, points: SurfacePoints) -> Floats:
    """Values [N, C] at points, of values [N, 3, C] at the corners of their triangles."""
    return np.einsum("nc,ncv->nv", points.weights, corners).astype(np.float32)
