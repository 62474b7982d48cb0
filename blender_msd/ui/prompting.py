"""What every panel begins with: the prompt, the model, the quality and the seed."""

from __future__ import annotations

import bpy

from .models import chosen_model, draw_choice, draw_unknown_words
from .settings import Settings
from .writing import draw_text


def draw_prompt(layout: bpy.types.UILayout, settings: Settings, placeholder: str, kind: str) -> None:
    layout.prop(settings, "prompt", text="", placeholder=placeholder)
    draw_unknown_words(layout, settings, "prompt", kind)
    draw_choice(layout, settings, kind)
    layout.row().prop(settings, "preset", expand=True)
    model = chosen_model(settings)
    if model is not None and (cost := model.cost(kind, settings.preset.lower())):
        draw_text(layout, cost, "TIME")
    row = layout.row(align=True)
    seed = row.row(align=True)
    seed.enabled = not settings.random_seed
    seed.prop(settings, "seed")
    row.prop(settings, "random_seed", text="", icon="FILE_REFRESH", toggle=True)
