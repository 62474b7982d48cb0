"""Ways to start a server that cannot work, each with its reason; none of them starts anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from server.api.serving import serve
from server.errors import Problem


@pytest.mark.parametrize(
    ("host", "port", "device", "code"),
    [
        ("no-such-host.invalid", 0, "cpu", "address-invalid"),
        ("127.0.0.1", 70_000, "cpu", "port-taken"),
        ("127.0.0.1", 0, "gpu", "device-unknown"),
        ("127.0.0.1", 0, "cuda:x", "device-unknown"),
        ("127.0.0.1", 0, "cuda:99999999999999999999", "device-unknown"),
        ("127.0.0.1", 0, "cuda:٣", "device-unknown"),
        ("127.0.0.1", 0, "cpu,", "device-unknown"),
        ("", 0, "cpu", "address-invalid"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, host: str, port: int, device: str, code: str) -> None:
    with pytest.raises(Problem) as refused:
        serve(host, port, tmp_path, device)
    assert refused.value.code == code
    assert not (tmp_path / "server.json").exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Problem) as refused:
        serve("127.0.0.1", taken.getsockname()[1], tmp_path, "cpu")
    assert refused.value.code == "port-taken"


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(Problem) as refused:
        serve("127.0.0.1", 0, tmp_path / "file", "cpu")
    assert refused.value.code == "data-folder-unusable"
