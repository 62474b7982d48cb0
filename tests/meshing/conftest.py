"""A small figure, once with colours at its vertices and once painted."""

import numpy as np
import pytest

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.box_projection import box_project
from server.meshing.export import as_arrays, place
from server.meshing.surface import extract_surface
from server.meshing.texels import find_texels, paint
from tests.meshing.fields import LEVEL, Floats, ball, box, solid, union


def nose_forward(points: Floats) -> Floats:
    """Red in front (field +X), green on top, blue elsewhere."""
    front, top = points[:, 0] > 0.35, points[:, 2] > 0.35
    return np.stack([front, top & ~front, ~front & ~top], -1).astype(np.float32)


@pytest.fixture(scope="session")
def figure() -> MeshArrays:
    """A box with a nose towards the front and a hat."""
    distance = union(box(0.3, 0.3, 0.3), ball(0.15, (0.4, 0, 0)), ball(0.15, (0, 0, 0.5)))
    vertices, triangles = extract_surface(solid(distance), 40, LEVEL)
    return as_arrays(vertices, triangles, nose_forward(vertices), place(vertices))


@pytest.fixture(scope="session")
def painted(figure: MeshArrays) -> Texture:
    """The figure's colours painted onto a texture, face by face; a normal map that bends everything along u."""
    uv = box_project(figure.position, figure.triangle, 256)
    texels = find_texels(uv, 256)
    colour = figure.colour[figure.triangle[texels.triangle, 0], :3]
    bent = np.full((256, 256, 3), (200, 128, 233), np.uint8)
    return Texture(uv, paint(colour, texels.nearest()), bent)
