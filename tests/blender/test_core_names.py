"""Prompts in any script become names that nobody cuts inside a character."""

from __future__ import annotations

import unicodedata

import pytest

from blender_msd.core.names import FILE_BYTES, NAME_BYTES, UNDO_BYTES, block_name, cut, file_words, printable, undo_name

PROMPTS = {
    "chinese": "一只黄色的鸭子" * 80,
    "emoji": "🦆" * 200,
    "family": "👩‍👩‍👧‍👦" * 40,
    "flags": "🇫🇷🇩🇪" * 40,
    "skin": "👍🏽" * 60,
    "accents": "e\u0301" * 200,
    "hindi": "हिन्दी " * 60,
    "latin": "a yellow duck " * 60,
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("suffix", ["", " preview", " 2147483647"])
def test_a_name_fits_with_its_whole_suffix(prompt, suffix):
    name = block_name(prompt, suffix)
    assert name.endswith(suffix)
    assert len(suffix) < len(name)
    assert NAME_BYTES - 26 < len(name.encode()) <= NAME_BYTES


@pytest.mark.parametrize("room", range(1, 80))
@pytest.mark.parametrize("unit", ["鸭", "👩‍👩‍👧‍👦", "🇫🇷", "👍🏽", "e\u0301", "1\ufe0f\u20e3", "x"])
def test_a_text_is_cut_between_two_characters_as_people_see_them(unit, room):
    kept = cut(unit * 100, room)
    whole = room // len(unit.encode())
    if whole:
        assert kept == unit * whole
    else:
        assert len(kept.encode()) <= room


def test_a_short_prompt_is_its_own_name():
    assert block_name("a red cube") == "a red cube"
    assert block_name("red bricks", " 4") == "red bricks 4"


def test_a_name_is_one_line_without_control_characters():
    assert block_name(" a\nred\t\x07cube\r\n") == "a red cube"


def test_the_two_ways_to_write_an_accent_give_one_name():
    assert block_name(unicodedata.normalize("NFD", "façade 한국")) == unicodedata.normalize("NFC", "façade 한국")


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_an_undo_step_says_what_it_was_and_fits(prompt):
    name = undo_name("Generate: ", prompt)
    assert name.startswith("Generate: ")
    assert len(name.encode()) <= UNDO_BYTES


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A yellow duck!", "a-yellow-duck"),
        ("一只 黄色的鸭子", "一只-黄色的鸭子"),
        ("हिन्दी", "हिन्दी"),
        ("cafe\u0301", "café"),
        ("🦆🦆", ""),
        ("../../etc/passwd", "etc-passwd"),
        ('con:*?"<>|\\', "con"),
    ],
)
def test_a_file_name_keeps_the_letters_of_every_script_and_nothing_else(prompt, words):
    assert file_words(prompt) == words


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_file_name_is_short(prompt):
    assert len(file_words(prompt).encode()) <= FILE_BYTES


def test_a_path_with_bytes_that_are_no_text_can_be_shown():
    assert printable("/a\udc80/鸭") == "/a?/鸭"
