"""Blender counts bytes where people count characters: no text is cut inside one, and a broken one harms nothing."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import bpy
import numpy as np
import pytest
import raw_settings
from conftest import ROOT, inside, pump_until
from fake_server import cube_arrays, npz, png, run_until_told
from test_panels import details, draw

UNITS = {"chinese": "鸭", "emoji": "🦆", "combining": "e\u0301", "family": "👩‍👩‍👧‍👦", "latin": "x"}
TEXTS = {"prompt", "negative_prompt", "prior", "loras", "server_python", "model_folder", "server_url", "server_token"}
BROKEN = "一只鸭子".encode()[:-1]


def long_prompt(unit: str, characters: int) -> str:
    return (unit * characters)[:characters]


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("characters", [334, 500, 999, 1000])
def test_a_prompt_of_up_to_a_thousand_characters_is_kept_and_sent_whole(server, unit, characters):
    prompt = long_prompt(unit, characters)
    settings = bpy.context.scene.msd.mesh
    settings.prompt = settings.negative_prompt = prompt
    assert settings.prompt == prompt
    assert "{msd.generate_mesh}" in draw("MSD_PT_view3d_object")
    assert bpy.ops.msd.generate_mesh() == {"FINISHED"}
    assert server.job.recipe["prompt"] == server.job.recipe["negative_prompt"] == prompt
    assert bpy.context.object["msd_prompt"] == prompt


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_a_longer_one_is_refused_in_characters_before_and_when_generate_is_pressed(server, bridge, unit, name):
    settings = bpy.context.scene.msd.mesh
    settings.prompt = "a duck"
    setattr(settings, name, long_prompt(unit, 1001))
    drawn = draw("MSD_PT_view3d_object").replace("\n", " ")
    assert "1,001 characters, 1,000 are the most" in drawn
    assert "{msd.generate_mesh off}" in drawn
    with pytest.raises(RuntimeError, match=r"too long.*1,001 characters"):
        bpy.ops.msd.generate_mesh()
    assert bridge.problem.code == "prompt-too-long"
    assert server.seen == []


def test_the_limit_stands_in_the_tooltip(addon):
    for name in ("prompt", "negative_prompt"):
        assert "1000 characters" in bpy.context.scene.msd.mesh.bl_rna.properties[name].description


def test_no_text_property_is_cut_by_blender(addon):
    groups = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("MSD_")]
    texts = [(group, about) for group in groups for about in group.bl_rna.properties if about.type == "STRING"]
    own = [about for group, about in texts if about.identifier in getattr(group, "__annotations__", {})]
    assert own == [about for about in own if about.length_max == 0]


@pytest.mark.parametrize("name", ["prompt", "negative_prompt", "prior"])
@pytest.mark.parametrize("kind", ["mesh", "texture", "retexture"])
def test_a_text_that_an_earlier_version_cut_inside_a_character_is_drawn_and_used(server, kind, name):
    raw_settings.write(kind, prompt="a duck")
    raw_settings.write(kind, **{name: BROKEN})
    for cls in inside("ui.panels").CLASSES:
        assert draw(cls.__name__)
    bpy.ops.mesh.primitive_plane_add()
    make = {
        "mesh": bpy.ops.msd.generate_mesh,
        "texture": bpy.ops.msd.fill_texture,
        "retexture": bpy.ops.msd.texture_mesh,
    }
    assert make[kind]() == {"FINISHED"}
    assert server.job.recipe[name] == "一只鸭"


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("/a/clay.safetensors:0.7", ["/a/clay.safetensors:0.7"]),
        (' "/a/my clay.safetensors" : -1 ; /b/x.safetensors;', ["/a/my clay.safetensors:-1", "/b/x.safetensors"]),
        (r"C:\loras\x.safetensors", [r"C:\loras\x.safetensors"]),
        ("  ", None),
    ],
)
def test_loras_are_named_by_file_and_weight(server, typed, named):
    bpy.context.scene.msd.mesh.loras = typed
    assert bpy.ops.msd.generate_mesh(prompt="a duck") == {"FINISHED"}
    assert server.job.recipe.get("loras") == named


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_every_name_made_from_a_long_prompt_is_whole_characters(server, bridge, start, unit):
    prompt = long_prompt(unit, 990)
    server.script = run_until_told
    start(prompt)
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    (preview,) = bpy.data.objects
    assert preview.name.endswith(" preview")
    assert preview.data.name == preview.name
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    for _ in range(2):
        server.script = lambda job: job.done(
            mesh__npz=npz(**cube_arrays(), uv=np.zeros((12, 3, 2), np.float32)),
            albedo__png=png(8, 8),
            normal__png=png(8, 8),
        )
        assert bpy.ops.msd.generate_mesh(prompt=prompt) == {"FINISHED"}
    server.script = lambda job: job.done(texture__png=png(64, 32))
    for _ in range(2):
        assert bpy.ops.msd.fill_texture(prompt=prompt, seed=5) == {"FINISHED"}
    blocks = [*bpy.data.objects, *bpy.data.meshes, *bpy.data.materials, *bpy.data.images, *bpy.data.collections]
    names = [block.name for block in blocks]
    assert max(len(name.encode()) for name in names) <= 63
    assert {name.rpartition(" ")[2].partition(".")[0] for name in names if " " in name} >= {"albedo", "normal", "5"}
    whole = inside("core.names").block_name(prompt)
    assert [obj.name for obj in bpy.data.objects] == [whole, f"{whole}.001", f"{whole}.002"]


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_results_folder_is_named_in_the_prompts_script_and_short_enough(server, bridge, unit):
    bpy.ops.msd.generate_mesh(prompt=long_prompt(unit, 1000))
    folder = Path(bridge.job.folder)
    assert (folder / "mesh.npz").is_file()
    assert len(folder.name.encode()) < 100
    assert ("鸭" in folder.name) == (unit == "鸭")


def test_a_recipe_of_a_chinese_prompt_comes_back_from_the_file_it_was_saved_in(server, bridge, tmp_path):
    prompt = "一只黄色的鸭子 🦆" * 40
    bpy.ops.msd.generate_mesh(prompt=prompt)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "鸭子.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "鸭子.blend"))
    (made,) = bpy.data.objects
    assert made["msd_prompt"] == json.loads(made["msd_recipe"])["prompt"] == prompt


def test_a_path_that_is_no_text_is_shown_reported_and_refused_as_a_model(server, bridge, preferences, tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    preferences.server_url = ""
    preferences.server_python = f"{folder}/python"
    with pytest.raises(RuntimeError, match=r"\?/python does not exist"):
        bpy.ops.msd.generate_mesh(prompt="a duck")
    assert "?/python" in details().replace("\n", "")
    assert bpy.ops.msd.copy_report() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="not valid text"):
        bpy.ops.msd.browse_model(kind="mesh", filepath=f"{folder}/x.safetensors")


def test_panel_lines_of_wide_characters_fit_as_well(bridge):
    bridge.refuse(inside("core.errors").Problem("prompt-unreadable", "鸭" * 100, "好" * 40))
    lines = details().splitlines()
    assert "".join(lines).count("鸭") == 100
    assert max(line.count("鸭") + line.count("好") for line in lines) <= 38


def test_text_properties_are_read_in_one_place_only():
    for path in (ROOT / "blender_msd" / "ui").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in TEXTS:
                assert getattr(node.value, "id", "") not in ("self", "settings", "preferences"), f"{path}:{node.lineno}"
