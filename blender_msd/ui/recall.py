"""A recipe -> the settings that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.offer import Offer
from .groups import MSD_PG_settings
from .guidance_properties import KEPT, OWN
from .settings import Settings

# Of the same name in a recipe's guidance; 0 leaves each to the model.
_NUMBERS = (
    "scale", "bandwidth_start", "bandwidth_end", "interval_low", "interval_high", "inversion_scale", "sampler_steps"
)  # fmt: skip


def recall(scene_settings: MSD_PG_settings, recipe: Mapping[str, Any], offer: Offer) -> Settings:
    """Let the panel ask for what a recipe says; what its quality or its model would choose is left to them."""
    kind, preset = recipe["kind"], recipe["preset"]
    settings: Settings = getattr(scene_settings, kind)
    guidance = recipe.get("guidance") or {}
    settings.prompt, settings.negative_prompt = recipe["prompt"], recipe.get("negative_prompt") or ""
    settings.preset = preset.upper()
    settings.seed, settings.random_seed = recipe["seed"], False
    prior = recipe.get("prior") or ""
    asked = "" if prior == offer.default else prior
    settings.prior, settings.type_prior = asked, False
    settings.loras = "; ".join(recipe.get("loras") or ())
    model = offer.find(asked)
    usual = {} if model is None else model.steps.get(kind, {})
    steps = recipe.get("steps") or 0
    settings.steps = 0 if steps == usual.get(preset) else steps
    settings.spare_prompt = bool(guidance.get("perpendicular_negative"))
    settings.noise = (guidance.get("noise") or OWN).upper()
    for name in _NUMBERS:
        setattr(settings, name, guidance.get(name) or 0)
    for name, names in KEPT.items():
        setattr(settings, name, next(key for key, said in names.items() if said == (guidance.get(name) or "")))
    settings.perp_neg = {None: OWN, True: "ON", False: "OFF"}[guidance.get("perp_neg")]
    by_preset = offer.presets.get(kind, {}).get(preset, {})
    _recall_own(settings, kind, recipe.get(kind) or {}, by_preset.get(kind) or {})
    return settings


def _recall_own(settings: Any, kind: str, said: Mapping[str, Any], by_preset: Mapping[str, Any]) -> None:
    """What only one kind of jobs has. `settings` are of that kind, which no type tells."""

    def own(name: str) -> Any:
        """None where the quality chooses it."""
        value = said.get(name)
        return None if value == by_preset.get(name) else value

    if kind == "texture":
        for name in ("width", "height", "tile_x", "tile_y"):
            if name in said:
                setattr(settings, name, said[name])
        settings.maps = {name.upper() for name in said.get("maps") or ()}
        return
    name = "texture_size" if kind == "mesh" else "size"
    side = own(name)
    offered = settings.bl_rna.properties[name].enum_items.keys()
    setattr(settings, name, str(side) if str(side) in offered else OWN)
    if kind == "mesh":
        settings.faces = own("faces") or 0
