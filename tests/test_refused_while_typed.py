"""A prompt is refused in Blender while it is typed as the server would refuse it: the same ones, in the same words."""

from __future__ import annotations

from itertools import product

import pytest

from blender_msd.core.offer import Model, read_offer
from server.errors import BadRequest
from server.priors.catalogue import check_prompt
from server.priors.listing import list_priors
from server.recipe import Kind, shown_as

PROMPTS = [
    *("a shiny knight", "knight", "a red duck", "a shiny duck", "red", "the", "a duck and a car", "bricks", "a lawn"),
    *(
        "blue and white stripes",
        "red green blue stripes",
        "a red blue duck",
        "a duck with blue legs",
        "grass, top view",
    ),
    *("a red mug with a blue handle", "a mug with a red blue handle", "a duck, side view", "shiny bricks and dots"),
    *("a table with red legs and blue wheels", "wooden donut", "a duck with a red beak blue", "duck_bricks", "???"),
]
PROMPTS += [" ".join(words) for words in product(("red", "shiny", ""), ("duck", "bricks", "legs"), ("blue", "mortar"))]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    said = [prior.as_json() for prior in list_priors() if prior.name in ("embedded", "exact")]
    return {model.name: model for model in read_offer({"priors": said}).models}


@pytest.mark.parametrize("name", ["embedded", "exact"])
@pytest.mark.parametrize("kind", ["mesh", "texture", "retexture"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_the_server_refuses_is_refused_before_in_its_words(
    models: dict[str, Model], name: str, kind: Kind, prompt: str
) -> None:
    refusal = models[name].refusal(prompt, kind)
    said = None
    try:
        check_prompt(name, prompt, shown_as(kind))
    except BadRequest as problem:
        said = (problem.code, problem.message, problem.hint)
    assert (refusal and (refusal.code, refusal.message, refusal.hint)) == said


def test_a_model_has_one_name_in_the_menu_in_refusals_and_in_warnings(models: dict[str, Model]) -> None:
    title = models["embedded"].title
    refusal = models["embedded"].refusal("a shiny knight", "mesh")
    assert refusal is not None
    assert refusal.message.startswith(f"{title} does not know")
    assert check_prompt("embedded", "a shiny duck", "mesh")[0].startswith(f"{title} does not know")
