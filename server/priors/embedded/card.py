"""What the embedded prior says about itself. Free of torch."""

from __future__ import annotations

from pathlib import Path

from server.priors.captions import COLOURS, KINDS, PATTERNS
from server.priors.card import PriorCard

WEIGHTS = Path(__file__).parent / "weights"

EMBEDDED_CARD = PriorCard(
    name="embedded",
    description=(
        "A small diffusion model that ships with this program, trained on procedural pictures: sixteen objects and "
        "twelve surfaces in twelve colours. It knows only its own words."
    ),
    licence="GPL-3.0-or-later (part of this program)",
    image_size=64,
    latent_shape=(12, 16, 16),
    takes_camera=True,
    takes_background=True,
    fixed_light=True,
    guidance_scale=2.0,
    bandwidth_start=1.5,
    bandwidth_end=0.075,
    words=(*COLOURS, *KINDS, *PATTERNS),
)
