"""The plan of a prior's radiance fields: its sizes and lamps, with the learning rate and regularisers of the card."""

from __future__ import annotations

from dataclasses import replace

from server.generators.radiance_field.plan import FieldPlan, plan_for
from server.priors.card import PriorCard


def field_plan(card: PriorCard, device: str) -> FieldPlan:
    """How fields are made with the prior of this card on `device`."""
    sized = plan_for(card.fixed_light, device)
    return replace(sized, learning_rate=card.learning_rate, regularisers=card.regularisers)
