"""What is to be made: the one schema shared by the command line, the HTTP interface and the workers.

A recipe is a value. The same recipe on the same machine gives the same result, and a result carries its recipe.
Fields left out are filled from the named preset; fields that are `None` are decided by the prior's card
(server/priors/card.py), because guidance scale and bandwidth are in the units of that prior.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.errors import BadRequest

Kind = Literal["mesh", "texture"]
Preset = Literal["sketch", "standard", "fine"]
Method = Literal["msd", "sds", "sdi"]
EstimatorName = Literal["paper", "exact", "tweedie", "noised"]
NoiseName = Literal["fresh", "attached", "view"]
ScheduleName = Literal["constant", "linear", "cosine", "geometric"]

MAX_SEED = 2**31 - 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GuidanceRecipe(_Part):
    """How the gradient is estimated. Bandwidths are in the prior's latent units (server/priors/denoiser.py)."""

    method: Method = "msd"
    estimator: EstimatorName | None = Field(default=None, description="of the mean shift; None: the prior's own")
    noise: NoiseName | None = Field(
        default=None,
        description=(
            "fresh in every step, attached to what is made, or one for each view; None: the prior's own for the kind"
        ),
    )
    fits: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="optimiser steps towards every target; None: enough to keep the pace of attached noise, else one",
    )
    scale: float | None = Field(default=None, ge=0.0, le=200.0)
    bandwidth_start: float | None = Field(default=None, gt=0.0, le=100.0)
    bandwidth_end: float | None = Field(default=None, gt=0.0, le=100.0)
    bandwidth_schedule: ScheduleName = "geometric"
    sampler_steps: int = Field(default=12, ge=2, le=200)
    samples: int = Field(default=1, ge=1, le=64)
    perpendicular_negative: bool = Field(
        default=False,
        description="avoid only what the negative prompt does not share with the prompt; half as slow again",
    )
    stop_threshold: float = Field(
        default=0.1, ge=0.0, le=10.0, description="mean shift only: scaled shift norm that ends the run; 0 never does"
    )

    @model_validator(mode="after")
    def _bandwidth_only_shrinks(self) -> GuidanceRecipe:
        if self.bandwidth_start and self.bandwidth_end and self.bandwidth_start < self.bandwidth_end:
            raise ValueError("bandwidth_start must not be smaller than bandwidth_end")
        return self


class MeshRecipe(_Part):
    resolution: int = Field(default=112, ge=16, le=512, description="marching-cubes cells along the longest axis")
    faces: int = Field(default=20_000, ge=0, le=2_000_000, description="face budget after reduction; 0 keeps all")
    texture_size: int = Field(
        default=1024, ge=0, le=4096, description="side of the baked maps in pixels; 0 leaves colours at the vertices"
    )
    level: float | None = Field(
        default=None, gt=0.0, le=1000.0, description="density of the surface; None: where cameras see the outline"
    )

    @model_validator(mode="after")
    def _texture_has_room(self) -> MeshRecipe:
        if 0 < self.texture_size < 64:
            raise ValueError("texture_size must be 0, or at least 64")
        return self


class TextureRecipe(_Part):
    width: int = Field(default=512, ge=32, le=8192)
    height: int = Field(default=512, ge=32, le=8192)
    tile_x: bool = True
    tile_y: bool = True


class Recipe(_Part):
    kind: Kind
    prompt: str = Field(min_length=1, max_length=1000)
    negative_prompt: str = Field(default="", max_length=1000)
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    prior: str = "embedded"
    preset: Preset = "standard"
    steps: int = Field(ge=1, le=100_000)
    views_per_step: int = Field(default=1, ge=1, le=64, description="views, or crops, rendered in every step")
    render_size: int | None = Field(default=None, ge=16, le=1024, description="None: the prior's own image size")
    time_budget_s: float | None = Field(default=None, gt=0.0)
    guidance: GuidanceRecipe = GuidanceRecipe()
    mesh: MeshRecipe = MeshRecipe()
    texture: TextureRecipe = TextureRecipe()

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        defaults = PRESETS.get(data.get("kind", ""), {}).get(data.get("preset", "standard"), {})
        return _merged(defaults, data)

    @model_validator(mode="after")
    def _prompt_says_something(self) -> Recipe:
        if not self.prompt.strip():
            raise ValueError("prompt is empty")
        return self


# Steps and sizes per preset, measured with the prior that ships (see README, "How long it takes").
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "mesh": {
        "sketch": {"steps": 300, "mesh": {"resolution": 96, "faces": 10_000, "texture_size": 512}},
        "standard": {"steps": 800, "mesh": {"resolution": 112, "faces": 20_000, "texture_size": 1024}},
        "fine": {"steps": 2000, "mesh": {"resolution": 160, "faces": 60_000, "texture_size": 2048}},
    },
    "texture": {
        "sketch": {"steps": 50, "views_per_step": 3},
        "standard": {"steps": 100, "views_per_step": 4},
        "fine": {"steps": 250, "views_per_step": 4},
    },
}


def _merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = dict(given)
    for key, value in defaults.items():
        if key not in merged:
            merged[key] = value
        elif isinstance(value, dict) and isinstance(merged[key], dict):
            merged[key] = _merged(value, merged[key])
    return merged


def read_recipe(data: dict[str, Any]) -> Recipe:
    """Validate `data` (unknown keys refused) and fill it from its preset.

    Raises:
        BadRequest: code "recipe-invalid", naming the first field at fault.
    """
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "recipe"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise BadRequest("recipe-invalid", f"{field}: {message}.") from None
