"""The menus beside a prompt, and its sub-panel of what to avoid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ..core.styles import STYLES, style_of
from ..scene import notes
from . import texts
from .drawn import Drawn
from .models import chosen_model, draw_unknown_words
from .recent import recents
from .settings import Settings, settings_for
from .writing import ICON, draw_text, shortened, sidebar

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

TITLES = {"NONE": "No Style", "REALISTIC": "Realistic", "STYLISED": "Stylised", "CLAY": "Clay"}
# Pixels, at a scale of 1, of a menu's line.
LINE = 420


def draw_tools(layout: bpy.types.UILayout, settings: Settings, kind: str) -> None:
    """Beside the prompt: its style, the prompts of last time, and the text block."""
    row = layout.row(align=True)
    row.menu(f"MSD_MT_{kind}_style", text=TITLES[style_of(texts.text(settings, "prompt"))])
    row.menu(f"MSD_MT_{kind}_recent", text="", icon="TIME")
    row.operator("msd.edit_as_text", text="", icon="GREASEPENCIL").kind = kind
    row.menu(f"MSD_MT_{kind}_presets", text="", icon="PRESET")
    if notes.find(kind) is not None:
        layout.operator("msd.take_text", icon="CHECKMARK").kind = kind


def draw_avoid(layout: bpy.types.UILayout, settings: Settings, kind: str) -> None:
    """Closed until something is to be avoided; its title then says what."""
    section: Any = layout  # of whose panels the stubs say nothing that can be used
    header, body = section.panel(f"msd_avoid_{kind}", default_closed=True)
    avoided = texts.text(settings, "negative_prompt").strip()
    header.label(text=shortened(f"Avoid: {avoided}", sidebar() - ICON) if avoided else "Avoid")
    if body is None:
        return
    body.prop(settings, "negative_prompt", text="", placeholder="What it should not look like")
    draw_unknown_words(body, settings, "negative_prompt", kind)
    spare = body.row()
    spare.enabled = bool(avoided)
    spare.prop(settings, "spare_prompt")


class _StyleMenu(Drawn):
    bl_label = "Style"
    kind = ""

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_for(context.scene, self.kind)
        model, chosen = chosen_model(settings), style_of(texts.text(settings, "prompt"))
        for style, words in STYLES.items():
            icon: IconItems = "CHECKMARK" if style == chosen else "BLANK1"
            text = f"{TITLES[style]}: {words}" if words else TITLES[style]
            drawn: Any = self.layout.operator("msd.style", text=text, icon=icon)
            drawn.kind, drawn.style = self.kind, style
        if model is not None and all(model.unknown_words(words) for words in STYLES.values() if words):
            self.layout.separator()
            draw_text(self.layout, f"{model.title} knows none of these words, and leaves them out", "INFO", room=LINE)


class _RecentMenu(Drawn):
    bl_label = "Recent Prompts"
    kind = ""

    def draw(self, context: bpy.types.Context) -> None:
        prompts = recents().of(self.kind)
        if not prompts:
            self.layout.label(text="None yet")
        for prompt in prompts:
            drawn: Any = self.layout.operator("msd.use_prompt", text=shortened(prompt, LINE))
            drawn.kind, drawn.prompt = self.kind, prompt


class MSD_MT_mesh_style(_StyleMenu, bpy.types.Menu):
    kind = "mesh"


class MSD_MT_texture_style(_StyleMenu, bpy.types.Menu):
    kind = "texture"


class MSD_MT_retexture_style(_StyleMenu, bpy.types.Menu):
    kind = "retexture"


class MSD_MT_mesh_recent(_RecentMenu, bpy.types.Menu):
    kind = "mesh"


class MSD_MT_texture_recent(_RecentMenu, bpy.types.Menu):
    kind = "texture"


class MSD_MT_retexture_recent(_RecentMenu, bpy.types.Menu):
    kind = "retexture"


CLASSES = (
    MSD_MT_mesh_style,
    MSD_MT_texture_style,
    MSD_MT_retexture_style,
    MSD_MT_mesh_recent,
    MSD_MT_texture_recent,
    MSD_MT_retexture_recent,
)
