"""Styles of prompts: words that are written behind the prompt, where they are seen and can be changed."""

from __future__ import annotations

STYLES = {
    "NONE": "",
    "REALISTIC": "realistic, detailed",
    "STYLISED": "stylised, hand-painted",
    "CLAY": "made of grey clay",
}


def style_of(prompt: str) -> str:
    """The style whose words a prompt ends in; "NONE" where it ends in none's."""
    written = prompt.rstrip()
    return next((style for style, words in STYLES.items() if words and written.endswith(words)), "NONE")


def with_style(prompt: str, style: str) -> str:
    """A prompt with the words of a style behind it, in the place of those of another style."""
    bare = prompt.rstrip().removesuffix(STYLES[style_of(prompt)]).rstrip(" ,")
    return ", ".join(part for part in (bare, STYLES[style]) if part)
