"""The command line: what it prints, and how it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.priors.embedded.card import WEIGHTS

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
    command = [sys.executable, "-m", "server", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, encoding="utf-8"
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mesh"], "PROMPT"),
        (["mesh", ""], "prompt"),
        (["mesh", "a purple unicorn"], "duck"),
        (["mesh", "a yellow duck", "--preset", "grand"], "preset"),
        (["mesh", "a yellow duck", "--out", "duck.stl"], ".glb"),
        (["mesh", "a yellow duck", "--texture-size", "7"], "--texture-size"),
        (["remesh", "no-such-job"], "no-such-job"),
        (["mesh", "a yellow duck", "--prior", "/no/such/folder"], "/no/such/folder"),
        (["mesh", "red bricks"], "surface"),
        (["mesh", "a yellow duck", "--bandwidth-start", "-1"], "--bandwidth-start"),
        (["mesh", "a yellow duck", "--bandwidth-start", "0.1", "--bandwidth-end", "2"], "bandwidth"),
        (["texture", "red bricks", "--size", "0"], "--size"),
        (["texture", "red bricks", "--size", "512x0"], "--size"),
        (["texture", "a yellow duck"], "object"),
        (["texture", "red bricks", "--maps"], "--maps"),
        (["texture", "red bricks", "--maps", "normal", "shine"], "shine"),
        (["mesh", "a yellow duck", "--device", "quantum"], "quantum"),
        (["conjure"], "conjure"),
    ],
)
def test_wrong_usage_exits_2_with_one_clear_line(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stdout == ""


def test_with_json_a_refusal_is_one_document_too() -> None:
    done = run("mesh", "a purple unicorn", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "prompt-unreadable"
    assert "duck" in error["next"]


def test_a_texture_is_written_and_described(tmp_path: Path) -> None:
    out = tmp_path / "made" / "stripes.png"
    sizes = ["--size", "48x32", "--render-size", "16", "--steps", "3", "--tile"]
    report = document(run("texture", "blue stripes", *sizes, "--out", str(out), "--json"))
    assert Image.open(out).size == (48, 32)
    assert report["seam_ratio"] > 0
    assert (report["steps"], report["stopped_by"]) == (3, "steps")


def test_maps_are_written_beside_the_colour(tmp_path: Path) -> None:
    out = tmp_path / "bricks.png"
    cheap = ["--size", "48x32", "--render-size", "16", "--steps", "3", "--tile"]
    wanted = ["orm", "height", "normal"]
    report = document(run("texture", "red bricks", *cheap, "--out", str(out), "--json", "--maps", *wanted))
    assert set(report["map_seam_ratios"]) == set(wanted)
    assert {path.name for path in tmp_path.iterdir()} == {"bricks.png", *(f"bricks_{name}.png" for name in wanted)}
    for name in wanted:
        with Image.open(tmp_path / f"bricks_{name}.png") as picture:
            assert picture.size == (48, 32)
            assert picture.mode == ("I;16" if name == "height" else "RGB")
            assert json.loads(picture.text["recipe"])["prompt"] == "red bricks"


@pytest.fixture(scope="module")
def two_meshes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], Path]]:
    folder = tmp_path_factory.mktemp("meshes")
    made = []
    # In the second process everything lies elsewhere in memory.
    for name, malloc in (("first", "pymalloc"), ("second", "malloc")):
        out = folder / f"{name}.npz"
        cheap = ["--prior", "exact", "--steps", "60", "--render-size", "24"]
        cheap += ["--resolution", "32", "--faces", "2000", "--texture-size", "128"]
        cheap += ["--field", str(folder / f"{name}.safetensors")]
        cheap += ["--seed", "5", "--out", str(out), "--json"]
        made.append((document(run("mesh", "a red ball", *cheap, PYTHONMALLOC=malloc)), out))
    return made


def test_a_mesh_is_written_and_described(two_meshes: list[tuple[dict[str, Any], Path]]) -> None:
    report, out = two_meshes[0]
    promised = {"faces", "vertices", "watertight", "seconds", "denoiser_calls", "steps", "stopped_by"}
    assert promised <= set(report)
    with np.load(out, allow_pickle=False) as arrays:
        assert len(arrays["triangle"]) == report["faces"]
        extent = arrays["position"].max(0) - arrays["position"].min(0)
        assert extent.max() == pytest.approx(1.0, abs=1e-4)
        assert arrays["position"][:, 2].min() == pytest.approx(0.0, abs=1e-5)


def test_the_same_recipe_gives_the_same_mesh_in_another_process(two_meshes: list[tuple[dict[str, Any], Path]]) -> None:
    (_, first), (_, second) = two_meshes
    assert first.read_bytes() == second.read_bytes()
    fields = [path.with_suffix(".safetensors").read_bytes() for path in (first, second)]
    assert fields[0] == fields[1]


def test_a_kept_field_is_meshed_again_into_the_same_mesh(two_meshes: list[tuple[dict[str, Any], Path]]) -> None:
    report, first = two_meshes[0]
    again = first.with_name("again.npz")
    finished = document(run("remesh", str(first.with_suffix(".safetensors")), "--out", str(again), "--json"))
    assert again.read_bytes() == first.read_bytes()
    assert (finished["faces"], finished["prompt"]) == (report["faces"], "a red ball")


def test_a_sample_is_drawn_from_the_prior(tmp_path: Path) -> None:
    out = tmp_path / "sample.png"
    report = document(
        run("sample", "green dots", "--prior", "exact", "--steps", "4", "--count", "2", "--out", str(out), "--json")
    )
    assert Image.open(out).size == (128, 64)
    assert report["denoiser_calls"] == 8


@pytest.mark.skipif(not (WEIGHTS / "model_index.json").is_file(), reason="the embedded prior has no weights here")
@pytest.mark.parametrize("command", ["texture", "sample"])
def test_words_that_are_left_out_are_named_once_and_are_in_the_result(command: str, tmp_path: Path) -> None:
    prompt = ["shiny red bricks", "--prior", "embedded", "--steps", "3", "--out", str(tmp_path / "bricks.png")]
    cheap = ["--size", "32", "--render-size", "16"] if command == "texture" else []
    done = run(command, *prompt, *cheap, "--json")
    # Three steps of a texture end in a warning of their own.
    (warning,) = [said for said in document(done)["warnings"] if 'does not know "shiny"' in said]
    assert done.stderr.count("shiny") == 1
    assert f"warning: {warning}" in done.stderr


def test_the_models_that_can_be_used_are_listed(tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"x")
    folders = ["--folder", str(tmp_path), "--folder", "/no/such/folder"]
    priors = document(run("priors", *folders, "--json"))["priors"]
    assert [prior["name"] for prior in priors[:2]] == ["embedded", "exact"]
    assert [prior["usable"] for prior in priors[-2:]] == [False, False]
    told = run("priors", *folders).stdout
    assert "Exact (reference for tests): usable" in told
    assert "Licence: GPL-3.0-or-later" in told
    assert "old: NOT USABLE" in told


def test_doctor_says_what_runs_here() -> None:
    report = document(run("doctor", "--json"))
    assert "torch" in json.dumps(report)
