"""The course of the bandwidth that Blender draws is the one that the server takes."""

from __future__ import annotations

import pytest

from blender_msd.core.bandwidths import Leg, bandwidth_at, legs_of
from server.guidance.course import Course
from server.priors.card import Leg as ServerLeg
from server.priors.embedded.card import EMBEDDED_CARD
from server.recipe import read_recipe
from server.studio.plan import _legs

SCHEDULES = ("constant", "linear", "cosine", "geometric", "timestep")
LEGS = ((5.0, 0.2, 0.4), (0.8, 0.4, 0.25), (0.8, 0.075, 0.35))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_is_the_servers_at_every_step(schedule: str) -> None:
    steps = 100
    course = Course([ServerLeg("fresh", *leg) for leg in LEGS], schedule, steps)
    shown = [Leg(schedule, *leg) for leg in LEGS]
    for step in range(steps):
        assert bandwidth_at(shown, step / steps) == pytest.approx(course.at(step).bandwidth, rel=1e-9)


@pytest.mark.parametrize("kind", ["mesh", "texture"])
@pytest.mark.parametrize("start", [0.0, 2.0])
@pytest.mark.parametrize("end", [0.0, 0.05, 1.5])
def test_chosen_ends_make_the_legs_that_the_server_takes(kind: str, start: float, end: float) -> None:
    card = EMBEDDED_CARD
    own = card.picture if kind == "texture" else (ServerLeg("fresh", card.bandwidth_start, card.bandwidth_end),)
    guidance = {"bandwidth_start": start, "bandwidth_end": end}
    recipe = {"kind": kind, "prompt": "a duck", "guidance": {name: value for name, value in guidance.items() if value}}
    taken = [(leg.bandwidth_start, leg.bandwidth_end) for leg in _legs(read_recipe(recipe), card)]
    shown = legs_of([Leg("geometric", leg.bandwidth_start, leg.bandwidth_end, leg.share) for leg in own], start, end)
    assert [(leg.start, leg.end) for leg in shown] == taken
