"""What the doctor tells about this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.commands.doctor import describe, examine


def test_the_doctor_tells_what_runs_here_and_why(tmp_path: Path) -> None:
    report = examine(tmp_path / "not" / "there" / "yet", ("/no/such/folder",))
    assert json.loads(json.dumps(report)) == report
    assert report["packages"]["torch"]
    processor = report["devices"][0]
    assert (processor["device"], processor["brand"]) == ("cpu", "processor")
    assert 0 < processor["free_gb"] <= processor["memory_gb"]
    assert "float32" in processor["runs"][0]
    assert processor["falls_back"]
    cpu = report["hash_grid"][0]
    assert (cpu["device"], cpu["backend"]) == ("cpu", "numba")
    assert "compiled" in cpu["why"]
    assert [prior["usable"] for prior in report["priors"] if prior["name"] == "exact"] == [True]
    assert [prior["usable"] for prior in report["priors"] if prior["name"] == "/no/such/folder"] == [False]
    assert report["disk"]["path"] == str(tmp_path)
    assert report["problems"] == []
    told = describe(report)
    assert processor["runs"][0] in told
    assert processor["falls_back"][0] in told
    assert "exact: usable" in told
    assert "/no/such/folder: not usable" in told


def test_a_missing_package_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.commands.doctor.PACKAGES", ("torch", "no-such-package"))
    report = examine()
    assert report["problems"] == ["The package no-such-package is not installed."]
    assert "no-such-package MISSING" in describe(report)
