"""The add-on and the server refuse the same recipes, each by limits of its own."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from blender_msd.core import limits
from blender_msd.core.errors import Problem
from blender_msd.core.recipes import mesh_recipe, retexture_recipe, texture_recipe
from server.api.limits import MOST_SEEDS
from server.errors import BadRequest
from server.meshing.given import MOST_FACES
from server.recipe import (
    CentreName,
    EstimatorName,
    GuidanceRecipe,
    KernelTime,
    MapName,
    MeshRecipe,
    NoiseName,
    Recipe,
    SourceRecipe,
    TextureRecipe,
    read_recipe,
)


def schema_of(model: type[BaseModel], name: str) -> dict[str, Any]:
    schema: dict[str, Any] = model.model_json_schema()["properties"][name]
    return next(iter(schema.get("anyOf", ())), schema)


@pytest.mark.parametrize(
    ("model", "name", "most"),
    [
        (Recipe, "prompt", limits.PROMPT_CHARACTERS),
        (Recipe, "negative_prompt", limits.PROMPT_CHARACTERS),
        (Recipe, "prior", limits.MODEL_CHARACTERS),
    ],
)
def test_texts_may_be_as_long_in_both(model: type[BaseModel], name: str, most: int) -> None:
    assert schema_of(model, name)["maxLength"] == most


RANGES: list[tuple[type[BaseModel], str, limits.Range]] = [
    (Recipe, "seed", limits.SEED),
    (Recipe, "steps", limits.STEPS),
    (TextureRecipe, "width", limits.PICTURE_SIDE),
    (TextureRecipe, "height", limits.PICTURE_SIDE),
    (SourceRecipe, "reimagine", limits.REIMAGINE),
    (SourceRecipe, "feather", limits.FEATHER),
    (MeshRecipe, "faces", limits.FACES),
    (GuidanceRecipe, "scale", limits.SCALE),
    (GuidanceRecipe, "bandwidth_start", limits.BANDWIDTH),
    (GuidanceRecipe, "bandwidth_end", limits.BANDWIDTH),
    (GuidanceRecipe, "inversion_scale", limits.INVERSION_SCALE),
    (GuidanceRecipe, "interval_low", limits.INTERVAL_LOW),
    (GuidanceRecipe, "interval_high", limits.INTERVAL_HIGH),
    (GuidanceRecipe, "sampler_steps", limits.SAMPLER_STEPS),
]


@pytest.mark.parametrize(("model", "name", "allowed"), RANGES)
def test_numbers_have_the_same_ends_in_both(model: type[BaseModel], name: str, allowed: limits.Range) -> None:
    schema = schema_of(model, name)
    assert (schema["minimum"], schema["maximum"]) == tuple(allowed)
    assert (schema["type"] == "integer") == isinstance(allowed.least, int)


def test_every_range_of_the_add_on_is_compared_here() -> None:
    ranges = {value for value in vars(limits).values() if isinstance(value, limits.Range)}
    assert ranges == {row[2] for row in RANGES} | {limits.LOOKS}


def test_the_server_takes_as_many_looks_at_once_as_the_panel_has_room_for() -> None:
    assert 1 <= limits.LOOKS.least <= limits.LOOKS.most <= MOST_SEEDS


def test_the_maps_of_both_are_called_the_same() -> None:
    assert get_args(MapName) == limits.MAPS


def test_objects_have_every_noise_of_the_server_and_textures_those_that_make_a_pattern() -> None:
    assert set(limits.NOISES["mesh"]) == set(get_args(NoiseName))
    assert set(limits.NOISES["texture"]) == set(get_args(NoiseName)) - {"view"}


def test_rules_have_every_choice_of_the_server() -> None:
    assert set(limits.ESTIMATORS) == set(get_args(EstimatorName))
    assert set(limits.CENTRES) == set(get_args(CentreName))
    assert set(limits.KERNEL_TIMES) == set(get_args(KernelTime))


@pytest.mark.parametrize("size", limits.TEXTURE_SIZES)
def test_the_server_bakes_every_texture_size_of_the_add_on(size: int) -> None:
    assert read_recipe(mesh_recipe("a duck", texture_size=size)).mesh.texture_size == size
    assert max(limits.TEXTURE_SIZES) == schema_of(MeshRecipe, "texture_size")["maximum"]


@pytest.mark.parametrize("char", ["x", "é", "鸭", "🦆"])
@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("length", [1000, 1001])
def test_both_count_characters_alike(char: str, name: str, length: int) -> None:
    texts = {"prompt": "a duck", name: char * length}
    if length == 1000:
        assert getattr(read_recipe(mesh_recipe(**texts)), name) == char * length
        return
    with pytest.raises(Problem):
        mesh_recipe(**texts)
    with pytest.raises(BadRequest, match="1000"):
        read_recipe({"kind": "mesh"} | texts)


@pytest.mark.parametrize("name", ["bandwidth_start", "bandwidth_end"])
@pytest.mark.parametrize(("value", "is_good"), [(0.001, True), (100.0, True), (0.0009, False), (100.1, False)])
def test_both_take_the_same_bandwidths(name: str, value: float, is_good: bool) -> None:
    if is_good:
        assert getattr(read_recipe(mesh_recipe("a duck", **{name: value})).guidance, name) == value
        return
    with pytest.raises(Problem):
        mesh_recipe("a duck", **{name: value})
    with pytest.raises(BadRequest):
        read_recipe({"kind": "mesh", "prompt": "a duck", "guidance": {name: value}})


@pytest.mark.parametrize(("seed", "side", "is_good"), [(0, 32, True), (2**31 - 1, 8192, True), (2**31, 8193, False)])
def test_both_take_the_same_seeds_and_sizes(seed: int, side: int, is_good: bool) -> None:
    if is_good:
        assert read_recipe(texture_recipe("bricks", width=side, height=side, seed=seed)).seed == seed
        return
    for wrong in ({"seed": seed}, {"width": side}, {"height": side}):
        with pytest.raises(Problem):
            texture_recipe("bricks", **({"width": 64, "height": 64} | wrong))
        texture = {name: value for name, value in wrong.items() if name != "seed"}
        with pytest.raises(BadRequest):
            read_recipe({"kind": "texture", "prompt": "bricks", "seed": wrong.get("seed", 0), "texture": texture})


def test_both_take_meshes_of_as_many_faces() -> None:
    assert limits.MOST_GIVEN_FACES == MOST_FACES


@pytest.mark.parametrize("size", limits.TEXTURE_SIZES)
def test_the_server_paints_pictures_of_every_size_of_the_add_on(size: int) -> None:
    assert read_recipe(retexture_recipe("a duck", mesh="0" * 64, size=size)).retexture.size == size or size == 0
