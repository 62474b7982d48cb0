"""A judge that was kept and is damaged is named, and does not judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_model

from server.errors import BadRequest
from server.training.judge import Judge, read_judge
from tests.priors.broken_models import change_tensors

DAMAGES: dict[str, Callable[[Path], Any]] = {
    "half a file": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "no file": lambda path: path.write_bytes(b""),
    "a number that is none": lambda path: change_tensors(path, lambda t: t[min(t)].view(-1)[0].fill_(float("nan"))),
    "a lost tensor": lambda path: change_tensors(path, lambda t: t.pop(min(t))),
    "a misshapen tensor": lambda path: change_tensors(path, lambda t: t.update({min(t): torch.zeros(1)})),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_judge_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "judge.safetensors"
    save_model(Judge(), str(path))
    assert read_judge(path).state_dict()
    DAMAGES[name](path)
    with pytest.raises(BadRequest) as caught:
        read_judge(path)
    assert caught.value.code == "prior-broken"
    assert str(path) in caught.value.message
    assert caught.value.hint
