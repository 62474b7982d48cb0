"""From what the user calls a model to the model's files: a folder, a single file, or a model on the hub."""

from __future__ import annotations

import os
from pathlib import Path

from server.errors import BadRequest
from server.paths import as_path
from server.priors.pretrained import hub
from server.priors.pretrained.families import FAMILIES, PretrainedModel, broken
from server.priors.pretrained.folder import read_folder
from server.priors.pretrained.single_file import read_single_file


def check_model(name: str) -> PretrainedModel:
    """`find_model` without waiting for gigabytes: of a model on the hub that is not here, only the small files are
    fetched and looked at.

    Raises:
        BadRequest: as `find_model`.
    """
    if not name.startswith(hub.PREFIX):
        return _find_on_disk(name)
    model = hub.parse_hub_model(name)
    return _find_whole_in_cache(model, name) or _read_configuration(model, name)


def check_model_here(name: str) -> PretrainedModel | None:
    """What can be said at once: a model on the hub that is not in the cache is only checked for its spelling, since a
    request of the user interface must not wait for a network, and is None. Loading it says the rest.

    Raises:
        BadRequest: as `find_model`.
    """
    if name.startswith(hub.PREFIX):
        return _find_whole_in_cache(hub.parse_hub_model(name), name)
    return _find_on_disk(name)


def find_model(name: str) -> PretrainedModel:
    """The model's description; its files are complete. Network only for "hub:..." that is not in the cache.

    Args:
        name: path of a diffusers folder or of a single .safetensors file, or hub:owner/name@revision.

    Raises:
        BadRequest: "prior-unknown": there is no such thing; "prior-broken": something else, unsupported or incomplete;
            "vocabulary-missing" (vocabularies.py); "prior-offline", "prior-gated" (hub.py).
    """
    if not name.startswith(hub.PREFIX):
        return _find_on_disk(name)
    model = hub.parse_hub_model(name)
    whole = _find_whole_in_cache(model, name)
    if whole is not None:
        return whole
    family = _read_configuration(model, name).family
    return read_folder(hub.fetch_weights(model, FAMILIES[family]), name)


def _find_on_disk(name: str) -> PretrainedModel:
    path = _existing(name)
    try:
        return read_folder(path, name) if os.path.isdir(path) else read_single_file(path, name)
    except OSError as error:
        raise broken(f"{path} cannot be read: {error.strerror or error}.", "Look at who may read it.") from None
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        # Its files may say anything, of any type, where something else is expected.
        hint = "Copy or download it again."
        raise broken(f"{path} cannot be read as a model ({type(error).__name__}: {error}).", hint) from None


def _existing(name: str) -> Path:
    unknown = BadRequest(
        "prior-unknown",
        f"There is no model called {name[:300]!r}, and no such folder or file.",
        "`python -m server priors` lists the models; or give a diffusers folder, a .safetensors file, or "
        "hub:owner/name.",
    )
    try:
        path = as_path(name)
    except BadRequest:
        raise unknown from None
    # Unlike Path's, these are False for what cannot be looked at.
    if os.path.isdir(path) or os.path.isfile(path):
        return path
    if os.path.lexists(path):
        raise broken(f"{path} cannot be opened: it is neither a file nor a folder.", "Look where it leads to.")
    raise unknown


def _find_whole_in_cache(model: hub.HubModel, name: str) -> PretrainedModel | None:
    folder = hub.find_in_cache(model)
    if folder is None:
        return None
    try:
        return read_folder(folder, name)
    except BadRequest:
        # Perhaps only files are missing. If it is unusable, its small files tell so again after they were refreshed.
        return None


def _read_configuration(model: hub.HubModel, name: str) -> PretrainedModel:
    return read_folder(hub.fetch_configuration(model), name, weights=False)
