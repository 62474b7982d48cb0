"""What the exact prior says about itself. Free of torch."""

from __future__ import annotations

from server.priors.card import Leg, PriorCard
from server.world.captions import COLOURS, KINDS, PATTERNS

# What people call it, in menus and in messages.
EXACT_TITLE = "Exact (reference for tests)"

EXACT_CARD = PriorCard(
    name="exact",
    description=(
        "A look-up oracle, not a generative model: the closed-form denoiser of renders of the named object, or of "
        "crops of the named surface. It knows only its own words; for tests, method comparisons and first steps."
    ),
    licence="GPL-3.0-or-later (part of this program)",
    image_size=64,
    latent_shape=(48, 16, 16),
    takes_camera=True,
    fixed_light=True,
    guidance_scale=1.0,
    estimator="tweedie",
    picture_estimator="tweedie",
    bandwidth_start=2.0,
    bandwidth_end=0.15,
    # Its denoiser takes clean pictures, and no tile is among the windows that it remembers.
    picture=(Leg("fresh", 2.0, 0.15),),
    words=(*COLOURS, *KINDS, *PATTERNS),
)
