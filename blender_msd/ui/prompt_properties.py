"""What the operators beside a prompt can be told; declared as those of properties.py."""

from bpy.props import EnumProperty, IntProperty, StringProperty

from ..core.styles import STYLES
from .properties import KindChoice


class FacesChoice:
    faces: IntProperty(name="Faces", options={"SKIP_SAVE"})


class StyleChoice(KindChoice):
    style: EnumProperty(
        name="Style",
        items=tuple((style, style.title(), words) for style, words in STYLES.items()),
        options={"SKIP_SAVE"},
    )


class PromptChoice(KindChoice):
    prompt: StringProperty(options={"SKIP_SAVE"})


class SettingChoice(KindChoice):
    names: StringProperty(
        name="Settings", description="Their names in Python, with commas between them", options={"SKIP_SAVE"}
    )
