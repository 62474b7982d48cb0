"""Everything in the Advanced panels can be seen, read and chosen, and is left to the server until it is."""

from __future__ import annotations

import blf
import bpy
import pytest
from conftest import inside
from test_panels import draw

OPERATORS = {"mesh": "generate_mesh", "texture": "fill_texture", "retexture": "texture_mesh"}
PANELS = {
    "mesh": "MSD_PT_view3d_object_advanced",
    "texture": "MSD_PT_view3d_texture_advanced",
    "retexture": "MSD_PT_view3d_retexture_advanced",
}
# What the add-on uses by itself, without the server; of an input, the server hears where it is what is filled.
OF_BLENDER = {
    "size",
    "place",
    "collected",
    "as_asset",
    "apply",
    "slot",
    "repeat",
    "real_width",
    "random_seed",
    "type_prior",
}
# The picture that a texture begins as is sent, and these with it.
OF_BLENDER |= {"source", "reimagine", "part", "mask", "feather"}
OTHER = {"BOOLEAN": False, "INT": 64, "FLOAT": 0.5, "STRING": "a red duck"}

# A sidebar of 280 pixels has 240 beside its tabs and margins. A label has them to itself. Of a setting's row the first
# 40 % are for its name, unless it is a box to tick; of the rest a menu keeps 32 for its arrow, a box 28 for itself.
WHOLE, NAME, IN_MENU, BESIDE_BOX = 240, 96, 112, 116
ICON = 20


def width(text: str) -> float:
    """In pixels, as the panels write it."""
    blf.size(0, 11)
    return blf.dimensions(0, text)[0]


def settings_of(kind: str) -> bpy.types.PropertyGroup:
    return getattr(bpy.context.scene.msd, kind)


def own_properties(kind: str) -> list[bpy.types.Property]:
    about = settings_of(kind).bl_rna.properties
    return [each for each in about if each.identifier not in ("rna_type", "name")]


def recipe(kind: str) -> dict:
    return inside("ui.values").Values(settings_of(kind)).recipe(kind)


def make(kind: str, **choices):
    given = {"prompt": "a duck"} | ({"apply": "IMAGE"} if kind == "texture" else {})
    return getattr(bpy.ops.msd, OPERATORS[kind])(**(given | choices))


def choices_of(kind: str, name: str) -> list[str]:
    return [item.identifier for item in settings_of(kind).bl_rna.properties[name].enum_items]


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_setting_is_drawn(addon, kind):
    settings_of(kind).type_prior = True
    drawn = "\n".join(draw(cls.__name__) for cls in inside("ui.panels").CLASSES)
    if kind == "texture":
        # Which input is asked for where one is filled.
        settings_of(kind).apply = "SLOT"
        # What is made anew of a picture is asked for where a texture begins as one.
        settings_of(kind).source, settings_of(kind).part = "wall", "MASK"
        drawn += draw("MSD_PT_view3d_texture")
    for about in own_properties(kind):
        if about.identifier != "type_prior":  # set by the menu of models
            assert f"<{about.identifier}>" in drawn


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_setting_that_the_server_should_know_of_changes_the_recipe(addon, kind):
    settings = settings_of(kind)
    settings.prompt = "a duck"
    settings.random_seed = False
    usual = recipe(kind)
    for about in own_properties(kind):
        name = about.identifier
        if name in OF_BLENDER or (kind, name) == ("retexture", "faces"):
            continue
        before = getattr(settings, name)
        if about.type == "ENUM" and about.is_enum_flag:
            others = [{choice} for choice in choices_of(kind, name)]
        elif about.type == "ENUM":
            others = [choice for choice in choices_of(kind, name) if choice != before]
        else:
            others = [not before] if about.type == "BOOLEAN" else [OTHER[about.type]]
        said = []
        for other in others:
            setattr(settings, name, other)
            said.append(recipe(kind))
            assert said[-1] != usual, f"{name} = {other}"
        assert all(said.count(each) == 1 for each in said)
        settings.property_unset(name)
        if name == "prompt":
            settings.prompt = before
        assert recipe(kind) == usual


@pytest.mark.parametrize("kind", OPERATORS)
def test_what_is_not_touched_is_not_said_so_that_an_older_server_understands_it(server, kind):
    bpy.ops.mesh.primitive_plane_add()
    make(kind, seed=1)
    said = {"kind", "prompt", "seed", "preset"} | {"mesh": set(), "texture": {"texture"}, "retexture": {"retexture"}}[
        kind
    ]
    assert set(server.job.recipe) - {"steps", "prior"} == said  # those two are the double's own


@pytest.mark.parametrize(
    ("kind", "noise"),
    [("mesh", "FRESH"), ("mesh", "ATTACHED"), ("mesh", "VIEW"), ("texture", "FRESH"), ("texture", "ATTACHED")],
)
def test_a_chosen_noise_is_sent_from_the_panel_and_from_a_script(server, kind, noise):
    settings_of(kind).noise = noise
    make(kind)
    settings_of(kind).noise = "OWN"
    make(kind, noise=noise)
    assert [job.recipe["guidance"] for job in server.jobs.values()] == [{"noise": noise.lower()}] * 2


def test_an_older_server_that_does_not_know_a_choice_says_so_in_its_own_words(server, bridge):
    message = "A recipe has no field guidance.noise."
    server.refusal = (422, {"code": "recipe-invalid", "detail": message, "next": ""})
    with pytest.raises(RuntimeError, match="no field guidance"):
        make("mesh", noise="FRESH")
    assert message in draw("MSD_PT_view3d_object").replace("\n", " ")


@pytest.mark.parametrize(
    ("choice", "mesh"), [("OWN", None), ("0", {"texture_size": 0}), ("4096", {"texture_size": 4096})]
)
def test_the_size_of_an_objects_texture_is_sent_when_it_was_chosen(server, choice, mesh):
    make("mesh", texture_size=choice)
    assert server.job.recipe.get("mesh") == mesh


def test_the_menus_offer_what_the_recipe_takes(addon):
    limits = inside("core.limits")
    for kind in OPERATORS:
        assert tuple(choices_of(kind, "noise")) == ("OWN", *(noise.upper() for noise in limits.NOISES[kind]))
        for name, offered in (("estimator", "ESTIMATORS"), ("centre", "CENTRES"), ("kernel_time", "KERNEL_TIMES")):
            kept = inside("ui.guidance_properties").KEPT[name]
            assert choices_of(kind, name) == list(kept)
            assert tuple(kept.values()) == ("", *getattr(limits, offered))
    assert tuple(choices_of("mesh", "texture_size")) == ("OWN", *map(str, limits.TEXTURE_SIZES))


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_choice_and_every_advanced_setting_has_a_tooltip(addon, kind):
    drawn = draw(PANELS[kind])
    for about in own_properties(kind):
        if f"<{about.identifier}>" in drawn:
            assert about.description
            assert about.type != "ENUM" or all(item.description for item in about.enum_items)


@pytest.mark.parametrize("kind", OPERATORS)
def test_names_and_choices_fit_into_a_sidebar_of_the_usual_width(addon, kind):
    for about in own_properties(kind):
        assert width(about.name) <= (BESIDE_BOX if about.type == "BOOLEAN" else NAME), about.name
        if about.type == "ENUM":
            for item in about.enum_items:
                assert width(item.name) <= IN_MENU, item.name


@pytest.mark.parametrize("kind", OPERATORS)
def test_the_meaning_of_zero_is_said_while_there_is_one_and_fits(addon, kind):
    (line,) = [line for line in draw(PANELS[kind]).splitlines() if line.startswith("0:")]
    assert width(line) <= WHOLE - ICON
    names = ("scale", "bandwidth_start", "bandwidth_end", "steps", *inside("ui.advanced").NUMBERS)
    for name in names:
        assert "0:" in draw(PANELS[kind])
        setattr(settings_of(kind), name, 1)
    assert "0:" not in draw(PANELS[kind])


def test_no_faces_are_said_to_be_as_many_as_quality_says(addon):
    said = "0: as Quality says"
    assert said in draw("MSD_PT_view3d_object")
    assert width(said) <= WHOLE - ICON
    settings_of("mesh").faces = 5000
    assert said not in draw("MSD_PT_view3d_object")
