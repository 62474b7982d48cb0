"""What tells the model that a recipe names from every other, and from itself before its files were changed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from server.priors.known import KnownPriors
from server.priors.pretrained.finding import check_model_here
from server.priors.pretrained.lora_files import read_lora
from server.priors.stamps import stamp_of_files, stamp_of_model


def identity_of(name: str, loras: Sequence[str], known: KnownPriors) -> str:
    """The model's card, and size and time of each of its files and of the LoRA files that change it; "" for a model
    that is not on this machine yet, of which nothing can be told.

    Args:
        name, loras: as a recipe has them, checked by registry.py.
    """
    listed = known.find(name)
    if listed is not None:
        card, path = listed.card, listed.path
    else:
        model = check_model_here(name)
        card, path = (None, None) if model is None else (model.card, model.path)
    if card is None:
        return ""
    files = [] if path is None else [stamp_of_model(path).hex()]
    files += [stamp_of_files([read_lora(lora).path]).hex() for lora in loras]
    return json.dumps([card.as_json(), files], sort_keys=True)
