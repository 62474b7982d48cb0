"""Limits of a recipe, which Blender checks before it asks the server.

The server has its own, in a schema that Blender's Python cannot read: it has no pydantic. A test holds them together.
"""

from __future__ import annotations

from typing import NamedTuple


class Range(NamedTuple):
    """Both ends belong to it."""

    least: float
    most: float


# As Python counts: one for a Chinese character and for a simple emoji, whatever bytes they take.
PROMPT_CHARACTERS = 1000
MODEL_CHARACTERS = 4096
SEED = Range(0, 2**31 - 1)
PICTURE_SIDE = Range(32, 8192)
# Of the following, 0 leaves the choice to the prior or to the preset. Where 0 means something to the server, little is
# lost: a scale of 0 ignores the prompt, and 0 faces keep them all, as the largest number does.
BANDWIDTH = Range(0.001, 100.0)  # in the prior's latent units
SCALE = Range(0.0, 200.0)
STEPS = Range(1, 100_000)
INVERSION_SCALE = Range(-200.0, 200.0)  # 0 is without the prompt, which is every model's own
INTERVAL_LOW = Range(0.0, 100.0)  # in bandwidths
INTERVAL_HIGH = Range(0.1, 100.0)
SAMPLER_STEPS = Range(2, 200)
FACES = Range(0, 2_000_000)
LOOKS = Range(1, 16)  # the server takes more seeds at once, for whose pictures a panel has no room

REIMAGINE = Range(0.0, 1.0)  # of a picture that a texture begins as
FEATHER = Range(0, 4096)

# What targets may be made with. The server takes "view" for textures, too, for comparison: see ui/properties.py.
NOISES = {"mesh": ("fresh", "attached", "view"), "texture": ("fresh", "attached")}
NOISES["retexture"] = NOISES["mesh"]
# What a texture may bring beside its colour; the panel's names are the same in capitals.
MAPS = ("albedo", "normal", "height", "roughness", "ao", "metallic", "orm")
ESTIMATORS = ("paper", "noised", "tweedie", "exact")
CENTRES = ("inversion", "random", "clean")
KERNEL_TIMES = ("half_var", "sigma", "lam2+sigma2", "vp")
# Sides of a mesh's maps in pixels; 0 leaves its colours at the vertices. The server takes any from 64, too.
TEXTURE_SIZES = (0, 512, 1024, 2048, 4096)
# Faces of a mesh that is textured, as triangles.
MOST_GIVEN_FACES = 2_000_000
