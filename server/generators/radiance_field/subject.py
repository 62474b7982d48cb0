"""The radiance field as a subject of optimisation: cameras, rendering, occupancy and regularisers together."""

from __future__ import annotations

import torch
from torch import Tensor

from server.generators.radiance_field.bending import bending, relief
from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field_subject import FieldSubject
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.plan import PAINTED, FieldPlan
from server.generators.radiance_field.rendering import Rendering, render
from server.generators.radiance_field.resolution import SMALL_UNTIL, side_at
from server.generators.radiance_field.shading import draw_lamps
from server.generators.subject import Exposure
from server.world.camera_law import CameraLaw
from server.world.regularisers import Regularisers
from server.world.views import Views

OCCUPANCY_FROM_STEP = 40
OCCUPANCY_EVERY = 10


class RadianceSubject(FieldSubject):
    """A radiance field seen from cameras drawn by the prior's law.

    Args:
        size: most pixels per side of a rendering.
        seed: of the noise that is attached to the field.
    """

    def __init__(
        self,
        cameras: CameraLaw,
        views_per_step: int,
        size: int,
        generator: torch.Generator,
        device: str = "cpu",
        plan: FieldPlan = PAINTED,
        seed: int = 0,
    ) -> None:
        super().__init__(cameras, views_per_step, size, generator, device, plan, seed)
        self.occupancy = OccupancyGrid(device=device)

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        if step >= OCCUPANCY_FROM_STEP and step % OCCUPANCY_EVERY == 0:
            self.occupancy.refresh(self.field.density, generator)
        plan = self._plan
        self.field.show_levels(plan.levels_at(progress))
        views = draw_views(self._cameras, self._views_per_step, step, generator).to(self._device)
        lamps = draw_lamps(views, plan.lit, plan.textureless, generator) if progress >= plan.lit_from else None
        samples = plan.samples * 2 // 3 if progress < SMALL_UNTIL else plan.samples
        size = side_at(progress, self._size, self.occupancy.share)
        weights = plan.regularisers
        spread = not (weights.distortion.is_nothing and weights.z_variance.is_nothing)
        rendering = render(self.field, self.occupancy, views, size, samples, generator, lamps, spread)
        return Exposure(
            rendering.image,
            views,
            penalty(rendering, views, progress, weights),
            float(rendering.opacity.detach().mean()),
            self._noise.laws(views, rendering.opacity, rendering.distance),
        )

    @torch.no_grad()
    def look(self, views: Views) -> tuple[Tensor, Tensor, Tensor]:
        """Images [B, 3, S, S] in [0, 1] of views, opacity [B, S, S], and the light [B, S, S] on the field's colours: 1,
        as there are no lamps."""
        rendering = render(self.field, self.occupancy, views, self._size, self._plan.samples, spread=False)
        return rendering.image, rendering.opacity, torch.ones_like(rendering.opacity)

    def state(self) -> dict[str, Tensor]:
        return {**super().state(), **self.occupancy.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        super().restore(state)
        self.occupancy.restore(state)


def penalty(rendering: Rendering, views: Views, progress: float, weights: Regularisers) -> Tensor:
    """The regularisers at a share of the steps done, as one scalar on the scale of the loss."""
    opacity = rendering.opacity.clamp(1e-4, 1 - 1e-4)
    entropy = -(opacity * opacity.log() + (1 - opacity) * (1 - opacity).log()).mean()
    terms = {
        "opacity": opacity.mean(),
        "entropy": entropy,
        "orientation": rendering.orientation,
        "distortion": rendering.distortion,
        "depth": rendering.depth,
        "sparsity": (rendering.opacity.square() + 0.01).sqrt().mean(),
        "z_variance": rendering.z_variance,
    }
    if not weights.bending.is_nothing:
        terms["bending"] = bending(relief(rendering.distance, views), rendering.opacity)
    ramps = {name: getattr(weights, name) for name in terms}
    counted = [ramps[name](progress) * term for name, term in terms.items() if not ramps[name].is_nothing]
    return sum(counted, opacity.new_zeros(()))
