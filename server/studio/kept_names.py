"""How the files of runs that are under way are called; for those, too, who do not read them."""

SUFFIX = ".safetensors"
# Behind SUFFIX: of a run that will go on for sure. Nothing counts it among those that may go.
ASIDE = ".aside"
