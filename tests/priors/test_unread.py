"""Before a model is loaded it is said what of a prompt it will not read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from server.errors import BadRequest
from server.priors.catalogue import check_prompt
from tests.priors.tiny_families import write_model

LONG = " ".join("abcdefghijkl" * 4)


@pytest.mark.parametrize("where", ["prompt", "what to avoid"])
def test_notes_for_other_programs_are_named_wherever_they_stand(tmp_path: Path, where: str) -> None:
    model, note = str(write_model(tmp_path / "model", "sd1")), "<lora:style:0.8>"
    texts = (f"a duck {note}", "") if where == "prompt" else ("a duck", f"ugly {note}")
    (warning,) = check_prompt(model, texts[0], "mesh", texts[1])
    assert note in warning
    assert where in warning
    assert "--lora" in warning


@pytest.mark.parametrize("prompt", ["<lora:style:1>", "BREAK", "()", "[a|b], __c__"])
def test_a_prompt_of_notes_alone_is_refused(tmp_path: Path, prompt: str) -> None:
    model = str(write_model(tmp_path / "model", "sd1"))
    with pytest.raises(BadRequest) as caught:
        check_prompt(model, prompt, "mesh")
    assert caught.value.code == "prompt-unreadable"


@pytest.mark.parametrize("layout", ["sd1", "sdxl"])
def test_long_prompts_are_read_whole_and_nothing_is_said(tmp_path: Path, layout: str) -> None:
    assert check_prompt(str(write_model(tmp_path / "model", layout)), LONG, "mesh", LONG) == []


@pytest.mark.parametrize(("layout", "rest"), [("sd3", "no T5"), ("sd3 with T5", "T5 reads the whole")])
def test_stable_diffusion_3_says_which_encoder_reads_all(tmp_path: Path, layout: str, rest: str) -> None:
    model = str(write_model(tmp_path / "model", layout))
    assert check_prompt(model, "a", "mesh", "b") == []
    both = check_prompt(model, LONG, "mesh", LONG)
    assert len(both) == 2
    assert all("18 words" in warning and "48" in warning and rest in warning for warning in both)


def test_looking_at_a_prompt_loads_no_torch(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", "sd3")
    script = (
        f"import sys; from server.priors.catalogue import check_prompt; check_prompt({str(model)!r}, {LONG!r}, None)"
    )
    subprocess.run([sys.executable, "-c", f"{script}; sys.exit('torch' in sys.modules)"], check=True)
