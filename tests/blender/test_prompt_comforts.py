"""What makes prompts pleasant to write: styles, recent ones, text blocks, presets of one's own, marks of changes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import inside, watch
from offers import capabilities, prior
from test_panels import Paper, draw

from blender_msd.core.offer import read_offer

PROMPT = "a yellow duck"


@pytest.fixture
def settings(addon):
    found = bpy.context.scene.msd.mesh
    found.prompt = PROMPT
    return found


def menu(name: str) -> list[str]:
    """Lines of a menu, and what its operators would do."""
    paper, said = Paper(), []

    def operator(name: str, text: str = "", **_: object) -> SimpleNamespace:
        said.append(text)
        return SimpleNamespace()

    object.__setattr__(paper, "operator", operator)
    cls = getattr(bpy.types, name)
    cls.draw(SimpleNamespace(layout=paper, kind=cls.kind, bl_label=cls.bl_label), bpy.context)
    return said + paper.sheet


def test_a_style_is_written_behind_the_prompt_and_another_takes_its_place(settings):
    bpy.ops.msd.style(kind="mesh", style="CLAY")
    assert settings.prompt == f"{PROMPT}, made of grey clay"
    assert "Clay" in draw("MSD_PT_view3d_object")
    bpy.ops.msd.style(kind="mesh", style="REALISTIC")
    assert settings.prompt == f"{PROMPT}, realistic, detailed"
    bpy.ops.msd.style(kind="mesh", style="NONE")
    assert settings.prompt == PROMPT


def test_a_style_that_was_changed_by_hand_is_nobodys_any_more(settings):
    settings.prompt = f"{PROMPT}, made of grey clay and sand"
    assert "No Style" in draw("MSD_PT_view3d_object")
    bpy.ops.msd.style(kind="mesh", style="STYLISED")
    assert settings.prompt == f"{PROMPT}, made of grey clay and sand, stylised, hand-painted"


def test_what_a_style_writes_is_in_the_menu_and_a_model_that_cannot_read_it_says_so(settings, bridge):
    assert "Clay: made of grey clay" in menu("MSD_MT_mesh_style")
    assert not any("leaves them out" in line for line in menu("MSD_MT_mesh_style"))
    bridge.offer = read_offer(capabilities())
    assert "leaves them out" in " ".join(menu("MSD_MT_mesh_style"))


def test_prompts_that_were_used_are_offered_again_newest_first_in_every_file(server):
    (inside("bridge").user_dir() / "recent-prompts.json").unlink(missing_ok=True)
    inside("ui.recent").register()
    for prompt in ("a red cube", "a blue cube", "a red cube"):
        bpy.ops.msd.generate_mesh(prompt=prompt)
    assert menu("MSD_MT_mesh_recent") == ["a red cube", "a blue cube"]
    assert menu("MSD_MT_texture_recent") == ["None yet"]
    inside("ui.recent").register()  # as another Blender would read them
    assert menu("MSD_MT_mesh_recent") == ["a red cube", "a blue cube"]
    bpy.ops.msd.use_prompt(kind="mesh", prompt="a blue cube")
    assert bpy.context.scene.msd.mesh.prompt == "a blue cube"


def test_a_prompt_that_was_refused_is_not_remembered(server):
    before = inside("ui.recent").recents().of("mesh")
    with pytest.raises(RuntimeError):
        bpy.ops.msd.generate_mesh(prompt="")
    assert inside("ui.recent").recents().of("mesh") == before


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"mesh": 5}', "\x00\xff"])
def test_a_damaged_list_of_prompts_is_an_empty_one(tmp_path, content):
    path = tmp_path / "recent.json"
    path.write_bytes(content.encode("latin-1"))
    recents = inside("core.recents").Recents(path)
    assert recents.of("mesh") == ()
    recents.remember("mesh", "a duck")
    assert inside("core.recents").Recents(path).of("mesh") == ("a duck",)


def test_a_prompt_is_written_as_text_on_several_lines_and_taken_back_as_one(settings):
    bpy.ops.msd.edit_as_text(kind="mesh")
    (text,) = bpy.data.texts
    assert text.as_string().strip() == PROMPT
    text.from_string("a yellow duck\n  with a red beak\n")
    assert "{msd.take_text}" in draw("MSD_PT_view3d_object")
    assert "{msd.take_text}" not in draw("MSD_PT_view3d_texture")
    bpy.ops.msd.take_text(kind="mesh")
    assert settings.prompt == "a yellow duck with a red beak"
    assert not bpy.data.texts
    assert "{msd.take_text}" not in draw("MSD_PT_view3d_object")


def test_what_is_avoided_stands_in_the_title_of_its_section(settings):
    assert "Avoid" in draw("MSD_PT_view3d_object").splitlines()
    settings.negative_prompt = "a swan"
    assert "Avoid: a swan" in draw("MSD_PT_view3d_object").splitlines()


@pytest.mark.parametrize("kind", ["mesh", "texture", "retexture"])
def test_settings_are_kept_under_a_name_and_come_back_without_touching_the_prompt(addon, kind):
    settings = getattr(bpy.context.scene.msd, kind)
    settings.scale, settings.preset, settings.prompt, settings.seed = 7.5, "FINE", "a duck", 5
    add = getattr(bpy.ops.msd, f"{kind}_preset")
    assert add(name="My Way") == {"FINISHED"}
    settings.scale, settings.preset, settings.prompt, settings.seed = 0.0, "SKETCH", "a swan", 6
    path = bpy.utils.preset_find("My_Way", f"blender_msd/{kind}")
    bpy.ops.script.execute_preset(filepath=path, menu_idname=f"MSD_MT_{kind}_presets")
    assert (settings.scale, settings.preset, settings.prompt, settings.seed) == (7.5, "FINE", "a swan", 6)
    assert add(name="My_Way", remove_name=True) == {"FINISHED"}
    assert bpy.utils.preset_find("My_Way", f"blender_msd/{kind}") is None


@pytest.mark.parametrize("kind", ["mesh", "texture", "retexture"])
def test_what_a_preset_would_change_is_said_before_it_does(addon, kind):
    settings, own = getattr(bpy.context.scene.msd, kind), inside("ui.own_presets")
    settings.scale, settings.steps = 7.5, 300
    if kind == "texture":
        settings.maps, settings.tile_x = {"NORMAL", "HEIGHT"}, False
    getattr(bpy.ops.msd, f"{kind}_preset")(name="My Way")
    path = bpy.utils.preset_find("My_Way", f"blender_msd/{kind}")
    # Nothing that has to be looked up: Blender 4.3 on Python 3.13 finds no names that a preset defines.
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    assert {line.split(".")[0] for line in lines if line} == {"import bpy", "bpy"}
    about = SimpleNamespace(kind=kind, filepath=path)
    tooltip = lambda: own.MSD_OT_use_preset.description(bpy.context, about)  # noqa: E731  # as it is by then
    in_the_menu = lambda: inside("ui.preset_changes").in_a_menu(settings, Path(path))  # noqa: E731  # likewise
    assert tooltip() == "All settings are as in this preset"
    assert in_the_menu() == "My Way (as now)"
    settings.prompt, settings.seed, settings.scale = "a swan", 6, 0.0
    assert tooltip() == "Changes these settings:\nGuidance Scale: 7.5, now 0"
    assert in_the_menu() == "My Way (1 change)"
    settings.steps, settings.preset = 0, "FINE"
    if kind == "texture":
        settings.maps, settings.tile_x = set(), True
    said = tooltip().splitlines()
    assert {"Steps: 300, now 0", "Quality: Standard, now Fine"} <= set(said)
    if kind == "texture":
        assert {"Maps: Height + Normal, now none", "X: off, now on"} <= set(said)
    assert in_the_menu() == f"My Way ({len(said) - 1} changes)"
    assert bpy.ops.msd.use_preset(kind=kind, filepath=path) == {"FINISHED"}
    assert (settings.scale, settings.steps, settings.preset, settings.prompt) == (7.5, 300, "STANDARD", "a swan")
    assert tooltip() == "All settings are as in this preset"
    Path(path).unlink()
    assert (tooltip(), in_the_menu()) == ("The preset cannot be read", "My Way")
    with pytest.raises(RuntimeError, match="cannot be used"):
        bpy.ops.msd.use_preset(kind=kind, filepath=path)


def header(name: str) -> str:
    cls = getattr(inside("ui.panels"), name)
    paper = Paper()
    cls.draw_header_preset(SimpleNamespace(layout=paper, settings=cls.settings), bpy.context)
    return "\n".join(paper.sheet)


def test_a_changed_setting_has_a_mark_that_puts_it_back_and_the_title_counts_them(settings):
    panel = "MSD_PT_view3d_object_advanced"
    assert "msd.reset_setting" not in draw(panel)
    assert header(panel) == ""
    settings.scale, settings.noise = 5.0, "FRESH"
    lines = draw(panel).splitlines()
    for name in ("scale", "noise"):
        assert lines[lines.index(f"<{name}>") + 1] == "{msd.reset_setting}"
    assert "2 changed" in header(panel)
    bpy.ops.msd.reset_setting(kind="mesh", names="scale")
    assert settings.scale == 0.0
    assert "1 changed" in header(panel)
    bpy.ops.msd.reset_setting(kind="mesh", names="scale,noise")
    assert settings.noise == "OWN"
    assert header(panel) == ""


def test_faces_are_picked_by_a_button(settings):
    bpy.ops.msd.choose_faces(faces=20_000)
    assert inside("ui.values").Values(settings).recipe("mesh")["mesh"] == {"faces": 20_000}


BANDWIDTHS = {"bandwidth_schedule": "geometric", "bandwidth_start": 1.2, "bandwidth_end": 0.15}


@pytest.fixture
def curved(bridge):
    said = capabilities()
    said["priors"] = [prior("embedded", **BANDWIDTHS, picture=[
        {"noise": "attached", "bandwidth_start": 5.0, "bandwidth_end": 0.2, "share": 0.4},
        {"noise": "fresh", "bandwidth_start": 0.8, "bandwidth_end": 0.4, "share": 0.6},
    ])]  # fmt: skip
    bridge.offer = read_offer(said)
    return bridge


def test_the_bandwidths_course_is_drawn_with_its_ends(curved):
    drawn = draw("MSD_PT_view3d_object_advanced")
    assert "[picture]" in drawn
    assert "Bandwidth 1.2 to 0.15" in drawn
    assert "Geometric" in drawn
    assert "Bandwidth 5 to 0.8 to 0.4" in draw("MSD_PT_view3d_texture_advanced")


def test_a_chosen_bandwidth_changes_the_course(curved):
    bpy.context.scene.msd.mesh.bandwidth_end = 0.05
    assert "Bandwidth 1.2 to 0.05" in draw("MSD_PT_view3d_object_advanced")
    bpy.context.scene.msd.texture.bandwidth_start = 2.0
    assert "Bandwidth 2 to 0.4" in draw("MSD_PT_view3d_texture_advanced")


def test_a_run_shows_where_it_is_and_how_far_from_a_mode(curved):
    view = inside("core.job_view").JobView("mesh", "a duck", 1, state="running", phase="Shaping", step=50, steps=100)
    view.q = 0.4371
    watch(curved, view)
    drawn = draw("MSD_PT_view3d_object_advanced")
    assert "Now 0.424" in drawn
    assert "q 0.437, 0 at a mode" in drawn
    assert "Now" not in draw("MSD_PT_view3d_texture_advanced")
    watch(curved, None)


def test_without_a_known_model_no_course_is_drawn(addon):
    assert "[picture]" not in draw("MSD_PT_view3d_object_advanced")


def test_the_picture_of_a_course_falls_and_has_a_dot_where_the_run_is(addon):
    module = inside("core.bandwidths")
    legs = (module.Leg("geometric", 1.2, 0.15),)
    picture = module.plot(legs, 0.5, 64, 64)
    assert picture.shape == (64, 64, 4)
    drawn = picture[5:-5, 5:-5, 3] > 0.5
    heights = [np.flatnonzero(drawn[:, column]).mean() for column in (4, 27, 50)]
    assert heights[0] > heights[1] > heights[2]
    orange = (picture[..., 0] > 0.9) & (picture[..., 2] < 0.5)
    rows, columns = np.nonzero(orange)
    assert (rows.mean(), columns.mean()) == pytest.approx((31.5, 31.5), abs=1)
    assert not ((module.plot(legs, None, 64, 64)[..., 0] > 0.9).any())
