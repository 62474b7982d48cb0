"""The sub-panel for what most prompts do without: how the targets are made, and how much is made of them."""

from __future__ import annotations

import bpy

from . import texts
from .drawn import TabPanel
from .models import draw_unknown_words
from .settings import settings_for

# How the targets are made, for those who know the method.
CHOICES = ["estimator", "centre", "kernel_time", "perp_neg"]
NUMBERS = ["sampler_steps", "interval_low", "interval_high", "inversion_scale"]


class AdvancedPanel(TabPanel):
    """Everything in it is left to the model and to the quality until it is changed."""

    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}
    settings = ""

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_for(context.scene, self.settings)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "negative_prompt")
        draw_unknown_words(layout, settings, "negative_prompt", self.settings)
        spare = layout.row()
        spare.enabled = bool(texts.text(settings, "negative_prompt").strip())
        spare.prop(settings, "spare_prompt")
        layout.prop(settings, "loras")
        layout.prop(settings, "noise")
        names = ["scale", "bandwidth_start", "bandwidth_end", "steps"]
        if self.settings == "mesh":
            names.append("faces")
        column = layout.column(align=True)
        for name in names:
            column.prop(settings, name)
        if self.settings == "mesh":
            layout.prop(settings, "texture_size")
        if self.settings == "retexture":
            layout.prop(settings, "size")
        layout.separator()
        for name in CHOICES:
            layout.prop(settings, name)
        column = layout.column(align=True)
        for name in NUMBERS:
            column.prop(settings, name)
        names += NUMBERS
        if not all(getattr(settings, name) for name in names):
            layout.label(text="0: left to model and quality", icon="INFO")
        layout.operator("msd.open_preferences", icon="PREFERENCES")
