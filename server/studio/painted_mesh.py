"""A given mesh as a subject of optimisation: its shape stays, and a field of colours lies on its surface."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field_subject import FieldSubject
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.resolution import side_at
from server.generators.radiance_field.shading import draw_lamps, lambert
from server.generators.subject import Exposure
from server.meshing.arrays import Floats, area_vectors
from server.meshing.fields import from_torch, in_chunks
from server.meshing.given import GivenMesh
from server.meshing.rasterise import rasterise
from server.priors.card import PriorCard
from server.studio.fitting import Fitted
from server.world.gbuffers import trace
from server.world.lamp import brightness
from server.world.shapes import Material
from server.world.views import Views

# Samples along a pixel's side: priors were shown smooth outlines.
SAMPLES = 2


@dataclass(frozen=True)
class Seen:
    """The N samples of B views that show the mesh.

    Attributes:
        sample: int64 [N], number of the sample among those of all views.
        view: int64 [N].
        point: float32 [N, 3], in field axes.
        normal: float32 [N, 3], unit vectors on the camera's side of the face.
        distance: float32 [N], from the camera.
        uv: float32 [N, 2], on the layout.
        kept: float32 [N, 3] colours that are not to be changed; NaN where the field is seen.
    """

    sample: Tensor
    view: Tensor
    point: Tensor
    normal: Tensor
    distance: Tensor
    uv: Tensor
    kept: Tensor


class PaintedMesh(FieldSubject):
    """A mesh, coloured by a hash grid, seen from cameras drawn by the prior's law.

    Where all pictures of a prior are lit by one lamp fixed in the world, the mesh is lit by that lamp, too, so that its
    paint is left over; for other priors it is lit as their radiance fields are (server.generators.radiance_field.plan).

    Args:
        size: most pixels per side of a rendering.
        seed: of the noise that is attached to the surface.
    """

    def __init__(
        self,
        mesh: GivenMesh,
        fitted: Fitted,
        card: PriorCard,
        plan: FieldPlan,
        views_per_step: int,
        size: int,
        generator: torch.Generator,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        # Its colours alone are looked at; the surface is where the mesh is.
        super().__init__(card.cameras, views_per_step, size, generator, device, plan, seed)
        self._mesh, self._fitted, self._fixed_light = mesh, fitted, card.fixed_light

    def colour(self, points: Floats) -> Floats:
        """sRGB colours float32 [N, 3] in [0, 1] of the paint at points [N, 3] in field axes."""
        return in_chunks(from_torch(self.field.colour, self._device), points, columns=3)

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        plan = self._plan
        self.field.show_levels(plan.levels_at(progress))
        views = draw_views(self._cameras, self._views_per_step, step, generator)
        lamps = draw_lamps(views, plan.lit, 0.0, generator) if progress >= plan.lit_from else None
        size = side_at(progress, self._size, 0.0)
        seen, paint = self._seen(views, size)
        if self._fixed_light:
            paint = paint * self._light(seen)[:, None]
        elif lamps is not None:
            towards = functional.normalize(lamps.position.to(self._device)[seen.view] - seen.point, dim=-1)
            lit = lamps.lit.to(self._device)[seen.view]
            paint = lambert(paint, seen.normal, towards, lit, torch.zeros_like(lit))
        views = views.to(self._device)
        image, opacity, distance = _assembled(seen, paint, views, size)
        return Exposure(image, views, image.new_zeros(()), noise=self._noise.laws(views, opacity, distance))

    @torch.no_grad()
    def look(self, views: Views) -> tuple[Tensor, Tensor, Tensor]:
        """Images [B, 3, S, S] in [0, 1] of views, the opacity [B, S, S] of what is painted anew, and the light on it,
        [B, S, S]."""
        seen, paint = self._seen(views.to("cpu"), self._size)
        light, anew = self._light(seen), seen.kept.isnan().all(-1).float()
        image, *_ = _assembled(seen, paint * light[:, None], views, self._size)
        black = replace(views, background=torch.zeros(len(views), 3, device=image.device))
        maps, *_ = _assembled(seen, torch.stack([anew, anew * light, anew], -1), black, self._size)
        return image, maps[:, 0], maps[:, 1]

    def _seen(self, views: Views, size: int) -> tuple[Seen, Tensor]:
        """What views of `size` pixels show, and its paint [N, 3]."""
        seen = look(self._mesh, self._fitted, views, size * SAMPLES)
        seen = Seen(*(values.to(self._device) for values in vars(seen).values()))
        return seen, torch.where(seen.kept.isnan(), self.field(seen.point)[1], seen.kept.nan_to_num())

    def _light(self, seen: Seen) -> Tensor:
        """[N]: of the lamp that is fixed in the world; 1 where there is none."""
        if not self._fixed_light:
            return torch.ones_like(seen.distance)
        return brightness(seen.normal)


def look(mesh: GivenMesh, fitted: Fitted, views: Views, side: int) -> Seen:
    """What B views of side x side samples show of the mesh.

    Of an object whose outline the prior knows, what reaches beyond that outline is left out: the prior sees background
    there, and would paint it so.
    """
    eyes = views.frames()[0].numpy()
    parts = []
    for number, hits in enumerate(rasterise(fitted.position, mesh.triangle, views, side)):
        shown = hits.mask
        if fitted.known:
            everything = _blend(hits.weights[shown], fitted.position[mesh.triangle[hits.triangle[shown]]])
            shown[shown] = _within_outline(fitted.known, eyes[number], everything)
        sample, triangle, weights = np.flatnonzero(shown), hits.triangle[shown], hits.weights[shown]
        point = _blend(weights, fitted.position[mesh.triangle[triangle]])
        normal = _blend(weights, fitted.normal[triangle])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        towards = eyes[number] - point
        # Faces have two sides, and whoever made the mesh may have turned some inside out.
        normal *= np.where(_faces_away(fitted.position[mesh.triangle[triangle]], towards, normal), -1, 1)[:, None]
        uv = _blend(weights, mesh.uv[triangle])
        kept = np.full_like(point, np.nan)
        if mesh.before is not None:
            old = ~mesh.chosen[triangle]
            kept[old] = _pixels(mesh.before, uv[old])
        distance = np.linalg.norm(towards, axis=1)
        of_view = np.full(len(sample), number, np.int64)
        parts.append((sample + number * side * side, of_view, point, normal, distance, uv, kept))
    sample, view, *rest = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Seen(
        torch.from_numpy(sample),
        torch.from_numpy(view),
        *(torch.from_numpy(values.astype(np.float32)) for values in rest),
    )


def _within_outline(known: str, eye: Floats, point: Floats) -> NDArray[np.bool_]:
    """Which of the points [N, 3] lie before or behind an object, seen from `eye`."""
    origin = torch.from_numpy(eye).expand(len(point), 3)
    direction = functional.normalize(torch.from_numpy(point) - origin, dim=-1)
    _, material = trace(known, origin, direction)
    within: NDArray[np.bool_] = (material != Material.BACKGROUND).numpy()
    return within


def _faces_away(corners: Floats, towards: Floats, normal: Floats) -> NDArray[np.bool_]:
    """Which hits [N] show the side of their face that its normals do not stand on."""
    flat = area_vectors(corners)
    away: NDArray[np.bool_] = ((flat * normal).sum(1) >= 0) != ((flat * towards).sum(1) >= 0)
    return away


def _blend(weights: NDArray[np.float64], corners: Floats) -> Floats:
    blended: Floats = np.einsum("nc,ncv->nv", weights, corners).astype(np.float32)
    return blended


def _pixels(picture: NDArray[np.uint8], uv: Floats) -> Floats:
    height, width = picture.shape[:2]
    column = np.clip((uv[:, 0] * width).astype(np.int64), 0, width - 1)
    row = np.clip(((1 - uv[:, 1]) * height).astype(np.int64), 0, height - 1)
    return (picture[row, column] / np.float32(255)).astype(np.float32)


def _assembled(seen: Seen, colour: Tensor, views: Views, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures [B, 3, S, S] over the views' background, opacity and distance [B, S, S] of the surface."""
    count, side = len(views), size * SAMPLES
    assert views.background is not None
    behind = views.background[:, None].expand(-1, side * side, -1).reshape(-1, 3)
    fine = behind.index_put((seen.sample,), colour).view(count, side, side, 3).permute(0, 3, 1, 2)
    maps = torch.zeros(count * side * side, 2, device=colour.device)
    maps[seen.sample] = torch.stack([torch.ones_like(seen.distance), seen.distance], -1)
    opacity, weighed = functional.avg_pool2d(maps.view(count, side, side, 2).permute(0, 3, 1, 2), SAMPLES).unbind(1)
    return functional.avg_pool2d(fine, SAMPLES), opacity, weighed / opacity.clamp(min=1e-6)
