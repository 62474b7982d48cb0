"""`python -m server results`, beside a server that runs and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.api.handshake import DataFolderLock, remove_server_file, write_server_file
from server.api.office import Office
from server.commands.main import main
from server.jobs.artifacts import job_folder
from server.jobs.store import Store
from server.recipe import read_recipe
from tests.api.conftest import TOKEN, served

MESH = ["albedo.png", "field.safetensors", "mesh.glb", "recipe.json", "report.json", "thumbnail.png"]
TEXTURE = ["recipe.json", "report.json", "state.safetensors", "texture.png", "texture_normal.png", "thumbnail.png"]


def add(store: Store, data_dir: Path, prompt: str, seed: int = 0, kind: str = "mesh", done: bool = True) -> str:
    job_id = store.submit(read_recipe({"kind": kind, "prompt": prompt, "seed": seed, "prior": "exact"}))[0].id
    if done:
        files = TEXTURE if kind == "texture" else MESH
        folder = job_folder(data_dir, job_id)
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).write_text(f"{name} of {prompt}", encoding="utf-8")
        store.end(job_id, "done", report={"artifacts": files})
    return job_id


class Folder:
    """A data folder and what is in it, by the words of the prompts."""

    def __init__(self, path: Path, store: Store) -> None:
        self.path, self.store = path, store
        made = [("duck", "a red duck", "mesh"), ("cube", "a red cube", "mesh"), ("bricks", "Red Bricks", "texture")]
        self.ids = {name: add(store, path, prompt, kind=kind) for name, prompt, kind in made}
        self.ids["waiting"] = add(store, path, "a red chair", done=False)


@pytest.fixture(params=["with a server", "without one"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    if request.param == "without one":
        with closing(Store(tmp_path / "jobs.sqlite", lambda job_id: None)) as store:
            yield Folder(tmp_path, store)
        return
    office = Office.open(tmp_path, TOKEN, ["cpu"])
    with DataFolderLock(tmp_path), served(office) as (client, _):
        write_server_file(tmp_path, "http", "127.0.0.1", client.base_url.port or 0, TOKEN)
        yield Folder(tmp_path, office.store)
        remove_server_file(tmp_path)
    office.store.close()


@pytest.fixture
def ask(folder: Folder, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["results", *arguments, "--data-dir", str(folder.path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def listed(ask: Any, *arguments: str) -> list[str]:
    code, out, _ = ask("list", "--json", *arguments)
    assert code == 0
    return [result["id"] for result in json.loads(out)["results"]]


def test_results_are_listed_newest_first_and_searched(folder: Folder, ask: Any) -> None:
    ids = folder.ids
    assert listed(ask) == [ids["bricks"], ids["cube"], ids["duck"]]
    assert listed(ask, "RED", "duck") == [ids["duck"]]
    assert listed(ask, "--kind", "texture") == [ids["bricks"]]
    assert listed(ask, "elephant") == []
    lines = ask("list")[1].splitlines()
    assert lines[0].split() == ["id", "made", "kind", "seed", "*", "prompt", "can"]
    assert lines[1].split()[0] == ids["bricks"]
    assert [line.split()[-1] for line in lines[1:]] == ["continue", "remesh", "remesh"]


def test_a_star_is_set_found_and_taken(folder: Folder, ask: Any) -> None:
    ids = folder.ids
    assert ask("star", ids["duck"], ids["bricks"])[0] == 0
    assert listed(ask, "--starred") == [ids["bricks"], ids["duck"]]
    assert ask("unstar", ids["duck"])[0] == 0
    assert listed(ask, "--starred") == [ids["bricks"]]


def test_what_is_deleted_is_gone_with_its_files_and_a_star_protects(folder: Folder, ask: Any) -> None:
    ids = folder.ids
    ask("star", ids["duck"])
    code, _, said = ask("delete", ids["cube"], ids["duck"])
    assert code == 2
    assert f"{ids['duck']} is starred. Nothing was deleted." in said
    assert len(listed(ask)) == 3
    assert ask("delete", ids["cube"])[0] == 0
    assert listed(ask) == [ids["bricks"], ids["duck"]]
    assert not job_folder(folder.path, ids["cube"]).exists()


@pytest.mark.parametrize("action", ["star", "delete", "export"])
def test_what_is_no_result_is_refused_and_nothing_is_done(
    folder: Folder, ask: Any, action: str, tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "out")] if action == "export" else []
    for wrong, why in (("nothing", "no job"), (folder.ids["waiting"], "no result yet")):
        code, _, said = ask(action, folder.ids["duck"], wrong, *out)
        assert code == 1
        assert why in said
    assert listed(ask, "--starred") == []
    assert len(listed(ask)) == 3


def test_files_are_exported_under_readable_names_and_nothing_is_replaced(folder: Folder, ask: Any) -> None:
    out = folder.path / "out"
    asked = ("export", folder.ids["duck"], folder.ids["bricks"], "--out", str(out))
    names = ["a-red-duck-0.glb", "red-bricks-0.png", "red-bricks-0_normal.png"]
    assert ask(*asked)[0] == 0
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "a-red-duck-0.glb").read_text(encoding="utf-8") == "mesh.glb of a red duck"
    assert ask(*asked)[0] == 0
    again = ["a-red-duck-0-2.glb", "red-bricks-0-2.png", "red-bricks-0-2_normal.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names + again)


def test_everything_of_all_that_is_starred_is_exported_into_folders(folder: Folder, ask: Any) -> None:
    out = folder.path / "out"
    ask("star", folder.ids["duck"])
    assert ask("export", "--starred", "--everything", "--out", str(out))[0] == 0
    assert [path.name for path in out.iterdir()] == ["a-red-duck-0"]
    assert sorted(path.name for path in (out / "a-red-duck-0").iterdir()) == MESH


def test_files_that_the_quota_took_are_said_to_be_missing(folder: Folder, ask: Any) -> None:
    folder.store.note_removed(folder.ids["duck"], ["mesh.glb"])
    code, _, said = ask("export", folder.ids["duck"], folder.ids["cube"], "--out", str(folder.path / "out"))
    assert code == 1
    assert f"Of {folder.ids['duck']} no file is there any more; 1 files of others were written." in said


def test_a_folder_without_a_list_of_jobs_is_not_made_into_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["results", "list", "--data-dir", str(tmp_path / "none")]) == 2
    assert "There is no list of jobs" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_nothing_or_two_ways_to_say_what_is_exported_is_refused(folder: Folder, ask: Any, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert ask("export", *out)[0] == 2
    assert ask("export", folder.ids["duck"], "--starred", *out)[0] == 2
