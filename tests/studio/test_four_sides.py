"""Every mesh job shows what it makes from four sides, and is not changed by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from server.generators.radiance_field.subject import RadianceSubject
from server.priors.catalogue import load_prior
from server.recipe import read_recipe
from server.studio.events import PreviewImage
from server.studio.production import produce
from server.studio.sides import SIDE, four_sides

CUBE = {
    "kind": "mesh",
    "prompt": "a red cube",
    "prior": "exact",
    "steps": 3,
    "render_size": 16,
    "mesh": {"resolution": 16, "faces": 200, "texture_size": 64},
}


def test_even_the_shortest_mesh_job_shows_four_sides(tmp_path: Path) -> None:
    events: list[Any] = []
    produce(read_recipe(CUBE), load_prior("exact", "cpu"), tmp_path, events.append, lambda: None)
    pictures = [event.pixels for event in events if isinstance(event, PreviewImage)]
    assert pictures
    assert all(pixels.shape == (2 * SIDE, 2 * SIDE, 3) and pixels.dtype == np.uint8 for pixels in pictures)


def test_looking_at_a_subject_changes_neither_it_nor_chance() -> None:
    prior = load_prior("exact", "cpu")
    subject = RadianceSubject(prior.card.cameras, 1, 16, torch.Generator().manual_seed(1))
    state, chance = {name: value.clone() for name, value in subject.state().items()}, torch.get_rng_state()
    first, second = four_sides(subject, "cpu"), four_sides(subject, "cpu")
    assert np.array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(torch.equal(value, state[name]) for name, value in subject.state().items())
    assert all(value.grad is None for group in subject.parameter_groups() for value in group["params"])
