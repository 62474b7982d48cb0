"""The Blender half: panels, live meshes and results. Only `bpy`, numpy and the standard library are used.

Arrows point one way: `ui` -> `bridge` -> `link` -> `stage` -> `scene`, and from each of them to `core`. `core` never
imports `bpy`; `scene` never uses the network.
"""

VERSION = "0.1.0"

# The name Blender knows the extension by ("bl_ext.user_default.blender_msd"): preferences and the user folder want it.
EXTENSION = __package__.rpartition(".")[0]


def register() -> None:
    from . import bridge, ui

    bridge.register()
    ui.register()


def unregister() -> None:
    from . import bridge, ui
    from .ui.preferences import leaves_jobs

    # The job and the server go first: nothing may reach a class that is being removed.
    bridge.unregister(leaves_jobs())
    ui.unregister()
