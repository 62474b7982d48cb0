"""Choosing a model in the panel, and the words that it does not know."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest
from conftest import inside, pump_until
from fake_server import make_cube
from offers import capabilities
from test_panels import draw


@pytest.fixture
def offered(server, bridge):
    """The add-on after it asked a server that offers five models; settings of objects."""
    server.capabilities = capabilities()
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.offer.models and not bridge.busy)
    return bpy.context.scene.msd.mesh


def menu(name: str) -> list[SimpleNamespace]:
    """The menu's entries, with `name`, `kind` and `icon`."""
    entries = []

    def operator(_: str, text: str, icon: str) -> SimpleNamespace:
        entries.append(SimpleNamespace(text=text, icon=icon))
        return entries[-1]

    layout = SimpleNamespace(operator=operator, separator=lambda: None)
    cls = getattr(inside("ui.models"), name)
    cls.draw(SimpleNamespace(layout=layout, kind=cls.kind), bpy.context)
    return entries


def test_before_a_server_was_asked_a_model_can_be_typed(addon):
    drawn = draw("MSD_PT_view3d_object")
    assert "<prior>" in drawn
    assert "{msd.browse_model}" in drawn
    assert "Not known before" in draw("MSD_PT_view3d_object_model")


def test_the_menu_lists_what_the_server_offers_in_its_order_and_other_last(offered):
    entries = menu("MSD_MT_mesh_model")
    titles = ["Embedded", "Exact (reference for tests)", "Surfaces", "somebody/large", "broken", "Other..."]
    assert [entry.text for entry in entries] == titles
    assert [entry.icon for entry in entries] == ["CHECKMARK", "BLANK1", "ERROR", "BLANK1", "ERROR", "BLANK1"]
    assert [entry.icon for entry in menu("MSD_MT_texture_model")][2] == "BLANK1"


def test_the_chosen_model_is_kept_in_the_scene_and_sent(offered, server):
    assert "[MSD_MT_mesh_model: Embedded]" in draw("MSD_PT_view3d_object")
    bpy.ops.msd.choose_model(kind="mesh", name="exact")
    assert "[MSD_MT_mesh_model: Exact (reference for tests)]" in draw("MSD_PT_view3d_object")
    assert "[MSD_MT_texture_model: Embedded]" in draw("MSD_PT_view3d_texture")
    bpy.ops.msd.generate_mesh(prompt="a yellow duck")
    assert server.job.recipe["prior"] == "exact"


def test_other_asks_for_a_path_or_a_hub_name_and_browsing_fills_it_in(offered, tmp_path):
    bpy.ops.msd.choose_model(kind="mesh", name="")
    drawn = draw("MSD_PT_view3d_object")
    assert "[MSD_MT_mesh_model: Other]" in drawn
    assert "<prior>" in drawn
    assert menu("MSD_MT_mesh_model")[-1].icon == "CHECKMARK"
    bpy.ops.msd.browse_model(kind="mesh", filepath=str(tmp_path / "folder") + "/")
    assert offered.prior == str(tmp_path / "folder")
    bpy.ops.msd.choose_model(kind="mesh", name="embedded")
    assert "<prior>" not in draw("MSD_PT_view3d_object")


def test_a_model_that_the_server_does_not_list_shows_as_other(offered):
    offered.prior = "/somewhere/else"
    drawn = draw("MSD_PT_view3d_object")
    assert "[MSD_MT_mesh_model: Other]" in drawn
    assert "<prior>" in drawn


def test_what_is_said_about_the_model(offered):
    drawn = draw("MSD_PT_view3d_object_model")
    for said in ("All about embedded.", "Licence: GPL", "Runs on the CPU.", "It knows: duck, ball; in yellow"):
        assert said in drawn
    assert "It knows: bricks; in red" in draw("MSD_PT_image_texture_model")
    offered.prior = "hub:somebody/large@main"
    assert "several faces" in draw("MSD_PT_view3d_object_model").replace("\n", " ")
    offered.prior = "/models/broken"
    drawn = draw("MSD_PT_view3d_object_model")
    assert "/models" in drawn
    assert "unet is missing." in drawn.replace("\n", " ")


def test_a_model_that_makes_only_textures_turns_the_object_button_off_and_says_why(offered):
    offered.prompt = "a duck"
    offered.prior = bpy.context.scene.msd.texture.prior = "surfaces"
    bpy.context.scene.msd.texture.prompt = "red bricks"
    drawn = draw("MSD_PT_view3d_object")
    assert "{msd.generate_mesh off}" in drawn
    assert "Surfaces makes textures, no" in drawn.replace("\n", " ")
    bpy.context.scene.msd.texture.apply = "IMAGE"
    assert "{msd.fill_texture}" in draw("MSD_PT_view3d_texture")


def test_a_model_that_cannot_be_used_turns_the_button_off_with_the_servers_reason(offered):
    offered.prompt = "a duck"
    offered.prior = "/models/broken"
    drawn = draw("MSD_PT_view3d_object")
    assert "{msd.generate_mesh off}" in drawn
    assert "unet is missing." in drawn.replace("\n", " ")


def test_a_model_that_wants_a_graphics_card_says_so_where_there_is_none(offered, server, bridge):
    offered.prompt = "a duck"
    offered.prior = "hub:somebody/large@main"
    drawn = draw("MSD_PT_view3d_object")
    assert "no NVIDIA" in drawn
    assert "Needs 4 GB." in drawn
    assert "{msd.generate_mesh}" in drawn
    server.capabilities["devices"] = [{"state": "idle", "device": "cuda"}]
    assert bpy.ops.msd.refresh_models() == {"FINISHED"}
    pump_until(bridge, lambda: bridge.offer.has_cuda)
    assert "no NVIDIA" not in draw("MSD_PT_view3d_object")


def test_words_the_model_does_not_know_are_named_while_they_are_typed(offered, server):
    requests = len(server.seen)
    offered.prompt = "a yellow duck"
    assert "Not known" not in draw("MSD_PT_view3d_object")
    offered.prompt = "a shiny yellow drag"
    drawn = draw("MSD_PT_view3d_object").replace("\n", " ")
    assert "Not known, will be left out: shiny, drag" in drawn
    offered.negative_prompt = "a spooky duck"
    assert "left out: spooky" in draw("MSD_PT_view3d_object").replace("\n", " ")
    offered.prior = "exact"
    assert "refuses words" in draw("MSD_PT_view3d_object").replace("\n", " ")
    offered.prior = "surfaces"
    assert "shiny" not in draw("MSD_PT_view3d_object")
    assert len(server.seen) == requests


def test_the_servers_warning_stays_with_the_job_however_many_follow(offered, server, bridge):
    warning = 'Embedded (built in) does not know "shiny" and will leave it out.'

    def script(job):
        job.send("log", level="warning", message=warning)
        job.send("log", level="info", message="nobody needs to see this")
        for number in range(4):
            job.send("log", level="warning", message=f"Later {number}.")
        make_cube(job)

    server.script = script
    bpy.ops.msd.generate_mesh(prompt="a shiny duck")
    assert bridge.job.notes[0] == warning
    drawn = draw("MSD_PT_view3d_object").replace("\n", " ")
    assert 'does not know "shiny"' in drawn
    assert "Later 3." in drawn
    assert "nobody" not in drawn


def test_the_offer_is_asked_for_with_every_job(server, bridge):
    server.capabilities = capabilities()
    bpy.ops.msd.generate_mesh(prompt="a duck")
    assert len(bridge.offer.models) == 5


def test_without_a_running_server_the_list_cannot_be_refreshed(addon):
    assert not bpy.ops.msd.refresh_models.poll()
