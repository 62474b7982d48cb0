"""Every place that takes a path takes it as it was pasted."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from conftest import inside
from test_panels import draw

WRAPPINGS = {
    "plain": "{}",
    "quoted": '"{}"',
    "single": " '{}'\n",
    "spaces": "  {} \r\n",
    "address": "file://{}",
}


def paste(wrapping: str, path: Path) -> str:
    return wrapping.format(str(path).replace(" ", "%20") if "file:" in wrapping else path)


def setup():
    return inside("ui.preferences").setup()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "my models"
    made.mkdir()
    return made


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_in_the_preferences(preferences, folder, wrapping):
    preferences.server_python = preferences.model_folder = paste(wrapping, folder)
    assert (setup().python, setup().model_folder) == (folder, folder)


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
def test_in_the_environment(preferences, folder, wrapping, monkeypatch):
    monkeypatch.setenv("BLENDER_MSD_PYTHON", paste(wrapping, folder))
    assert setup().python == folder


@pytest.mark.parametrize("wrapping", WRAPPINGS.values(), ids=WRAPPINGS)
@pytest.mark.parametrize("way", ["typed", "given", "browsed"])
def test_for_a_model(server, folder, wrapping, way):
    pasted = paste(wrapping, folder)
    choice = {}
    if way == "typed":
        bpy.context.scene.msd.mesh.prior = pasted
    elif way == "given":
        choice = {"prior": pasted}
    else:
        bpy.ops.msd.browse_model(kind="mesh", filepath=pasted)
        assert bpy.context.scene.msd.mesh.prior == str(folder)
    assert bpy.ops.msd.generate_mesh(prompt="a duck", **choice) == {"FINISHED"}
    assert server.job.recipe["prior"] == str(folder)


def test_the_home_folder(preferences, server):
    preferences.server_python = preferences.model_folder = "~/x"
    assert setup().python == setup().model_folder == Path.home() / "x"
    bpy.ops.msd.generate_mesh(prompt="a duck", prior="~/x")
    assert server.job.recipe["prior"] == str(Path.home() / "x")


def test_relative_to_the_saved_file(preferences, server, folder):
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    preferences.server_python = preferences.model_folder = ' "//x" '
    assert setup().python == setup().model_folder == folder / "x"
    bpy.context.scene.msd.mesh.prior = "//x"
    bpy.ops.msd.generate_mesh(prompt="a duck")
    assert server.job.recipe["prior"] == str(folder / "x")


@pytest.mark.filterwarnings("ignore:.*blend relative")
@pytest.mark.parametrize("name", ["server_python", "model_folder"])
def test_relative_to_a_file_that_was_never_saved_is_refused(preferences, server, bridge, name):
    setattr(preferences, name, "//x")
    for start in (lambda: bpy.ops.msd.generate_mesh(prompt="a duck"), bpy.ops.msd.start_server):
        with pytest.raises(RuntimeError, match="never saved"):
            start()
    assert bridge.problem.code == "path-relative"
    assert server.seen == []


@pytest.mark.parametrize("path", ["//x", "file://elsewhere/x", "/a\n/b"])
def test_a_model_whose_path_leads_nowhere_turns_the_button_off_and_is_drawn(server, bridge, path):
    settings = bpy.context.scene.msd.mesh
    settings.prompt, settings.prior = "a duck", path
    assert "{msd.generate_mesh off}" in draw("MSD_PT_view3d_object")
    assert draw("MSD_PT_view3d_object_model")
    with pytest.raises(RuntimeError, match=r"\. .+\."):
        bpy.ops.msd.generate_mesh()
    assert server.seen == []


@pytest.mark.parametrize("name", ["embedded", "hub:owner/name@main", "models/sd"])
def test_a_model_that_is_no_path_is_sent_as_it_is(server, name):
    bpy.ops.msd.generate_mesh(prompt="a duck", prior=f' "{name}"\n')
    assert server.job.recipe["prior"] == name


def test_an_address_and_a_token_may_be_pasted_with_their_quotes(preferences, server):
    preferences.server_url, preferences.server_token = f' "{server.url}"\n', f'"{server.token}" '
    assert bpy.ops.msd.generate_mesh(prompt="a duck") == {"FINISHED"}
