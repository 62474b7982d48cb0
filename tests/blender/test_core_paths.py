"""A path is understood however it was pasted."""

from __future__ import annotations

import os

import pytest

from blender_msd.core.errors import Problem
from blender_msd.core.paths import read_path, unwrapped

WANTED = "/models/my model"


@pytest.mark.parametrize(
    "pasted",
    [
        "/models/my model",
        "  /models/my model  ",
        "/models/my model\n",
        "\t/models/my model\r\n",
        '"/models/my model"',
        "'/models/my model'",
        ' "/models/my model" \n',
        '"/models/my model\n"',
        "“/models/my model”",
        "\u202a/models/my model\u202c",
        "\ufeff/models/my model",
        "file:///models/my%20model",
        "file:///models/my model",
        "FILE:///models/my%20model",
        "file://localhost/models/my%20model",
        "file:/models/my%20model",
        '"file:///models/my%20model"\n',
    ],
)
def test_one_path_in_every_wrapping(pasted):
    assert read_path(pasted) == WANTED


@pytest.mark.parametrize("pasted", ["~/models", "~/models ", '"~/models"', "'~/models'\n"])
def test_the_home_folder_is_known_by_its_sign(pasted):
    assert read_path(pasted) == os.path.expanduser("~/models")


def test_an_address_may_hold_any_byte_of_a_name():
    assert read_path("file:///a/%E9%B8%AD%23%3F") == "/a/鸭#?"
    assert read_path("file:///a/b#c?d") == "/a/b#c?d"
    assert os.fsencode(read_path("file:///a/%FF")) == b"/a/\xff"


@pytest.mark.parametrize(
    "text", ["//models/sd", "models/sd", "/it's/5%20", '/a "b" c', "embedded", "hub:owner/name@main", "C:\\models", ""]
)
def test_what_needs_no_understanding_is_left_alone(text):
    assert read_path(text) == text


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("/a/b\n/c/d", "more than one"),
        ("file:///a\r\nfile:///b", "more than one"),
        ("file://elsewhere/a/b", "another computer"),
    ],
)
def test_what_cannot_be_one_path_here_is_refused_with_words_that_help(pasted, said):
    with pytest.raises(Problem, match=said) as caught:
        read_path(pasted)
    assert caught.value.code == "path-unreadable"
    assert caught.value.hint


@pytest.mark.parametrize("pasted", ['"', "''", '  " "  ', "“”"])
def test_quotes_round_nothing_are_nothing(pasted):
    assert unwrapped(pasted) in ("", '"')
