"""The server's environment, built and kept from inside Blender, outside Blender's own Python. No `bpy`.

`runner` does the work in a process of its own; `survey` tells what is there; `state` says it in one value.
"""
