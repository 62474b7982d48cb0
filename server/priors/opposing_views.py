"""Which views a view must not look like, for models that are told the view in words.

Texts of two views share most of their words, and such a model draws a face wherever it can. Perpendicular negatives
(Armandpour et al. 2023, "Perp-Neg", section 4.2) keep "front view" out of what is seen from the side and from behind,
and "side view" out of what is seen from the front and from behind, as far as the wanted view does not ask for it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from server.priors.pretrained.view_prompts import OVERHEAD_FROM, OVERHEAD_FULL, names_a_view, view_prompts
from server.world.views import Views

OPPOSING = 2  # "front view" and "side view"


def opposing_prompts(prompt: str) -> tuple[str, ...]:
    """The prompt seen from the front and from the side; nothing when it says itself from where it is seen."""
    return () if not prompt.strip() or names_a_view(prompt) else view_prompts(prompt)[:OPPOSING]


def opposing_strengths(views: Views) -> Tensor:
    """How strongly each of `opposing_prompts` is kept out of every view: [B, 2], >= 0, continuous in the azimuth.

    The curves are those of threestudio's and stable-dreamfusion's defaults: against the front 0 in front, 1.57 at the
    side and 1.97 behind; against the side 1.57 in front, 0 at the side and .39 behind. From above there is none.
    """
    # 0 in front, 1 at either side, 2 behind.
    quarters = torch.atan2(views.azimuth.sin(), views.azimuth.cos()).abs() / (math.pi / 2)
    beside = quarters.clamp(max=1)
    beyond = (quarters - 1).clamp(min=0)
    front = torch.where(quarters < 1, _falls(4.0, 1 - beside, 1.0), _falls(1.0, 1 - beyond, 1.0) + _STEP)
    side = torch.where(quarters < 1, _falls(4.0, beside, 1.0), _falls(1.0, 1 - beyond, 1.0))
    level = 1 - ((views.elevation - OVERHEAD_FROM) / (OVERHEAD_FULL - OVERHEAD_FROM)).clamp(0, 1)
    return torch.stack([front, side], 1).clamp(min=0) * level[:, None]


def _falls(height: float, share: Tensor, ends: float) -> Tensor:
    """height (e^(-share / 2) - e^(-ends / 2)): 0 where share = ends."""
    return height * (torch.exp(-share / 2) - math.exp(-ends / 2))


# What "front" has reached at the side.
_STEP = 4.0 * (1 - math.exp(-0.5))
