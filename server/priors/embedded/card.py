"""What the embedded prior says about itself. Free of torch."""

from __future__ import annotations

import json
from pathlib import Path

from server.errors import BadRequest
from server.priors.card import Leg, PriorCard
from server.priors.pretrained.header import read_header
from server.world.captions import COLOURS, KINDS, PATTERNS

WEIGHTS = Path(__file__).parent / "weights"
# Beside the weights: what they were trained with.
TRAINING = "training.json"

# What people call it, in menus and in messages.
EMBEDDED_TITLE = "Embedded (built in)"

EMBEDDED_CARD = PriorCard(
    name="embedded",
    description=(
        "A small diffusion model that ships with this program, trained on procedural pictures: sixteen objects and "
        "twelve surfaces in twelve colours. It knows only its own words."
    ),
    licence="GPL-3.0-or-later (part of this program)",
    image_size=64,
    detail_from=1024,
    latent_shape=(12, 16, 16),
    takes_camera=True,
    fixed_light=True,
    guidance_scale=2.0,
    bandwidth_start=1.5,
    bandwidth_end=0.075,
    tone_bandwidth=0.6,
    # A sample of a tile has faults where its pattern does not meet itself. Mean shift heals them, and the rest of the
    # path brings back the grain that a mode does not have.
    picture=(Leg("attached", 5.0, 0.2, 0.4), Leg("fresh", 0.8, 0.4, 0.25), Leg("attached", 0.8, 0.075, 0.35)),
    words=(*COLOURS, *KINDS, *PATTERNS),
)


def check_weights(folder: Path) -> None:
    """Look at the headers of the embedded prior's weights.

    Raises:
        BadRequest: "prior-broken" when they are damaged.
    """
    try:
        json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        for file in folder.rglob("*.safetensors"):
            read_header(file)
    except (OSError, ValueError, BadRequest) as error:
        raise broken_weights(str(error)) from None


def trained_views(folder: Path = WEIGHTS) -> int:
    """How many of the bank's views, the first ones, the weights in `folder` were trained on.

    Raises:
        BadRequest: "prior-broken" when the weights do not tell.
    """
    try:
        return int(json.loads((folder / TRAINING).read_text(encoding="utf-8"))["views"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise broken_weights(f"{TRAINING}: {error}") from None


def broken_weights(what: str) -> BadRequest:
    """The refusal of the embedded prior's own files."""
    return BadRequest(
        "prior-broken",
        f"The weights of {EMBEDDED_TITLE} cannot be read ({what}).",
        "Install the program again: they are part of it.",
    )
