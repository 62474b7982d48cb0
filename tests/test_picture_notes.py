"""A picture says how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server import __version__
from server.commands.main import main
from server.png import write_png


def notes(path: Path) -> dict[str, str]:
    with Image.open(path) as picture:
        found: dict[str, str] = picture.text  # type: ignore[attr-defined]
        return found


@pytest.mark.parametrize("prompt", ["red bricks", "rote Ziegel, größer", "砖 🧱", "\u202eright to left"])
def test_notes_survive_in_every_script(prompt: str, tmp_path: Path) -> None:
    write_png(tmp_path / "x.png", np.zeros((2, 3, 3), np.uint8), json.dumps({"prompt": prompt}, ensure_ascii=False))
    assert json.loads(notes(tmp_path / "x.png")["recipe"])["prompt"] == prompt
    assert notes(tmp_path / "x.png")["Software"] == f"Blender MSD {__version__}"


def test_a_sample_carries_what_it_takes_to_draw_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mug.png"
    options = ["--prior", "exact", "--steps", "3", "--count", "2", "--seed", "7", "--azimuth", "90", "--scale", "1"]
    assert main(["sample", "a blue mug", *options, "--out", str(out)]) == 0
    capsys.readouterr()
    asked = {"prompt": "a blue mug", "seed": 7, "prior": "exact", "steps": 3, "count": 2, "scale": 1.0, "azimuth": 90.0}
    assert json.loads(notes(out)["recipe"]) == {"kind": "sample", "version": __version__, **asked}
    assert notes(out)["Software"] == f"Blender MSD {__version__}"


def test_a_texture_carries_its_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bricks.png"
    cheap = ["--prior", "exact", "--steps", "2", "--size", "32", "--render-size", "16"]
    assert main(["texture", "red bricks", *cheap, "--out", str(out)]) == 0
    capsys.readouterr()
    assert json.loads(notes(out)["recipe"])["prompt"] == "red bricks"
