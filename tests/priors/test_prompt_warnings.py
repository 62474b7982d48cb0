"""Words that a prior does not know are named before anything starts."""

from __future__ import annotations

import random

import pytest

from server.errors import BadRequest
from server.priors.catalogue import check_prompt, list_priors
from server.world.captions import COLOURS, KINDS, PATTERNS, understood_words, unknown_words


def test_a_prompt_of_known_words_gives_no_warning() -> None:
    assert check_prompt("embedded", "a red mug with a blue handle", "mesh", "a yellow duck") == []
    assert check_prompt("exact", "red bricks", "texture", "blue dots") == []


def test_unknown_words_are_named_each_once_with_what_is_known_instead() -> None:
    (warning,) = check_prompt("embedded", "a dragon and a DRAGON, shiny, on a yellow duck", "mesh")
    assert warning.startswith('Embedded (built in) does not know "dragon" and "shiny" and will leave them out.')
    assert all(word in warning for word in (*KINDS, *COLOURS))
    assert not any(word in warning for word in PATTERNS)


def test_messages_name_a_model_as_the_menu_does_or_not_at_all() -> None:
    titles = {prior.name: prior.title for prior in list_priors()}
    messages = check_prompt("embedded", "a shiny duck", "mesh", "a spooky ball")
    for prior in ("embedded", "exact"):
        for prompt in ("a dragon", "a duck and a mug", "shiny", "a"):
            with pytest.raises(BadRequest) as refused:
                check_prompt(prior, prompt, "mesh")
            messages.append(refused.value.message)
    assert messages[0].startswith(titles["embedded"])
    for message in messages:
        assert " prior" not in message
        assert "procedural" not in message


def test_unknown_words_in_what_to_avoid_are_named_too() -> None:
    (warning,) = check_prompt("embedded", "a yellow duck", "mesh", "a spooky ball")
    assert '"spooky" in what to avoid' in warning


@pytest.mark.parametrize(
    ("prior", "prompt", "negative"),
    [
        ("exact", "a shiny yellow duck", ""),
        ("exact", "a yellow duck", "shiny"),
        ("embedded", "a dragon", ""),
        ("embedded", "a yellow duck", "blurry"),
    ],
)
def test_what_cannot_be_made_is_still_refused(prior: str, prompt: str, negative: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_prompt(prior, prompt, "mesh", negative)
    assert refused.value.code == "prompt-unreadable"
    assert ("avoid" in refused.value.message) == bool(negative)


def test_the_list_of_understood_words_agrees_with_the_language_on_every_spelling() -> None:
    understood = set(understood_words())
    draw = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz3"
    words = [*understood, *("".join(draw.choices(letters, k=draw.randint(1, 6))) for _ in range(2000))]
    for word in understood:
        words += [word + "s", word + "es", word + "ss", word[:-1], word[:-2], word + "x"]
    for word in filter(None, words):
        assert (word in understood) == (unknown_words(word) == []), word


@pytest.mark.parametrize(
    ("prior", "prompt", "says"),
    [
        (
            "embedded",
            "a dragon",
            "Embedded (built in) does not know 'dragon', and nothing else is named that it could make.",
        ),
        (
            "embedded",
            "dragon",
            "Embedded (built in) does not know 'dragon', and nothing else is named that it could make.",
        ),
        ("embedded", "yellow", "'yellow' names nothing that could be made."),
        (
            "embedded",
            "a shiny duck and a car",
            "Embedded (built in) makes one thing at a time, not 'duck' and 'car' together. "
            "Besides, Embedded (built in) does not know 'shiny'.",
        ),
        ("exact", "a shiny big duck", "Exact (reference for tests) does not know 'shiny' and 'big'."),
        ("embedded", "", "The prompt is empty: it names nothing to make."),
        ("exact", " ", "The prompt is empty: it names nothing to make."),
        ("embedded", "red bricks", "'bricks' is a surface and can only be a texture, not a mesh."),
        (
            "exact",
            "a red blue duck",
            "'a red blue duck' has more colours than things to colour: nothing is left for 'blue'.",
        ),
    ],
)
def test_a_refusal_is_a_sentence_that_a_person_would_write(prior: str, prompt: str, says: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_prompt(prior, prompt, "mesh")
    assert refused.value.message == says
