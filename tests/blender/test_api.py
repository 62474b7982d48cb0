"""The Python interface: waiting, or calling back; the test runs as `blender -b` does, without an event loop."""

from __future__ import annotations

import importlib
import runpy
import sys

import bpy
import pytest
from conftest import EXTENSION, ROOT
from fake_server import be_looked_at, run_until_told


@pytest.fixture
def api(server):
    return importlib.import_module(EXTENSION).api


def test_an_object_is_waited_for_and_returned(api, server):
    cube = api.mesh("a red cube", seed=3, preset="SKETCH", size=2.0)
    assert cube == bpy.data.objects["a red cube"]
    assert tuple(cube.dimensions) == pytest.approx((2, 2, 2))
    assert (server.job.recipe["seed"], server.job.recipe["preset"]) == (3, "sketch")


def test_what_is_not_given_is_taken_from_the_scene(api, server):
    bpy.context.scene.msd.mesh.scale = 5.0
    api.mesh("a red cube", seed=3)
    assert server.job.recipe["guidance"] == {"scale": 5.0}


def test_a_texture_is_returned_as_an_image(api):
    image = api.texture("red bricks", apply="IMAGE")
    assert isinstance(image, bpy.types.Image)
    assert tuple(image.size) == (64, 32)


def test_a_mesh_is_painted_whatever_is_selected(api, server):
    bpy.ops.mesh.primitive_plane_add()
    plane = bpy.context.object
    bpy.ops.mesh.primitive_cube_add()
    image = api.retexture(plane, "red bricks")
    assert isinstance(image, bpy.types.Image)
    assert plane.active_material is not None
    assert bpy.data.objects["Cube"].active_material is None


def test_looks_are_waited_for_and_named_and_one_of_them_is_made(api, server):
    def script(job):
        job.turn.set()
        job.finish.set()
        be_looked_at(job)

    server.script = script
    ids = api.looks("a red cube", 3, seed=5)
    assert [server.jobs[job_id].recipe["seed"] for job_id in ids] == [5, 6, 7]
    assert bpy.ops.msd.finish_looks(job_ids=ids[1]) == {"FINISHED"}
    assert [obj["msd_job"] for obj in bpy.data.objects] == [ids[1]]
    with pytest.raises(api.Problem) as caught:
        api.looks("a red cube", 17)
    assert caught.value.code == "value-out-of-range"


def test_a_callback_gets_the_result_when_the_job_is_over(api):
    came = []
    assert api.mesh("a red cube", then=came.append) is None
    assert came == []
    api.wait()
    assert [obj.name for obj in came] == ["a red cube"]


def test_what_is_refused_raises_a_problem_with_its_code(api):
    with pytest.raises(api.Problem) as caught:
        api.mesh("")
    assert caught.value.code == "prompt-empty"
    with pytest.raises(api.Problem) as caught:
        api.mesh("a duck", faces=-1)
    assert caught.value.code == "value-out-of-range"


def test_a_setting_that_there_is_not_is_named(api):
    with pytest.raises(TypeError, match="'colour'"):
        api.mesh("a duck", colour="red")


def fails(job):
    job.send("state", state="running")
    job.fail("nothing-formed", "The shape vanished twice.", "Try another seed.")


def test_a_job_that_fails_raises_its_problem_or_calls_back_with_it(api, server):
    server.script = fails
    with pytest.raises(api.Problem) as caught:
        api.mesh("a red cube")
    assert caught.value.code == "nothing-formed"
    problems, came = [], []
    api.mesh("a red cube", then=came.append, failed=problems.append)
    api.wait()
    assert [problem.code for problem in problems] == ["nothing-formed"]
    assert came == []


def test_a_job_that_was_cancelled_says_so(api, server, bridge):
    server.script = run_until_told
    problems = []
    api.mesh("a red cube", then=print, failed=problems.append)
    bridge.cancel()
    api.wait()
    assert [problem.code for problem in problems] == ["job-cancelled"]


def test_the_example_of_the_documents_runs(api, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["blender", "--", str(tmp_path)])
    runpy.run_path(str(ROOT / "docs" / "from_a_script.py"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["duck.glb", "mushroom.glb", "objects.blend"]
    assert "3 parts" in capsys.readouterr().out
    assert {"duck_LOD1", "duck_LOD2", "UCX_duck"} <= set(bpy.data.objects.keys())
