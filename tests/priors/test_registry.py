"""What a recipe from elsewhere may name: models that were found, and what the server was allowed; nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from server.errors import BadRequest
from server.priors.catalogue import Allowed, KnownPriors, check_lora_files, check_prior

ROOT = Path(__file__).parents[2]


def check(prior: str, known: KnownPriors, allowed: Allowed | None = None) -> None:
    check_prior(prior, known, allowed or Allowed())


def refusal(*arguments: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        check(*arguments)
    return refused.value


@pytest.fixture(scope="module")
def known() -> KnownPriors:
    found = KnownPriors()
    assert found.find("nothing") is None
    return found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that is called like a model, and is none."""
    folder = tmp_path / "models"
    folder.mkdir()
    file = folder / "mine.safetensors"
    file.write_bytes(b"")
    return file


NAMES = [
    "{home}",
    "{home}/models",
    "{home}/models/mine.safetensors",
    "{home}/missing",
    "file://{home}/models/mine.safetensors",
    "'{home}/models/mine.safetensors'",
    "~",
    "~root",
    "~nosuchuser/x",
    "/",
    "/etc/passwd",
    "/proc/self/environ",
    "/" + "n" * 4000,
    ".",
    "..",
    "models",
    "embedded/..",
    "EMBEDDED",
    "\\\\host\\share",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_disk_is_asked_about_a_name_that_is_not_an_id(
    known: KnownPriors, model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal("nothing", known)  # imports what it needs
    asked: list[object] = []
    recording, here = True, threading.get_ident()

    def record(event: str, arguments: tuple[object, ...]) -> None:
        if recording and threading.get_ident() == here and event in ("open", "os.listdir", "os.scandir"):
            asked.append(arguments[0])

    for question in ("stat", "lstat", "access", "readlink"):
        real = getattr(os, question)
        monkeypatch.setattr(os, question, lambda path, *a, real=real, **k: (asked.append(path), real(path, *a, **k))[1])
    sys.addaudithook(record)
    problem = refusal(name.format(home=model.parent.parent), known)
    recording = False
    assert problem.code == "prior-unknown"
    assert asked == []
    assert "mine" not in str(problem) or "mine" in name


def test_the_answer_is_the_same_whether_or_not_there_is_something(known: KnownPriors, tmp_path: Path) -> None:
    path = str(tmp_path / "here")
    before = refusal(path, known)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".secret").write_text("x", encoding="utf-8")
    after = refusal(path, known)
    assert (before.code, str(before)) == (after.code, str(after))


def test_models_that_were_found_are_named_by_their_ids(model: Path) -> None:
    known = KnownPriors([model.parent])
    check("embedded", known)
    check("exact", known)
    problem = refusal(str(model), known)
    assert problem.code == "prior-broken"
    assert "mine" in problem.message
    known.stop()


def test_a_folder_that_was_allowed_may_be_asked_about(known: KnownPriors, model: Path, tmp_path: Path) -> None:
    allowed = Allowed((model.parent,))
    assert refusal(str(model), known, allowed).code == "prior-broken"
    assert "no such folder or file" in str(refusal(str(model.parent / "missing"), known, allowed))
    for outside in (tmp_path, tmp_path / "models2", model.parent / ".." / "other", f"{model.parent}/../models2/x"):
        assert "no such folder or file" not in str(refusal(str(outside), known, allowed))


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links are for administrators there")
def test_a_link_does_not_lead_out_of_an_allowed_folder(known: KnownPriors, model: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.safetensors").write_bytes(b"")
    (model.parent / "link").symlink_to(outside)
    problem = refusal(str(model.parent / "link" / "secret.safetensors"), known, Allowed((model.parent,)))
    assert problem.code == "prior-unknown"
    (tmp_path / "also").symlink_to(model.parent)
    allowed = Allowed((tmp_path / "also",))
    assert refusal(str(tmp_path / "also" / "mine.safetensors"), known, allowed).code == "prior-broken"


def test_the_hub_is_named_only_where_it_is_allowed(known: KnownPriors, no_hub_cache: None) -> None:
    assert refusal("hub:nobody/nothing", known).code == "prior-not-allowed"
    assert refusal("hub:../x", known).code == "prior-unknown"
    check("hub:nobody/nothing", known, Allowed(hub=True))
    assert refusal("hub:../x", known, Allowed(hub=True)).code == "prior-unknown"


def test_offline_is_offline_for_every_library() -> None:
    code = (
        "from server.priors.network import stay_offline\n"
        "stay_offline()\n"
        "from huggingface_hub import constants, is_offline_mode\n"
        "import transformers.utils.hub, diffusers.utils.hub_utils as diffusers\n"
        "assert constants.HF_HUB_OFFLINE and is_offline_mode() and diffusers.HF_HUB_OFFLINE\n"
        "assert constants.HF_HUB_DISABLE_TELEMETRY and constants.HF_HUB_DISABLE_XET\n"
        "assert constants.HF_HUB_DISABLE_UPDATE_CHECK\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "0"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


@pytest.mark.parametrize(
    "name", ["{folder}/../secret.safetensors", "/etc/passwd", "~/x.safetensors", "style.safetensors"]
)
def test_lora_files_are_read_below_the_allowed_folders_only(model: Path, name: str) -> None:
    allowed = Allowed((model.parent,))
    check_lora_files([f"{model}:0.5", str(model.parent / "not-there.safetensors")], allowed)
    with pytest.raises(BadRequest) as refused:
        check_lora_files([str(model), name.format(folder=model.parent)], allowed)
    assert refused.value.code == "lora-not-allowed"
    with pytest.raises(BadRequest):
        check_lora_files([str(model)], Allowed())
