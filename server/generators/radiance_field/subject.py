"""The radiance field as a subject of optimisation: cameras, rendering, occupancy and regularisers together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.plan import PAINTED, FieldPlan
from server.generators.radiance_field.rendering import Rendering, render
from server.generators.radiance_field.resolution import SMALL_UNTIL, side_at
from server.generators.radiance_field.shading import draw_lamps
from server.generators.radiance_field.surface_noise import SurfaceNoise
from server.generators.subject import Exposure
from server.world.camera_law import CameraLaw
from server.world.regularisers import Regularisers

OCCUPANCY_FROM_STEP = 40
OCCUPANCY_EVERY = 10
LEAST_SIZE = 32


class RadianceSubject:
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
        self.field = RadianceField(plan.shape, generator, device, blob=plan.blob)
        self.occupancy = OccupancyGrid(device=device)
        self._cameras = cameras
        self._views_per_step = views_per_step
        self._size = size
        self._plan = plan
        self._device = device
        self._noise = SurfaceNoise(cameras, seed)

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        if step >= OCCUPANCY_FROM_STEP and step % OCCUPANCY_EVERY == 0:
            self.occupancy.refresh(self.field.density, generator)
        plan = self._plan
        self.field.show_levels(plan.levels_at(progress))
        views = draw_views(self._cameras, self._views_per_step, step, generator).to(self._device)
        lamps = draw_lamps(views, plan.lit, plan.textureless, generator) if progress >= plan.lit_from else None
        samples = plan.samples * 2 // 3 if progress < SMALL_UNTIL else plan.samples
        size = side_at(progress, self._size, self.occupancy.share)
        rendering = render(self.field, self.occupancy, views, size, samples, generator, lamps)
        return Exposure(
            rendering.image,
            views,
            penalty(rendering, progress, plan.regularisers),
            float(rendering.opacity.detach().mean()),
            self._noise.laws(views, rendering.opacity, rendering.distance),
        )

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.field.grid.parameters()), "lr": self._plan.learning_rate},
            {"params": list(self.field.decoder.parameters()), "lr": self._plan.learning_rate / 2},
        ]

    def state(self) -> dict[str, Tensor]:
        looks = torch.tensor([self._views_per_step, self._size])
        field = {f"field.{name}": value for name, value in self.field.state_dict().items()}
        return {"looks": looks, **field, **self.occupancy.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._views_per_step, self._size = (int(number) for number in state["looks"])
        self.field.load_state_dict({k.removeprefix("field."): v for k, v in state.items() if k.startswith("field.")})
        self.occupancy.restore(state)

    def lighten(self) -> str | None:
        if self._views_per_step > 1:
            self._views_per_step //= 2
            return f"{self._views_per_step} of its views are looked at in every step"
        if self._size // 2 >= LEAST_SIZE:
            self._size //= 2
            return f"it is rendered with at most {self._size} pixels per side"
        return None


def penalty(rendering: Rendering, progress: float, weights: Regularisers) -> Tensor:
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
    ramps = {name: getattr(weights, name) for name in terms}
    counted = [ramps[name](progress) * term for name, term in terms.items() if not ramps[name].is_nothing]
    return sum(counted, opacity.new_zeros(()))
