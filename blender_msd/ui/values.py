"""What operators and panels take from the settings: every value is checked on its way."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import bpy

from ..core.checks import choice, number
from ..core.limits import SEED, Range
from ..core.recipes import mesh_recipe, retexture_recipe, texture_recipe
from ..scene.sources import Source
from . import texts
from .guidance_properties import KEPT, OWN

# Texts that mean more than they say.
READ: dict[str, Callable[[bpy.types.bpy_struct, str], Any]] = {"prior": texts.model, "loras": texts.loras}

# Settings that say where a result goes, by the kind of job.
PLACING = {
    "mesh": ("size", "place", "collected", "as_asset"),
    "texture": ("apply", "slot", "repeat", "real_width", "source", "part", "mask"),
    "retexture": ("apply", "faces"),
}


def drawn_seed() -> int:
    return random.randint(int(SEED.least), int(SEED.most))


class Values:
    """Checked settings: what the caller of an operator gave, else what the scene says.

    Args:
        settings: the scene's.
        operator: or what has its properties; None in panels.
    """

    def __init__(self, settings: bpy.types.PropertyGroup, operator: Any = None) -> None:
        self._settings = settings
        self._operator = operator

    def __getitem__(self, name: str) -> Any:
        """One setting.

        Raises:
            Problem: "value-out-of-range", "choice-unknown", and those of `texts.model`.
        """
        source = self._operator if self._operator is not None and self._is_given(name) else self._settings
        about = self._settings.bl_rna.properties[name]  # the operator has it from the same declaration
        if isinstance(about, bpy.types.StringProperty):
            return READ.get(name, texts.text)(source, name)
        value = getattr(source, name)
        if isinstance(about, bpy.types.IntProperty | bpy.types.FloatProperty):
            return number(about.name, value, Range(about.soft_min, about.soft_max))
        if isinstance(about, bpy.types.EnumProperty) and not about.is_enum_flag:
            return choice(about.name, value, {item.identifier: item.name for item in about.enum_items})
        return value

    def recipe(self, kind: str, mesh: str = "", source: Source | None = None) -> dict[str, Any]:
        """The recipe for a job of a kind; a random seed is drawn here, unless the caller gave a seed.

        Args:
            mesh: SHA-256 of the mesh that is to be textured.
            source: that a texture begins as, and has the size of.

        Raises:
            Problem: as above, and as `mesh_recipe`.
        """
        draw = self["random_seed"] and (self._is_given("random_seed") or not self._is_given("seed"))
        words = ("prompt", "negative_prompt", "spare_prompt", "prior", "loras")
        of_rule = ("interval_low", "interval_high", "inversion_scale", "sampler_steps")
        numbers = ("steps", "scale", "bandwidth_start", "bandwidth_end", *of_rule)
        switch = self._unless_own("perp_neg")
        common = {name: self[name] for name in (*words, *numbers)}
        common |= {
            "preset": self["preset"].lower(),
            "noise": (self._unless_own("noise") or "").lower(),
            **{name: KEPT[name][self[name]] for name in KEPT},
            "perp_neg": None if switch is None else switch == "ON",
            "seed": drawn_seed() if draw else self["seed"],
        }
        if kind == "mesh":
            side = self._unless_own("texture_size")
            return mesh_recipe(**common, faces=self["faces"], texture_size=None if side is None else int(side))
        if kind == "retexture":
            return retexture_recipe(**common, mesh=mesh, size=int(self._unless_own("size") or 0))
        sides = {name: self[name] for name in ("width", "height", "tile_x", "tile_y")}
        maps = {name.lower() for name in self["maps"]}
        if self["apply"] == "SLOT":
            # The one that the input takes, and no other.
            maps = {self["slot"].lower()} - {"colour"}
        begun = {"reimagine": self["reimagine"], "feather": self["feather"]}
        if source is not None:
            sides |= dict(zip(("width", "height"), source.size, strict=True))
            begun |= {"source": source.image.name, "mask": source.mask.name if source.mask else ""}
        return texture_recipe(**common, **sides, maps=maps, **begun)

    def check(self, kind: str) -> None:
        """Raises the Problem that an operator would report for these settings, if there is one."""
        self.recipe(kind)
        for name in PLACING[kind]:
            self.__getitem__(name)

    def _unless_own(self, name: str) -> str | None:
        """One choice; None when it is left to the model or to the quality."""
        value: str = self[name]
        return None if value == OWN else value

    def _is_given(self, name: str) -> bool:
        return self._operator is not None and self._operator.properties.is_property_set(name)
