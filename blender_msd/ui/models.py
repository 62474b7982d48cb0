"""Choosing a model: the menu, what is said about the chosen one, and the words that it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.errors import Problem
from ..core.offer import Model
from . import aims, texts
from .drawn import Drawn, TabPanel
from .settings import Settings, settings_for
from .values import Values
from .writing import ICON, draw_text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems


# Of the words that a model does not know; what it knows is behind a button.
LINES_OF_WORDS = 2


def chosen_model(settings: Settings) -> Model | None:
    """The model that these settings ask for; None while it is not known (no server yet, or one typed by hand)."""
    return bridge.current().offer.find(_asked_for(settings))


def why_off(settings: Settings, kind: str) -> str:
    """Why the big button is off, in a sentence; empty when it is on."""
    if not texts.text(settings, "prompt").strip():
        return "Type what to make first"
    try:
        Values(settings).check(kind)
        aims.check(Values(settings), kind)
    except Problem as problem:
        return str(problem)
    model = chosen_model(settings)
    if model is None:
        return ""
    refusal = model.refusal(texts.text(settings, "prompt"), kind)
    return model.cannot_make(kind) or ("" if refusal is None else refusal.message)


def draw_choice(layout: bpy.types.UILayout, settings: Settings, kind: str) -> None:
    """One row with the menu; below it the field for a model of one's own."""
    offer = bridge.current().offer
    row = layout.row(align=True)
    if not offer.models:
        row.prop(settings, "prior", text="", placeholder="Model: the server's choice", icon="FILE_3D")
        row.operator("msd.browse_model", text="", icon="FILE_FOLDER").kind = kind
        return
    model = chosen_model(settings)
    typed = settings.type_prior or model is None
    row.menu(f"MSD_MT_{kind}_model", text="Other" if typed or model is None else model.title)
    row.operator("msd.refresh_models", text="", icon="FILE_REFRESH")
    if offer.refreshing:
        draw_text(layout, "Looking for models ...", "SORTTIME")
    if typed:
        row = layout.row(align=True)
        row.prop(settings, "prior", text="", placeholder="In the folder of models, or hub:owner/name")
        row.operator("msd.browse_model", text="", icon="FILE_FOLDER").kind = kind
    elif model is not None and offer.is_too_slow(model):
        draw_text(layout.box(), f"The server has no NVIDIA graphics card. {model.needs}", "ERROR")


def draw_unknown_words(layout: bpy.types.UILayout, settings: Settings, name: str, kind: str) -> None:
    """One line that names the words of the text `settings.name` that the chosen model does not know."""
    model = chosen_model(settings)
    unknown = [] if model is None else model.unknown_words(texts.text(settings, name))
    if model is None or not unknown:
        return
    what = f"{model.title} refuses words that it does not know" if model.refuses else "Not known, will be left out"
    row = layout.row(align=True)
    draw_text(row, f"{what}: {', '.join(unknown)}", "ERROR", most=LINES_OF_WORDS, indent=ICON)
    row.operator("msd.known_words", text="", icon="QUESTION").kind = kind


def _asked_for(settings: Settings) -> str:
    """What a recipe would call the model; one whose path cannot be read goes by its path as it was typed."""
    try:
        return texts.model(settings, "prior")
    except Problem:
        return texts.text(settings, "prior")


class AboutModel(TabPanel):
    """A sub-panel on the chosen model."""

    bl_label = "About the Model"
    bl_options = {"DEFAULT_CLOSED"}
    settings = ""

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = settings_for(context.scene, self.settings)
        model = chosen_model(settings)
        if model is None:
            draw_text(layout, "Not known before the server has looked at it.", "INFO")
            return
        if model.why_not:
            draw_text(layout, model.cannot_make(self.settings), "ERROR")
        else:
            _draw_abilities(layout, model, self.settings)
            if cost := model.cost(self.settings, settings.preset.lower()):
                draw_text(layout, f"{settings.preset.title()} {cost}", "TIME")
        draw_text(layout, f"Licence: {model.licence}", "TEXT")
        if model.path:
            draw_text(layout, model.path, "FILE_FOLDER")


def _draw_abilities(layout: bpy.types.UILayout, model: Model, kind: str) -> None:
    draw_text(layout, model.description)
    if known := model.known_things.get(kind, ""):
        draw_text(layout, f"It knows: {known}")
    draw_text(layout, model.needs, "MEMORY")
    if kind == "mesh":
        draw_text(layout, _how_it_is_told_the_view(model), "CAMERA_DATA")


def _how_it_is_told_the_view(model: Model) -> str:
    if model.takes_camera:
        return "It is told the camera of each picture."
    told = "It is told the side in words only" if model.view_prompts else "It is not told which side it sees"
    return f"{told}, so objects may come out with several faces."


class _ModelMenu(Drawn):
    bl_label = "Model"
    kind = ""

    def draw(self, context: bpy.types.Context) -> None:
        settings = settings_for(context.scene, self.kind)
        offer = bridge.current().offer
        chosen = None if settings.type_prior else chosen_model(settings)
        for model in offer.models:
            icon: IconItems = "CHECKMARK" if model is chosen else "ERROR" if model.cannot_make(self.kind) else "BLANK1"
            choice = self.layout.operator("msd.choose_model", text=model.title, icon=icon)
            choice.kind, choice.name = self.kind, model.name
        self.layout.separator()
        other = self.layout.operator("msd.choose_model", text="Other...", icon="BLANK1" if chosen else "CHECKMARK")
        other.kind, other.name = self.kind, ""


class MSD_MT_mesh_model(_ModelMenu, bpy.types.Menu):
    kind = "mesh"


class MSD_MT_texture_model(_ModelMenu, bpy.types.Menu):
    kind = "texture"


CLASSES = (MSD_MT_mesh_model, MSD_MT_texture_model)
