"""What needs no cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.commands.main import main
from server.errors import BadRequest, Problem
from server.farm.host import what_is_amiss
from server.farm.posts import posts_on
from server.farm.wish import Farm, Wish
from tests.farm.served import ROOT

ADDRESS = "127.0.0.1:1"


def wish(folder: Path, mark: str = "this folder", version: str = "1") -> dict[str, object]:
    made = Wish(ADDRESS, "cpu", 1, False, str(folder), mark, str(ROOT), version, {})
    assert Wish.from_text(made.as_text()) == made
    return dict(json.loads(made.as_text()))


def test_a_node_is_fit_that_has_this_program_and_sees_the_very_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.__version__", "1")
    data = tmp_path / "data"
    assert f"does not see the data folder {data}" in what_is_amiss(wish(data))
    (data / "jobs").mkdir(parents=True)
    (data / "farm.mark").write_text("this folder", encoding="utf-8")
    assert what_is_amiss(wish(data)) == ""
    assert "sees another folder" in what_is_amiss(wish(data, mark="another"))
    assert "has version 1 of this program, not 2" in what_is_amiss(wish(data, version="2"))


def test_which_card_it_is_the_cluster_decides(tmp_path: Path) -> None:
    for device in ("cuda:1", "cpu,cuda", "mps"):
        with pytest.raises(BadRequest, match="cannot be on") as refused:
            posts_on(Farm(ADDRESS), device, tmp_path, low_vram=False)
        assert refused.value.code == "device-unknown"


def test_where_nothing_listens_that_is_said_with_or_without_ray(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"127\.0\.0\.1:1 does not answer") as refused:
        posts_on(Farm(ADDRESS), "auto", tmp_path, low_vram=False)
    assert refused.value.code == "cluster-unreachable"


def test_without_ray_everything_can_be_imported_and_the_error_has_its_remedy() -> None:
    script = """
import pkgutil, sys, importlib, socket
sys.modules["ray"] = sys.modules["submitit"] = None  # whoever imports them fails
import server.api.serving, server.commands.main, server.farm
for module in pkgutil.iter_modules(server.farm.__path__, "server.farm."):
    importlib.import_module(module.name)
from server.errors import Problem
from server.farm.cluster import join
with socket.create_server(("127.0.0.1", 0)) as listener:
    try:
        join(f"127.0.0.1:{listener.getsockname()[1]}")
    except Problem as problem:
        assert problem.code == "ray-missing", problem.code
        assert "pip install 'ray>=2.52'" in problem.hint
        sys.exit(0)
sys.exit("it joined")
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


@pytest.mark.parametrize("address", ["nowhere", "10.0.0.1:", "10.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="is not an address"):
        posts_on(Farm(address), "auto", tmp_path, low_vram=False)


def test_what_is_asked_of_a_cluster_that_nobody_named_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["serve", "--data-dir", str(tmp_path), "--ray-workers", "3"]) == 2
    assert "Name its head node with --ray" in capsys.readouterr().err
