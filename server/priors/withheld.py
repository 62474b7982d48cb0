"""The exact prior with its camera withheld: like a photographic model it is told the view in words only, and like the
exact prior it makes no mistakes. What goes wrong with it is the method's fault.

Words are mixed as text-to-image models have them mixed (pretrained/view_prompts.py): a view that is three quarters
"front view" and one quarter "side view" is, with those probabilities, one of the views that these words name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from server.priors.exact import ExactCondition, ExactPrior, bank_of, bank_views, object_mixture
from server.priors.exact_card import EXACT_CARD
from server.priors.photographic import photographic
from server.priors.posterior import ObjectMixture
from server.priors.pretrained.view_prompts import view_weights
from server.priors.pretrained.wording import VIEW_WORDS
from server.world.bank import in_view, render_layers, spread_views
from server.world.captions import COLOURS, KINDS, VIEWS, Caption, read_caption
from server.world.views import Views

WITHHELD_CARD = replace(
    photographic(EXACT_CARD),
    name="exact-without-camera",
    description="The exact prior, told the view in words instead of by a camera; for comparisons of methods.",
    makes=("mesh",),
    takes_camera=False,
    # Its pictures have one lens.
    cameras=EXACT_CARD.cameras,
)
# Of every kind, where no prompt says which: each in one of the colours.
VIEWS_OF_ANYTHING = 96


class ExactWithoutCamera(ExactPrior):
    """Objects alone; an empty prompt is a picture of anything."""

    card = WITHHELD_CARD

    def condition(self, prompt: str, views: Views | None = None) -> ExactCondition:
        """One mixture over all views of the bank, weighted for each of the wanted views by the words that it gets.

        The first question about an object takes some seconds, in which all its views are rendered.

        Raises:
            BadRequest: "prompt-unreadable".
        """
        if not prompt.strip():
            return ExactCondition((_anything(),))
        caption = read_caption(prompt, "mesh")
        everywhere = _everywhere(replace(caption, view=None))
        if caption.view is not None:
            return ExactCondition((everywhere.weighted(_named(caption.view).log()),))
        if views is None:
            return ExactCondition((everywhere,))
        named = torch.stack([_named(_word(suffix)) for suffix in VIEW_WORDS])
        return ExactCondition((everywhere.weighted((view_weights(views).float().cpu() @ named).log()),))


def _named(view: str) -> Tensor:
    """Probabilities [V] of the bank's views under a word."""
    seen = in_view(bank_views(), view).float()
    return seen / seen.sum()


def _word(suffix: str) -> str:
    """The name in VIEWS that a suffix bears."""
    return next(view for view in VIEWS if f" {view} " in suffix)


@lru_cache(maxsize=1)
def _everywhere(caption: Caption) -> ObjectMixture:
    views = torch.arange(len(bank_views()))
    return object_mixture(caption, bank_of(caption.name).pick(views), torch.zeros(len(views)), None)


@lru_cache(maxsize=1)
def _anything() -> ObjectMixture:
    found = []
    for number, kind in enumerate(KINDS):
        views = spread_views(WITHHELD_CARD.cameras, VIEWS_OF_ANYTHING, number * VIEWS_OF_ANYTHING)
        layers = render_layers(kind, views, WITHHELD_CARD.image_size)
        # A colour for every few views.
        chunks = torch.arange(VIEWS_OF_ANYTHING).chunk(len(COLOURS))
        found += [
            object_mixture(Caption("mesh", kind, colour), layers.pick(chunk), torch.zeros(len(chunk)), None)
            for colour, chunk in zip(COLOURS, chunks, strict=True)
        ]
    return _joined(found)


def _joined(mixtures: list[ObjectMixture]) -> ObjectMixture:
    def cat(name: str) -> Tensor:
        return torch.cat([getattr(mixture, name) for mixture in mixtures])

    return ObjectMixture(cat("shape"), cat("swing"), cat("clear"), cat("log_prior"))
