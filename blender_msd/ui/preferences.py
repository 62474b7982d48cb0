"""Add-on preferences: how to reach the server."""

import os
from pathlib import Path

import bpy

from .. import EXTENSION
from ..bridge import current
from ..core.connection import Setup
from ..core.names import printable
from ..core.paths import read_path
from ..core.state import SetUp
from ..scene.present import present
from . import texts
from .drawn import Drawn

PYTHON_VARIABLE = "BLENDER_MSD_PYTHON"


class MSD_AP_preferences(Drawn, bpy.types.AddonPreferences):
    bl_idname = EXTENSION

    server_python: bpy.props.StringProperty(
        name="Server Python",
        description="Python program of the environment that holds the server's packages (torch and others)",
        subtype="FILE_PATH",
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

    on_quit: bpy.props.EnumProperty(
        name="On Quitting",
        description="What happens to a job that runs while Blender quits, or while this add-on is switched off",
        items=(
            ("FINISH", "Finish the Job", "It goes on in the server, which then ends. Its result is offered next time"),
            ("STOP", "Stop the Job", "It is cancelled, and the server ends at once"),
        ),
        default="FINISH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "server_python")
        if not texts.pasted(self, "server_python") and os.environ.get(PYTHON_VARIABLE):
            layout.label(text=printable(f"From the environment: {os.environ[PYTHON_VARIABLE]}"), icon="INFO")
        layout.prop(self, "model_folder")
        layout.prop(self, "allow_hub")
        layout.prop(self, "on_quit")
        box = layout.box()
        box.label(text="A server that runs already")
        box.prop(self, "server_url", placeholder="http://127.0.0.1:8188")
        box.prop(self, "server_token")
        layout.label(text=printable(f"Log: {current().local.log}"), icon="TEXT")


def setup() -> Setup:
    """How to reach a server; the preferences win over the environment variable.

    Raises:
        Problem: "path-unreadable", "path-relative".
    """
    preferences = _own()
    python = texts.path(preferences, "server_python") or read_path(os.environ.get(PYTHON_VARIABLE, ""))
    models = texts.path(preferences, "model_folder")
    return Setup(
        python=Path(python) if python else None,
        url=texts.pasted(preferences, "server_url"),
        token=texts.pasted(preferences, "server_token"),
        online_access=bpy.app.online_access,
        model_folder=Path(models) if models else None,
        allow_hub=preferences.allow_hub,
    )


def set_up() -> SetUp:
    """How far the set-up is. Reads no file."""
    preferences = _own()
    is_done = any(texts.pasted(preferences, name) for name in ("server_python", "server_url"))
    return SetUp("done" if is_done or os.environ.get(PYTHON_VARIABLE) else "none")


def leaves_jobs() -> bool:
    """Whether a running job goes on when Blender quits."""
    return bool(_own().on_quit != "STOP")


def _own() -> MSD_AP_preferences:
    found = present(present(bpy.context.preferences).addons[EXTENSION].preferences)
    assert isinstance(found, MSD_AP_preferences)
    return found


CLASSES = (MSD_AP_preferences,)
