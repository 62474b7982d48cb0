"""Models distilled to sample in a few steps (LCM, Turbo, Lightning, Hyper-SD, DMD): their guidance is built in.

Guided once more, as models usually are, their colours burn. Nothing in their tensors tells them from others; their
schedulers do, and their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from server.priors.card import PriorCard

SCHEDULERS = ("LCMScheduler", "TCDScheduler")
# Of Turbo: Euler's steps from the very end. Other models start there only where that end is pure noise.
_EULER = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
_NAMED = re.compile(r"turbo|lightning|(?<![a-z])(?:lcm|tcd|dmd2?|hyper[-_ ]?sd(?:xl|15)?)(?![a-z])", re.IGNORECASE)


def suit_few_steps(card: PriorCard, scheduler: dict[str, Any], names: Iterable[str]) -> PriorCard:
    """The card with its own guidance scale, 1, where the model is such a one; else as it is.

    Args:
        scheduler: settings of the noise schedule.
        names: what the model is called by its owner, its files and its trainer.
    """
    kind = scheduler.get("_class_name")
    is_turbo = kind in _EULER and scheduler.get("timestep_spacing") == "trailing"
    by_schedule = kind in SCHEDULERS or (is_turbo and not scheduler.get("rescale_betas_zero_snr"))
    if not by_schedule and not any(_NAMED.search(name) for name in names):
        return card
    description = f"{card.description} It was distilled for few steps, with its guidance built in."
    return replace(card, guidance_scale=1.0, description=description)
