"""What every subject that is made of a radiance field has in common: what of it is learned, kept and made lighter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.surface_noise import SurfaceNoise
from server.world.camera_law import CameraLaw

LEAST_SIZE = 32


class FieldSubject:
    """A field and how it is looked at; `expose` is left to the subject.

    Args:
        size: most pixels per side of a rendering.
        seed: of the noise that is attached to the surface.
    """

    def __init__(
        self,
        cameras: CameraLaw,
        views_per_step: int,
        size: int,
        generator: torch.Generator,
        device: str,
        plan: FieldPlan,
        seed: int,
    ) -> None:
        self.field = RadianceField(plan.shape, generator, device, blob=plan.blob)
        self._cameras = cameras
        self._views_per_step = views_per_step
        self._size = size
        self._plan = plan
        self._device = device
        self._noise = SurfaceNoise(cameras, seed)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.field.grid.parameters()), "lr": self._plan.learning_rate},
            {"params": list(self.field.decoder.parameters()), "lr": self._plan.learning_rate / 2},
        ]

    def state(self) -> dict[str, Tensor]:
        looks = torch.tensor([self._views_per_step, self._size])
        return {"looks": looks, **{f"field.{name}": value for name, value in self.field.state_dict().items()}}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._views_per_step, self._size = (int(number) for number in state["looks"])
        self.field.load_state_dict({k.removeprefix("field."): v for k, v in state.items() if k.startswith("field.")})

    def lighten(self) -> str | None:
        if self._views_per_step > 1:
            self._views_per_step //= 2
            return f"{self._views_per_step} of its views are looked at in every step"
        if self._size // 2 >= LEAST_SIZE:
            self._size //= 2
            return f"it is rendered with at most {self._size} pixels per side"
        return None
