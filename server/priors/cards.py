"""A prior's card by its name, without loading the prior."""

from __future__ import annotations

from server.priors.card import PriorCard


def built_in_cards() -> list[PriorCard]:
    """Cards of the priors that need nothing beyond this package."""
    from server.priors.embedded.card import EMBEDDED_CARD
    from server.priors.exact_card import EXACT_CARD

    return [EMBEDDED_CARD, EXACT_CARD]


def read_card(name: str) -> PriorCard:
    """The card of one prior, without loading it.

    Raises:
        BadRequest: a model that cannot be used; pretrained/finding.py lists the codes.
    """
    for card in built_in_cards():
        if card.name == name:
            return card
    from server.priors.pretrained.finding import check_model

    return check_model(name).card


def usual_card(name: str) -> PriorCard:
    """The card of a prior that ships; for any other name one with what all models of photographs have in common. Looks
    at no file."""
    from server.priors.photographic import photographic

    own = {card.name: card for card in built_in_cards()}
    return own.get(name) or photographic(PriorCard(name, "", "", image_size=512, latent_shape=(4, 64, 64)))
