"""Which priors there are: their cards without loading them, and the way to load one.

A prior is named by a word ("embedded", "exact"), by the path of a diffusers folder or of a single .safetensors file, or
by "hub:owner/name@revision".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from server.errors import BadRequest
from server.priors.cards import built_in_cards
from server.priors.cards import read_card as read_card
from server.priors.known import KnownPriors as KnownPriors
from server.priors.network import stay_offline as stay_offline
from server.priors.registry import Allowed as Allowed
from server.priors.registry import check_lora_files as check_lora_files
from server.priors.registry import check_prior as check_prior

if TYPE_CHECKING:
    from server.priors.denoiser import Prior
    from server.priors.listed import ListedPrior
    from server.recipe import Shown


def list_priors(folders: Sequence[Path | str] = ()) -> list[ListedPrior]:
    """See listing.list_priors."""
    from server.priors import listing

    return listing.list_priors(folders)


def check_prompt(prior: str, prompt: str, kind: Shown | None, negative_prompt: str = "") -> list[str]:
    """Refuse, without loading a model, what the named prior surely cannot make. Names as `load_prior` takes them.

    Returns:
        Warnings, whole sentences: what of them the prior will leave out.

    Raises:
        BadRequest: a model that cannot be used (pretrained/finding.py lists the codes), or as `check_words`.
    """
    return check_words(prior, prompt, kind, negative_prompt)


def check_words(prior: str, prompt: str, kind: Shown | None, negative_prompt: str = "") -> list[str]:
    """Refuse what a prior that ships cannot read; others say so when they are loaded.

    Returns:
        Warnings, as `check_prompt`.

    Raises:
        BadRequest: "prompt-unreadable", of the prompt or the negative prompt; "prior-broken" when its weights are.
    """
    if prior == "exact":
        from server.priors.exact_card import EXACT_TITLE
        from server.world.captions import read_caption

        read_caption(prompt, kind, EXACT_TITLE)
        if negative_prompt.strip():
            with _naming_the_negative_prompt():
                read_caption(negative_prompt, reader=EXACT_TITLE)
        return []
    if prior == "embedded":
        from server.priors.embedded.card import EMBEDDED_TITLE, WEIGHTS, check_weights
        from server.world.captions import read_known_words

        check_weights(WEIGHTS)
        read_known_words(prompt, kind, EMBEDDED_TITLE)
        warnings = _warn_of_unknown_words(prompt, kind, "")
        if negative_prompt.strip():
            with _naming_the_negative_prompt():
                read_known_words(negative_prompt, reader=EMBEDDED_TITLE)
            warnings += _warn_of_unknown_words(negative_prompt, None, " in what to avoid")
        return warnings
    from server.priors.pretrained.finding import check_model_here

    model = check_model_here(prior)
    from server.priors.pretrained.prompt_warnings import warn_of_unread

    return warn_of_unread(model, prompt) + warn_of_unread(model, negative_prompt, "what to avoid")


def _warn_of_unknown_words(prompt: str, kind: Shown | None, where: str) -> list[str]:
    from server.priors.embedded.card import EMBEDDED_TITLE
    from server.world.captions import known_things, unknown_words

    unknown = [f'"{word}"' for word in unknown_words(prompt)]
    if not unknown:
        return []
    named = " and ".join([", ".join(unknown[:-1]), unknown[-1]] if unknown[1:] else unknown)
    them = "them" if unknown[1:] else "it"
    return [f"{EMBEDDED_TITLE} does not know {named}{where} and will leave {them} out. It knows: {known_things(kind)}."]


@contextmanager
def _naming_the_negative_prompt() -> Iterator[None]:
    try:
        yield
    except BadRequest as problem:
        hint = f"Leave what to avoid empty, or use words that the model knows. {problem.hint}"
        raise BadRequest(problem.code, f"What to avoid cannot be read. {problem.message}", hint) from None


def check_loras(prior: str, loras: Sequence[str]) -> None:
    """Refuse LoRA files that the named prior cannot take, without loading anything.

    Args:
        loras: as a recipe has them, FILE:WEIGHT.

    Raises:
        BadRequest: "lora-broken", "lora-unfit"; or a model that cannot be used.
    """
    from server.priors.pretrained.finding import check_model_here
    from server.priors.pretrained.loras import refuse_loras, with_loras

    if prior in {card.name for card in built_in_cards()}:
        refuse_loras(loras, f"The prior {prior}")
    elif loras and (model := check_model_here(prior)) is not None:
        with_loras(model, loras)


def load_prior(name: str, device: str = "cpu", low_vram: bool = False, loras: Sequence[str] = ()) -> Prior:
    """Load a prior for use on `device` (server/accelerators.py).

    Args:
        low_vram: less of the device's memory, more time; matters to large models only.
        loras: files to be added to a diffusion model, as a recipe has them.

    Raises:
        BadRequest: as `check_prompt` and `check_loras`.
    """
    check_loras(name, loras)
    if name == "exact":
        from server.priors.exact import ExactPrior

        return ExactPrior()
    if name == "embedded":
        from server.priors.embedded.prior import EmbeddedPrior

        return EmbeddedPrior(device=device)
    from server.priors.pretrained.finding import find_model

    model = find_model(name)
    from server.priors.pretrained.latent_diffusion import LatentDiffusion
    from server.priors.pretrained.loras import with_loras

    return LatentDiffusion(with_loras(model, loras), device, low_vram)
