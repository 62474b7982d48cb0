"""Which priors there are on this machine, where they lie and what they need; without torch, without network."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from server.errors import BadRequest
from server.paths import as_path
from server.priors.cards import read_card
from server.priors.embedded.card import EMBEDDED_CARD, EMBEDDED_TITLE, WEIGHTS, check_weights
from server.priors.exact_card import EXACT_CARD, EXACT_TITLE
from server.priors.listed import ListedPrior, Recall
from server.priors.pretrained.header import read_header
from server.priors.pretrained.hub import HubModel

MODEL_FILES = (".safetensors", ".ckpt")
INDEX = "model_index.json"
MODEL_PARTS = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3", "light_field")
_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_LICENCE = re.compile(r"^license(?:_name)?:\s*(\S+)\s*$", re.MULTILINE)


def list_priors(folders: Sequence[Path | str] = ()) -> list[ListedPrior]:
    """The priors that ship, then the diffusers models in the local hub cache, then those in `folders`. Waits for disks.

    Args:
        folders: models, or folders of models: diffusers folders and single files. One that does not exist is listed as
            not usable.
    """
    found = [*built_in(_look), *in_hub_cache(_look)]
    for folder in folders:
        found += in_folder(folder, _look)
    return found


def _look(path: Path, look: Callable[[], ListedPrior]) -> ListedPrior:
    return look()


def not_listed(place: str, most: int) -> ListedPrior:
    """Stands for all models behind the first `most` ones in one place."""
    reason = f"Only the first {most} models in {place} are listed. Others can be used by their paths."
    return ListedPrior(f"more in {place}", "More models", None, None, 0, "unknown", reason)


def describe(priors: Sequence[ListedPrior]) -> str:
    """The list for people to read."""
    blocks = []
    for prior in priors:
        lines = [f"{prior.title}: {'usable' if prior.usable else 'NOT USABLE. ' + prior.why_not}"]
        if prior.card is not None:
            camera = "takes a camera" if prior.card.takes_camera else "takes no camera"
            lines += [prior.card.description, f"Makes {' and '.join(prior.card.makes)}; {camera}. {prior.needs}"]
        lines.append(f"Licence: {prior.licence}")
        if prior.path is not None and os.path.exists(prior.path):
            lines.append(f"Lies in {prior.path}")
        if prior.usable:
            lines.append(f"Use it with --prior {prior.name}")
        blocks.append("\n    ".join(lines))
    return "\n\n".join(blocks)


def built_in(recall: Recall) -> Iterator[ListedPrior]:
    """The priors that ship."""
    yield recall(WEIGHTS, _embedded)
    yield ListedPrior(EXACT_CARD.name, EXACT_TITLE, None, EXACT_CARD, 0, EXACT_CARD.licence)


def _embedded() -> ListedPrior:
    missing = _why_not_embedded()
    return ListedPrior(
        EMBEDDED_CARD.name,
        EMBEDDED_TITLE,
        WEIGHTS,
        EMBEDDED_CARD,
        0 if missing else _count_parameters(WEIGHTS),
        EMBEDDED_CARD.licence,
        missing,
    )


def _why_not_embedded() -> str:
    if not (WEIGHTS / INDEX).is_file():
        return f"Its weights are not in {WEIGHTS}."
    try:
        check_weights(WEIGHTS)
    except BadRequest as problem:
        return str(problem)
    return ""


def in_hub_cache(recall: Recall) -> Iterator[ListedPrior]:
    """The diffusers models in the hub's cache on this machine."""
    # Takes a quarter of a second to import.
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except (CacheNotFound, OSError, ValueError):
        return
    for repository in sorted(repositories, key=lambda repository: repository.repo_id):
        for revision in sorted(repository.revisions, key=lambda revision: revision.commit_hash):
            if repository.repo_type != "model" or not (revision.snapshot_path / INDEX).is_file():
                continue
            reference = "main" if "main" in revision.refs else revision.commit_hash
            title = repository.repo_id + (f" ({reference[:7]})" if len(repository.revisions) > 1 else "")
            # Looked at by its path, because by its name a model that is not complete would be asked for at the hub.
            prior = recall(revision.snapshot_path, partial(_look_at, revision.snapshot_path, title))
            name = str(HubModel(repository.repo_id, reference))
            yield replace(prior, name=name, title=title, card=prior.card and replace(prior.card, name=name))


def in_folder(folder: Path | str, recall: Recall) -> Iterator[ListedPrior]:
    """The model that `folder` is, or the models in it."""
    try:
        folder = as_path(folder) if isinstance(folder, str) else folder
        models = _models_in(folder)
    except BadRequest as problem:
        yield ListedPrior(str(folder), str(folder), None, None, 0, "unknown", str(problem))
        return
    for path in models or [folder]:
        title = path.stem if path.suffix in MODEL_FILES else path.name
        yield recall(path, partial(_look_at, path, title))


def _models_in(folder: Path) -> list[Path]:
    # Unlike Path's, these are False for what cannot be looked at; why that is so, reading it as a model says.
    if not os.path.isdir(folder) or not os.access(folder, os.R_OK | os.X_OK) or os.path.isfile(folder / INDEX):
        return []
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        hint = "See that its disk is there."
        raise BadRequest("folder-unusable", f"{folder} cannot be read: {error.strerror or error}.", hint) from None
    return [path for path in inside if path.suffix in MODEL_FILES or os.path.isfile(path / INDEX)]


def _look_at(path: Path, title: str) -> ListedPrior:
    path = path.absolute()
    readable = str(path).encode(errors="replace").decode()
    if readable != str(path):
        # No recipe could name it.
        reason = f"The name of {readable} is not text in UTF-8. Rename it."
        return ListedPrior(readable, Path(readable).name, None, None, 0, "unknown", reason)
    licence = _licence_in(path)
    try:
        card = read_card(str(path))
    except BadRequest as problem:
        reason = f"{problem.message} {problem.hint}".strip()
        return ListedPrior(str(path), title, path, None, 0, licence or "unknown", reason)
    return ListedPrior(str(path), title, path, card, _count_parameters(path), licence or card.licence)


def _licence_in(path: Path) -> str:
    """What the front matter of a model's README says."""
    try:
        with (path / "README.md").open(encoding="utf-8", errors="replace") as file:
            said = _LICENCE.findall(file.read(4096))
    except (OSError, ValueError):
        return ""
    return said[-1] if said else ""


def _count_parameters(path: Path) -> int:
    if os.path.isfile(path):
        return _count_in_file(path)
    return sum(_count_in_part(path / part) for part in MODEL_PARTS)


def _count_in_part(folder: Path) -> int:
    """The same weights often lie there twice, in two precisions: the largest set of shards counts."""
    sets: dict[str, int] = {}
    for file in folder.glob("*.safetensors"):
        name = _SHARD.sub("", file.name)
        sets[name] = sets.get(name, 0) + _count_in_file(file)
    return max(sets.values(), default=0)


def _count_in_file(file: Path) -> int:
    try:
        return sum(math.prod(shape) for shape in read_header(file).shapes.values())
    except BadRequest:
        return 0
