"""What a recipe can say, Blender's panel can say, or there is a reason why not.

The command line sets a part of a recipe's fields, so every one of its wishes is met here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from blender_msd.core.recipes import mesh_recipe, retexture_recipe, texture_recipe
from server.recipe import Recipe, read_recipe

LEFT_OUT = {
    "time_budget_s": "who watches presses Finish Now; what depends on the clock cannot be made again",
    "views_per_step": "Quality sets them; more take as long as more steps",
    "render_size": "the model's own; larger ones may not fit into memory",
    "guidance.method": "the others are baselines, for researchers",
    "guidance.fits": "keeps the pace of the chosen noise",
    "guidance.bandwidth_schedule": "for researchers",
    "guidance.samples": "more take as long as more steps",
    "guidance.stop_threshold": "ends a run that has arrived",
    "texture.normals": "Blender's Normal Map node reads OpenGL's; engines get theirs from the command line",
    "mesh.resolution": "Quality sets it; time and memory grow with its cube",
    "mesh.level": "found where the cameras see the outline; the command `remesh` tries another afterwards",
}

COMMON: dict[str, Any] = {
    "negative_prompt": "a swan",
    "spare_prompt": True,
    "seed": 3,
    "preset": "fine",
    "prior": "exact",
    "loras": ["style.safetensors:0.5"],
    "steps": 7,
    "noise": "attached",
    "scale": 3.0,
    "bandwidth_start": 2.0,
    "bandwidth_end": 0.5,
    "estimator": "paper",
    "centre": "inversion",
    "kernel_time": "lam2+sigma2",
    "interval_low": 0.2,
    "interval_high": 3.0,
    "inversion_scale": -6.5,
    "sampler_steps": 20,
    "perp_neg": False,
}
KINDS = ("mesh", "texture", "retexture")


def concerns(path: str, kind: str) -> bool:
    """Whether a field is not of another kind's part."""
    return path.split(".")[0] not in set(KINDS) - {kind}


def said_by_the_panel(kind: str) -> dict[str, Any]:
    """A recipe with everything that the panel can choose."""
    if kind == "mesh":
        return mesh_recipe("a duck", **COMMON, faces=500, texture_size=512)
    if kind == "retexture":
        return retexture_recipe("a duck", **COMMON, mesh="0" * 64, size=512)
    shape = {"width": 64, "height": 32, "tile_x": False, "tile_y": True, "maps": ("height", "normal")}
    source = {"source": "0" * 64, "mask": "1" * 64, "reimagine": 0.3, "feather": 5}
    return texture_recipe("bricks", **COMMON, **shape, **source)


def fields_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Every field of a recipe by its path, parts taken apart: "guidance.noise"."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields_of(info.annotation, f"{before}{name}.")
        else:
            yield before + name


def paths_of(recipe: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            yield from paths_of(value, f"{before}{name}.")
        else:
            yield before + name


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_recipe_is_in_the_panel_or_left_out_for_a_reason(kind: str) -> None:
    wanted = {path for path in fields_of(Recipe) if concerns(path, kind)}
    said = set(paths_of(said_by_the_panel(kind)))
    assert wanted - said == {path for path in LEFT_OUT if concerns(path, kind)}
    assert said <= wanted
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_takes_everything_that_the_panel_can_say(kind: str) -> None:
    said = said_by_the_panel(kind)
    understood = read_recipe(said).model_dump()

    def agree(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
        return all(
            agree(value, whole[name]) if isinstance(value, Mapping) else whole[name] == value
            for name, value in part.items()
        )

    assert agree(said, understood)
