"""How the files of runs, finished or under way, are called; for those, too, who do not read them."""

SUFFIX = ".safetensors"
# Runs that were stopped and may go on; each holds a field and its optimiser, about 20 MB.
MOST_KEPT = 8
# Behind SUFFIX: of a run that will go on for sure. Nothing counts it among those that may go.
ASIDE = ".aside"
# In the folder of a job that is done: where it ended, from which another takes more steps.
STATE = "state.safetensors"
# In the same place: of a mesh, the field, which can be meshed again; and what it looks like.
FIELD = "field.safetensors"
THUMBNAIL = "thumbnail.png"
