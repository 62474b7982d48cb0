"""A result is on disk whole, or a sentence says why it is not."""

from __future__ import annotations

import json

import pytest

from blender_msd.core.errors import Problem
from blender_msd.core.results import ResultFolder


def refusal(folder: ResultFolder) -> str:
    with pytest.raises(Problem) as caught:
        folder.save("mesh.npz", b"whole")
    assert caught.value.code == "result-not-saved"
    assert "disk space" in caught.value.hint
    return caught.value.message


def test_a_full_disk_is_said_and_leaves_no_half_file(tmp_path):
    folder = ResultFolder(tmp_path, "a duck", "abc")
    folder.path.mkdir()
    (folder.path / "mesh.npz.part").symlink_to("/dev/full")
    assert "No space left" in refusal(folder)
    assert list(folder.path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path):
    (tmp_path / "results").write_text("", encoding="utf-8")
    assert "Not a directory" in refusal(ResultFolder(tmp_path / "results", "a duck", "abc"))


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path):
    folder = ResultFolder(tmp_path, "a duck", "abc")
    (folder.path / "mesh.npz").mkdir(parents=True)
    assert "Is a directory" in refusal(folder)
    assert [path.name for path in folder.path.iterdir()] == ["mesh.npz"]


def test_a_folder_that_was_deleted_meanwhile_is_made_again(tmp_path):
    folder = ResultFolder(tmp_path / "results", "a duck", "abc")
    folder.save("mesh.npz", b"one").unlink()
    folder.path.rmdir()
    folder.path.parent.rmdir()
    assert folder.save("mesh.npz", b"two").read_bytes() == b"two"


def test_a_recipe_in_any_script_is_read_back(tmp_path):
    saved = ResultFolder(tmp_path, "一只鸭子", "abc").save_json("recipe.json", {"prompt": "一只鸭子 🦆"})
    assert json.loads(saved.read_text(encoding="utf-8")) == {"prompt": "一只鸭子 🦆"}
    assert "一只鸭子" in saved.parent.name
