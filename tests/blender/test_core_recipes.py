"""Plain values become the recipe that the server reads, or a clear refusal before anything is sent."""

from __future__ import annotations

import math

import pytest

from blender_msd.core import limits
from blender_msd.core.errors import Problem, explain
from blender_msd.core.recipes import mesh_recipe, texture_recipe


def test_a_recipe_says_only_what_was_chosen():
    assert mesh_recipe("  a yellow duck ", seed=3, preset="sketch") == {
        "kind": "mesh",
        "prompt": "a yellow duck",
        "seed": 3,
        "preset": "sketch",
    }


def test_every_choice_reaches_the_recipe():
    common = {"negative_prompt": "a swan", "spare_prompt": True, "prior": "/models/sd", "steps": 40}
    guidance = {"noise": "attached", "scale": 5.0, "bandwidth_start": 1.2, "bandwidth_end": 0.1}
    recipe = mesh_recipe("a duck", **common, **guidance, faces=500, texture_size=0)
    assert recipe["negative_prompt"] == "a swan"
    assert recipe["prior"] == "/models/sd"
    assert recipe["steps"] == 40
    assert recipe["guidance"] == guidance | {"perpendicular_negative": True}
    assert recipe["mesh"] == {"faces": 500, "texture_size": 0}


def test_steps_faces_and_a_scale_of_zero_are_left_to_the_server():
    assert mesh_recipe("a duck", steps=0, scale=0.0, faces=0) == mesh_recipe("a duck")


@pytest.mark.parametrize("noise", ["fresh", "attached"])
def test_a_texture_may_choose_its_noise(noise):
    recipe = texture_recipe("bricks", width=64, height=64, noise=noise)
    assert recipe["guidance"] == {"noise": noise}


def test_a_texture_has_no_cameras_that_noise_could_be_fixed_to():
    with pytest.raises(Problem, match="fresh, attached") as caught:
        texture_recipe("bricks", width=64, height=64, noise="view")
    assert caught.value.code == "choice-unknown"


def test_a_bandwidth_of_zero_is_left_to_the_prior():
    assert "guidance" not in mesh_recipe("a duck", bandwidth_start=0.0, bandwidth_end=0.0)
    assert mesh_recipe("a duck", bandwidth_end=0.2)["guidance"] == {"bandwidth_end": 0.2}


def test_a_texture_recipe_has_its_size_and_tiling():
    recipe = texture_recipe("red bricks", width=512, height=256, tile_y=False)
    assert recipe["kind"] == "texture"
    assert recipe["texture"] == {"width": 512, "height": 256, "tile_x": True, "tile_y": False}


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({"prompt": "  "}, "prompt-empty"),
        ({"prompt": "a duck", "preset": "ultra"}, "preset-unknown"),
        ({"prompt": "a duck", "bandwidth_start": 0.1, "bandwidth_end": 0.5}, "bandwidth-grows"),
        ({"prompt": "a duck", "bandwidth_end": math.nan}, "value-out-of-range"),
        ({"prompt": "a duck", "bandwidth_end": 1e-9}, "value-out-of-range"),
        ({"prompt": "a duck", "bandwidth_start": -1.0}, "value-out-of-range"),
        ({"prompt": "a duck", "seed": -5}, "value-out-of-range"),
        ({"prompt": "a duck", "seed": 2**31}, "value-out-of-range"),
        ({"prompt": "a duck", "steps": -1}, "value-out-of-range"),
        ({"prompt": "a duck", "steps": 100_001}, "value-out-of-range"),
        ({"prompt": "a duck", "scale": math.nan}, "value-out-of-range"),
        ({"prompt": "a duck", "scale": 201.0}, "value-out-of-range"),
        ({"prompt": "a duck", "faces": -1}, "value-out-of-range"),
        ({"prompt": "a duck", "texture_size": 100}, "choice-unknown"),
        ({"prompt": "a duck", "noise": "pink"}, "choice-unknown"),
        ({"prompt": "鸭" * 1001}, "prompt-too-long"),
        ({"prompt": "a duck", "negative_prompt": "🦆" * 1001}, "prompt-too-long"),
        ({"prompt": "a \x07 duck"}, "prompt-unreadable"),
        ({"prompt": "a duck", "prior": "/m" * 3000}, "path-unreadable"),
    ],
)
def test_a_bad_choice_is_refused_with_words_that_help(choice, code):
    with pytest.raises(Problem) as caught:
        mesh_recipe(**choice)
    assert caught.value.code == code
    assert caught.value.hint
    assert explain(caught.value).headline != "That did not work"


@pytest.mark.parametrize("size", [(31, 64), (64, 8193), (0, 64), (64, -64)])
def test_a_picture_of_no_sensible_size_is_refused(size):
    with pytest.raises(Problem, match="32 to 8192") as caught:
        texture_recipe("bricks", width=size[0], height=size[1])
    assert caught.value.code == "value-out-of-range"


def test_a_prompt_as_long_as_the_limit_is_taken_whatever_its_bytes_and_the_space_round_it():
    for char in "x鸭🦆":
        prompt = char * limits.PROMPT_CHARACTERS
        assert mesh_recipe(f" {prompt}\n")["prompt"] == prompt


def test_a_problem_of_the_server_keeps_its_own_words():
    explanation = explain(Problem("never-seen-before", "The moon is full.", "Wait a day."))
    assert explanation.lines == ("The moon is full.", "Wait a day.")
