"""Lambertian shading of a density field by a lamp, with normals from differences of its density."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from server.generators.radiance_field.field import RadianceField
from server.world.views import Views

AMBIENT = 0.3
# The four corners of a tetrahedron: the fewest points whose differences give a gradient without a preferred direction.
CORNERS = ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, 1.0, 1.0))
# Half the smallest thing that 256 pixels show; smaller steps read the grid's grain.
STEP = 0.004
LEAST_DENSITY = 1e-6


@dataclass(frozen=True)
class Lamps:
    """How B views are lit.

    Attributes:
        position: [B, 3].
        lit: [B] 1.0 where a view is shaded, 0.0 where it shows albedo alone.
        textureless: [B] 1.0 where a shaded view is shown in white.
    """

    position: Tensor
    lit: Tensor
    textureless: Tensor

    @property
    def any(self) -> bool:
        return bool(self.lit.any())


def draw_lamps(views: Views, lit: float, textureless: float, generator: torch.Generator) -> Lamps:
    """A lamp for each view: the camera's direction plus a unit Gaussian, as DreamFusion places it (Poole et al. 2022).

    Args:
        lit: share of views that are shaded; textureless: share of those without colours.
    """
    count = len(views)
    eye = views.frames()[0].cpu()
    towards = functional.normalize(eye, dim=-1) + torch.randn(count, 3, generator=generator)
    chance = torch.rand(count, 2, generator=generator)
    distance = 0.8 + 0.7 * torch.rand(count, 1, generator=generator)
    shaded = (chance[:, 0] < lit).float()
    device = views.azimuth.device
    position = functional.normalize(towards, dim=-1) * (1 + distance)
    return Lamps(position.to(device), shaded.to(device), (shaded * (chance[:, 1] < textureless)).to(device))


def normals(field: RadianceField, points: Tensor, step: float = STEP) -> Tensor:
    """Unit normals [N, 3] at points [N, 3], out of the matter; differentiable in the field."""
    corners = torch.tensor(CORNERS, device=points.device)
    around = points[:, None] + step * corners
    density = field(around.view(-1, 3))[0].view(-1, len(corners))
    slope = density.clamp(min=LEAST_DENSITY).log() @ corners
    return functional.normalize(-slope, dim=-1, eps=1e-6)


def lambert(albedo: Tensor, normal: Tensor, towards_lamp: Tensor, lit: Tensor, textureless: Tensor) -> Tensor:
    """Shaded colours [N, 3].

    Args:
        albedo, normal, towards_lamp: [N, 3], the latter two of unit length; lit, textureless: [N], see Lamps.
    """
    diffuse = AMBIENT + (1 - AMBIENT) * (normal * towards_lamp).sum(-1).clamp(min=0)
    paint = torch.lerp(albedo, torch.ones_like(albedo), textureless[:, None])
    return torch.lerp(albedo, paint * diffuse[:, None], lit[:, None])
