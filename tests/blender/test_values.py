"""A value that makes no sense is named and refused, wherever it comes from; nothing starts."""

from __future__ import annotations

import math

import bpy
import pytest
import raw_settings
from conftest import inside
from test_panels import draw

OPERATORS = {"mesh": "generate_mesh", "texture": "fill_texture", "retexture": "texture_mesh"}
PANELS = {"mesh": "MSD_PT_view3d_object", "texture": "MSD_PT_view3d_texture", "retexture": "MSD_PT_view3d_retexture"}
BAD_NUMBERS = {
    "seed": [-1, -5, -(2**31)],
    "bandwidth_start": [-0.1, 0.0009, 100.5, math.nan, math.inf, -math.inf],
    "bandwidth_end": [-1e30, 101.0, math.nan],
    "steps": [-1, -(2**31), 100_001],
    "scale": [-0.5, 200.5, math.nan, math.inf],
    "sampler_steps": [-1, 1, 201],
    "interval_low": [-0.1, 100.5, math.nan],
    "interval_high": [-1.0, 0.05, 100.5, math.inf],
    "inversion_scale": [-200.5, 200.5, math.nan],
    "faces": [-1, 2_000_001],
    "size": [0.0, -1.0, 1001.0, math.nan, math.inf],
    "repeat": [0.0, -3.0, 1e6, math.nan],
    "real_width": [-1.0, 1001.0, math.nan, math.inf],
    "reimagine": [-0.1, 1.1, math.nan],
    "feather": [-1, 4097],
    "width": [0, 31, -512, 8193, 2**31 - 1],
    "height": [0, 31, -512, 8193, 2**31 - 1],
}
OF_RULE = ("sampler_steps", "interval_low", "interval_high", "inversion_scale")
OF_ALL = ("seed", "steps", "scale", "bandwidth_start", "bandwidth_end", *OF_RULE)
OF = {
    "mesh": (*OF_ALL, "faces", "size"),
    "texture": (*OF_ALL, "repeat", "real_width", "width", "height", "reimagine", "feather"),
    "retexture": OF_ALL,
}
CASES = [(kind, name, value) for kind, names in OF.items() for name in names for value in BAD_NUMBERS[name]]


@pytest.fixture
def server(server):
    """The double, and a mesh with UVs to texture."""
    bpy.ops.mesh.primitive_plane_add()
    return server


def make(kind: str, **choices):
    given = {"prompt": "a duck"} | ({"apply": "IMAGE"} if kind == "texture" else {})
    return getattr(bpy.ops.msd, OPERATORS[kind])(**(given | choices))


def assert_refused(server, bridge, kind: str, name: str, **choices) -> None:
    title = getattr(bpy.context.scene.msd, kind).bl_rna.properties[name].name
    with pytest.raises(RuntimeError, match=rf"out of range\. .*{title} is .*Choose a") as caught:
        make(kind, **choices)
    assert "Traceback" not in str(caught.value)
    assert bridge.problem.code == "value-out-of-range"
    assert bridge.job is None
    assert server.seen == []


def test_every_number_that_can_be_set_is_tried_here(addon):
    for kind, names in OF.items():
        numbers = {
            about.identifier
            for about in getattr(bpy.context.scene.msd, kind).bl_rna.properties
            if about.type in ("INT", "FLOAT")
        }
        assert numbers == set(names)


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_a_bad_number_given_to_the_operator_is_named(server, bridge, kind, name, value):
    assert_refused(server, bridge, kind, name, **{name: value})


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_a_bad_number_in_the_file_is_named_by_the_operator_and_before_in_the_panel(server, bridge, kind, name, value):
    raw_settings.write(kind, prompt="a duck", random_seed=False, **{name: value})
    drawn = draw(PANELS[kind]).replace("\n", " ")
    assert f"{{msd.{OPERATORS[kind]} off}}" in drawn
    assert "Choose a" in drawn
    assert_refused(server, bridge, kind, name)


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_a_bad_number_set_by_a_script_is_named(server, bridge, kind, name, value):
    settings = getattr(bpy.context.scene.msd, kind)
    settings.random_seed = False
    setattr(settings, name, value)
    assert_refused(server, bridge, kind, name)


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_the_ends_of_a_range_belong_to_it(server, seed):
    assert make("mesh", seed=seed, size=0.001) == {"FINISHED"}
    assert make("mesh", seed=seed, size=1000.0, bandwidth_start=100.0) == {"FINISHED"}
    assert make("texture", seed=seed, width=32, height=8192, repeat=0.01) == {"FINISHED"}
    assert {job.recipe["seed"] for job in server.jobs.values()} == {seed}


CHOICES = [
    ("mesh", "preset", "Quality.*Sketch, Standard, Fine"),
    ("mesh", "noise", "Noise.*The Model's Own, Fresh Every Step, Attached to Surface, Fixed per Camera"),
    ("mesh", "texture_size", "Texture Size.*As Quality Says, Vertex Colours, 512 px, 1024 px, 2048 px, 4096 px"),
    ("mesh", "place", "Place.*3D Cursor, World Origin"),
    ("texture", "preset", "Quality.*Sketch, Standard, Fine"),
    ("texture", "noise", "Noise.*The Model's Own, Fresh Every Step, Attached to Picture"),
    ("texture", "apply", "Apply To.*New Material, Active Material, All Selected, This Image, Image Only"),
    ("texture", "part", "Part.*All of It, What Is Erased, By a Mask"),
    ("texture", "slot", "Input.*Base Color, Roughness, Normal"),
    ("retexture", "preset", "Quality.*Sketch, Standard, Fine"),
    ("retexture", "noise", "Noise.*The Model's Own, Fresh Every Step, Attached to Surface, Fixed per Camera"),
    ("retexture", "size", "Texture Size.*As Quality Says, 512 px, 1024 px, 2048 px, 4096 px"),
    ("retexture", "faces", "Faces.*All Faces, Active Material, Selected Faces"),
    ("retexture", "apply", "Apply To.*New Material, Active Material, This Picture"),
]
RULES = [
    ("estimator", "Rule.*The Model's Own, Whole Sampler, Once, with Noise, Once, without, Exact Sampler"),
    ("centre", "Centre.*The Model's Own, Found Noise, Drawn Noise, No Noise"),
    ("kernel_time", "Kernel Time.*The Model's Own, Half Variance, Noise Level, Widened, Scaled Units"),
    ("perp_neg", "Oppose Views.*The Model's Own, On, Off"),
]
CHOICES += [(kind, *row) for kind in OPERATORS for row in RULES]


def test_every_choice_that_can_be_made_is_tried_here(addon):
    for kind in OPERATORS:
        about = getattr(bpy.context.scene.msd, kind).bl_rna.properties
        assert {each.identifier for each in about if each.type == "ENUM" and not each.is_enum_flag} == {
            row[1] for row in CHOICES if row[0] == kind
        }


@pytest.mark.parametrize(("kind", "name", "words"), CHOICES)
def test_a_choice_that_exists_no_more_is_named_with_those_that_do(server, bridge, kind, name, words):
    raw_settings.write(kind, prompt="a duck", **{name: 99})
    with pytest.raises(RuntimeError, match=words):
        getattr(bpy.ops.msd, OPERATORS[kind])()
    assert bridge.problem.code == "choice-unknown"
    assert server.seen == []
    assert "does not know" in draw(PANELS[kind]).replace("\n", " ")


def test_a_value_of_the_wrong_kind_in_a_file_is_not_met(server):
    raw_settings.write("mesh", prompt="a duck", seed="many", size="large", preset="FINE", random_seed="x")
    assert make("mesh") == {"FINISHED"}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_cursor_that_is_nowhere_is_said(server, bridge, value):
    bpy.context.scene.cursor.location.y = value
    with pytest.raises(RuntimeError, match="3D cursor is nowhere near"):
        make("mesh")
    assert server.seen == []
    assert make("mesh", place="ORIGIN") == {"FINISHED"}


def test_a_number_too_large_for_blender_itself_starts_nothing(server, bridge):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        make("mesh", seed=10**12)
    assert server.seen == []


def test_the_add_on_and_the_server_have_the_same_limits(addon):
    limits = inside("core.limits")
    ranges = {"seed": limits.SEED, "width": limits.PICTURE_SIDE, "height": limits.PICTURE_SIDE}
    left_at_0 = {"steps": limits.STEPS, "scale": limits.SCALE, "faces": limits.FACES}
    left_at_0 |= {"bandwidth_start": limits.BANDWIDTH, "bandwidth_end": limits.BANDWIDTH}
    left_at_0 |= {"interval_low": limits.INTERVAL_LOW, "interval_high": limits.INTERVAL_HIGH}
    left_at_0 |= {"sampler_steps": limits.SAMPLER_STEPS}
    ranges |= {name: limits.Range(0, allowed.most) for name, allowed in left_at_0.items()}
    ranges |= {"inversion_scale": limits.INVERSION_SCALE, "reimagine": limits.REIMAGINE, "feather": limits.FEATHER}
    of_blender_alone = {"size", "repeat", "real_width"}
    for kind, names in OF.items():
        about = getattr(bpy.context.scene.msd, kind).bl_rna.properties
        for name in set(names) - of_blender_alone:
            assert (about[name].soft_min, about[name].soft_max) == tuple(ranges[name]), name
