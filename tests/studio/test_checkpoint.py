"""A kept field is the field: meshed again, it gives the same mesh, or another one where other wishes are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from safetensors import safe_open

from server.commands.main import main
from server.errors import BadRequest
from server.generators.radiance_field.field import Blob, RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.recipe import Recipe, read_recipe
from server.studio.checkpoint import load_field, save_field
from server.studio.kept_names import FIELD
from server.studio.mesh_files import deliver, write_mesh_files
from server.studio.tensor_files import write_tensors
from tests.closeness import assert_close_to_rounding
from tests.priors.broken_models import change_header, change_tensors

SMALL = {"resolution": 32, "faces": 500, "texture_size": 64}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe({"kind": "mesh", "prompt": "a yellow duck", "seed": 5, "mesh": SMALL})


@pytest.fixture(scope="module")
def field() -> RadianceField:
    """Not trained, but with a shape and colours of its own."""
    generator = torch.Generator().manual_seed(3)
    made = RadianceField(HashGridShape(levels=3, log2_table=10, finest=24), generator, hidden=16)
    with torch.no_grad():
        made.grid.table.copy_(torch.randn(made.grid.table.shape, generator=generator))
        made.decoder[2].bias[0] = 1.0
    return made


@pytest.fixture
def kept(field: RadianceField, recipe: Recipe, tmp_path: Path) -> Path:
    occupancy = OccupancyGrid(side=16)
    occupancy.refresh(field.density, torch.Generator().manual_seed(0))
    save_field(tmp_path / FIELD, field, occupancy, recipe)
    return tmp_path / FIELD


def test_density_and_colour_come_back_exactly(kept: Path, field: RadianceField, recipe: Recipe) -> None:
    back = load_field(kept)
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for before, after in zip(field(points), back.field(points), strict=True):
        assert_close_to_rounding(after, before)
    assert all(torch.equal(value, back.field.state_dict()[name]) for name, value in field.state_dict().items())
    assert back.recipe == recipe
    assert back.occupied.shape == (16, 16, 16)
    assert 0 < back.occupied.float().mean() < 1


def _rewritten(kept: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    with safe_open(kept, "pt") as file:
        about = json.loads(file.metadata()["blender_msd"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    change(about)
    write_tensors(kept, tensors, about)
    return kept


def test_a_field_that_began_as_haze_comes_back_as_itself(field: RadianceField, recipe: Recipe, tmp_path: Path) -> None:
    hazy = RadianceField(field.grid.shape, torch.Generator().manual_seed(4), hidden=16, blob=Blob(0.0, 1.0))
    occupancy = OccupancyGrid(side=16)
    save_field(tmp_path / FIELD, hazy, occupancy, recipe)
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    assert_close_to_rounding(load_field(tmp_path / FIELD).field.density(points), hazy.density(points))


def test_a_file_from_before_there_was_a_choice_of_blobs_is_read_with_the_one_there_was(
    kept: Path, field: RadianceField
) -> None:
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    back = load_field(_rewritten(kept, lambda about: about.pop("blob")))
    assert_close_to_rounding(back.field.density(points), field.density(points))


@pytest.mark.parametrize("blob", [{"peak": "high"}, {"peak": 1e999}, {"peak": [1.0]}, {"colour": 1.0}, [], None])
def test_a_first_density_that_is_none_is_refused(kept: Path, blob: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        load_field(_rewritten(kept, lambda about: about.update(blob=blob)))
    assert caught.value.code == "checkpoint-unreadable"


def test_the_same_field_gives_the_same_file_and_nothing_half_written(
    kept: Path, field: RadianceField, recipe: Recipe
) -> None:
    occupancy = OccupancyGrid(side=16)
    occupancy.refresh(field.density, torch.Generator().manual_seed(0))
    save_field(kept.with_name("again.safetensors"), field, occupancy, recipe)
    assert kept.with_name("again.safetensors").read_bytes() == kept.read_bytes()
    assert sorted(path.name for path in kept.parent.iterdir()) == ["again.safetensors", FIELD]


def test_other_programs_can_read_what_the_file_is(kept: Path) -> None:
    with safe_open(kept, "np") as file:
        about = json.loads(file.metadata()["blender_msd"])
    assert about["recipe"]["prompt"] == "a yellow duck"
    assert "front towards +X" in about["axes"]


@pytest.mark.parametrize("damage", [b"", b"not safetensors at all", None])
def test_a_damaged_file_is_refused_by_name(kept: Path, damage: bytes | None) -> None:
    kept.write_bytes(kept.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(BadRequest) as caught:
        load_field(kept)
    assert caught.value.code == "checkpoint-unreadable"
    assert FIELD in caught.value.message


def test_a_file_of_another_kind_is_refused(kept: Path) -> None:
    from safetensors.torch import save_file

    save_file({"grid": torch.zeros(3)}, kept)
    with pytest.raises(BadRequest) as caught:
        load_field(kept)
    assert caught.value.code == "checkpoint-unreadable"


def spoil(tensors: dict[str, torch.Tensor], name: str, value: float) -> None:
    tensors[name].view(-1)[0] = value


DAMAGES: dict[str, Callable[[dict[str, torch.Tensor]], Any]] = {
    "a number that is none": lambda tensors: spoil(tensors, "grid", float("nan")),
    "a number without bounds": lambda tensors: spoil(tensors, "decoder.0.bias", float("inf")),
    "a grid of one row": lambda tensors: tensors.update(grid=tensors["grid"][:1].clone()),
    "a grid of one column": lambda tensors: tensors.update(grid=tensors["grid"][:, :1].clone()),
    "a grid of one number": lambda tensors: tensors.update(grid=torch.zeros(())),
    "no grid": lambda tensors: tensors.pop("grid"),
    "another decoder": lambda tensors: tensors.update({"decoder.2.weight": torch.zeros(4, 3)}),
    "no decoder": lambda tensors: tensors.pop("decoder.2.bias"),
    "flat cells": lambda tensors: tensors.update(occupied=tensors["occupied"].flatten()),
    "cells that are no cube": lambda tensors: tensors.update(occupied=tensors["occupied"][:4].clone()),
    "cells that are numbers": lambda tensors: tensors.update(occupied=tensors["occupied"].float()),
    "no cells": lambda tensors: tensors.update(occupied=torch.zeros(0, 0, 0, dtype=torch.bool)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_remesh_refuses_a_field_that_is_damaged_inside(
    kept: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change_tensors(kept, DAMAGES[name])
    code, said = run(capsys, "remesh", str(kept), "--out", str(kept.with_name("mesh.glb")))
    assert (code, said["error"]["code"]) == (2, "checkpoint-unreadable")
    assert FIELD in said["error"]["detail"]
    assert not kept.with_name("mesh.glb").exists()


@pytest.mark.parametrize(
    "about",
    [
        [],
        {},
        {"shape": {"levels": 10**9}},
        {"shape": {"levels": 0, "features": 2}},
        {"shape": {"levels": 3, "features": 2, "log2_table": 60, "coarsest": 10**6, "finest": 10**9}},
        {"shape": {"levels": 3, "features": 2, "coarsest": 0}},
        {"shape": {"levels": "3"}},
        {"hidden": 10**12},
        {"recipe": None},
    ],
)
def test_remesh_refuses_a_field_that_is_said_to_be_something_else(kept: Path, about: Any) -> None:
    def change(header: dict[str, Any]) -> None:
        said = json.loads(header["__metadata__"]["blender_msd"])
        header["__metadata__"]["blender_msd"] = json.dumps({**said, **about} if about else about)

    change_header(kept, change)
    with pytest.raises(BadRequest) as caught:
        load_field(kept)
    assert caught.value.code == "checkpoint-unreadable"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_remesh_gives_the_jobs_own_mesh_when_nothing_else_is_asked(
    kept: Path, field: RadianceField, recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    occupied = load_field(kept).occupied.numpy()
    report = write_mesh_files(field, occupied, recipe.mesh, job, lambda event: None, lambda: None, made_from=recipe)
    assert report["artifacts"] == ["mesh.npz", "mesh.glb", "albedo.png", "normal.png"]
    code, again = run(capsys, "remesh", str(kept), "--out", str(tmp_path / "again.glb"))
    assert code == 0
    assert (tmp_path / "again.glb").read_bytes() == (job / "mesh.glb").read_bytes()
    made = trimesh.load(tmp_path / "again.glb")
    assert list(made.geometry) == [recipe.prompt]
    assert recipe.model_dump_json().encode() in (tmp_path / "again.glb").read_bytes()
    assert again["placement"] == json.loads(json.dumps(report["placement"]))


def test_remesh_meets_another_budget_and_texture_size(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "few.obj"
    code, report = run(capsys, "remesh", str(kept.parent), "--faces", "300", "--texture-size", "128", "--out", str(out))
    assert code == 0
    assert report["faces"] <= 300
    names = ["few.obj", "few.mtl", "few-albedo.png", "few-normal.png", "few-normal.exr"]
    assert [Path(name).name for name in report["files"]] == names
    assert Image.open(tmp_path / "few-albedo.png").size == (128, 128)
    assert f"o {load_field(kept).recipe.prompt.replace(' ', '_')}" in out.read_text(encoding="utf-8").splitlines()


def test_remesh_finds_a_job_by_its_id(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data" / "jobs" / "abc123"
    folder.mkdir(parents=True)
    kept.rename(folder / FIELD)
    arguments = ["--data-dir", str(tmp_path / "data"), "--texture-size", "0", "--out", str(tmp_path / "m.npz")]
    code, report = run(capsys, "remesh", "abc123", *arguments)
    assert (code, report["texture_size"]) == (0, 0)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["colour", "position", "triangle"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], "checkpoint-missing"),
        (["nowhere.safetensors"], "checkpoint-missing"),
        (["nowhere", "--out", "mesh.stl"], "format-unknown"),
        (["KEPT", "--faces", "-5"], "usage-wrong"),
        (["KEPT", "--texture-size", "20"], "usage-wrong"),
    ],
)
def test_remesh_refuses_what_it_cannot_do(
    arguments: list[str], code: str, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, said = run(capsys, "remesh", *[str(kept) if each == "KEPT" else each for each in arguments])
    assert (exit_code, said["error"]["code"]) == (2, code)


def test_a_mesh_without_texture_is_delivered_as_obj_too(field: RadianceField, recipe: Recipe, tmp_path: Path) -> None:
    plain = recipe.mesh.model_copy(update={"texture_size": 0})
    occupied = np.ones((4, 4, 4), bool)
    report = write_mesh_files(field, occupied, plain, tmp_path, lambda event: None, lambda: None)
    assert report["artifacts"] == ["mesh.npz", "mesh.glb"]
    assert [Path(name).name for name in deliver(tmp_path, tmp_path / "x.obj")] == ["x.obj", "x.mtl"]
