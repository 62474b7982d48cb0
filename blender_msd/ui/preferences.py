"""Add-on preferences: how to reach the server, and how it is set up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import bpy

from .. import EXTENSION, bridge
from ..core.connection import Setup
from ..core.errors import Problem
from ..core.names import printable
from ..core.paths import read_path
from ..core.setup.state import FAILED, NOT_SET_UP, PART_DONE, READY, UPDATE_NEEDED
from ..core.state import SetUp
from ..installer import Wishes
from ..scene.present import present
from . import setup_card, texts
from .drawn import Drawn

PYTHON_VARIABLE = "BLENDER_MSD_PYTHON"


def _look_again(_preferences: object, _context: bpy.types.Context) -> None:
    """What the card says goes by what is chosen here."""
    installer = bridge.installer()
    if installer.state.running:
        return
    try:
        installer.look(wishes())
    except Problem as problem:
        installer.problem = problem


class MSD_AP_preferences(Drawn, bpy.types.AddonPreferences):
    bl_idname = EXTENSION

    # Without Blender's own folder button, which hides folders such as .venv: a button beside it does not.
    server_python: bpy.props.StringProperty(
        name="Python",
        description="Use a Python I already have: the program of an environment that holds the server's packages",
        # As a path, which need not be text, but without Blender's own button: its browser hides `.venv`.
        subtype="FILE_NAME",
    )
    model_folder: bpy.props.StringProperty(
        name="Models",
        description="Folder with diffusion models of your own: .safetensors files and diffusers folders. "
        "Read when the server starts",
        subtype="DIR_PATH",
    )
    allow_hub: bpy.props.BoolProperty(
        name="Models from the Hub",
        description="Let the server fetch a model named hub:owner/name from huggingface.co, if online access is on. "
        "Read when the server starts",
    )
    server_url: bpy.props.StringProperty(
        name="Address",
        description="Use a server that runs already, for example http://127.0.0.1:8188. Empty: Blender starts its own",
    )
    server_token: bpy.props.StringProperty(
        name="Token",
        description="The token in that server's server.json",
        subtype="PASSWORD",
    )
    accelerator: bpy.props.EnumProperty(
        name="Engine",
        description="What the server computes with",
        items=(
            ("AUTO", "Best that is found", ""),
            ("nvidia", "NVIDIA graphics card", ""),
            ("amd", "AMD graphics card", ""),
            ("apple", "Apple silicon", ""),
            ("cpu", "Processor", ""),
        ),
        update=_look_again,
    )
    base_python: bpy.props.StringProperty(
        name="Build upon",
        description="Python that the environment is made with. Empty: the one inside Blender, or one that is found",
        subtype="FILE_NAME",
        update=_look_again,
    )
    env_folder: bpy.props.StringProperty(
        name="Folder",
        description="Where set-up installs. Empty: the extension's own folder",
        subtype="DIR_PATH",
        update=_look_again,
    )
    offline_folder: bpy.props.StringProperty(
        name="Offline Package",
        description="Folder with all packages of the engine, to be used instead of the internet",
        subtype="DIR_PATH",
        update=_look_again,
    )

    on_quit: bpy.props.EnumProperty(
        name="On Quitting",
        description="What happens to jobs under way while Blender quits, or while this add-on is switched off",
        items=(
            ("GO_ON", "Let Them Go On", "They go on in the server, which then ends. They are listed next time"),
            ("STOP", "Stop Them", "They are cancelled, and the server ends at once"),
        ),
        default="GO_ON",
    )

    pause_while_rendering: bpy.props.BoolProperty(
        name="Pause While Rendering",
        description="Jobs of this Blender wait while it renders an image or an animation, and go on afterwards",
        default=True,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "allow_hub")
        layout.prop(self, "on_quit")
        layout.prop(self, "pause_while_rendering")
        box = layout.box()
        box.label(text="Set-up")
        setup_card.draw_maintenance(box)
        box.prop(self, "accelerator")
        _draw_program(box, self, "base_python")
        box.prop(self, "env_folder")
        box.prop(self, "offline_folder")
        box = layout.box()
        box.label(text="A Python I already have")
        _draw_program(box, self, "server_python")
        if not texts.pasted(self, "server_python") and os.environ.get(PYTHON_VARIABLE):
            box.label(text=printable(f"From the environment: {os.environ[PYTHON_VARIABLE]}"), icon="INFO")
        box.operator("msd.check_python", icon="CHECKMARK")
        box = layout.box()
        box.label(text="A server I already have")
        box.prop(self, "server_url", placeholder="http://127.0.0.1:8188")
        box.prop(self, "server_token")
        box.operator("msd.check_server", icon="CHECKMARK")
        layout.prop(self, "model_folder")
        layout.label(text=printable(f"Log: {bridge.current().local.log}"), icon="TEXT")

    def own_python(self) -> Path | None:
        """The Python that a person brought; the preferences win over the environment variable.

        Raises:
            Problem: "path-unreadable", "path-relative".
        """
        python = texts.path(self, "server_python") or read_path(os.environ.get(PYTHON_VARIABLE, ""))
        return Path(python) if python else None


def _draw_program(layout: bpy.types.UILayout, preferences: MSD_AP_preferences, field: str) -> None:
    row = layout.row(align=True)
    row.prop(preferences, field)
    row.operator("msd.browse_python", text="", icon="FILE_FOLDER").field = field


def has_own_server() -> bool:
    """Whether a person brought a Python or a server, so that none needs to be set up."""
    preferences = own()
    typed = any(texts.pasted(preferences, name) for name in ("server_url", "server_python"))
    return typed or bool(os.environ.get(PYTHON_VARIABLE))


def wishes() -> Wishes:
    """What the preferences say about the set-up.

    Raises:
        Problem: "path-unreadable", "path-relative", "set-up-folder-unusable".
    """
    preferences = own()
    folder = texts.path(preferences, "env_folder")
    base = texts.path(preferences, "base_python")
    offline = texts.path(preferences, "offline_folder")
    if offline and not Path(offline).is_dir():
        hint = "Choose the folder that holds the packages."
        raise Problem("set-up-folder-unusable", f"The offline package {offline} is no folder.", hint)
    accelerator = str(preferences.accelerator)
    return Wishes(
        root=(Path(folder) if folder else bridge.user_dir()) / "env",
        accelerator="" if accelerator == "AUTO" else accelerator,
        base_python=Path(base) if base else None,
        offline=Path(offline) if offline else None,
        online_access=bpy.app.online_access,
    )


def setup() -> Setup:
    """How to reach a server: one that a person brought, or the one that was set up.

    Raises:
        Problem: "path-unreadable", "path-relative", "set-up-folder-unusable".
    """
    preferences = own()
    models = texts.path(preferences, "model_folder")
    return Setup(
        python=preferences.own_python() or bridge.installer().usable_python(wishes().root),
        url=texts.pasted(preferences, "server_url"),
        token=texts.pasted(preferences, "server_token"),
        online_access=bpy.app.online_access,
        model_folder=Path(models) if models else None,
        allow_hub=preferences.allow_hub,
    )


def set_up() -> SetUp:
    """How far the set-up is, for the strip. Reads no file."""
    state = bridge.installer().state
    if has_own_server() and not state.running:
        return SetUp("done")
    steps: dict[str, Literal["none", "part-done", "outdated", "done"]]
    steps = {NOT_SET_UP: "none", PART_DONE: "part-done", FAILED: "part-done", UPDATE_NEEDED: "outdated", READY: "done"}
    progress = "part-done" if state.running else steps[state.kind]
    return SetUp(progress, state.fraction, state.have, state.want, state.running)


def leaves_jobs() -> bool:
    """Whether a running job goes on when Blender quits."""
    return bool(own().on_quit != "STOP")


def own() -> MSD_AP_preferences:
    found = present(present(bpy.context.preferences).addons[EXTENSION].preferences)
    assert isinstance(found, MSD_AP_preferences)
    return found


CLASSES = (MSD_AP_preferences,)
