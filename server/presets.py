"""What the named presets fill into a recipe. Free of torch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

# What a preset means for the size of a result, whatever the prior.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "mesh": {
        "sketch": {"mesh": {"resolution": 96, "faces": 10_000, "texture_size": 512}},
        "standard": {"mesh": {"resolution": 112, "faces": 20_000, "texture_size": 1024}},
        "fine": {"mesh": {"resolution": 160, "faces": 60_000, "texture_size": 2048}},
    },
    "texture": {"sketch": {}, "standard": {}, "fine": {}},
    "retexture": {
        "sketch": {"retexture": {"size": 512}},
        "standard": {"retexture": {"size": 1024}},
        "fine": {"retexture": {"size": 2048}},
    },
}


def preset_of(prior: str, kind: str, preset: str) -> dict[str, Any]:
    """The fields of a recipe that a preset fills: sizes, and the steps and views that the named prior wants; none for a
    kind or a preset that there is not."""
    from server.priors.cards import usual_card

    sizes = SIZES.get(kind, {}).get(preset)
    return {} if sizes is None else asdict(usual_card(prior).effort(kind, preset)) | sizes
