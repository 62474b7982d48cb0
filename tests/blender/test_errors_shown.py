"""Errors in the panel: short, whole behind a button, with the button that helps, and never clipped."""

from __future__ import annotations

import re
from types import SimpleNamespace

import bpy
import pytest
from conftest import ROOT, inside
from fake_server import make_cube
from offers import capabilities
from test_panels import details, draw

from blender_msd.core.errors import Problem
from blender_msd.core.offer import read_offer
from blender_msd.core.remedies import REMEDIES

PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
EXPLAINED = re.findall(r"(?m)^\| `([a-z-]+)` \|", PAGE.split("## Experiments")[0])
# Of the command line, of programs that are no Blender, or of what the panel cannot ask for.
ELSEWHERE = set(
    """origin-refused address-invalid usage-wrong format-unknown body-invalid body-not-json body-too-large
    idempotency-key-reused checkpoint-missing checkpoint-unreadable mesh-several server-not-running
    batch-unreadable rows-invalid batch-running rows-failed result-starred job-cancelled scene-lost
    request-malformed header-too-large process-unknown interface-unprotected token-unusable tls-unusable
    cluster-address-missing cluster-address-unreadable cluster-empty cluster-not-joined cluster-open
    cluster-token-wrong cluster-unfit cluster-unreachable ray-missing slurm-missing slurm-refused
    submitit-missing task-ended night-too-short""".split()  # noqa: SIM905
)
# For these there is nothing to press.
NO_BUTTON = set(
    """prompt-empty scene-linked mesh-needed objects-several object-linked uvs-outside uvs-empty image-tiled
    nothing-to-replace reshape-too-long object-not-ours object-in-use exporter-missing export-failed surface-open
    mesh-not-finite mesh-too-large job-over job-not-over wrong-state image-needed image-too-large""".split()  # noqa: SIM905
)
PATH = "/home/somebody/with/a/rather/long/path/to/where/the/extension/keeps/its/things/server/logs/worker-0.log"
TEXTS = {
    "words": "The worker was killed while this job ran, often because the computer ran out of memory. " * 4,
    "path": f"The worker ended. Log: {PATH}. Submit the recipe again.",
    "windows": "It is in C:\\Users\\Somebody\\AppData\\Roaming\\Blender Foundation\\Blender\\4.5\\extensions\\x\\y\\z",
    "one word": "ModuleNotFoundError" * 9,
    "chinese": "这个模型不认识这些词" * 12,
    "module": "ModuleNotFoundError: No module named 'torch'",
    "nothing": "",
}


def test_every_code_that_can_be_met_in_blender_has_a_headline_and_a_button_that_exists(addon):
    assert set(EXPLAINED) - ELSEWHERE == set(REMEDIES)
    for code, (headline, button) in REMEDIES.items():
        assert headline
        if code in NO_BUTTON:
            assert button is None
            continue
        room, name = button.operator.split(".")
        properties = getattr(getattr(bpy.ops, room), name).get_rna_type().properties
        assert not button.what or button.what in properties["what"].enum_items


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("code", ["worker-died", "prompt-empty", "unheard-of"])
def test_an_error_takes_three_lines_at_most_and_the_rest_is_behind_details(bridge, text, code):
    without = len(draw("MSD_PT_view3d_object").splitlines())
    bridge.refuse(Problem(code, TEXTS[text], "A hint " * 30), "mesh")
    lines = draw("MSD_PT_view3d_object").splitlines()[without:]
    assert 1 <= len([line for line in lines if not line.startswith("{")]) <= 3
    assert "{msd.details}" in lines
    whole = details().replace("\n", "")
    assert "A hint" in whole
    if text == "module":
        assert "No module named 'torch'" in details().replace("\n", " ")


@pytest.mark.parametrize("width", [280, 281, 350, 600])
@pytest.mark.parametrize("text", TEXTS)
def test_no_line_is_wider_than_the_panel_and_none_is_broken_inside_a_word(addon, monkeypatch, width, text):
    writing = inside("ui.writing")
    context = SimpleNamespace(region=SimpleNamespace(width=width), preferences=bpy.context.preferences)
    monkeypatch.setattr(writing, "bpy", SimpleNamespace(context=context, app=bpy.app))
    room = writing.sidebar()
    assert room == pytest.approx(width - 60)  # as measured on the screen: 20 for the tabs, 36 for margins, 4 in a label
    lines = writing.wrapped(TEXTS[text], room)
    assert all(writing.width(line) <= room for line in lines)
    if text in ("words", "module"):
        assert " ".join(lines) == TEXTS[text].strip()
    elif text in ("one word", "chinese"):
        assert "".join(lines) == TEXTS[text]


def test_every_button_of_an_error_has_room_for_its_label(addon):
    width = inside("ui.writing").width
    # Which was seen to just fit into half of a box, in a sidebar of 280 pixels.
    widest = width("Open Preferences")
    assert [button.label for _, button in REMEDIES.values() if button and width(button.label) > widest] == []


def test_a_line_beside_an_icon_is_as_wide_as_fits_beside_it(addon):
    # Of 194 pixels, which were seen to be clipped in a sidebar of 280.
    text = "Needs: 385 MB download, 1.9 GB on"
    writing = inside("ui.writing")
    assert len(writing.wrapped(text, 280 - 60 - writing.ICON)) == 2


def test_the_strips_header_has_room_for_every_headline_that_it_may_say(addon):
    strip, width = inside("ui.strip"), inside("ui.writing").width
    room = 280 - 60 - strip.ICON - strip.ARROWS
    said = [REMEDIES[code][0] for code in inside("core.state").OF_THE_SERVER & set(REMEDIES)]
    assert [headline for headline in said if width(headline) > room] == []


def test_a_path_is_shortened_in_its_middle(addon):
    (line,) = inside("ui.writing").wrapped(PATH, 200)
    assert line.startswith("/home")
    assert line.endswith("worker-0.log")
    assert "…" in line


def test_the_last_line_that_fits_ends_in_dots(addon):
    writing = inside("ui.writing")
    lines = writing.wrapped(TEXTS["words"], 200, most=2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert writing.width(lines[1]) <= 200


def adjust(bridge, code: str, kind: str = "mesh") -> None:
    bridge.refuse(Problem(code, "x"), kind)
    _, button = REMEDIES[code]
    assert button.operator == "msd.adjust"
    assert bpy.ops.msd.adjust(what=button.what) == {"FINISHED"}
    assert bridge.problem is None


@pytest.mark.parametrize(
    ("code", "kind", "name", "before", "after"),
    [
        ("prior-unknown", "mesh", "prior", "/gone", ""),
        ("prior-offline", "texture", "prior", "hub:a/b", ""),
        ("nothing-to-cover", "texture", "apply", "MATERIAL", "IMAGE"),
        ("charts-do-not-fit", "mesh", "texture_size", "512", "0"),
        ("prior-has-no-unconditional", "texture", "scale", 7.5, 1.0),
        ("out-of-memory", "texture", "preset", "FINE", "SKETCH"),
        ("prompt-too-long", "mesh", "prompt", "x" * 1200, "x" * 1000),
        ("value-out-of-range", "mesh", "size", -3.0, 1.0),
        ("bandwidth-grows", "mesh", "bandwidth_end", 9.0, 0.0),
    ],
)
def test_the_button_of_a_setting_at_fault_changes_that_setting(bridge, code, kind, name, before, after):
    settings = getattr(bpy.context.scene.msd, kind)
    settings.bandwidth_start = 1.0
    settings.steps = 77
    setattr(settings, name, before)
    adjust(bridge, code, kind)
    assert getattr(settings, name) == after
    assert settings.steps == 77


def test_another_seed_makes_the_same_with_another_seed_that_the_panel_shows(server, bridge):
    server.script = lambda job: job.fail("nothing-formed", "It vanished twice.", "Try another seed.")
    with pytest.raises(RuntimeError):
        bpy.ops.msd.generate_mesh(prompt="a red cube", seed=4)
    assert "{msd.another_seed}" in draw("MSD_PT_view3d_object")
    with pytest.raises(RuntimeError):
        bpy.ops.msd.another_seed()
    first, second = (job.recipe for job in server.jobs.values())
    assert first["seed"] == 4 != second["seed"]
    assert first | {"seed": 0} == second | {"seed": 0}
    assert bpy.context.scene.msd.mesh.seed == second["seed"]


def test_what_was_made_before_says_so_and_can_be_made_anew_beside_it(server, bridge):
    def before(job):
        job.reused = None if job.recipe.get("anew") else "abc"
        make_cube(job)

    server.script = before
    bpy.ops.msd.generate_mesh(prompt="a red cube", seed=4)
    first = bpy.context.object
    drawn = draw("MSD_PT_view3d_object")
    assert "Made before, 12 faces" in drawn
    assert "{msd.make_anew}" in drawn
    assert "{msd.another_seed}" in drawn
    assert bpy.ops.msd.make_anew() == {"FINISHED"}
    asked, again = (job.recipe for job in server.jobs.values())
    assert again == asked | {"anew": True}
    assert bpy.context.object != first
    assert bpy.context.object.location != first.location
    drawn = draw("MSD_PT_view3d_object")
    assert "{msd.make_anew}" not in drawn
    assert "{msd.open_folder}" in drawn


def test_what_a_model_cannot_do_is_said_in_one_name_that_is_the_menus(addon):
    offer = read_offer(capabilities())
    model = offer.find("surfaces")
    assert model.cannot_make("mesh").startswith(model.title)


def test_drawing_stays_cheap(bridge):
    """Counted in what is measured, not in time: a text that was drawn once is not measured again."""
    writing = inside("ui.writing")
    bridge.refuse(Problem("worker-died", TEXTS["path"], TEXTS["words"]), "mesh")
    draw("MSD_PT_view3d_object")
    before = (writing._measured.cache_info().misses, writing._wrapped.cache_info().misses)
    for _ in range(5):
        draw("MSD_PT_view3d_object")
    assert (writing._measured.cache_info().misses, writing._wrapped.cache_info().misses) == before
