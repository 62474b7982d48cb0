"""Prompts as text blocks, where a long one can be written on several lines."""

from __future__ import annotations

import bpy

from . import editors

NAMES = {
    "mesh": "Prompt of the Object",
    "texture": "Prompt of the Texture",
    "retexture": "Prompt of the Mesh's Texture",
}


def find(kind: str) -> bpy.types.Text | None:
    """The text block of a kind of jobs, if there is one."""
    return next((text for text in bpy.data.texts if text.name == NAMES[kind] and text.library is None), None)


def write(kind: str, prompt: str) -> bpy.types.Text:
    """A text block that holds a prompt."""
    text = find(kind) or bpy.data.texts.new(NAMES[kind])
    text.from_string(prompt)
    return text


def read(text: bpy.types.Text) -> str:
    """The prompt in a text block, on one line."""
    return " ".join(text.as_string().split())


def show(text: bpy.types.Text) -> bool:
    """Show a text block in every Text Editor that is open; whether there is one."""
    shown = False
    for area in editors.areas("TEXT_EDITOR"):
        space = area.spaces.active
        assert isinstance(space, bpy.types.SpaceTextEditor)
        space.text, space.show_word_wrap = text, True
        area.tag_redraw()
        shown = True
    return shown
