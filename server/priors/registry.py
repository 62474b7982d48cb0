"""Which models a recipe that came from elsewhere may name, and the one place where such a name becomes a path.

A name is first looked up among the ids of the models that the server has found by itself. Anything else is only looked
at when whoever started the server allowed it: a path inside the folders of --allow-path, the hub with --allow-hub. No
disk and no network is asked about other names, so that nobody learns from the answer what there is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.errors import BadRequest
from server.priors.known import KnownPriors
from server.priors.pretrained.lora_files import read_lora
from server.ranges import shown


@dataclass(frozen=True)
class Allowed:
    """What may be named besides the ids of the models that were found.

    Attributes:
        folders: absolute; models anywhere below them.
        hub: any model on the Hugging Face hub.
    """

    folders: tuple[Path, ...] = ()
    hub: bool = False


def check_prior(name: str, known: KnownPriors, allowed: Allowed) -> None:
    """Refuse what may not be named or surely cannot be used, without loading a model.

    Raises:
        BadRequest: "prior-unknown", "prior-not-allowed"; "prior-broken" and others of pretrained/finding.py.
    """
    is_of_the_hub = name.startswith("hub:")
    if is_of_the_hub:
        from server.priors.pretrained.hub import parse_hub_model

        name = str(parse_hub_model(name))
    listed = known.find(name)
    if listed is not None:
        if not listed.usable:
            raise BadRequest("prior-broken", f"{listed.title} cannot be used.", listed.why_not)
    elif is_of_the_hub:
        if not allowed.hub:
            raise BadRequest(
                "prior-not-allowed",
                f"{shown(name)} is not on this machine, and this server may not ask the hub for it.",
                "Allow Models from the Hub in the add-on's preferences, or start the server with --allow-hub.",
            )
    elif _is_inside(name, allowed.folders):
        from server.priors.pretrained.finding import check_model_here

        check_model_here(name)
    else:
        raise BadRequest("prior-unknown", f"This server has no model called {shown(name)}.", _what_to_do(known))


def check_lora_files(loras: Sequence[str], allowed: Allowed) -> None:
    """Refuse LoRA files, as a recipe has them, that may not be looked at.

    Raises:
        BadRequest: "lora-not-allowed".
    """
    for lora in loras:
        path = read_lora(lora).path
        if not _is_inside(str(path), allowed.folders):
            raise BadRequest(
                "lora-not-allowed",
                f"This server may not read {shown(str(path))}.",
                "Put LoRA files below the folder chosen as Models in the add-on's preferences, or start the server "
                "with --allow-path.",
            )


def _what_to_do(known: KnownPriors) -> str:
    if known.looks_for_the_first_time:
        return "It is still looking for models: try again in a moment."
    return (
        "Choose one that it lists. A model in another folder: choose that folder as Models in the add-on's "
        "preferences, or start the server with --allow-path."
    )


def _is_inside(name: str, folders: tuple[Path, ...]) -> bool:
    """As it is written, before anything is looked at, and where it really leads."""
    if "\0" in name or not os.path.isabs(name):
        return False
    written = Path(os.path.normpath(name))
    around = [folder for folder in folders if written.is_relative_to(os.path.normpath(folder))]
    if not around:
        return False
    try:
        led_to = Path(os.path.realpath(name))
        return any(led_to.is_relative_to(os.path.realpath(folder)) for folder in around)
    except OSError:
        return False
