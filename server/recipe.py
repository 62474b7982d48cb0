"""What is to be made: the one schema shared by the command line, the HTTP interface and the workers.

A recipe is a value. The same recipe gives the same result on the same machine with the same versions and
number of threads, and a result carries its recipe.
Fields left out are filled from the named preset; fields that are `None` are decided by the prior's card
(server/priors/card.py), because guidance scale and bandwidth are in the units of that prior.

Types are strict, because a recipe is written by programs: neither true nor "3" is a number. A whole number may be
written as 3.0, which JSON does not tell from 3.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from server.errors import BadRequest
from server.presets import preset_of
from server.priors.pretrained.lora_files import read_lora
from server.ranges import in_words, shown
from server.recipe_parts import MapName as MapName
from server.recipe_parts import MeshRecipe as MeshRecipe
from server.recipe_parts import NormalFormat as NormalFormat
from server.recipe_parts import Part, Whole, whole
from server.recipe_parts import RetextureRecipe as RetextureRecipe
from server.recipe_parts import SourceRecipe as SourceRecipe
from server.recipe_parts import TextureRecipe as TextureRecipe

Kind = Literal["mesh", "texture", "retexture"]
# What a prior is shown: an object that cameras look at, or a flat surface.
Shown = Literal["mesh", "texture"]
Preset = Literal["sketch", "standard", "fine"]
Method = Literal["msd", "sds", "sdi", "flow"]
EstimatorName = Literal["paper", "exact", "tweedie", "noised"]
CentreName = Literal["clean", "random", "inversion"]
KernelTime = Literal["half_var", "sigma", "lam2+sigma2", "vp"]
NoiseName = Literal["fresh", "attached", "view"]
ScheduleName = Literal["constant", "linear", "cosine", "geometric", "timestep"]

MAX_SEED = 2**31 - 1
MOST_LORAS = 8
MOST_STEPS = 100_000
MAX_SECONDS = 30 * 24 * 3600.0
# Narrower kernels tell nothing: single precision loses what they weigh, and their squares vanish.
LEAST_BANDWIDTH = 0.001
# Of all views of a step together: a few GB, and minutes a step on a processor.
MOST_PIXELS_PER_STEP = 2**22


def _printable(value: Any) -> Any:
    if isinstance(value, str) and any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n" for c in value):
        raise ValueError("holds characters that are not text, such as NUL")
    return value


def _says_something(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty: a prompt must say what to make")
    return value


def why_too_much(views: int, side: int) -> str:
    """The end of a sentence that begins with "The recipe", when a step of so many views of side x side pixels does not
    fit into memory; otherwise empty."""
    if views * side**2 <= MOST_PIXELS_PER_STEP:
        return ""
    said = f"asks for {views} views of {side} x {side} pixels in every step"
    return f"{said}; together they may have {MOST_PIXELS_PER_STEP} pixels"


Text = Annotated[str, BeforeValidator(_printable)]


def _lora_files(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
        raise ValueError("must be a list of texts, each FILE:WEIGHT")
    if len(value) > MOST_LORAS:
        raise ValueError(f"must name at most {MOST_LORAS} files")
    for text in value:
        read_lora(_printable(text))
    return list(value)


Loras = Annotated[list[str], BeforeValidator(_lora_files)]


class GuidanceRecipe(Part):
    """How the gradient is estimated. Bandwidths are in the prior's latent units (server/priors/denoiser.py)."""

    method: Method = "msd"
    estimator: EstimatorName | None = Field(default=None, description="of the mean shift; None: the prior's own")
    noise: NoiseName | None = Field(
        default=None,
        description=(
            "fresh in every step, attached to what is made, or one for each view; None: the prior's own for the kind"
        ),
    )
    fits: Annotated[int | None, BeforeValidator(whole)] = Field(
        default=None,
        ge=1,
        le=64,
        description="optimiser steps towards every target; None: enough to keep the pace of attached noise, else one",
    )
    scale: float | None = Field(default=None, ge=0.0, le=200.0)
    bandwidth_start: float | None = Field(default=None, ge=LEAST_BANDWIDTH, le=100.0)
    bandwidth_end: float | None = Field(default=None, ge=LEAST_BANDWIDTH, le=100.0)
    bandwidth_schedule: ScheduleName | None = None
    centre: CentreName | None = Field(default=None, description="of the kernel of the estimator `paper`")
    kernel_time: KernelTime | None = Field(default=None, description="how `paper` reads the time of its kernel")
    interval_low: float | None = Field(
        default=None, ge=0.0, le=100.0, description="lowest noise level where the kernel of `paper` acts, in bandwidths"
    )
    interval_high: float | None = Field(
        default=None, ge=0.1, le=100.0, description="highest such level, where its chain begins"
    )
    inversion_scale: float | None = Field(
        default=None, ge=-200.0, le=200.0, description="guidance scale of every inversion; 0 is without the prompt"
    )
    sampler_steps: Annotated[int | None, BeforeValidator(whole)] = Field(
        default=None, ge=2, le=200, description="noise levels of a sampler or an inversion; None: the prior's own"
    )
    samples: Whole = Field(default=1, ge=1, le=64)
    perpendicular_negative: bool = Field(
        default=False,
        description="avoid only what the negative prompt does not share with the prompt; half as slow again",
    )
    perp_neg: bool | None = Field(
        default=None,
        description="keep the prompts of other views out of each view, where a prior is told views in words; doubles "
        "the calls. None: the prior's own",
    )
    stop_threshold: float = Field(
        default=0.1, ge=0.0, le=10.0, description="mean shift only: scaled shift norm that ends the run; 0 never does"
    )

    @model_validator(mode="after")
    def _bandwidth_only_shrinks(self) -> GuidanceRecipe:
        if self.bandwidth_start and self.bandwidth_end and self.bandwidth_start < self.bandwidth_end:
            raise ValueError("must not have a bandwidth_start that is smaller than bandwidth_end")
        return self

    @model_validator(mode="after")
    def _interval_is_not_empty(self) -> GuidanceRecipe:
        low, high = self.interval_low, self.interval_high
        if low is not None and high is not None and low >= high:
            raise ValueError("must have an interval_low that is smaller than interval_high")
        return self


def _preset_fills_steps(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema["required"] if name != "steps"]


class Recipe(Part):
    model_config = ConfigDict(json_schema_extra=_preset_fills_steps)

    kind: Kind
    prompt: Annotated[Text, BeforeValidator(_says_something)] = Field(
        min_length=1, max_length=1000, examples=["a red mug with a blue handle"], json_schema_extra={"pattern": r"\S"}
    )
    negative_prompt: Text = Field(default="", max_length=1000)
    seed: Whole = Field(default=0, ge=0, le=MAX_SEED)
    prior: Text = Field(default="embedded", min_length=1, max_length=4096)
    loras: Loras = Field(default=[], description="LoRA files and their weights, FILE:WEIGHT, added to the prior")
    preset: Preset = "standard"
    steps: Whole = Field(ge=1, le=MOST_STEPS)
    views_per_step: Whole = Field(default=1, ge=1, le=64, description="views, or crops, rendered in every step")
    render_size: Annotated[int | None, BeforeValidator(whole)] = Field(
        default=None, ge=16, le=1024, description="None: the prior's own image size"
    )
    time_budget_s: float | None = Field(default=None, gt=0.0, le=MAX_SECONDS)
    guidance: GuidanceRecipe = GuidanceRecipe()
    mesh: MeshRecipe = MeshRecipe()
    texture: TextureRecipe = TextureRecipe()
    retexture: RetextureRecipe = RetextureRecipe()

    @property
    def shown(self) -> Shown:
        """What the prior is shown."""
        return shown_as(self.kind)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        kind, preset = data.get("kind"), data.get("preset", "standard")
        if not isinstance(kind, str) or not isinstance(preset, str):
            return data
        prior = data.get("prior", "embedded")
        return _merged(preset_of(prior, kind, preset) if isinstance(prior, str) else {}, data)

    @model_validator(mode="after")
    def _a_step_fits_into_memory(self) -> Recipe:
        if self.render_size and (why := why_too_much(self.views_per_step, self.render_size)):
            raise ValueError(why)
        return self


def shown_as(kind: Kind) -> Shown:
    """What a prior is shown of a job of this kind."""
    return "texture" if kind == "texture" else "mesh"


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
        raise BadRequest("recipe-invalid", f"{_sentence(error.errors()[0])}.") from None


def _sentence(error: Any) -> str:
    """What is wrong, from one of pydantic's `ValidationError.errors()`."""
    field = ".".join(str(part) for part in error["loc"])[:100] or "The recipe"
    path = [part for part in error["loc"] if isinstance(part, str)]
    match error["type"]:
        case "value_error":
            return f"{field} {error['ctx']['error']}"
        case "extra_forbidden":
            return f"A recipe has no field {shown(field)}"
    model: type[BaseModel] = Recipe
    for part in path[:-1]:
        model = model.model_fields[part].annotation  # type: ignore[assignment]
    schema = model.model_json_schema()["properties"][path[-1]] if path else {}
    in_a_list = bool(path) and path[-1] != error["loc"][-1]
    accepted = in_words(schema["items"] if in_a_list else schema)
    if error["type"] == "missing":
        return f"{field} is missing: it must be {accepted}"
    return f"{field} must be {accepted}, not {shown(error['input'])}"
