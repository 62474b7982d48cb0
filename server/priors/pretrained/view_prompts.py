"""View-dependent prompts, for models that know no camera (Poole et al. 2023, "DreamFusion", section 3.2).

The texts "…, front view", "…, side view", "…, back view" are interpolated linearly by azimuth, with "side" at a
quarter turn, and towards "…, overhead view" by elevation. Free of torch until weights are asked for.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from server.world.views import Views

from server.priors.pretrained.wording import VIEW_WORDS

# DreamFusion switches to "overhead" at 60 degrees; here that is the middle of the change.
OVERHEAD_FROM, OVERHEAD_FULL = math.radians(45), math.radians(75)

_NAMES_A_VIEW = re.compile(
    r"\b(front|side|back|rear|overhead|top|bottom|profile|bird'?s[- ]eye)[ -]views?\b"
    r"|\b(seen|viewed|shot|view) from\b|\bfrom (above|below|behind|the (front|side|back|left|right|top|rear))\b"
    r"|\btop[ -]down\b|\boverhead\b",
    re.IGNORECASE,
)


def names_a_view(prompt: str) -> bool:
    """Whether the user says from where the thing is seen, so that nothing may be added."""
    return bool(_NAMES_A_VIEW.search(prompt))


def view_prompts(prompt: str) -> tuple[str, ...]:
    """The prompt with each of VIEW_WORDS."""
    return tuple(prompt.rstrip(" .,") + suffix for suffix in VIEW_WORDS)


def view_weights(views: Views) -> Tensor:
    """How much each of VIEW_WORDS counts in every view: [B, 4], >= 0, rows that sum to 1."""
    import torch

    # 0 in front, 1 at either side, 2 behind.
    quarters = torch.atan2(views.azimuth.sin(), views.azimuth.cos()).abs() / (math.pi / 2)
    front, back = (1 - quarters).clamp(min=0), (quarters - 1).clamp(min=0)
    around = torch.stack([front, 1 - front - back, back], 1)
    overhead = ((views.elevation - OVERHEAD_FROM) / (OVERHEAD_FULL - OVERHEAD_FROM)).clamp(0, 1)[:, None]
    return torch.cat([around * (1 - overhead), overhead], 1)
