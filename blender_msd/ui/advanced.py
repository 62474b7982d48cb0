"""The sub-panel for what most prompts do without: how the targets are made, and how much is made of them."""

from __future__ import annotations

import bpy

from .changed import draw_reset, draw_setting, is_changed
from .curve import draw_curve
from .drawn import TabPanel
from .settings import settings_for

# How the targets are made, for those who know the method.
CHOICES = ["estimator", "centre", "kernel_time", "perp_neg"]
NUMBERS = ["sampler_steps", "interval_low", "interval_high", "inversion_scale"]
COMMON = ["noise", "scale", "bandwidth_start", "bandwidth_end", "steps"]
# What the kinds have of their own.
OWN = {"mesh": [], "texture": [], "retexture": ["size"]}


class AdvancedPanel(TabPanel):
    """Everything in it is left to the model and to the quality until it is changed; then it has a mark."""

    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}
    settings = ""

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        settings = settings_for(context.scene, self.settings)
        changed = [name for name in ["loras", *_names(self.settings)] if is_changed(settings, name)]
        if changed:
            self.layout.label(text=f"{len(changed)} changed")
            draw_reset(self.layout, changed, self.settings)

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_for(context.scene, self.settings)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_setting(layout, settings, "loras", self.settings)
        for name in COMMON[:1]:
            draw_setting(layout, settings, name, self.settings)
        column = layout.column(align=True)
        for name in COMMON[1:]:
            draw_setting(column, settings, name, self.settings)
        draw_curve(layout, settings, self.settings)
        for name in [*OWN[self.settings], *CHOICES]:
            draw_setting(layout, settings, name, self.settings)
        column = layout.column(align=True)
        for name in NUMBERS:
            draw_setting(column, settings, name, self.settings)
        if not all(getattr(settings, name) for name in [*COMMON[1:], *NUMBERS]):
            layout.label(text="0: left to model and quality", icon="INFO")
        layout.operator("msd.open_preferences", icon="PREFERENCES")


def _names(kind: str) -> list[str]:
    return [*COMMON, *OWN[kind], *CHOICES, *NUMBERS]
