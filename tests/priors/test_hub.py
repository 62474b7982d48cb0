"""A model on the hub: from the cache without network, else fetched because the user asked for it, else a clear refusal.

A small server on this machine stands for the hub.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from server.errors import BadRequest
from server.priors.catalogue import check_prompt, load_prior
from server.priors.pretrained.families import FAMILIES
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.hub import HubModel, choose_weights, parse_hub_model
from tests.priors.tiny_pipeline import write_pipeline

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "hub:artist/duck-model"


class Hub(ThreadingHTTPServer):
    """Serves one repository; remembers which files were asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.fetched: set[str] = set()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {"X-Repo-Commit": COMMIT}
        if "artist/duck-model" not in path:
            return self._send(404, b"{}", headers | {"X-Error-Code": "RepoNotFound"}, body)
        if path.startswith("/api/"):
            files = self.server.files()
            tree = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in files]
            info = {"id": "artist/duck-model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            found = json.dumps(tree if "/tree/" in path else info).encode()
            return self._send(200, found, headers, body)
        name = path.split("/resolve/")[1].split("/", 1)[1]
        content = (self.server.folder / name).read_bytes()
        self.server.fetched.add(name)
        return self._send(200, content, headers | {"ETag": f'"{hashlib.sha1(content).hexdigest()}"'}, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = write_pipeline(tmp_path_factory.mktemp("repository"))
    # What repositories hold besides: other forms of the weights, pickles, code, pictures.
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(weights, weights.with_suffix(".fp16.safetensors"))
    for other in ("unet/diffusion_pytorch_model.bin", "v1-5.safetensors", "v1-5.ckpt", "pipeline.py", "unet/net.py"):
        (folder / other).write_bytes(b"never")
    server = Hub(folder)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(code: str, cache: Path, hub: Hub | None, offline: bool = False) -> str:
    """Run in a process of its own: the hub's library reads its settings when it is imported."""
    settings = {"HF_HUB_CACHE": str(cache), "HF_HOME": str(cache / "home"), "HF_HUB_DISABLE_XET": "1"}
    settings["HF_ENDPOINT"] = hub.address if hub else "http://127.0.0.1:9"
    settings["HF_HUB_OFFLINE"] = str(int(offline))
    script = f"""
from server.errors import BadRequest
from server.priors.pretrained.finding import check_model, find_model
try:
    print("answer", {code})
except BadRequest as problem:
    print("answer", problem.code, problem.message, problem.hint)
"""
    environment = {**os.environ, **settings, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.partition("answer ")[2].strip()


def test_a_model_is_fetched_once_and_only_what_is_needed(hub: Hub, tmp_path: Path) -> None:
    hub.fetched.clear()
    found = ask(f"find_model('{NAME}').path", tmp_path, hub)
    assert found == str(tmp_path / "models--artist--duck-model" / "snapshots" / COMMIT)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in hub.fetched
    assert "unet/diffusion_pytorch_model.safetensors" not in hub.fetched
    assert not [name for name in hub.fetched if not name.endswith((".safetensors", ".json", ".txt"))]
    assert "v1-5.safetensors" not in hub.fetched
    again = ask(f"find_model('{NAME}').card.image_size", tmp_path, None, offline=True)
    assert again == "16"


def test_checking_a_model_fetches_only_its_small_files(hub: Hub, tmp_path: Path) -> None:
    hub.fetched.clear()
    assert ask(f"check_model('{NAME}').card.guidance_scale", tmp_path, hub) == "7.5"
    assert hub.fetched
    assert not [name for name in hub.fetched if not name.endswith((".json", ".txt"))]


def test_offline_an_unknown_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for offline in (True, False):
        said = ask(f"find_model('{NAME}@v2')", tmp_path, None, offline)
        assert said.startswith("prior-offline hub:artist/duck-model@v2")
        assert "internet" in said


def test_a_model_that_the_hub_does_not_have_is_unknown(hub: Hub, tmp_path: Path) -> None:
    assert ask("find_model('hub:artist/other')", tmp_path, hub).startswith("prior-unknown The hub has no artist/other")


@pytest.mark.parametrize("name", ["hub:", "hub:duck", "hub:a/b/c", "hub:a/b@", "hub:../b", "hub:a/b@../../etc"])
def test_a_misspelt_name_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        find_model(name)
    assert caught.value.code == "prior-unknown"
    assert "hub:owner/name" in caught.value.hint


def test_revisions_are_branches_tags_or_commits() -> None:
    assert parse_hub_model("hub:a/b") == HubModel("a/b", "main")
    assert parse_hub_model("hub:a-1/b.c@refs/pr/3") == HubModel("a-1/b.c", "refs/pr/3")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache in which the branch "main" and its commit lie, without network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--artist--duck-model"
    write_pipeline(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    return repository / "snapshots" / COMMIT


@pytest.mark.parametrize("name", [NAME, f"{NAME}@main", f"{NAME}@{COMMIT}"])
def test_a_cached_model_needs_no_network(cache: Path, name: str) -> None:
    assert check_prompt(name, "a duck", "mesh") == []
    card = load_prior(name).card
    assert (card.name, card.image_size) == (name, 16)


def test_another_revision_than_the_cached_one_is_not_taken_for_it(cache: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        load_prior(f"{NAME}@v2")
    assert caught.value.code == "prior-offline"


def test_a_cached_model_that_lacks_weights_is_not_complete(cache: Path) -> None:
    (cache / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(BadRequest) as caught:
        load_prior(NAME)
    assert caught.value.code == "prior-offline"


def test_weights_come_in_half_precision_and_in_one_piece_where_offered() -> None:
    stem = "transformer/diffusion_pytorch_model"
    names = [f"{stem}-00001-of-00002.safetensors", f"{stem}-00002-of-00002.safetensors", f"{stem}.bin"]
    names += ["vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"]
    names += ["text_encoder_3/model.fp16.safetensors", "text_encoder_3/model.fp16-00001-of-00002.safetensors"]
    names += ["text_encoder/model.safetensors", "text_encoder_2/pytorch_model.bin", "sd3.safetensors"]
    assert choose_weights(names, FAMILIES["sd3"]) == [
        f"{stem}-00001-of-00002.safetensors",
        f"{stem}-00002-of-00002.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder_3/model.fp16.safetensors",
    ]
