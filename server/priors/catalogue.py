"""Which priors there are: their cards without loading them, and the way to load one.

A prior is named either by a word ("exact") or by the path of a diffusers folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.priors.card import PriorCard

if TYPE_CHECKING:
    from server.priors.denoiser import Prior
    from server.recipe import Kind


def built_in_cards() -> list[PriorCard]:
    """Cards of the priors that need nothing beyond this package."""
    from server.priors.captions import EXACT_CARD

    return [EXACT_CARD]


def check_prompt(prior: str, prompt: str, kind: Kind | None) -> None:
    """Refuse, without loading a model, what the named prior surely cannot make.

    Raises:
        BadRequest: unknown prior ("prior-unknown"), broken folder ("prior-broken"), or a prompt the prior cannot read
            ("prompt-unreadable").
    """
    if prior == "exact":
        from server.priors.captions import read_caption

        read_caption(prompt, kind)
    else:
        from server.priors.folder import check_folder

        check_folder(prior)


def load_prior(name: str, device: str = "cpu") -> Prior:
    """Load a prior for use on `device` ("cpu" or "cuda").

    Raises:
        BadRequest: as `check_prompt`.
    """
    if name == "exact":
        from server.priors.exact import ExactPrior

        return ExactPrior()
    from server.priors.folder import check_folder

    folder = check_folder(name)
    from server.priors.latent_diffusion import LatentDiffusion

    return LatentDiffusion(folder, device)
