"""A mesh that is there gets a texture: colours under the prior's light, on the mesh's own layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from server.errors import BadRequest, Cancelled
from server.generators.radiance_field.plan import PAINTED
from server.meshing.export import Placement
from server.meshing.given import GivenMesh, checked, given_bytes
from server.meshing.shelf import MESHES
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.priors.exact_card import EXACT_CARD
from server.recipe import Recipe, read_recipe
from server.studio import assignment
from server.studio.events import Log, PreviewImage
from server.studio.fitting import USUAL_RADIUS, fit
from server.studio.painted_mesh import PaintedMesh, look
from server.studio.production import produce
from server.world.lamp import AMBIENT, LIGHT
from server.world.shapes import extent
from server.world.views import Views
from tests.meshing.given_meshes import cube, cube_arrays

STEPS = 6
PHOTOGRAPHIC = replace(EXACT_CARD, words=None, fixed_light=False)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("exact")


def asked(folder: Path, mesh: GivenMesh, **changes: Any) -> Recipe:
    name = MESHES.put(folder / "given", given_bytes(mesh))
    recipe = {"kind": "retexture", "prompt": "a red cube", "prior": "exact", "steps": STEPS, "render_size": 16}
    return read_recipe(recipe | {"retexture": {"mesh": name, "size": 48}} | changes)


def make(
    folder: Path,
    recipe: Recipe,
    prior: Prior,
    on_event: Callable[[Any], None] = lambda event: None,
    should_stop: Callable[[], Any] = lambda: None,
    unfinished: Path | None = None,
) -> dict[str, Any]:
    return produce(recipe, prior, folder / "made", on_event, should_stop, unfinished=unfinished, given=folder / "given")


def picture(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / "made" / "texture.png"))


def test_a_red_cube_becomes_red_on_all_its_islands(tmp_path: Path, prior: Prior) -> None:
    mesh = cube()
    report = make(tmp_path, asked(tmp_path, mesh, steps=60, seed=1), prior)
    assert (report["width"], report["height"], report["faces"]) == (48, 48, 12)
    assert report["artifacts"] == ["recipe.json", "report.json", "texture.png", "thumbnail.png"]
    colours = picture(tmp_path).reshape(-1, 3).astype(int)
    assert (colours[:, 0] > colours[:, 1] + 60).mean() > 0.9
    assert report["denoiser_calls"] > 0


def test_a_texture_goes_on_where_it_was_cancelled_and_ends_in_the_same_bytes(
    tmp_path: Path, prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    recipe = asked(tmp_path, cube())
    make(tmp_path, recipe, prior)
    whole = picture(tmp_path)
    polls = 0

    def cancel_half_way() -> None:
        nonlocal polls
        polls += 1
        if polls > STEPS // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        make(tmp_path, recipe, prior, should_stop=cancel_half_way, unfinished=tmp_path / "unfinished")
    said: list[Any] = []
    make(tmp_path, recipe, prior, said.append, unfinished=tmp_path / "unfinished")
    assert any(isinstance(event, Log) and "Going on from step 3" in event.message for event in said)
    assert np.array_equal(picture(tmp_path), whole)
    assert not list((tmp_path / "unfinished").iterdir())


def test_it_is_seen_on_its_layout_while_it_forms(tmp_path: Path, prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.studio.narration.PREVIEW_INTERVAL_S", 0.0)
    events: list[Any] = []
    make(tmp_path, asked(tmp_path, cube()), prior, events.append)
    shown = [event.pixels for event in events if isinstance(event, PreviewImage)]
    assert len(shown) == STEPS
    assert shown[0].shape == (48, 48, 3)


def test_what_is_not_chosen_keeps_its_old_picture(tmp_path: Path, prior: Prior) -> None:
    before = np.zeros((40, 64, 3), np.uint8)
    before[..., 2] = 200
    mesh = checked(cube_arrays() | {"chosen": np.arange(12) < 2, "before": before})
    report = make(tmp_path, asked(tmp_path, mesh), prior)
    assert (report["width"], report["height"]) == (64, 40)
    assert (picture(tmp_path) == before).all(-1).mean() > 0.7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda uv: np.concatenate([uv[:2], uv[:2], uv[4:]]), "over each other"),
        (lambda uv: np.concatenate([uv[:1, :1].repeat(3, 1), uv[1:]]), "no area"),
    ],
)
def test_layouts_that_cannot_show_everything_are_baked_with_a_warning(
    change: Callable[[np.ndarray], np.ndarray], said: str, tmp_path: Path, prior: Prior
) -> None:
    events: list[Any] = []
    arrays = cube_arrays()
    make(tmp_path, asked(tmp_path, checked(arrays | {"uv": change(arrays["uv"])})), prior, events.append)
    assert any(isinstance(event, Log) and said in event.message for event in events)


def test_loose_doubled_and_inside_out_faces_are_textured_without_a_word(tmp_path: Path, prior: Prior) -> None:
    arrays = cube_arrays()
    triangle = arrays["triangle"].copy()
    triangle[0] = triangle[0][::-1]
    arrays["uv"][0] = arrays["uv"][0][::-1].copy()
    # An edge with three faces, and two faces in one place.
    triangle = np.concatenate([triangle[:-1], triangle[1:2], [[0, 1, 20]]]).astype(np.int32)
    uv = np.concatenate([arrays["uv"][:-1], arrays["uv"][1:2], arrays["uv"][-1:]])
    mesh = checked(arrays | {"triangle": triangle, "uv": uv})
    events: list[Any] = []
    report = make(tmp_path, asked(tmp_path, mesh), prior, events.append)
    assert report["steps"] == STEPS


def test_a_recipe_whose_mesh_is_not_there_is_refused(tmp_path: Path, prior: Prior) -> None:
    recipe = read_recipe({"kind": "retexture", "prompt": "a red cube", "retexture": {"mesh": "0" * 64}})
    with pytest.raises(BadRequest) as caught:
        make(tmp_path, recipe, prior)
    assert caught.value.code == "mesh-missing"


@pytest.mark.parametrize("placement", [Placement(1.0, (0.0, 0.0, 0.0)), Placement(250.0, (9.0, -8.0, 7.0))])
def test_a_mesh_fills_the_box_of_the_object_that_the_prior_knows(placement: Placement) -> None:
    arrays = cube_arrays()
    mesh = checked(arrays | {"position": placement.apply(arrays["position"])})
    fitted = fit(mesh, "a red cube", EXACT_CARD)
    low, high = (np.array(corner) for corner in extent("cube"))
    assert np.allclose(fitted.position.min(0), low, atol=1e-4)
    assert np.allclose(fitted.position.max(0), high, atol=1e-4)
    assert np.allclose(np.linalg.norm(fitted.normal, axis=-1), 1, atol=1e-5)


def test_a_flat_mesh_is_stretched_within_reason_and_stays_in_the_ball() -> None:
    arrays = cube_arrays()
    arrays["position"][:, 2] *= 0
    fitted = fit(checked(arrays), "a red cube", EXACT_CARD)
    assert np.isfinite(fitted.position).all()
    assert np.isfinite(fitted.normal).all()
    assert np.linalg.norm(fitted.position, axis=1).max() <= 1.0001


def test_what_reaches_beyond_the_outline_that_the_prior_has_in_mind_is_not_shown_to_it() -> None:
    mesh, views = cube(), Views.orbit([45.0])
    fitted = fit(mesh, "a red ball", EXACT_CARD)
    within, whole = (look(mesh, each, views, 48) for each in (fitted, replace(fitted, known="")))
    assert 0.5 * len(whole.sample) < len(within.sample) < 0.9 * len(whole.sample)
    assert set(within.sample.tolist()) < set(whole.sample.tolist())


def test_for_other_priors_a_mesh_keeps_its_proportions() -> None:
    arrays = cube_arrays()
    arrays["position"][:, 2] *= 3
    fitted = fit(checked(arrays), "anything", PHOTOGRAPHIC)
    size = np.ptp(fitted.position, 0)
    assert size[2] == pytest.approx(3 * size[0], rel=1e-4)
    assert np.linalg.norm(fitted.position, axis=1).max() == pytest.approx(USUAL_RADIUS, rel=1e-4)


def subject(card: Any = EXACT_CARD, mesh: GivenMesh | None = None) -> PaintedMesh:
    mesh = cube() if mesh is None else mesh
    fitted = fit(mesh, "a red cube", card)
    return PaintedMesh(mesh, fitted, card, PAINTED, 2, 32, torch.Generator().manual_seed(0))


def test_the_paint_is_lit_as_the_priors_pictures_are() -> None:
    painted = subject()
    with torch.no_grad():
        painted.field.decoder[-1].weight.zero_()
        painted.field.decoder[-1].bias.copy_(torch.tensor([0.0, 30.0, 30.0, 30.0]))  # white
    image = painted.expose(0, 0.9, torch.Generator().manual_seed(5)).image
    light = torch.nn.functional.normalize(torch.tensor(LIGHT), dim=0)
    brightest = AMBIENT + (1 - AMBIENT) * (0.5 + 0.5 * light[2])
    # The top is in every picture, or near it.
    assert (image - brightest).abs().amin() < 0.01


def test_gradients_reach_the_colours_of_what_is_seen_and_of_nothing_else() -> None:
    painted = subject(
        mesh=checked(cube_arrays() | {"chosen": np.arange(12) < 2, "before": np.zeros((8, 8, 3), np.uint8)})
    )
    seen = 0.0
    for step in range(8):
        image = painted.expose(step, 0.9, torch.Generator().manual_seed(step)).image
        if image.requires_grad:
            painted.field.zero_grad()
            image.sum().backward()
            seen = max(seen, float(painted.field.decoder[-1].bias.grad[1:].abs().max()))
            assert float(painted.field.decoder[-1].bias.grad[0]) == 0
    assert seen > 0


def test_a_face_shows_the_light_of_the_side_that_is_looked_at() -> None:
    mesh = cube()
    inside_out = replace(mesh, triangle=mesh.triangle[:, ::-1].copy(), uv=mesh.uv[:, ::-1].copy(), normal=-mesh.normal)
    views = Views.orbit([30.0, 200.0])
    one, other = (look(each, fit(each, "a red cube", EXACT_CARD), views, 24) for each in (mesh, inside_out))
    assert torch.allclose(one.normal, other.normal, atol=1e-5)
    assert torch.equal(one.sample, other.sample)


@pytest.mark.parametrize("noise", ["attached", "view"])
def test_it_takes_every_noise_that_objects_take(noise: str, tmp_path: Path, prior: Prior) -> None:
    report = make(tmp_path, asked(tmp_path, cube(), guidance={"noise": noise}), prior)
    assert report["steps"] == STEPS


def test_photographs_are_lit_by_lamps() -> None:
    painted = subject(PHOTOGRAPHIC)
    painted._plan = replace(PAINTED, lit_from=0.0, lit=1.0, textureless=0.75)
    image = painted.expose(0, 0.9, torch.Generator().manual_seed(0)).image
    assert image.shape == (2, 3, 32, 32)
    assert torch.isfinite(image).all()


def test_the_report_is_a_file_too(tmp_path: Path, prior: Prior) -> None:
    report = make(tmp_path, asked(tmp_path, cube()), prior)
    assert json.loads((tmp_path / "made" / "report.json").read_text(encoding="utf-8")) == report
