"""What the panels say in each situation. A window is not needed: a layout that writes down what is drawn stands in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from conftest import inside, watch
from fake_server import FakeJob, png


class Paper:
    """Takes the place of a `UILayout`: every sub-layout writes on the same sheet."""

    def __init__(self, sheet: list[str] | None = None) -> None:
        object.__setattr__(self, "sheet", [] if sheet is None else sheet)
        object.__setattr__(self, "off", False)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, "off", self.off or (name == "enabled" and not value))

    def _part(self, **_: Any) -> Paper:
        return Paper(self.sheet)

    row = column = box = split = grid_flow = _part

    def panel(self, name: str, default_closed: bool = False) -> tuple[Paper, Paper]:
        """As it is when it is open."""
        return Paper(self.sheet), Paper(self.sheet)

    def menu(self, name: str, text: str = "", icon: str = "NONE") -> None:
        assert getattr(bpy.types, name)
        self.sheet.append(f"[{name}: {text}]")

    def separator(self) -> None:
        pass

    def template_icon(self, icon_value: int, scale: float) -> None:
        assert icon_value >= 0  # no window, no icons
        self.sheet.append("[picture]")

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self.sheet.append(text)

    def progress(self, factor: float, text: str, type: str) -> None:
        self.sheet.append(f"[{factor:.0%}] {text}")

    def prop(self, data: Any, name: str, **_: Any) -> None:
        assert name in data.bl_rna.properties
        self.sheet.append(f"<{name}>")

    def prop_search(self, data: Any, name: str, blocks: Any, kind: str, **_: Any) -> None:
        assert hasattr(blocks, kind)
        self.prop(data, name)

    def prop_enum(self, data: Any, name: str, value: str) -> None:
        assert value in data.bl_rna.properties[name].enum_items
        self.sheet.append(f"<{name}> {value}")

    def operator(
        self, name: str, text: str = "", icon: str = "NONE", depress: bool = False, **_: Any
    ) -> SimpleNamespace:
        room, short = name.split(".")
        assert getattr(getattr(bpy.ops, room), short).get_rna_type()
        if depress:
            self.sheet.append("chosen:")
        if name == "msd.choose_result":
            self.sheet.append(text)
        self.sheet.append(f"{{{name}{' off' if self.off else ''}}}")
        return SimpleNamespace()


def draw(name: str, shading: str = "MATERIAL", at_once: bool = False) -> str:
    """What a panel says; `at_once`: in the moment in which its buttons arrive, else a second later."""
    cls = getattr(inside("ui.panels"), name)
    paper = Paper()
    for each in () if at_once else inside("bridge").current().jobs:
        each.view.changed = 0.0
    space = SimpleNamespace(type="VIEW_3D", shading=SimpleNamespace(type="SOLID", color_type=shading))
    context = SimpleNamespace(scene=bpy.context.scene, space_data=space)
    if hasattr(cls, "draw_header"):
        cls.draw_header(SimpleNamespace(layout=paper), context)
    cls.draw(SimpleNamespace(layout=paper, settings=getattr(cls, "settings", "")), context)
    return "\n".join(paper.sheet)


def details(of_set_up: bool = False) -> str:
    """What the button Details opens."""
    paper = Paper()
    inside("ui.remedy_operators").MSD_OT_details.draw(SimpleNamespace(layout=paper, of_set_up=of_set_up), bpy.context)
    return "\n".join(paper.sheet)


def test_every_panel_draws(addon):
    for cls in inside("ui.panels").CLASSES:
        assert draw(cls.__name__)


def test_the_tab_is_in_three_editors(addon):
    spaces = {cls.bl_space_type for cls in inside("ui.panels").CLASSES}
    assert spaces == {"VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR"}
    assert {cls.bl_category for cls in inside("ui.panels").CLASSES} == {"MSD"}


def test_without_a_prompt_generate_is_off_and_says_why(addon):
    drawn = draw("MSD_PT_view3d_object")
    assert "{msd.generate_mesh off}" in drawn
    assert "Type what to make first" in drawn
    bpy.context.scene.msd.mesh.prompt = "a duck"
    assert "{msd.generate_mesh}" in draw("MSD_PT_view3d_object")


def test_a_running_job_shows_phase_steps_time_left_and_both_ways_to_stop(bridge):
    view = inside("core.job_view").JobView("mesh", "a duck", 1, state="running", phase="Shaping", fraction=0.37)
    view.step, view.steps, view.seconds, view.seconds_left = 1840, 5000, 131.0, 220.4
    watch(bridge, view)
    drawn = draw("MSD_PT_view3d_object")
    assert "[37%] Shaping 1840 of 5000" in drawn
    assert "2:11 elapsed, about 3:40 left" in drawn
    assert "{msd.finish}" in drawn
    assert "{msd.pause}" in drawn
    assert "{msd.cancel}" in drawn
    assert "[37%]" not in draw("MSD_PT_view3d_texture")
    watch(bridge, None)


def test_a_finished_job_says_what_came_out(server):
    bpy.ops.msd.generate_mesh(prompt="a red cube", seed=4)
    drawn = draw("MSD_PT_view3d_object")
    assert "12 faces" in drawn
    assert "{msd.open_folder}" in drawn


def test_a_finished_texture_says_its_size(server):
    bpy.ops.msd.fill_texture(prompt="red bricks", seed=4, apply="IMAGE")
    assert "64 x 32" in draw("MSD_PT_image_texture")


def flat_texture(job: FakeJob) -> None:
    job.send("state", state="running")
    job.send("log", level="info", message="Starting again: the texture came out flat.")
    job.send("log", level="warning", message="The texture came out flat. Try other words.")
    job.report = {"warning": "flat"}
    job.done(texture__png=png(64, 32))


def test_a_texture_that_came_out_flat_is_not_simply_done(server):
    server.script = flat_texture
    bpy.ops.msd.fill_texture(prompt="red bricks", seed=4, apply="IMAGE")
    drawn = draw("MSD_PT_image_texture")
    assert "Ended with a warning" in drawn
    assert "64 x 32" in drawn
    assert "came out flat" in " ".join(drawn.split())
    assert "Done" not in drawn


def test_an_error_has_a_headline_what_happened_what_to_do_and_a_button(addon):
    with pytest.raises(RuntimeError):
        bpy.ops.msd.generate_mesh(prompt="a duck")
    assert "{msd.set_up}" in draw("MSD_PT_view3d_status")
    drawn = draw("MSD_PT_view3d_object").splitlines()
    assert "The server is not set up" in drawn
    assert "{msd.set_up}" in drawn
    assert "{msd.details}" in drawn
    assert drawn.index("{msd.generate_mesh off}") < drawn.index("The server is not set up")


def test_the_status_line_follows_the_server(server, bridge):
    assert "Off" in draw("MSD_PT_view3d_status")
    bpy.ops.msd.generate_mesh(prompt="a red cube")
    drawn = draw("MSD_PT_view3d_status")
    assert "Ready" in drawn
    assert "{msd.stop_server}" in drawn


def test_a_grey_viewport_offers_to_show_colours_once_there_are_some(server):
    assert "{msd.show_colours}" not in draw("MSD_PT_view3d_object", shading="MATERIAL")
    bpy.ops.msd.generate_mesh(prompt="a red cube")
    assert "{msd.show_colours}" in draw("MSD_PT_view3d_object", shading="MATERIAL")
    assert "{msd.show_colours}" not in draw("MSD_PT_view3d_object", shading="VERTEX")


def test_the_panel_says_what_the_chosen_quality_costs(server, bridge):
    bridge.offer = inside("core.offer").read_offer(
        {
            "priors": [{"name": "embedded", "costs": {"mesh": {"sketch": {"denoiser_calls": 600}}}}],
            "recipe": {"properties": {"prior": {"default": "embedded"}}},
        }
    )
    assert "asks the model" not in draw("MSD_PT_view3d_object_model")
    bpy.context.scene.msd.mesh.preset = "SKETCH"
    assert "Sketch asks the model 600 times." in draw("MSD_PT_view3d_object_model").replace("\n", " ")


def below_the_buttons(kind: str = "object") -> list[str]:
    """What stands below each of the three qualities."""
    lines = draw(f"MSD_PT_view3d_{kind}").splitlines()
    return [lines[lines.index(f"<preset> {preset}") + 1] for preset in ("SKETCH", "STANDARD", "FINE")]


def test_each_quality_says_what_it_takes_here_by_the_test_run_and_then_by_the_jobs_done(server, bridge, preferences):
    setup_state = inside("core.setup.state").SetupState
    assert below_the_buttons()[0] == ""
    times = {"mesh": {"sketch": 24.6, "standard": 51.0, "fine": 190.0}}
    inside("bridge").installer().state = setup_state("ready", times=times)
    preferences.server_url = ""
    assert below_the_buttons() == ["about 25 s", "about 51 s", "about 3 min"]
    assert below_the_buttons("texture")[0] == "", "nothing was measured of textures"
    costs = {"mesh": {name: {"denoiser_calls": calls} for name, calls in (("sketch", 600), ("standard", 1200))}}
    said = {
        "priors": [
            {"name": "embedded", "costs": costs, "seconds_per_call": {"mesh": 0.05}},
            {"name": "other", "costs": costs},
        ],
        "recipe": {"properties": {"prior": {"default": "embedded"}}},
    }
    bridge.offer = inside("core.offer").read_offer(said)
    assert below_the_buttons()[:2] == ["about 30 s", "about 60 s"]
    bpy.context.scene.msd.mesh.prior = "other"
    assert below_the_buttons()[:2] == ["", ""], "the test run was with another model"


def test_the_set_ups_times_are_not_shown_for_a_server_elsewhere(addon, preferences):
    times = {"mesh": {"sketch": 24.6, "standard": 51.0, "fine": 190.0}}
    inside("bridge").installer().state = inside("core.setup.state").SetupState("ready", times=times)
    preferences.server_url = "http://127.0.0.1:1"
    assert below_the_buttons()[0] == ""


def test_a_job_that_is_done_tells_how_long_the_next_one_will_take(server, bridge):
    asked = []
    bridge.refresh_offer = lambda refresh=True: asked.append(bridge.job.state)
    bpy.ops.msd.generate_mesh(prompt="a red cube")
    assert asked[-1] in ("running", "finishing", "done")
    assert len(asked) >= 2
