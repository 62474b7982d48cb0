"""What every panel begins with: the prompt, the model, the quality and the seed."""

from __future__ import annotations

import bpy

from .models import draw_choice, draw_unknown_words
from .prompt_menus import draw_avoid, draw_tools
from .quality import draw_quality
from .settings import Settings


def draw_prompt(layout: bpy.types.UILayout, settings: Settings, placeholder: str, kind: str) -> None:
    layout.prop(settings, "prompt", text="", placeholder=placeholder)
    draw_unknown_words(layout, settings, "prompt", kind)
    draw_tools(layout, settings, kind)
    draw_avoid(layout, settings, kind)
    draw_choice(layout, settings, kind)
    draw_quality(layout, settings, kind)
    row = layout.row(align=True)
    seed = row.row(align=True)
    seed.enabled = not settings.random_seed
    seed.prop(settings, "seed")
    row.prop(settings, "random_seed", text="", icon="FILE_REFRESH", toggle=True)
