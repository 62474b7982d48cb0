"""Run by the server's Python: a painted radiance field, its finished mesh, and what the field itself shows.

    python painted_field.py FOLDER

writes the files of server.studio.mesh_files.write_mesh_files into FOLDER, and `views.npz` with twelve views:
    image float32 [12, S, S, 3], display colours over black, row 0 at the top; opacity float32 [12, S, S];
    camera [12, 4, 4], the camera's matrix in Blender; angle [12], its field of view in radians;
    pixel [12, N, 2], column and row of N pixels in every view, and point [12, N, 3], points on their rays.
"""

from __future__ import annotations

import math
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from server.evaluation.measures import SILHOUETTE_ANGLES
from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.rendering import render
from server.meshing.export import Placement
from server.priors.exact_card import EXACT_CARD
from server.recipe import MeshRecipe
from server.studio.mesh_files import write_mesh_files
from server.world.shapes import signed_distance
from server.world.views import Views

STEPS = 300
SIZE, SUPERSAMPLING, SAMPLES = 96, 2, 96
PIXELS = ((0, 0), (95, 0), (10, 80), (47, 48), (70, 33))


class PaintedDuck:
    """Hard, and of colours that change slowly from place to place: what the field is to learn from pictures."""

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        density = torch.exp((2 - 400 * signed_distance("duck", points)).clamp(-20, 7))
        return density, torch.sin(points * 7) * 0.4 + 0.5


def learn(truth: PaintedDuck, generator: torch.Generator) -> tuple[RadianceField, OccupancyGrid]:
    """A field fitted to pictures of the truth, by the optimiser and with the cameras of a job."""
    known, occupancy = OccupancyGrid(), OccupancyGrid()
    known.refresh(lambda points: truth(points)[0], generator)
    field = RadianceField(HashGridShape(), generator)
    rates = (1e-2, 5e-3)
    groups = [{"params": part.parameters()} for part in (field.grid, field.decoder)]
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, STEPS)
    for step in range(STEPS):
        views = draw_views(EXACT_CARD.cameras, 1, step, generator)
        with torch.no_grad():
            wanted = render(truth, known, views, 64, 128, generator)
        if step >= 40 and step % 10 == 0:
            occupancy.refresh(field.density, generator)
        seen = render(field, occupancy, views, 64, 48, generator)
        loss = (seen.image - wanted.image).square().mean() + 0.1 * (seen.opacity - wanted.opacity).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return field, occupancy


def around() -> Views:
    azimuth, elevation = torch.deg2rad(torch.tensor(SILHOUETTE_ANGLES, dtype=torch.float32)).T
    return Views(azimuth, elevation, torch.full((12,), 3.0), torch.full((12,), math.radians(40)))


@torch.no_grad()
def look(field: RadianceField, occupancy: OccupancyGrid, views: Views) -> tuple[Tensor, Tensor]:
    """The field's own pictures and their opacity, each pixel averaged over its area as Blender does it."""
    images, opacities = [], []
    for i in range(len(views)):
        one = Views(*(getattr(views, axis.name)[i : i + 1] for axis in fields(Views)[:4]))
        seen = render(field, occupancy, one, SIZE * SUPERSAMPLING, SAMPLES)
        images.append(torch.nn.functional.avg_pool2d(seen.image, SUPERSAMPLING))
        opacities.append(torch.nn.functional.avg_pool2d(seen.opacity, SUPERSAMPLING))
    return torch.cat(images), torch.cat(opacities)


def camera_matrices(views: Views, placement: Placement) -> np.ndarray:
    """Matrices [B, 4, 4] for Blender, whose cameras look along their own -Z with Y up."""
    eye, right, up, forward = (axis.numpy() for axis in views.frames())
    turn = Placement(1.0, (0.0, 0.0, 0.0)).apply
    matrices = np.zeros((len(views), 4, 4))
    columns = (turn(right), turn(up), -turn(forward), placement.apply(eye))
    matrices[:, :3] = np.stack(columns, -1)
    matrices[:, 3, 3] = 1
    return matrices


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    field, occupancy = learn(PaintedDuck(), torch.Generator().manual_seed(0))
    occupied = occupancy.cells.numpy()
    report = write_mesh_files(field, occupied, MeshRecipe(), folder, lambda event: None, lambda: None)
    placement = Placement(report["placement"]["scale"], tuple(report["placement"]["offset"]))
    views = around()
    image, opacity = look(field, occupancy, views)
    eyes, rays = (part.numpy() for part in views.rays(SIZE))
    points = np.stack([eyes + (2.5 + 0.2 * i) * rays[:, row, column] for i, (column, row) in enumerate(PIXELS)], 1)
    np.savez(
        folder / "views.npz",
        image=image.permute(0, 2, 3, 1).numpy(),
        opacity=opacity.numpy(),
        camera=camera_matrices(views, placement),
        angle=views.fov.numpy(),
        pixel=np.tile(np.array(PIXELS), (12, 1, 1)),
        point=placement.apply(points.reshape(-1, 3)).reshape(points.shape),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
