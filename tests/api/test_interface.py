"""Other computers are let in only with a token of the user's own and TLS."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from server.api.interface import Interface
from server.errors import BadRequest

ROOT = Path(__file__).parents[2]
OTHER = "192.168.0.7"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A token, and a certificate for 127.0.0.1 with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    found = {name: folder / name for name in ("token_file", "certificate", "key")}
    found["token_file"].write_text("a-token-of-my-own-1234\n", encoding="utf-8")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    command += ["-out", str(found["certificate"]), "-keyout", str(found["key"])]
    subprocess.run(command, check=True, capture_output=True)
    return found


@pytest.mark.parametrize("left_out", ["token_file", "certificate", "key"])
def test_another_interface_wants_all_three_files(files: dict[str, Path], left_out: str) -> None:
    given = {name: path for name, path in files.items() if name != left_out}
    with pytest.raises(BadRequest) as refused:
        Interface(OTHER, **given).check()
    assert refused.value.code == "interface-unprotected"
    assert Interface(OTHER, **files).check() == "a-token-of-my-own-1234"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "render-box", "", "127.0.0.1:80"])
def test_an_interface_is_named_by_its_own_address(files: dict[str, Path], host: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Interface(host, **files).check()
    assert refused.value.code == "address-invalid"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"two words in one line", b"x" * 201, b"\xff" * 20, "tökén".encode() * 5]
)
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(BadRequest) as refused:
        Interface(token_file=file).check()
    assert refused.value.code == "token-unusable"
    assert repr(content)[2:7] not in refused.value.message or not content


def test_files_for_tls_that_cannot_be_used_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate", encoding="utf-8")
    for certificate, key in (
        (broken, files["key"]),
        (files["certificate"], broken),
        (files["certificate"], tmp_path / "missing.pem"),
        (files["certificate"], None),
        (None, files["key"]),
    ):
        with pytest.raises(BadRequest) as refused:
            Interface(certificate=certificate, key=key).check()
        assert refused.value.code == "tls-unusable"


def test_a_server_with_tls_is_reached_through_it_and_by_the_token_of_the_file(
    files: dict[str, Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "server", "serve", "--data-dir", str(tmp_path), "--device", "cpu"]
    command += ["--token-file", str(files["token_file"])]
    command += ["--tls-certificate", str(files["certificate"]), "--tls-key", str(files["key"])]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        said = json.loads((tmp_path / "server.json").read_text(encoding="utf-8"))
        url = f"https://127.0.0.1:{said['port']}"
        assert (line, said["scheme"]) == (f"listening on {url}\n", "https")
        headers = {"Authorization": "Bearer a-token-of-my-own-1234"}
        with httpx.Client(verify=ssl.create_default_context(cafile=files["certificate"]), headers=headers) as client:
            assert client.get(f"{url}/v1/hello").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{said['port']}/v1/health")
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()
    assert not (tmp_path / "server.json").exists()


def test_the_command_line_says_what_another_interface_wants(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "server", "serve", "--data-dir", str(tmp_path), "--host", OTHER]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert refused.returncode == 2
    assert "--token-file, --tls-certificate and --tls-key" in refused.stderr
    assert not any(tmp_path.iterdir())
