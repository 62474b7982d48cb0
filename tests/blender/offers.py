"""What a server could say of its models."""

from __future__ import annotations

from typing import Any

UNDERSTOOD = ["a", "duck", "ducks", "yellow", "bricks", "red", "with", "sphere"]


def prior(name: str, **changes: Any) -> dict[str, Any]:
    said = {
        "name": name,
        "title": name.capitalize(),
        "description": f"All about {name}.",
        "licence": "GPL",
        "path": None,
        "makes": ["mesh", "texture"],
        "takes_camera": False,
        "needs": "Runs on the CPU.",
        "needs_cuda": False,
        "usable": True,
        "why_not": "",
        "language": None,
    }
    return said | changes


def language(unknown_words: str) -> dict[str, Any]:
    things = {"mesh": "duck, ball; in yellow", "texture": "bricks; in red"}
    return {"understood": UNDERSTOOD, "unknown_words": unknown_words, "known_things": things}


def capabilities() -> dict[str, Any]:
    """Embedded (the default), exact, one that makes textures only, a large one, and one that is broken."""
    return {
        "devices": [{"wanted": "auto", "state": "idle", "device": "cpu"}],
        "recipe": {"properties": {"prior": {"default": "embedded"}}},
        "priors": [
            prior("embedded", language=language("left out"), takes_camera=True),
            prior("exact", title="Exact (reference for tests)", language=language("refused")),
            prior("surfaces", makes=["texture"]),
            prior("hub:somebody/large@main", title="somebody/large", needs_cuda=True, needs="Needs 4 GB."),
            prior("/models/broken", title="broken", makes=[], usable=False, why_not="unet is missing.", path="/models"),
        ],
    }
