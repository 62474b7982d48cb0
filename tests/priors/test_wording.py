"""Weights, chunks and notes for other programs are understood, or named; none is read as words."""

from __future__ import annotations

import pytest

from server.priors.pretrained.wording import read_wording


def pieces(prompt: str) -> list[list[tuple[str, float]]]:
    return [[(piece.text, round(piece.weight, 3)) for piece in chunk] for chunk in read_wording(prompt).chunks]


@pytest.mark.parametrize(
    ("prompt", "understood"),
    [
        ("a duck", [[("a duck", 1)]]),
        ("a (red:1.3) duck", [[("a ", 1), ("red", 1.3), (" duck", 1)]]),
        ("((a)) [b] c", [[("a", 1.21), ("b", 0.909), (" c", 1)]]),
        ("(a, (b:1.5) c:0.5)", [[("a, ", 0.5), ("b", 0.75), (" c", 0.5)]]),
        ("[(b:1.1)]", [[("b", 1)]]),
        ("(a : .5 )", [[("a ", 0.5)]]),
        (r"a \(b\) \[c\]", [[("a (b) [c]", 1)]]),
        ("a (b", [[("a ", 1), ("b", 1.1)]]),
        ("a (b:1.3", [[("a ", 1), ("b", 1.3)]]),
        ("a: 2:1 :)", [[("a: 2:1 :)", 1)]]),
        ("(a:1e)", [[("a:1e", 1.1)]]),
        ("(a:99999)", [[("a", 10)]]),
        ("a BREAK b, (c BREAK d:1.2)", [[("a", 1)], [("b, ", 1), ("c", 1.2)], [("d", 1.2)]]),
        ("BREAK a BREAK BREAK BREAKFAST", [[("a", 1)], [("BREAKFAST", 1)]]),
        ("()", [[]]),
        ("", [[]]),
    ],
)
def test_brackets_and_breaks_are_understood(prompt: str, understood: list[list[tuple[str, float]]]) -> None:
    assert pieces(prompt) == understood
    assert read_wording(prompt).left_out == ()


@pytest.mark.parametrize(
    "note",
    [
        "<lora:style:0.8>",
        "<LoRA: my style : 1 >",
        "<lyco:x:1>",
        "<hypernet:face:0.5>",
        "embedding:bad-hands",
        "[cat:dog:0.5]",
        "[cat::10]",
        "[dog:.5]",
        "[cat|dog]",
        "{red|blue}",
        "__colour__",
    ],
)
def test_notes_for_other_programs_are_named_and_left_out(note: str) -> None:
    read = read_wording(f"a {note} duck, {note}")
    assert len(read.left_out) == 1
    assert f'"{note}"' in read.left_out[0]
    assert read.plain.rstrip(" ,") == "a duck"


def test_added_prompts_are_named_and_told_apart_by_a_comma() -> None:
    read = read_wording("a duck AND a pond")
    assert read.plain == "a duck, a pond"
    assert '"AND"' in read.left_out[0]
