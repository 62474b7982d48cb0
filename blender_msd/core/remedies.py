"""What helps: for every error's code a headline, and the button that does what the error's hint says, if one can."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Button:
    """Attributes:
    operator: name of an operator.
    label: of the button.
    icon: Blender's name of it.
    what: the operator's choice, for `msd.adjust` alone.
    """

    operator: str
    label: str
    icon: str = "NONE"
    what: str = ""


PREFERENCES = Button("msd.open_preferences", "Open Preferences")
SET_UP = Button("msd.set_up", "Set up")
CONTINUE = Button("msd.set_up", "Continue")
PAUSE = Button("msd.set_up_pause", "Pause", "PAUSE")
UPDATE = Button("msd.set_up", "Update")
REPAIR = Button("msd.set_up_repair", "Repair")
SYSTEM = Button("msd.open_system_preferences", "Allow Online")
START = Button("msd.start_server", "Start the Server")
WAIT = Button("msd.start_server", "Go On Waiting")
GO_ON = Button("msd.go_on", "Go On")
AGAIN = Button("msd.go_on", "Try Again")
RECONNECT = Button("msd.reconnect", "Reconnect")
FETCH = Button("msd.reconnect", "Fetch Again")
OTHER_SEED = Button("msd.another_seed", "Another Seed")
KNOWN = Button("msd.known_words", "What It Knows")
CANCEL = Button("msd.cancel", "Cancel the Job")
CANCEL_RESHAPE = Button("msd.cancel_reshape", "Cancel That")
FOLDER = Button("msd.open_folder", "Open Folder")
REPORT = Button("msd.copy_report", "Copy Report")
SAVE = Button("wm.save_mainfile", "Save the File")
OWN_MODEL = Button("msd.adjust", "Server's Model", what="OWN_MODEL")
IMAGE_ONLY = Button("msd.adjust", "Image Only", what="IMAGE_ONLY")
VERTEX_COLOURS = Button("msd.adjust", "Vertex Colours", what="VERTEX_COLOURS")
SCALE_ONE = Button("msd.adjust", "Set Scale to 1", what="SCALE_ONE")
SKETCH = Button("msd.adjust", "Use Sketch", what="SKETCH")
DEFAULTS = Button("msd.adjust", "Reset Values", what="DEFAULTS")
UNWRAP = Button("msd.make_uv_layer", "New UV Layer")
ALL_FACES = Button("msd.adjust", "All Faces", what="ALL_FACES")
SHORTEN = Button("msd.adjust", "Shorten It", what="SHORTEN")

UNKNOWN = "That did not work"

# code -> (headline, button); each code of docs/errors.md that a person can meet in Blender.
REMEDIES: dict[str, tuple[str, Button | None]] = {
    # Starting and reaching the server
    "server-not-set-up": ("The server is not set up", SET_UP),
    "server-python-missing": ("The server's Python is missing", PREFERENCES),
    "server-did-not-start": ("The server did not start", PREFERENCES),
    "server-slow": ("The server does not answer yet", WAIT),
    "server-stopped": ("The server stopped unexpectedly", GO_ON),
    "server-lost": ("The server does not answer", RECONNECT),
    "server-restarted": ("The server stopped while it worked", GO_ON),
    "server-incompatible": ("Add-on and server do not match", PREFERENCES),
    "server-already-running": ("Another server uses this folder", FOLDER),
    "server-file-unusable": ("The server's file cannot be used", FOLDER),
    "not-our-server": ("Something else answers there", PREFERENCES),
    "port-taken": ("The port is taken", AGAIN),
    "token-wrong": ("The server refused the token", PREFERENCES),
    "host-refused": ("The server is called differently", PREFERENCES),
    "request-refused": ("The server refused the request", PREFERENCES),
    "address-unreadable": ("The address cannot be read", PREFERENCES),
    "online-access-off": ("Online access is off", SYSTEM),
    "device-unavailable": ("The graphics card cannot be used", REPORT),
    "device-unknown": ("There is no such device", REPORT),
    "worker-did-not-start": ("The server cannot compute", AGAIN),
    "worker-died": ("The generator stopped unexpectedly", GO_ON),
    "add-on-error": ("The add-on made a mistake", REPORT),
    "internal": ("The server made a mistake", REPORT),
    "request-too-slow": ("The request came too slowly", AGAIN),
    "too-many-connections": ("The server is busy with others", AGAIN),
    "too-many-streams": ("The server is busy with others", RECONNECT),
    # Setting up
    "set-up-no-python": ("No fitting Python was found", PREFERENCES),
    "set-up-no-packages": ("There are no packages for this", PREFERENCES),
    "set-up-lock-unusable": ("The list of packages is damaged", REPORT),
    "set-up-no-space": ("Not enough disk space", PREFERENCES),
    "set-up-folder-unusable": ("The folder cannot be used", PREFERENCES),
    "set-up-running": ("Set-up is running", PAUSE),
    "set-up-stopped": ("Set-up stopped unexpectedly", CONTINUE),
    "set-up-python-gone": ("The server's Python is gone", CONTINUE),
    "set-up-model-broken": ("The model is damaged", CONTINUE),
    "set-up-check-failed": ("The check found something wrong", REPAIR),
    "set-up-test-failed": ("The test run failed", REPAIR),
    "python-unfit": ("This Python cannot be used", PREFERENCES),
    "driver-too-old": ("The graphics driver is too old", PREFERENCES),
    "download-failed": ("The download broke off", CONTINUE),
    "package-damaged": ("A package is damaged", CONTINUE),
    "package-missing": ("A package is missing", PREFERENCES),
    "install-failed": ("Installing failed", CONTINUE),
    # What was asked for
    "queue-full": ("Too many jobs wait already", AGAIN),
    "prompt-empty": ("The prompt is empty", None),
    "prompt-too-long": ("The prompt is too long", SHORTEN),
    "prompt-unreadable": ("The prompt was not understood", KNOWN),
    "nothing-to-cover": ("Nothing to put the picture on", IMAGE_ONLY),
    "nothing-to-fill": ("There is no image to fill", IMAGE_ONLY),
    "mesh-needed": ("A mesh is needed", None),
    "objects-several": ("Several meshes are selected", None),
    "object-linked": ("The object cannot be changed", None),
    "nothing-to-replace": ("Nothing to replace", None),
    "reshape-running": ("An object is being reshaped", CANCEL_RESHAPE),
    "reshape-failed": ("It could not be reshaped", REPORT),
    "reshape-too-long": ("Reshaping took too long", None),
    "object-not-ours": ("Not an object made here", None),
    "object-in-use": ("The object is being edited", None),
    "mesh-without-uvs": ("The mesh has no UV layer", UNWRAP),
    "uvs-outside": ("UVs lie outside of the picture", None),
    "uvs-empty": ("The UV layer is empty", None),
    "image-tiled": ("UDIM tiles cannot be filled", None),
    "surface-open": ("The surface is open", None),
    "mesh-empty": ("There are no faces to texture", ALL_FACES),
    "mesh-not-finite": ("The mesh is broken", None),
    "mesh-too-large": ("The mesh is too large", None),
    "mesh-unreadable": ("The mesh cannot be read", REPORT),
    "mesh-missing": ("The server lost the mesh", AGAIN),
    "image-needed": ("The picture cannot be used", None),
    "image-too-large": ("The picture is too large", None),
    "image-unreadable": ("The picture cannot be read", REPORT),
    "image-missing": ("The server lost the picture", AGAIN),
    "scene-linked": ("The scene cannot be changed", None),
    "preset-unknown": ("There is no such preset", DEFAULTS),
    "choice-unknown": ("A choice is not there any more", DEFAULTS),
    "value-out-of-range": ("A number is out of range", DEFAULTS),
    "interval-empty": ("The kernel would act nowhere", DEFAULTS),
    "bandwidth-grows": ("The bandwidth may only shrink", DEFAULTS),
    "recipe-invalid": ("The server refused a setting", DEFAULTS),
    "request-invalid": ("The server refused the request", REPORT),
    # The model
    "prior-not-allowed": ("Models from the hub are off", PREFERENCES),
    "prior-unknown": ("The model was not found", OWN_MODEL),
    "prior-broken": ("The model cannot be used", OWN_MODEL),
    "prior-gated": ("The model asks for consent", OWN_MODEL),
    "prior-offline": ("The model is not on this computer", OWN_MODEL),
    "prior-has-no-unconditional": ("This model cannot be guided", SCALE_ONE),
    "lora-broken": ("The LoRA cannot be used", OWN_MODEL),
    "lora-unfit": ("The LoRA is for other models", OWN_MODEL),
    "lora-not-allowed": ("The LoRA may not be read", PREFERENCES),
    "memory-short": ("Not enough memory for this model", SKETCH),
    "vocabulary-missing": ("The model lacks its vocabulary", OWN_MODEL),
    # The job and its result
    "nothing-formed": ("Nothing formed", OTHER_SEED),
    "nothing-solid": ("Nothing solid formed", OTHER_SEED),
    "not-finite": ("The numbers broke", OTHER_SEED),
    "field-broken": ("The result is broken", OTHER_SEED),
    "surface-too-noisy": ("The surface is too noisy", OTHER_SEED),
    "out-of-memory": ("Not enough memory", SKETCH),
    "charts-do-not-fit": ("The texture is too small", VERTEX_COLOURS),
    "texture-empty": ("The texture is too small", VERTEX_COLOURS),
    "wrong-state": ("The job has moved on", None),
    "job-over": ("The job is over", None),
    "job-not-over": ("The job is not over yet", None),
    "job-unknown": ("There is no such job", AGAIN),
    "nothing-kept": ("Nothing was kept to go on from", AGAIN),
    "state-unusable": ("It cannot be given more steps", AGAIN),
    "artifact-unknown": ("The server has no such file", FETCH),
    "artifact-removed": ("The file went for want of room", AGAIN),
    "artifact-too-large": ("The result is too large", SKETCH),
    "image-damaged": ("The picture arrived damaged", FETCH),
    "mesh-damaged": ("The mesh arrived damaged", FETCH),
    # Files and disks
    "result-not-saved": ("The result could not be saved", FETCH),
    "disk-full": ("The disk is full", FOLDER),
    "file-unusable": ("A file cannot be used", FOLDER),
    "out-not-writable": ("Nothing can be written there", FOLDER),
    "data-folder-unusable": ("The server's folder is unusable", FOLDER),
    "folder-unusable": ("A folder of models cannot be read", PREFERENCES),
    "path-unreadable": ("The path was not understood", PREFERENCES),
    "exporter-missing": ("Blender's exporter is off", None),
    "export-failed": ("The file could not be written", None),
    "path-relative": ("The path leads nowhere yet", SAVE),
    "store-broken": ("The list of jobs is damaged", FOLDER),
    "store-busy": ("The list of jobs is in use", AGAIN),
}
