"""`bench mesh` times what it says it times."""

from __future__ import annotations

import json

import numpy as np
import pytest

from server.bench.mesh import TimedField, bench_mesh
from server.commands.main import main


def test_every_phase_is_timed_and_the_field_apart() -> None:
    result = bench_mesh("ball", faces=500, texture_size=64, resolution=24)
    names = ["Surface", "Clean-up", "Reduce", "Colour", "Unwrap", "Bake", "Saving"]
    assert list(result["phases"]) == names
    assert all(seconds >= 0 for seconds in result["phases"].values())
    assert result["total"] == pytest.approx(sum(result["phases"].values()), abs=0.01)
    assert result["field"] > 0
    assert result["report"]["faces"] <= 500


def test_the_field_has_the_shape_it_is_named_after() -> None:
    density = TimedField("ball").density
    assert density(np.zeros((1, 3), np.float32))[0] > 20
    assert density(np.float32([[0, 0, 0.99]]))[0] < 1


def test_an_unknown_shape_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "mesh", "--shape", "unicorn", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "shape-unknown"
