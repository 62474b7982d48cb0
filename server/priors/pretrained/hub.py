"""A model on the Hugging Face hub, named "hub:owner/name@revision": in the cache on this machine, or fetched.

Only .safetensors, .json and .txt files are ever asked for: never pickles, never code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.errors import BadRequest
from server.priors.pretrained.families import Family
from server.priors.pretrained.folder import weights_stem

PREFIX = "hub:"
# Parts of a model lie in folders; what lies beside them is documentation, or other forms of the same model.
CONFIGURATION = ["model_index.json", "*/*.json", "*/*.txt"]
VARIANT = "fp16"


@dataclass(frozen=True)
class HubModel:
    """`repository` is "owner/name"; `revision` a branch, a tag or a commit."""

    repository: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}@{self.revision}"


def parse_hub_model(name: str) -> HubModel:
    """Raises BadRequest "prior-unknown" when it is not spelled hub:owner/name or hub:owner/name@revision."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    found = re.fullmatch(r"hub:([\w.-]+/[\w.-]+)(?:@(\w[\w./-]{0,199}))?", name, re.ASCII)
    try:
        validate_repo_id(found[1] if found else "")
    except HFValidationError:
        found = None
    if not found or ".." in name:
        raise BadRequest(
            "prior-unknown",
            f"{name[:300]!r} does not name a model on the hub.",
            "Write hub:owner/name, or hub:owner/name@revision.",
        )
    return HubModel(found[1], found[2] or "main")


def find_in_cache(model: HubModel) -> Path | None:
    """The model's folder in the hub's cache on this machine; it may lack files."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    cached = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model.repository, repo_type="model")
    reference = cached / "refs" / model.revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else model.revision
    folder = cached / "snapshots" / commit
    return folder if folder.is_dir() else None


def fetch_configuration(model: HubModel) -> Path:
    """The model's folder in the cache, with its small files; network. Raises as `_explained` says."""
    return _fetch(model, CONFIGURATION)


def fetch_weights(model: HubModel, family: Family) -> Path:
    """The model's folder in the cache, with one set of weights for each of its networks; network."""
    from huggingface_hub import HfApi

    with _explained(model):
        names = HfApi().list_repo_files(model.repository, revision=model.revision)
    return _fetch(model, [*CONFIGURATION, *choose_weights(names, family)])


def choose_weights(names: Sequence[str], family: Family) -> list[str]:
    """Of all files in a repository, the weights to fetch: in half precision where that is offered."""
    chosen = []
    for part in family.networks:
        stem = re.escape(f"{part}/{weights_stem(part)}")
        shards = r"(-\d+-of-\d+)?\.safetensors"
        halves = [name for name in names if re.fullmatch(rf"{stem}\.{VARIANT}{shards}", name)]
        plain = [name for name in names if re.fullmatch(stem + shards, name)]
        offered = halves or plain
        # Some repositories hold the same weights once in one file and once in pieces.
        whole = [name for name in offered if "-of-" not in name]
        chosen += whole or offered
    return chosen


def _fetch(model: HubModel, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    with _explained(model):
        return Path(snapshot_download(model.repository, revision=model.revision, allow_patterns=patterns))


@contextmanager
def _explained(model: HubModel) -> Iterator[None]:
    """Turns the hub's errors into ours: "prior-offline", "prior-unknown" or "prior-gated"."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{model.repository}"
    try:
        yield
    except errors.GatedRepoError:
        hint = f"Accept its terms on {page}, then log in once: hf auth login"
        raise BadRequest("prior-gated", f"The owner of {model.repository} asks for consent first.", hint) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        hint = f"Look at {page}; private models need: hf auth login"
        raise BadRequest("prior-unknown", f"The hub has no {model.repository} at {model.revision}.", hint) from None
    except (errors.HTTPError, OSError):
        raise BadRequest(
            "prior-offline",
            f"{model} is not complete on this machine, and the hub cannot be reached.",
            "Connect this machine to the internet once, without HF_HUB_OFFLINE, or give the path of a folder or file.",
        ) from None
